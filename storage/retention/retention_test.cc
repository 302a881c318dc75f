#include "storage/retention/retention.h"

#include <catch2/catch.hpp>

namespace varve::storage {
namespace {

constexpr int64_t kNowMs = 1'800'000'000'000;

TEST_CASE("rows are taken from retention to future retention", "[retention]") {
  const RetentionRule rule{.retention_ms = 31 * model::kDayMs,
                           .future_retention_ms = 2 * model::kDayMs};
  const model::TimeRange range = AcceptedRange(rule, kNowMs);
  CHECK(range.start_ms == kNowMs - 31 * model::kDayMs);
  CHECK(range.end_ms == kNowMs + 2 * model::kDayMs);
}

TEST_CASE("a backfill age below retention bounds rows only", "[retention]") {
  const RetentionRule rule{.retention_ms = 31 * model::kDayMs,
                           .max_backfill_age_ms = model::kDayMs};
  CHECK(AcceptedRange(rule, kNowMs).start_ms == kNowMs - model::kDayMs);
  CHECK(OldestReadableMs(rule, kNowMs) == kNowMs - 31 * model::kDayMs);
}

TEST_CASE("a century of retention ends in 1970 and 2262", "[retention]") {
  const int64_t century_ms = 36'500 * model::kDayMs;
  const RetentionRule rule{.retention_ms = century_ms,
                           .future_retention_ms = 10 * century_ms};
  CHECK(AcceptedRange(rule, kNowMs) ==
        model::TimeRange{0, model::kTimestampMaxMs});
  CHECK(FirstKeptDay(rule, kNowMs) == 0);
}

TEST_CASE("a day is kept until its last millisecond is out", "[retention]") {
  const RetentionRule rule{.retention_ms = model::kDayMs};
  const int64_t midnight_ms = 20'000 * model::kDayMs;
  CHECK(FirstKeptDay(rule, midnight_ms + model::kDayMs) == 20'000);
  CHECK(FirstKeptDay(rule, midnight_ms + 2 * model::kDayMs - 1) == 20'000);
  CHECK(FirstKeptDay(rule, midnight_ms + 2 * model::kDayMs) == 20'001);
}

TEST_CASE("a full disk is left only well above the bound", "[retention]") {
  DiskGuard guard(100);
  CHECK_FALSE(guard.Observe(100));
  CHECK_FALSE(guard.read_only());
  CHECK(guard.Observe(99));
  CHECK(guard.read_only());
  CHECK_FALSE(guard.Observe(119));
  CHECK(guard.read_only());
  CHECK(guard.Observe(120));
  CHECK_FALSE(guard.read_only());
  CHECK(guard.free_bytes() == 120);
}

}  // namespace
}  // namespace varve::storage
