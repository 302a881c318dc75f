#include "storage/retention/series_retention.h"

#include <catch2/catch.hpp>

#include "lib/model/label.h"
#include "lib/model/time_range.h"

namespace varve::storage {
namespace {

using model::kDayMs;
constexpr int64_t kNowMs = 20'000 * kDayMs;
const model::TenantId kTenant = model::TenantId::Numeric(5, 7);

model::SeriesFilter Filter(const model::Matchers& matchers) {
  return *model::SeriesFilter::Make(matchers);
}
model::SeriesFilter Equal(const std::string& name, const std::string& value) {
  return Filter({{model::MatchType::kEqual, name, value}});
}

std::string Labels(const model::LabelSet& labels) {
  std::string bytes;
  model::AppendCanonicalBytes(bytes, labels);
  return bytes;
}

int64_t DaysKept(const SeriesRetention& retention,
                 const model::TenantId& tenant, const model::LabelSet& set) {
  int64_t oldest_ms = 0;
  model::DownsampleSteps steps;
  retention.RulesOf(tenant, Labels(set), kNowMs, oldest_ms, steps);
  return oldest_ms == 0 ? 0 : (kNowMs - oldest_ms) / kDayMs;
}

TEST_CASE("the shortest of the matching retentions holds", "[retention]") {
  const SeriesRetention retention(
      {{Equal("env", "dev"), 30 * kDayMs},
       {Equal("team", "juniors"), 3 * kDayMs},
       {Equal("vm_account_id", "9"), 2 * kDayMs},
       {Filter({{model::MatchType::kEqual, "vm_account_id", "5"},
                {model::MatchType::kRegex, "env", "dev|test"}}),
        7 * kDayMs}},
      {});
  const auto other = model::TenantId::Numeric(6, 0);
  CHECK(DaysKept(retention, other, {{"env", "dev"}}) == 30);
  CHECK(DaysKept(retention, other, {{"env", "dev"}, {"team", "juniors"}}) == 3);
  CHECK(DaysKept(retention, other, {{"team", "juniors"}}) == 3);
  CHECK(DaysKept(retention, other, {{"env", "prod"}}) == 0);
  CHECK(DaysKept(retention, kTenant, {{"env", "test"}}) == 7);
  CHECK(DaysKept(retention, model::TenantId::Numeric(9, 1),
                 {{"team", "juniors"}}) == 2);
  // A named tenant has no numbers.
  CHECK(DaysKept(retention, {1, 9}, {{"env", "prod"}}) == 0);
}

TEST_CASE("the first matching downsampling rule holds", "[retention]") {
  const SeriesRetention retention(
      {}, {{Equal("env", "prod"), {}},
           {Equal("vm_project_id", "7"), {{kDayMs, 60'000}}},
           {Filter({}), {{kDayMs, 300'000}}}});
  int64_t oldest_ms = 1;
  model::DownsampleSteps steps;
  retention.RulesOf(kTenant, Labels({{"env", "prod"}}), kNowMs, oldest_ms,
                    steps);
  CHECK(steps.empty());
  CHECK(oldest_ms == 0);
  retention.RulesOf(kTenant, Labels({{"env", "dev"}}), kNowMs, oldest_ms,
                    steps);
  CHECK(steps == model::DownsampleSteps{{kDayMs, 60'000}});
  retention.RulesOf({0, 1ull << 32}, Labels({{"env", "dev"}}), kNowMs,
                    oldest_ms, steps);
  CHECK(steps == model::DownsampleSteps{{kDayMs, 300'000}});
  CHECK(retention.interval_ms_max() == 300'000);
}

TEST_CASE("a day's stage grows as rules come to hold for all of it",
          "[retention]") {
  const SeriesRetention retention({{Equal("env", "dev"), 3 * kDayMs}},
                                  {{Filter({}), {{10 * kDayMs, 300'000}}}});
  const int32_t day = 100;
  const int64_t end_ms = 101 * kDayMs;
  CHECK(retention.Stage(day, end_ms) == 0);
  CHECK(retention.Stage(day, end_ms + 3 * kDayMs - 1) == 0);
  CHECK(retention.Stage(day, end_ms + 3 * kDayMs) == 1);
  CHECK(retention.Stage(day, end_ms + 10 * kDayMs) == 1);
  CHECK(retention.Stage(day, end_ms + 11 * kDayMs) == 2);
}

}  // namespace
}  // namespace varve::storage
