#include "storage/engine/history_changes.h"

#include <catch2/catch.hpp>

namespace varve::storage {
namespace {

constexpr int64_t kDay = model::kDayMs;
const model::TenantId kTenant = model::TenantId::Numeric(1, 2);
const model::TenantId kOther = model::TenantId::Numeric(3, 0);

TEST_CASE("a change counts for its own days and tenant") {
  HistoryChanges changes;
  const model::TimeRange second_day = {kDay, 2 * kDay - 1};
  const uint64_t before = changes.Of(kTenant, second_day);
  changes.Add(kTenant, {kDay + 5, kDay + 6});
  CHECK(changes.Of(kTenant, second_day) > before);
  CHECK(changes.Of(kTenant, {0, kDay - 1}) == before);
  CHECK(changes.Of(kTenant, {2 * kDay, 9 * kDay}) == before);
  CHECK(changes.Of(kOther, second_day) == before);
}

TEST_CASE("a change of very many days counts for all of them") {
  HistoryChanges changes;
  const uint64_t before = changes.Of(kTenant, {0, kDay});
  changes.Add(kTenant, {0, model::kTimestampMaxMs});
  CHECK(changes.Of(kTenant, {0, kDay}) > before);
  CHECK(changes.Of(kOther, {0, kDay}) == before);
}

TEST_CASE("an empty range is no change") {
  HistoryChanges changes;
  changes.Add(kTenant, {10, 9});
  CHECK(changes.Of(kTenant, {0, kDay}) == 0);
}

TEST_CASE("counts grow over the bound as well, for everybody") {
  HistoryChanges changes;
  changes.Add(kTenant, {0, 0});
  changes.Add(kTenant, {0, 0});
  const uint64_t before = changes.Of(kTenant, {0, 0});
  for (size_t i = 0; i < HistoryChanges::kDaysMax; ++i) {
    changes.Add(kOther, {static_cast<int64_t>(i) * kDay,
                         static_cast<int64_t>(i) * kDay});
  }
  CHECK(changes.Of(kTenant, {0, 0}) > before);
  CHECK(changes.Of(kOther, {0, 0}) > before);
}

}  // namespace
}  // namespace varve::storage
