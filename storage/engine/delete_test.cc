#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <map>
#include <set>

#include "lib/encoding/data_record.h"
#include "storage/engine/engine.h"

namespace varve::storage {
namespace {

using model::kDayMs;
using model::LabelSet;
using model::MatchType;
using Times = std::vector<int64_t>;
using Answer = std::map<std::string, Times>;

constexpr model::TenantId kTenant{0, uint64_t{1} << 32};
constexpr model::TenantId kOther{0, uint64_t{2} << 32};
// 2026-11-20T12:00:00Z, noon: a day has room on both sides.
constexpr int64_t kNowMs = 1'795'176'000'000;

const model::Matchers kA = {{MatchType::kEqual, "job", "a"}};
const model::Matchers kAll = {{MatchType::kRegex, "job", ".+"}};

struct Node {
  std::string path;
  base::ManualClock clock{kNowMs};
  EngineOptions options;
  std::unique_ptr<Engine> engine;

  Node() {
    std::string pattern =
        (std::filesystem::temp_directory_path() / "delete-XXXXXX").string();
    path = mkdtemp(pattern.data());
    options.path = path;
    options.clock = &clock;
    options.head_bytes_max = 64 << 20;
    options.block_cache_bytes = 8 << 20;
  }
  ~Node() {
    engine.reset();
    std::filesystem::remove_all(path);
  }
  void Open() {
    engine.reset();
    auto opened = Engine::Open(options);
    INFO(opened.status());
    REQUIRE(opened.ok());
    engine = *std::move(opened);
  }
  AppendResult Write(const std::string& job, const Times& times,
                     model::TenantId tenant = kTenant,
                     int64_t accept_ms = INT64_MIN) {
    const uint64_t id = IdOf(job, tenant);
    encoding::DataRecordBuilder builder;
    // As insert's port stamps rows of which nobody has the acknowledgement.
    if (accept_ms == INT64_MIN) {
      accept_ms = std::max(clock.NowMs(), engine->newest_delete_ms());
    }
    builder.Start(1, accept_ms);
    const std::vector<double> values(times.size(), 1);
    builder.Add(tenant.kind, tenant.id, id, times, values);
    const auto result = engine->Append(builder.Finish(), AckLevel::kDurable);
    INFO(result.status());
    REQUIRE(result.ok());
    return *result;
  }
  uint64_t IdOf(const std::string& job, model::TenantId tenant = kTenant) {
    std::string canonical;
    model::AppendCanonicalBytes(canonical,
                                LabelSet{{"__name__", "up"}, {"job", job}});
    const SeriesDefinition one{tenant, canonical};
    std::vector<uint64_t> ids;
    REQUIRE(engine->Define(std::span(&one, 1), ids).ok());
    return ids[0];
  }
  // A native histogram and an exemplar at each of the times.
  AppendResult WriteKinds(const std::string& job, const Times& times,
                          int64_t accept_ms = INT64_MIN) {
    const uint64_t id = IdOf(job);
    if (accept_ms == INT64_MIN) {
      accept_ms = std::max(clock.NowMs(), engine->newest_delete_ms());
    }
    encoding::DataRecordBuilder builder;
    builder.Start(1, accept_ms);
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
    const auto result = engine->Append(builder.Finish(), AckLevel::kDurable);
    INFO(result.status());
    REQUIRE(result.ok());
    return *result;
  }
  // Times of the histograms; of the exemplars.
  Answer ReadKinds(bool exemplars) {
    auto cursor =
        engine->Search({.tenant = kTenant,
                        .range = {0, model::kTimestampMaxMs},
                        .exemplars = exemplars});
    REQUIRE(cursor.ok());
    Answer out;
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
  void CheckKinds(const Answer& want) {
    CHECK(ReadKinds(false) == want);
    CHECK(ReadKinds(true) == want);
  }
  int64_t Delete(const model::Matchers& matchers, model::TimeRange range = {
                     0, model::kTimestampMaxMs}) {
    const auto series = engine->Delete({.tenant = kTenant,
                                        .matcher_groups = {matchers},
                                        .range = range,
                                        .accept_ms = clock.NowMs()});
    INFO(series.status());
    REQUIRE(series.ok());
    return *series;
  }
  Answer Read(model::TenantId tenant = kTenant,
              model::TimeRange range = {0, model::kTimestampMaxMs}) {
    auto cursor = engine->Search({.tenant = tenant, .range = range});
    REQUIRE(cursor.ok());
    Answer out;
    SearchSeries series;
    while (*(*cursor)->Next(series)) {
      const auto labels = model::ParseCanonicalBytes(series.labels);
      out[std::string(labels->Get("job"))] = series.samples.timestamps_ms;
    }
    return out;
  }
  std::vector<std::string> Jobs(model::TimeRange range = {
                                    0, model::kTimestampMaxMs}) {
    return *engine->LabelValues({.tenant = kTenant, .range = range}, "job");
  }
  int64_t SeriesCount() {
    return engine
        ->Status({.tenant = kTenant, .range = {0, model::kTimestampMaxMs}})
        ->total_series;
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
  CHECK(node.Read() == Answer{{"b", {kNowMs - 2000}}});
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
  CHECK(node.Read() == Answer{{"a", {t, t + 1, t + 6}}});
  CHECK(node.Jobs() == std::vector<std::string>{"a"});
  // Whole days inside the range forget the series, the others do not.
  node.Write("a", {t - 3 * kDayMs, t - 4 * kDayMs});
  CHECK(node.Delete(kA, {t - 4 * kDayMs, t - 2 * kDayMs}) == 1);
  CHECK(node.Read() == Answer{{"a", {t, t + 1, t + 6}}});
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
  const Answer want = {{"a", {t + 1, t + 2}}};
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
      const Answer want = {{"a", {t + 1, t + 2, t + 3}}, {"b", {t}}};
      CHECK(node.Read() == want);
      crash = true;
      CHECK(node.engine->Flush().ok() == (step == 4));
      CHECK(node.Read() == want);
      // A delete while a generation is frozen and not yet in blocks.
      node.Delete(kA, {t + 3, t + 3});
      node.Write("a", {t + 4});
      const Answer then = {{"a", {t + 1, t + 2, t + 4}}, {"b", {t}}};
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
    CHECK(node.Read() == Answer{{"a", {t + 2}}});
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
  CHECK(node.Read() == Answer{{"c", {t}}});
  node.Open();
  CHECK(node.Read() == Answer{{"c", {t}}});
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
  CHECK(absl::IsInvalidArgument(node.engine
                                    ->Delete({.tenant = kTenant,
                                              .matcher_groups = {kAll},
                                              .range = {5, 4}})
                                    .status()));
  const auto over = node.engine->Delete({.tenant = kTenant,
                                         .matcher_groups = {kAll},
                                         .series_max = 1});
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
  node.Write("b", {old + 1, old + 2, old + 60'000, old + 60'001, kNowMs - 1,
                   kNowMs});
  const Answer want = {
      {"a", {kNowMs - 3 * kDayMs}},
      {"b", {old + 60'000, old + 60'001, kNowMs - 1, kNowMs}}};
  for (int pass = 0; pass < 3; ++pass) {
    CAPTURE(pass);
    CHECK(node.Read() == want);
    // What an interval's last sample stands for is not there without it.
    CHECK(node.Read(kTenant, {old, old + 2}).empty());
    CHECK(node.Read(kTenant, {old + 60'000, old + 60'000}) ==
          Answer{{"b", {old + 60'000}}});
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
  const Answer want = {{"a", {t + 1, t + 2}}};
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
  const Answer want = {{"a", {old + 1, old + kDayMs}}, {"b", {old}}};
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
  const Answer want = {{"a", {old + kDayMs}}};
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
  CHECK(node.Read() == Answer{{"a", {old + 1, old + 2, old + 60'000}}});
  node.clock.Set(kNowMs + 3 * kDayMs);
  REQUIRE(node.engine->CompactDays().ok());
  // On disk, without the flag.
  node.options.downsampling.clear();
  node.Open();
  CHECK(node.Read() == Answer{{"a", {old + 60'000}}});
}

TEST_CASE("histograms and exemplars are deleted wherever they are",
          "[delete]") {
  Node node;
  node.Open();
  const int64_t t = kNowMs - 6 * kDayMs;
  node.WriteKinds("a", {t, t + 1, t + 2, t + kDayMs});
  node.WriteKinds("b", {t});
  SECTION("in the head") {}
  SECTION("in blocks") { REQUIRE(node.engine->Flush().ok()); }
  SECTION("in both") {
    REQUIRE(node.engine->Flush().ok());
    node.WriteKinds("a", {t + 1, t + 3});
    node.Delete(kA, {t + 3, t + 3});
  }
  CHECK(node.Delete(kA, {t, t + 1}) == 1);
  const Answer left = {{"a", {t + 2, t + kDayMs}}, {"b", {t}}};
  node.CheckKinds(left);
  // Written again after it, and alike what was there.
  CHECK(node.WriteKinds("a", {t + 1}).rows == 1);
  const Answer want = {{"a", {t + 1, t + 2, t + kDayMs}}, {"b", {t}}};
  for (int pass = 0; pass < 5; ++pass) {
    CAPTURE(pass);
    node.CheckKinds(want);
    if (pass == 1) REQUIRE(node.engine->Flush().ok());
    if (pass == 3) REQUIRE(node.engine->CompactDays().ok());
    if (pass % 2 == 0) node.Open();
  }
  // The rows themselves are gone: without the deletes no more is seen.
  node.clock.Set(kNowMs + 2 * kDayMs);
  REQUIRE(node.engine->ApplyRetention().ok());
  CHECK(node.engine->Stats().tombstones == 0);
  node.CheckKinds(want);
}

TEST_CASE("a day whose histograms are all deleted can be written again",
          "[delete]") {
  Node node;
  node.Open();
  node.WriteKinds("a", {kNowMs - 2});
  node.Delete(kA);
  node.CheckKinds({});
  CHECK(node.Jobs().empty());
  node.WriteKinds("a", {kNowMs - 1});
  for (int pass = 0; pass < 3; ++pass) {
    CAPTURE(pass);
    node.CheckKinds({{"a", {kNowMs - 1}}});
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
  node.WriteKinds("a", {kNowMs - 3, kNowMs - 2, kNowMs - 1}, ahead_ms);
  node.Delete(kA, {kNowMs - 3, kNowMs - 2});
  const Answer want = {{"a", {kNowMs - 1}}};
  for (int pass = 0; pass < 3; ++pass) {
    CAPTURE(pass);
    const AppendResult result = node.WriteKinds(
        "a", {kNowMs - 3, kNowMs - 2, kNowMs - 1}, ahead_ms);
    CHECK(result.deleted == 2);
    CHECK(result.rows == 1);
    node.CheckKinds(want);
    if (pass == 0) node.Open();
    if (pass == 1) REQUIRE(node.engine->Flush().ok());
  }
  // A series that was not there when it was deleted.
  node.Delete(kAll);
  CHECK(node.WriteKinds("c", {kNowMs}, ahead_ms).deleted == 1);
  node.CheckKinds({});
  node.Open();
  node.CheckKinds({});
}

}  // namespace
}  // namespace varve::storage
