// Deletes of float samples: hidden at once, kept over crashes, reclaimed.
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
  // As insert's port stamps rows of which nobody has the acknowledgement.
  int64_t AcceptMs() const {
    return std::max(clock.NowMs(), engine->newest_delete_ms());
  }
  AppendResult Write(const std::string& job, const Times& times,
                     model::TenantId tenant = kTenant,
                     std::optional<int64_t> accept_ms = {}) {
    const uint64_t id = Define({{"__name__", "up"}, {"job", job}}, tenant);
    encoding::DataRecordBuilder builder;
    builder.Start(1, accept_ms.value_or(AcceptMs()));
    const std::vector<double> values(times.size(), 1);
    builder.Add(tenant.kind, tenant.id, id, times, values);
    return AppendRecord(builder.Finish());
  }
  JobTimes Read(model::TenantId tenant = kTenant,
                model::TimeRange range = kAllTime) {
    auto cursor = engine->Search({.tenant = tenant, .range = range});
    REQUIRE(cursor.ok());
    JobTimes out;
    SearchSeries series;
    while (*(*cursor)->Next(series)) {
      const auto labels = model::ParseCanonicalBytes(series.labels);
      out[std::string(labels->Get("job"))] = series.samples.timestamps_ms;
    }
    return out;
  }
  std::vector<std::string> Jobs(model::TimeRange range = kAllTime) {
    return *engine->LabelValues({.tenant = kTenant, .range = range}, "job");
  }
  int64_t SeriesCount() {
    return engine->Status({.tenant = kTenant, .range = kAllTime})->total_series;
  }
};

TEST_CASE("a delete hides at once, in head, blocks and names", "[delete]") {
  Node node;
  node.Open();
  node.Write("a", {kNowMs - kDayMs, kNowMs - 2000});
  node.Write("b", {kNowMs - 2000});
  node.Write("a", {kNowMs - 2000}, kOther);
  SECTION("all in the head") {}
  SECTION("all in blocks") { REQUIRE(node.engine->Flush().ok()); }
  SECTION("in both") {
    REQUIRE(node.engine->Flush().ok());
    node.Write("a", {kNowMs - 1000});
  }
  CHECK(node.Delete(kA) == 1);
  CHECK(node.Read() == JobTimes{{"b", {kNowMs - 2000}}});
  CHECK(node.Jobs() == std::vector<std::string>{"b"});
  CHECK(node.SeriesCount() == 1);
  CHECK(node.Read(kOther).size() == 1);
  CHECK(node.engine->Stats().deletes == 1);
  CHECK(node.engine->Stats().tombstones == 1);
  CHECK(node.Delete(kA) == 0);
}

TEST_CASE("only the range is deleted", "[delete]") {
  Node node;
  node.Open();
  const int64_t t = kNowMs - 10'000;
  node.Write("a", {t, t + 1, t + 2, t + 3});
  REQUIRE(node.engine->Flush().ok());
  node.Write("a", {t + 4, t + 5, t + 6});
  CHECK(node.Delete(kA, {t + 2, t + 5}) == 1);
  CHECK(node.Read() == JobTimes{{"a", {t, t + 1, t + 6}}});
  CHECK(node.Jobs() == std::vector<std::string>{"a"});
  // Whole days inside the range forget the series, the others do not.
  node.Write("a", {t - 3 * kDayMs, t - 4 * kDayMs});
  CHECK(node.Delete(kA, {t - 4 * kDayMs, t - 2 * kDayMs}) == 1);
  CHECK(node.Read() == JobTimes{{"a", {t, t + 1, t + 6}}});
  CHECK(node.Jobs({t - 3 * kDayMs, t - 3 * kDayMs}).empty());
}

TEST_CASE("what is written after a delete is seen", "[delete]") {
  Node node;
  node.Open();
  const int64_t t = kNowMs - 10'000;
  node.Write("a", {t, t + 1});
  SECTION("deleted in the head") {}
  SECTION("deleted in blocks") { REQUIRE(node.engine->Flush().ok()); }
  node.Delete(kA);
  CHECK(node.Write("a", {t + 1, t + 2}).rows == 2);
  const JobTimes want = {{"a", {t + 1, t + 2}}};
  for (int pass = 0; pass < 4; ++pass) {
    CAPTURE(pass);
    CHECK(node.Read() == want);
    CHECK(node.Jobs() == std::vector<std::string>{"a"});
    CHECK(node.SeriesCount() == 1);
    if (pass == 1) REQUIRE(node.engine->Flush().ok());
    if (pass % 2 == 0) node.Open();
  }
}

TEST_CASE("a crash at any step of a flush changes nothing of deletes",
          "[delete]") {
  for (int step = 0; step <= 4; ++step) {
    for (const bool flush_between : {false, true}) {
      CAPTURE(step, flush_between);
      Node node;
      const int64_t t = kNowMs - 10'000;
      bool crash = false;
      node.options.flush_hook = [&](FlushStep at) {
        return !crash || static_cast<int>(at) != step;
      };
      node.Open();
      node.Write("a", {t - kDayMs, t, t + 1});
      node.Write("b", {t});
      if (flush_between) REQUIRE(node.engine->Flush().ok());
      node.Write("a", {t + 2});
      node.Delete(kA, {t - kDayMs, t + 1});
      node.Write("a", {t + 1, t + 3});
      const JobTimes want = {{"a", {t + 1, t + 2, t + 3}}, {"b", {t}}};
      CHECK(node.Read() == want);
      crash = true;
      CHECK(node.engine->Flush().ok() == (step == 4));
      CHECK(node.Read() == want);
      // A delete while a generation is frozen and not yet in blocks.
      node.Delete(kA, {t + 3, t + 3});
      node.Write("a", {t + 4});
      const JobTimes then = {{"a", {t + 1, t + 2, t + 4}}, {"b", {t}}};
      CHECK(node.Read() == then);
      crash = false;
      node.Open();
      CHECK(node.Read() == then);
      REQUIRE(node.engine->Flush().ok());
      CHECK(node.Read() == then);
      node.Open();
      CHECK(node.Read() == then);
      CHECK(node.engine->Stats().tombstones == 2);
    }
  }
}

TEST_CASE("late copies of what was deleted are dropped and counted",
          "[delete]") {
  Node node;
  node.Open();
  const int64_t t = kNowMs - 10'000;
  const int64_t before_ms = kNowMs;
  node.Write("a", {t, t + 1, t + 2});
  node.clock.Set(kNowMs + 1000);
  node.Delete(kA, {t, t + 1});
  for (int pass = 0; pass < 3; ++pass) {
    CAPTURE(pass);
    const AppendResult result =
        node.Write("a", {t, t + 1, t + 2}, kTenant, before_ms);
    CHECK(result.deleted == 2);
    CHECK(result.rows == 1);
    CHECK(node.Read() == JobTimes{{"a", {t + 2}}});
    if (pass == 0) node.Open();
    if (pass == 1) REQUIRE(node.engine->Flush().ok());
  }
  // A series that this node did not have when it was deleted.
  node.Delete(kAll);
  CHECK(node.Write("c", {t}, kTenant, before_ms).deleted == 1);
  CHECK(node.Write("c", {t}, kOther, before_ms).deleted == 0);
  CHECK(node.Read().empty());
  CHECK(node.engine->Stats().rows_deleted > 0);
  // The same rows, accepted now.
  CHECK(node.Write("c", {t}).rows == 1);
  CHECK(node.Read() == JobTimes{{"c", {t}}});
  node.Open();
  CHECK(node.Read() == JobTimes{{"c", {t}}});
}

TEST_CASE("a delete is after all that was there, whatever the clocks say",
          "[delete]") {
  Node node;
  node.Open();
  const int64_t ahead_ms = kNowMs + 60'000;
  node.Write("a", {kNowMs}, kTenant, ahead_ms);
  node.Delete(kA);
  CHECK(node.Write("a", {kNowMs}, kTenant, ahead_ms).deleted == 1);
  CHECK(node.Read().empty());
}

TEST_CASE("deletes are refused without matchers and over their limit",
          "[delete]") {
  Node node;
  node.Open();
  node.Write("a", {kNowMs});
  node.Write("b", {kNowMs});
  CHECK(absl::IsInvalidArgument(
      node.engine->Delete({.tenant = kTenant}).status()));
  CHECK(absl::IsInvalidArgument(
      node.engine
          ->Delete(
              {.tenant = kTenant, .matcher_groups = {kAll}, .range = {5, 4}})
          .status()));
  const auto over = node.engine->Delete(
      {.tenant = kTenant, .matcher_groups = {kAll}, .series_max = 1});
  CHECK(absl::IsResourceExhausted(over.status()));
  CHECK(std::string(over.status().message()).find("-search.maxDeleteSeries") !=
        std::string::npos);
  CHECK(node.Read().size() == 2);
}

TEST_CASE("retention filters and downsampling hold when reading", "[delete]") {
  Node node;
  node.options.retention_filters.push_back(
      {*model::SeriesFilter::Make(kA), 3 * kDayMs});
  node.options.downsampling.push_back(
      {model::SeriesFilter(), {{5 * kDayMs, 60'000}}});
  node.Open();
  const int64_t old = (kNowMs - 6 * kDayMs) / 60'000 * 60'000;
  node.Write("a", {old + 1, kNowMs - 3 * kDayMs - 1, kNowMs - 3 * kDayMs});
  node.Write(
      "b", {old + 1, old + 2, old + 60'000, old + 60'001, kNowMs - 1, kNowMs});
  const JobTimes want = {
      {"a", {kNowMs - 3 * kDayMs}},
      {"b", {old + 60'000, old + 60'001, kNowMs - 1, kNowMs}}};
  for (int pass = 0; pass < 3; ++pass) {
    CAPTURE(pass);
    CHECK(node.Read() == want);
    // What an interval's last sample stands for is not there without it.
    CHECK(node.Read(kTenant, {old, old + 2}).empty());
    CHECK(node.Read(kTenant, {old + 60'000, old + 60'000}) ==
          JobTimes{{"b", {old + 60'000}}});
    if (pass == 0) REQUIRE(node.engine->Flush().ok());
    if (pass == 1) node.Open();
  }
  node.clock.Set(kNowMs + kDayMs);
  CHECK(node.Read().count("a") == 0);
}

TEST_CASE("a closed day keeps what came after a delete", "[delete]") {
  Node node;
  node.Open();
  const int64_t t = kNowMs - 10'000;
  node.Write("a", {t, t + 1});
  REQUIRE(node.engine->Flush().ok());
  node.Delete(kA);
  node.Write("a", {t + 1, t + 2});
  REQUIRE(node.engine->Flush().ok());
  const JobTimes want = {{"a", {t + 1, t + 2}}};
  node.clock.Set(kNowMs + 4 * kDayMs);
  for (int pass = 0; pass < 3; ++pass) {
    CAPTURE(pass);
    CHECK(node.Read() == want);
    if (pass == 0) REQUIRE(node.engine->CompactDays().ok());
    if (pass == 1) node.Open();
  }
  REQUIRE(node.engine->ApplyRetention().ok());
  CHECK(node.engine->Stats().tombstones == 0);
  CHECK(node.Read() == want);
}

TEST_CASE("a rewrite reclaims what is deleted and the delete is forgotten",
          "[delete]") {
  Node node;
  node.Open();
  const int64_t old = kNowMs - 6 * kDayMs;
  node.Write("a", {old, old + 1, old + kDayMs});
  node.Write("b", {old});
  REQUIRE(node.engine->Flush().ok());
  node.Delete(kA, {old, old + 100});
  node.Write("a", {old + 1});
  const JobTimes want = {{"a", {old + 1, old + kDayMs}}, {"b", {old}}};
  // Not before a flush: lower generations may still come to the blocks.
  REQUIRE(node.engine->CompactDays().ok());
  node.clock.Set(kNowMs + 2 * kDayMs);
  REQUIRE(node.engine->ApplyRetention().ok());
  CHECK(node.engine->Stats().tombstones == 1);
  REQUIRE(node.engine->Flush().ok());
  CHECK(node.Read() == want);
  REQUIRE(node.engine->CompactDays().ok());
  CHECK(node.Read() == want);
  CHECK(node.engine->Stats().tombstones == 1);
  REQUIRE(node.engine->ApplyRetention().ok());
  CHECK(node.engine->Stats().tombstones == 0);
  for (int pass = 0; pass < 2; ++pass) {
    // Without the delete: its samples are not there any more.
    CHECK(node.Read() == want);
    node.Open();
    CHECK(node.engine->Stats().tombstones == 0);
  }
}

TEST_CASE("a delete outlives a flush that ended before its blocks",
          "[delete]") {
  Node node;
  bool crash = false;
  node.options.flush_hook = [&](FlushStep at) {
    return !crash || at != FlushStep::kIndexed;
  };
  node.Open();
  const int64_t old = kNowMs - 6 * kDayMs;
  node.Write("a", {old, old + kDayMs});
  REQUIRE(node.engine->Flush().ok());
  // The whole day: the index knows nothing of it there any more.
  node.Delete(kA, {old - kDayMs / 2, old + kDayMs / 2 - 1});
  const JobTimes want = {{"a", {old + kDayMs}}};
  CHECK(node.Read() == want);
  crash = true;
  CHECK_FALSE(node.engine->Flush().ok());
  crash = false;
  node.Open();
  REQUIRE(node.engine->Flush().ok());
  node.clock.Set(kNowMs + 2 * kDayMs);
  REQUIRE(node.engine->ApplyRetention().ok());
  CHECK(node.engine->Stats().tombstones == 1);
  CHECK(node.Read() == want);
  REQUIRE(node.engine->CompactDays().ok());
  REQUIRE(node.engine->ApplyRetention().ok());
  CHECK(node.engine->Stats().tombstones == 0);
  CHECK(node.Read() == want);
}

TEST_CASE("a day is rewritten when its rules come to hold", "[delete]") {
  Node node;
  node.options.downsampling.push_back(
      {model::SeriesFilter(), {{5 * kDayMs, 60'000}}});
  node.Open();
  const int64_t old = (kNowMs - 4 * kDayMs) / 60'000 * 60'000;
  node.Write("a", {old + 1, old + 2, old + 60'000});
  REQUIRE(node.engine->Flush().ok());
  REQUIRE(node.engine->CompactDays().ok());
  CHECK(node.Read() == JobTimes{{"a", {old + 1, old + 2, old + 60'000}}});
  node.clock.Set(kNowMs + 3 * kDayMs);
  REQUIRE(node.engine->CompactDays().ok());
  // On disk, without the flag.
  node.options.downsampling.clear();
  node.Open();
  CHECK(node.Read() == JobTimes{{"a", {old + 60'000}}});
}

}  // namespace
}  // namespace varve::storage
