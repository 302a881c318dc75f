// Rows, series and searches that the engine refuses, and what it says of them.
#include "storage/engine/test_node.h"

namespace varve::storage {
namespace {

using model::LabelSet;
using model::SampleColumns;

const LabelSet kUp = {{"__name__", "up"}, {"job", "a"}};
const LabelSet kDown = {{"__name__", "down"}, {"job", "b"}};

TEST_CASE("rows outside retention are dropped and counted", "[engine]") {
  TestNode node;
  node.options.retention_ms = 10 * model::kDayMs;
  node.Open();
  const uint64_t id = node.Define(kUp);
  const AppendResult result =
      node.Append(id, Samples({{-1, 1},
                               {kNowMs - 10 * model::kDayMs - 1, 1},
                               {kNowMs - 10 * model::kDayMs, 2},
                               {kNowMs + 2 * model::kDayMs, 3},
                               {kNowMs + 2 * model::kDayMs + 1, 4}}));
  CHECK(result.rows == 2);
  CHECK(result.too_old == 2);
  CHECK(result.too_new == 1);
  const SampleColumns kept = Samples(
      {{kNowMs - 10 * model::kDayMs, 2}, {kNowMs + 2 * model::kDayMs, 3}});
  CheckSame(node.Search().begin()->second, kept);
  node.Open();
  CheckSame(node.Search().begin()->second, kept);
  CHECK(node.engine->Stats().rows_too_old == 0);
}

TEST_CASE("a ref of another tenant or of nobody stores nothing", "[engine]") {
  TestNode node;
  node.Open();
  const uint64_t mine = node.Define(kUp);
  const uint64_t other = node.Define(kUp, kOther);
  CHECK(mine != other);
  CHECK(node.Append(other, Samples({{kNowMs, 1}})).unknown_ref == 1);
  CHECK(node.Append(999'999, Samples({{kNowMs, 1}})).unknown_ref == 1);
  CHECK(node.Append(999'999, Samples({{kNowMs, 1}}), {0, 77}).unknown_ref == 1);
  CHECK(node.Search().empty());
  CHECK(node.Search({}, kOther).empty());
  node.Append(other, Samples({{kNowMs, 2}}), kOther);
  CHECK(node.Search().empty());
  CHECK(node.Search({}, kOther).size() == 1);
  REQUIRE(node.engine->Flush().ok());
  node.Open();
  CHECK(node.Append(other, Samples({{kNowMs, 1}})).unknown_ref == 1);
  CHECK(node.Append(mine, Samples({{kNowMs, 1}})).unknown_ref == 0);
  CHECK(node.Search({}, kOther).size() == 1);
}

TEST_CASE("a broken record is refused whole", "[engine]") {
  TestNode node;
  node.Open();
  const uint64_t id = node.Define(kUp);
  encoding::DataRecordBuilder builder;
  builder.Start(1, kNowMs);
  const int64_t at_ms = kNowMs;
  const double value = 1;
  builder.Add(kTenant.kind, kTenant.id, id, std::span(&at_ms, 1),
              std::span(&value, 1));
  const std::string record = builder.Finish();
  for (size_t keep = 0; keep < record.size(); ++keep) {
    CAPTURE(keep);
    const auto result = node.engine->Append(
        std::string_view(record).substr(0, keep), AckLevel::kDurable);
    // The bare header is a record without rows.
    if (result.ok()) CHECK(result->rows == 0);
  }
  std::string other_kind = record;
  other_kind[16] = 9;  // of no release
  CHECK(absl::IsInvalidArgument(
      node.engine->Append(other_kind, AckLevel::kDurable).status()));
  CHECK(node.Search().empty());
}

TEST_CASE("a search over the limit names the flag", "[engine]") {
  TestNode node;
  node.options.unique_series_max = 1;
  node.Open();
  for (const LabelSet& labels : {kUp, kDown}) {
    node.Append(node.Define(labels), Samples({{kNowMs, 1}}));
  }
  const auto refused = node.engine->Search(
      {.tenant = kTenant, .range = {0, model::kTimestampMaxMs}});
  REQUIRE(absl::IsResourceExhausted(refused.status()));
  CHECK(std::string(refused.status().message())
            .find("the number of matching timeseries exceeds 1; ") == 0);
  CHECK(std::string(refused.status().message())
            .find("-search.maxUniqueTimeseries") != std::string::npos);
}

TEST_CASE("series over a limit are refused one by one and counted",
          "[engine]") {
  TestNode node;
  node.options.series_limits = {.hourly = 2, .daily = 3};
  node.Open();
  std::vector<std::string> labels(4);
  std::vector<SeriesDefinition> wanted;
  for (int i = 0; i < 4; ++i) {
    model::AppendCanonicalBytes(labels[i], LabelSet{{"i", std::to_string(i)}});
    wanted.push_back({kTenant, labels[i], 5});
  }
  std::vector<uint64_t> ids;
  using Refusals = std::vector<model::Refusal>;
  using enum model::Refusal;
  const auto define = [&] {
    Refusals refused;
    const absl::Status status = node.engine->Define(wanted, ids, &refused);
    INFO(status);
    REQUIRE(status.ok());
    return refused;
  };
  CHECK(define() == Refusals{kNone, kNone, kHourlyLimit, kHourlyLimit});
  CHECK(ids == std::vector<uint64_t>{1, 2, 0, 0});
  CHECK(node.engine->Stats().series_created == 2);
  CHECK(node.engine->Stats().rows_over_hourly_limit == 10);
  CHECK(node.engine->Stats().series_active_hour == 2);
  node.clock.Advance(3'600'000);
  wanted.erase(wanted.begin());
  CHECK(define() == Refusals{kNone, kNone, kHourlyLimit});
  node.clock.Advance(3'600'000);
  wanted.erase(wanted.begin());
  CHECK(define() == Refusals{kNone, kDailyLimit});
  CHECK(node.engine->Stats().rows_over_daily_limit == 5);
  CHECK(node.engine->Stats().series_active_day == 3);
}

}  // namespace
}  // namespace varve::storage
