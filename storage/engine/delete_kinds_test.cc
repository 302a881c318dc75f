// Deletes of native histograms and exemplars.
#include <algorithm>
#include <map>
#include <optional>

#include "storage/engine/test_node.h"

namespace varve::storage {
namespace {

using model::kDayMs;
using Times = std::vector<int64_t>;
using JobTimes = std::map<std::string, Times>;

const model::Matchers kA = {{model::MatchType::kEqual, "job", "a"}};
const model::Matchers kAll = {{model::MatchType::kRegex, "job", ".+"}};

struct Node : TestNode {
  // A native histogram and an exemplar at each of the times.
  AppendResult Write(const std::string& job, const Times& times,
                     std::optional<int64_t> accept_ms = {}) {
    const uint64_t id = Define({{"__name__", "up"}, {"job", job}});
    encoding::DataRecordBuilder builder;
    // As insert's port stamps rows of which nobody has the acknowledgement.
    builder.Start(1, accept_ms.value_or(
                         std::max(clock.NowMs(), engine->newest_delete_ms())));
    for (const int64_t at_ms : times) {
      model::Histogram histogram;
      histogram.layout.positive = {{0, 1}};
      histogram.count = static_cast<uint64_t>(at_ms - kNowMs + 1'000 * kDayMs);
      histogram.buckets = {histogram.count};
      std::string bytes;
      AppendHistogramBytes(bytes, histogram);
      builder.kinds().AddHistogram(kTenant, id, at_ms, bytes);
      builder.kinds().AddExemplar(kTenant, id, at_ms, 0.5, "");
    }
    return AppendRecord(builder.Finish());
  }
  // Times of the histograms; of the exemplars.
  JobTimes Read(bool exemplars) {
    auto cursor = engine->Search(
        {.tenant = kTenant, .range = kAllTime, .exemplars = exemplars});
    REQUIRE(cursor.ok());
    JobTimes out;
    SearchSeries series;
    while (*(*cursor)->Next(series)) {
      const auto labels = model::ParseCanonicalBytes(series.labels);
      Times& times = out[std::string(labels->Get("job"))];
      if (!exemplars) times = series.histograms.timestamps_ms;
      for (const model::Exemplar& one : series.exemplars) {
        times.push_back(one.timestamp_ms);
      }
    }
    return out;
  }
  void Check(const JobTimes& want) {
    CHECK(Read(false) == want);
    CHECK(Read(true) == want);
  }
  std::vector<std::string> Jobs(model::TimeRange range = kAllTime) {
    return *engine->LabelValues({.tenant = kTenant, .range = range}, "job");
  }
};

TEST_CASE("histograms and exemplars are deleted wherever they are",
          "[delete]") {
  Node node;
  node.Open();
  const int64_t t = kNowMs - 6 * kDayMs;
  node.Write("a", {t, t + 1, t + 2, t + kDayMs});
  node.Write("b", {t});
  SECTION("in the head") {}
  SECTION("in blocks") { REQUIRE(node.engine->Flush().ok()); }
  SECTION("in both") {
    REQUIRE(node.engine->Flush().ok());
    node.Write("a", {t + 1, t + 3});
    node.Delete(kA, {t + 3, t + 3});
  }
  CHECK(node.Delete(kA, {t, t + 1}) == 1);
  const JobTimes left = {{"a", {t + 2, t + kDayMs}}, {"b", {t}}};
  node.Check(left);
  // Written again after it, and alike what was there.
  CHECK(node.Write("a", {t + 1}).rows == 1);
  const JobTimes want = {{"a", {t + 1, t + 2, t + kDayMs}}, {"b", {t}}};
  for (int pass = 0; pass < 5; ++pass) {
    CAPTURE(pass);
    node.Check(want);
    if (pass == 1) REQUIRE(node.engine->Flush().ok());
    if (pass == 3) REQUIRE(node.engine->CompactDays().ok());
    if (pass % 2 == 0) node.Open();
  }
  // The rows themselves are gone: without the deletes no more is seen.
  node.clock.Set(kNowMs + 2 * kDayMs);
  REQUIRE(node.engine->ApplyRetention().ok());
  CHECK(node.engine->Stats().tombstones == 0);
  node.Check(want);
}

TEST_CASE("a day whose histograms are all deleted can be written again",
          "[delete]") {
  Node node;
  node.Open();
  node.Write("a", {kNowMs - 2});
  node.Delete(kA);
  node.Check({});
  CHECK(node.Jobs().empty());
  node.Write("a", {kNowMs - 1});
  for (int pass = 0; pass < 3; ++pass) {
    CAPTURE(pass);
    node.Check({{"a", {kNowMs - 1}}});
    CHECK(node.Jobs() == std::vector<std::string>{"a"});
    if (pass == 1) REQUIRE(node.engine->Flush().ok());
    node.Open();
  }
}

TEST_CASE("late copies of deleted histograms and exemplars are dropped",
          "[delete]") {
  Node node;
  node.Open();
  const int64_t ahead_ms = kNowMs + 60'000;
  node.Write("a", {kNowMs - 3, kNowMs - 2, kNowMs - 1}, ahead_ms);
  node.Delete(kA, {kNowMs - 3, kNowMs - 2});
  const JobTimes want = {{"a", {kNowMs - 1}}};
  for (int pass = 0; pass < 3; ++pass) {
    CAPTURE(pass);
    const AppendResult result =
        node.Write("a", {kNowMs - 3, kNowMs - 2, kNowMs - 1}, ahead_ms);
    CHECK(result.deleted == 2);
    CHECK(result.rows == 1);
    node.Check(want);
    if (pass == 0) node.Open();
    if (pass == 1) REQUIRE(node.engine->Flush().ok());
  }
  // A series that was not there when it was deleted.
  node.Delete(kAll);
  CHECK(node.Write("c", {kNowMs}, ahead_ms).deleted == 1);
  node.Check({});
  node.Open();
  node.Check({});
}

}  // namespace
}  // namespace varve::storage
