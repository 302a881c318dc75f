#include "storage/engine/active_series.h"

#include <catch2/catch.hpp>

namespace varve::storage {
namespace {

using model::Refusal;

const model::TenantId kA{0, 1};
const model::TenantId kB{0, 2};
constexpr int64_t kHourMs = 3'600'000;
constexpr int64_t kNowMs = 480'000 * kHourMs;

void Write(ActiveSeries& active, std::vector<uint64_t> ids,
           const model::TenantId& tenant = kA, int64_t at_ms = kNowMs) {
  active.MarkWritten(tenant, at_ms, ids);
}

TEST_CASE("a series written twice in an hour or day counts once", "[engine]") {
  ActiveSeries active({.daily = -1});
  for (int i = 0; i < 2; ++i) Write(active, {1, 4'095, 4'096, 900'000});
  CHECK(active.in_hour(kNowMs) == 4);
  CHECK(active.in_day(kNowMs) == 4);
  CHECK(active.in_hour(kNowMs + kHourMs) == 0);
  Write(active, {1, 7}, kA, kNowMs + kHourMs);
  CHECK(active.in_hour(kNowMs + kHourMs) == 2);
  CHECK(active.in_day(kNowMs + kHourMs) == 5);
  Write(active, {1}, kA, kNowMs + 24 * kHourMs);
  CHECK(active.in_day(kNowMs + 24 * kHourMs) == 1);
}

TEST_CASE("a full hour refuses what is not in it, until the next", "[engine]") {
  ActiveSeries active({.hourly = 3});
  CHECK(active.AdmitNew(kA, kNowMs) == Refusal::kNone);
  CHECK(active.AdmitNew(kA, kNowMs) == Refusal::kNone);
  CHECK(active.AdmitNew(kA, kNowMs) == Refusal::kNone);
  CHECK(active.AdmitNew(kA, kNowMs) == Refusal::kHourlyLimit);
  active.DropReserved();
  Write(active, {1, 2});  // one of the three was not created
  CHECK(active.AdmitKnown(kA, kNowMs, 3) == Refusal::kNone);
  CHECK(active.AdmitKnown(kA, kNowMs, 3) == Refusal::kNone);
  CHECK(active.AdmitKnown(kA, kNowMs, 4) == Refusal::kHourlyLimit);
  CHECK(active.AdmitNew(kA, kNowMs) == Refusal::kHourlyLimit);
  // Rows of a series that has a ref are taken, and counted.
  Write(active, {5});
  CHECK(active.in_hour(kNowMs) == 4);
  CHECK(active.AdmitKnown(kA, kNowMs + kHourMs, 4) == Refusal::kNone);
}

TEST_CASE("each tenant has a limit of its own, and days have", "[engine]") {
  ActiveSeries active({.daily = 3, .daily_per_tenant = 2});
  Write(active, {1, 2});
  CHECK(active.AdmitNew(kA, kNowMs + kHourMs) == Refusal::kDailyLimit);
  CHECK(active.AdmitKnown(kA, kNowMs, 1) == Refusal::kNone);
  CHECK(active.AdmitNew(kB, kNowMs) == Refusal::kNone);
  CHECK(active.AdmitNew(kB, kNowMs) == Refusal::kDailyLimit);
  active.CountDropped(Refusal::kDailyLimit, 5);
  CHECK(active.dropped(Refusal::kDailyLimit) == 5);
  CHECK(active.dropped(Refusal::kHourlyLimit) == 0);
}

TEST_CASE("a series is used until a cut after its last use has ended",
          "[engine]") {
  ActiveSeries active({});
  Write(active, {1});
  active.MarkUsed(std::vector<uint64_t>{2});
  active.BeginCut();
  Write(active, {1, 3});
  CHECK(active.UsedSinceCut(2));
  active.EndCut();
  CHECK(active.UsedSinceCut(1));
  CHECK_FALSE(active.UsedSinceCut(2));
  CHECK(active.UsedSinceCut(3));
  active.BeginCut();
  active.EndCut();
  CHECK_FALSE(active.UsedSinceCut(1));
}

}  // namespace
}  // namespace varve::storage
