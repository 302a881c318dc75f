#include "storage/engine/engine.h"

#include <atomic>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <thread>

#include "lib/encoding/data_record.h"
#include "storage/fs/fault_file_system.h"
#include "tests/support/temp_dir.h"

namespace varve::storage {
namespace {

using model::LabelSet;
using model::SampleColumns;
using model::TenantId;

constexpr TenantId kTenant{0, uint64_t{1} << 32};
constexpr TenantId kOther{0, uint64_t{2} << 32};
// 2026-11-20T12:00:00Z, noon: a day has room on both sides.
constexpr int64_t kNowMs = 1'795'176'000'000;

struct Node {
  tests::TempDir dir;
  base::ManualClock clock{kNowMs};
  EngineOptions options;
  std::unique_ptr<Engine> engine;

  Node() {
    options.path = dir.path();
    options.clock = &clock;
    options.head_bytes_max = 64 << 20;
    options.block_cache_bytes = 8 << 20;
  }
  void Open() {
    auto opened = Engine::Open(options);
    INFO(opened.status());
    REQUIRE(opened.ok());
    engine = *std::move(opened);
  }
  void Reopen() {
    engine.reset();
    Open();
  }

  uint64_t Define(const LabelSet& labels, TenantId tenant = kTenant) {
    std::string canonical;
    model::AppendCanonicalBytes(canonical, labels);
    const SeriesDefinition one{tenant, canonical};
    std::vector<uint64_t> ids;
    const absl::Status status = engine->Define(std::span(&one, 1), ids);
    INFO(status);
    REQUIRE(status.ok());
    REQUIRE(ids.size() == 1);
    return ids[0];
  }
  absl::StatusOr<AppendResult> TryAppend(uint64_t id,
                                         const SampleColumns& samples,
                                         TenantId tenant = kTenant,
                                         AckLevel ack = AckLevel::kDurable) {
    encoding::DataRecordBuilder builder;
    builder.Start(1, clock.NowMs());
    builder.Add(tenant.kind, tenant.id, id, samples.timestamps_ms,
                samples.values);
    return engine->Append(builder.Finish(), ack);
  }
  AppendResult Append(uint64_t id, const SampleColumns& samples,
                      TenantId tenant = kTenant) {
    auto result = TryAppend(id, samples, tenant);
    INFO(result.status());
    REQUIRE(result.ok());
    return *result;
  }
  std::map<std::string, SampleColumns> Search(
      model::Matchers matchers = {}, TenantId tenant = kTenant,
      model::TimeRange range = {0, model::kTimestampMaxMs}) {
    auto cursor = engine->Search({.tenant = tenant,
                                  .matcher_groups = {std::move(matchers)},
                                  .range = range});
    INFO(cursor.status());
    REQUIRE(cursor.ok());
    std::map<std::string, SampleColumns> out;
    SearchSeries series;
    while (true) {
      const auto more = (*cursor)->Next(series);
      INFO(more.status());
      REQUIRE(more.ok());
      if (!*more) break;
      const auto labels = model::ParseCanonicalBytes(series.labels);
      REQUIRE(labels.ok());
      CHECK(series.hash == model::HashSeries(tenant, series.labels));
      CHECK(out.emplace(labels->Text(), series.samples).second);
    }
    CHECK((*cursor)->complete());
    return out;
  }
};

SampleColumns Samples(std::initializer_list<model::Sample> samples) {
  SampleColumns out;
  for (const auto& one : samples) out.push_back(one.timestamp_ms, one.value);
  return out;
}

void CheckSame(const SampleColumns& got, const SampleColumns& want) {
  CHECK(got.timestamps_ms == want.timestamps_ms);
  REQUIRE(got.values.size() == want.values.size());
  for (size_t i = 0; i < want.size(); ++i) {
    CAPTURE(i);
    CHECK(model::SameBits(got.values[i], want.values[i]));
  }
}

const LabelSet kUp = {{"__name__", "up"}, {"job", "a"}};
const LabelSet kDown = {{"__name__", "down"}, {"job", "b"}};

TEST_CASE("a sample is found once it is acknowledged", "[engine]") {
  Node node;
  node.Open();
  const uint64_t id = node.Define(kUp);
  CHECK(node.Define(kUp) == id);
  const SampleColumns samples =
      Samples({{kNowMs - 15'000, 1.5}, {kNowMs, model::StaleNan()}});
  CHECK(node.Append(id, samples).rows == 2);
  const auto found = node.Search();
  REQUIRE(found.size() == 1);
  CheckSame(found.begin()->second, samples);
  CHECK(node.Search({{model::MatchType::kEqual, "job", "b"}}).empty());
  CHECK(node.engine->Stats().series_created == 1);
  CHECK(node.engine->Stats().series_active_hour == 1);
}

TEST_CASE("everything acknowledged is there after a restart", "[engine]") {
  Node node;
  node.Open();
  const uint64_t node_id = node.engine->node_id();
  const uint64_t ref_epoch = node.engine->ref_epoch();
  const uint64_t id = node.Define(kUp);
  const SampleColumns samples = Samples({{kNowMs, 1}, {kNowMs + 1, 2}});
  node.Append(id, samples);
  REQUIRE(node.engine->PutState("ring/1", "r").ok());
  node.Reopen();
  CHECK(node.engine->node_id() == node_id);
  CHECK(node.engine->ref_epoch() == ref_epoch);
  CheckSame(node.Search().begin()->second, samples);
  CHECK(node.Define(kUp) == id);
  CHECK(node.Append(id, Samples({{kNowMs + 2, 3}})).unknown_ref == 0);
  CHECK(node.engine->ListState("ring/")->front().second == "r");
}

TEST_CASE("a flush changes no answer, before or after a restart", "[engine]") {
  Node node;
  node.Open();
  const uint64_t up = node.Define(kUp);
  const uint64_t down = node.Define(kDown);
  const SampleColumns old_days = Samples({{kNowMs - 20 * model::kDayMs, 7},
                                          {kNowMs - model::kDayMs, 8},
                                          {kNowMs, 9}});
  node.Append(up, old_days);
  node.Append(down, Samples({{kNowMs, -0.0}}));
  REQUIRE(node.engine->PutState("missed/x", "m").ok());
  REQUIRE(node.engine->Flush().ok());
  CHECK(node.engine->Stats().head_samples == 0);
  CHECK(node.engine->Stats().data_rows == 4);
  CheckSame(node.Search()["up{job=\"a\"}"], old_days);
  node.Append(up, Samples({{kNowMs + 1, 10}, {kNowMs - 5, 11}}));
  const SampleColumns all = Samples({{kNowMs - 20 * model::kDayMs, 7},
                                     {kNowMs - model::kDayMs, 8},
                                     {kNowMs - 5, 11},
                                     {kNowMs, 9},
                                     {kNowMs + 1, 10}});
  CheckSame(node.Search()["up{job=\"a\"}"], all);
  node.Reopen();
  CheckSame(node.Search()["up{job=\"a\"}"], all);
  CheckSame(node.Search()["down{job=\"b\"}"], Samples({{kNowMs, -0.0}}));
  CHECK(node.engine->ListState("missed/")->size() == 1);
  REQUIRE(node.engine->Flush().ok());
  node.Reopen();
  CheckSame(node.Search()["up{job=\"a\"}"], all);
  CHECK(node.engine->Stats().head_samples == 0);
}

TEST_CASE("a crash after any step of a flush loses nothing", "[engine]") {
  for (const FlushStep step : {FlushStep::kCut, FlushStep::kIndexed,
                               FlushStep::kIngested, FlushStep::kDropped}) {
    CAPTURE(static_cast<int>(step));
    Node node;
    node.options.flush_hook = [step](FlushStep at) { return at != step; };
    node.Open();
    const uint64_t id = node.Define(kUp);
    const SampleColumns samples = Samples({{kNowMs - 1, 1}, {kNowMs, 2}});
    node.Append(id, samples);
    CHECK(absl::IsAborted(node.engine->Flush()));
    CheckSame(node.Search().begin()->second, samples);
    node.options.flush_hook = nullptr;
    node.Reopen();
    CheckSame(node.Search().begin()->second, samples);
    node.Append(id, Samples({{kNowMs + 1, 3}}));
    REQUIRE(node.engine->Flush().ok());
    node.Reopen();
    CheckSame(node.Search().begin()->second,
              Samples({{kNowMs - 1, 1}, {kNowMs, 2}, {kNowMs + 1, 3}}));
  }
}

TEST_CASE("a flush that failed is made up by the next", "[engine]") {
  Node node;
  int failures = 1;
  node.options.flush_hook = [&](FlushStep at) {
    return at != FlushStep::kIndexed || failures-- <= 0;
  };
  node.Open();
  const uint64_t id = node.Define(kUp);
  node.Append(id, Samples({{kNowMs, 1}}));
  CHECK_FALSE(node.engine->Flush().ok());
  node.Append(id, Samples({{kNowMs + 1, 2}}));
  CHECK(node.engine->Flush().ok());
  CHECK(node.engine->Flush().ok());
  CHECK(node.engine->Stats().head_samples == 0);
  node.Reopen();
  CheckSame(node.Search().begin()->second,
            Samples({{kNowMs, 1}, {kNowMs + 1, 2}}));
}

TEST_CASE("rows outside retention are dropped and counted", "[engine]") {
  Node node;
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
  node.Reopen();
  CheckSame(node.Search().begin()->second, kept);
  CHECK(node.engine->Stats().rows_too_old == 0);
}

TEST_CASE("days out of retention go, in head, blocks and index", "[engine]") {
  Node node;
  node.options.retention_ms = 10 * model::kDayMs;
  node.Open();
  const uint64_t id = node.Define(kUp);
  node.Append(id, Samples({{kNowMs - 9 * model::kDayMs, 1},
                           {kNowMs - model::kDayMs, 2},
                           {kNowMs, 3}}));
  REQUIRE(node.engine->Flush().ok());
  node.clock.Advance(3 * model::kDayMs);
  CheckSame(node.Search().begin()->second,
            Samples({{kNowMs - model::kDayMs, 2}, {kNowMs, 3}}));
  REQUIRE(node.engine->ApplyRetention().ok());
  CHECK(node.engine->Stats().data_rows == 2);
  node.clock.Advance(20 * model::kDayMs);
  REQUIRE(node.engine->ApplyRetention().ok());
  CHECK(node.engine->Stats().data_rows == 0);
  CHECK(node.Search().empty());
  node.Reopen();
  CHECK(node.Search().empty());
  CHECK(node.engine->Tenants({0, model::kTimestampMaxMs})->empty());
}

TEST_CASE("a ref of another tenant or of nobody stores nothing", "[engine]") {
  Node node;
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
  node.Reopen();
  CHECK(node.Append(other, Samples({{kNowMs, 1}})).unknown_ref == 1);
  CHECK(node.Append(mine, Samples({{kNowMs, 1}})).unknown_ref == 0);
  CHECK(node.Search({}, kOther).size() == 1);
}

TEST_CASE("a broken record is refused whole", "[engine]") {
  Node node;
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

TEST_CASE("late and repeated samples are one sorted series", "[engine]") {
  Node node;
  node.options.dedup = {.interval_ms = 0, .keep_all = true};
  node.Open();
  const uint64_t id = node.Define(kUp);
  node.Append(id, Samples({{kNowMs, 1}, {kNowMs + 10, 2}}));
  node.Append(id, Samples({{kNowMs, 1}, {kNowMs + 5, 3}, {kNowMs + 5, 4}}));
  const SampleColumns want = Samples(
      {{kNowMs, 1}, {kNowMs + 5, 3}, {kNowMs + 5, 4}, {kNowMs + 10, 2}});
  CHECK(node.Search().begin()->second.size() == want.size());
  REQUIRE(node.engine->Flush().ok());
  node.Append(id, Samples({{kNowMs + 10, 2}, {kNowMs, 1}}));
  CHECK(node.Search().begin()->second.timestamps_ms == want.timestamps_ms);
}

TEST_CASE("searches of the last minutes need no blocks after a flush",
          "[engine]") {
  Node node;
  node.Open();
  const uint64_t id = node.Define(kUp);
  const auto recent = [&node](int64_t back_ms) {
    return node.Search({}, kTenant, {kNowMs - back_ms, kNowMs})
        .begin()
        ->second.values;
  };
  const auto without_blocks = [&node] {
    return node.engine->Stats().searches_without_blocks;
  };
  SampleColumns samples;
  for (int64_t i = 120; i > 0; --i) {
    samples.push_back(kNowMs - i * 15'000, static_cast<double>(i));
  }
  node.Append(id, samples);
  REQUIRE(node.engine->Flush().ok());
  node.Append(id, Samples({{kNowMs, 0}}));
  CHECK(recent(300'000).size() == 21);
  CHECK(without_blocks() == 1);
  CHECK(recent(600'000).size() == 41);
  CHECK(without_blocks() == 1);
  CHECK(node.engine->Stats().head_tail_bytes > 0);

  // What has been in blocks since before the start is asked from blocks.
  node.Reopen();
  CHECK(recent(300'000).size() == 21);
  CHECK(without_blocks() == 0);
  CHECK(recent(14'999).size() == 1);
  CHECK(without_blocks() == 1);
}

TEST_CASE("a search over the limit names the flag", "[engine]") {
  Node node;
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
  Node node;
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

TEST_CASE("labels, values, cardinality and tenants are told", "[engine]") {
  Node node;
  node.Open();
  node.Append(node.Define(kUp), Samples({{kNowMs, 1}}));
  node.Append(node.Define(kDown), Samples({{kNowMs, 1}}));
  node.Append(node.Define(kUp, kOther), Samples({{kNowMs, 1}}), kOther);
  const model::TimeRange range = {kNowMs - 1000, kNowMs + 1000};
  CHECK(*node.engine->LabelNames({.tenant = kTenant, .range = range}) ==
        std::vector<std::string>{"__name__", "job"});
  CHECK(*node.engine->LabelValues({.tenant = kTenant, .range = range},
                                  "job") ==
        std::vector<std::string>{"a", "b"});
  CHECK(node.engine->Status({.tenant = kTenant, .range = range})
            ->total_series == 2);
  CHECK(*node.engine->Tenants(range) ==
        std::vector<TenantId>{kTenant, kOther});
}

TEST_CASE("a directory has one engine at a time", "[engine]") {
  Node node;
  node.Open();
  CHECK_FALSE(Engine::Open(node.options).ok());
  node.engine.reset();
  std::filesystem::path marker(node.dir.path());
  marker /= "restore-in-progress";
  std::fclose(std::fopen(marker.c_str(), "w"));
  CHECK(absl::IsFailedPrecondition(Engine::Open(node.options).status()));
  std::filesystem::remove(marker);
  node.Open();
}

TEST_CASE("a power cut loses nothing acknowledged durable", "[engine]") {
  FaultFileSystem disk;  // outlives the engine
  Node node;
  node.options.file_system = &disk;
  node.Open();
  const uint64_t id = node.Define(kUp);
  const SampleColumns samples = Samples({{kNowMs, 1}, {kNowMs + 1, 2}});
  node.Append(id, samples);
  disk.Crash();
  node.engine.reset();
  node.Open();
  CheckSame(node.Search().begin()->second, samples);
}

TEST_CASE("rows acknowledged as written are fsynced soon", "[engine][slow]") {
  FaultFileSystem disk;  // outlives the engine
  Node node;
  node.options.file_system = &disk;
  node.Open();
  const uint64_t id = node.Define(kUp);
  const SampleColumns samples = Samples({{kNowMs, 1}});
  const int64_t before = node.engine->Stats().fsyncs;
  REQUIRE(node.TryAppend(id, samples, kTenant, AckLevel::kWritten).ok());
  while (node.engine->Stats().fsyncs == before) std::this_thread::yield();
  disk.Crash();
  node.engine.reset();
  node.Open();
  CheckSame(node.Search().begin()->second, samples);
}

TEST_CASE("a failed fsync ends acknowledgements, not reads", "[engine]") {
  FaultFileSystem disk;  // outlives the engine
  Node node;
  node.options.file_system = &disk;
  node.Open();
  const uint64_t id = node.Define(kUp);
  node.Append(id, Samples({{kNowMs, 1}}));
  disk.FailSyncs(1);
  CHECK_FALSE(node.TryAppend(id, Samples({{kNowMs + 1, 2}})).ok());
  CHECK_FALSE(node.TryAppend(id, Samples({{kNowMs + 2, 3}})).ok());
  CHECK(node.Search().size() == 1);
}

TEST_CASE("an old open day moves to the closed ones", "[engine]") {
  Node node;
  node.Open();
  const uint64_t id = node.Define(kUp);
  const SampleColumns samples = Samples({{kNowMs, 1}, {kNowMs + 1, 2}});
  node.Append(id, samples);
  REQUIRE(node.engine->Flush().ok());
  node.clock.Advance(4 * model::kDayMs);
  // Late for a day that is still open on disk, then a new one.
  node.Append(id, Samples({{kNowMs + 2, 3}}));
  REQUIRE(node.engine->Flush().ok());
  REQUIRE(node.engine->ApplyRetention().ok());
  CheckSame(node.Search().begin()->second,
            Samples({{kNowMs, 1}, {kNowMs + 1, 2}, {kNowMs + 2, 3}}));
  CHECK(node.engine->Stats().data_rows == 3);
}

TEST_CASE("a full disk does not keep the log that a flush wrote", "[engine]") {
  FaultFileSystem disk;  // outlives the engine
  Node node;
  node.options.file_system = &disk;
  node.Open();
  const uint64_t id = node.Define(kUp);
  node.Append(id, Samples({{kNowMs, 1}}));
  node.Reopen();  // what was written is a closed segment now
  node.Append(id, Samples({{kNowMs + 1, 2}}));
  const int64_t before = node.engine->Stats().wal_bytes;
  disk.LimitBytes(0);
  CHECK(absl::IsResourceExhausted(node.engine->Flush()));
  const int64_t after = node.engine->Stats().wal_bytes;
  CHECK(after < before);
  // Room again, and nothing new to flush: the rest of the log goes too.
  disk.LimitBytes(-1);
  CHECK(node.engine->Flush().ok());
  CHECK(node.engine->Stats().wal_bytes < after);
  node.Reopen();
  CheckSame(node.Search().begin()->second,
            Samples({{kNowMs, 1}, {kNowMs + 1, 2}}));
}

TEST_CASE("a replay under a clock that lags loses nothing", "[engine]") {
  Node node;
  node.Open();
  const uint64_t id = node.Define(kUp);
  const SampleColumns samples = Samples({{kNowMs, 1}, {kNowMs + 1, 2}});
  node.Append(id, samples);
  node.engine.reset();
  node.clock.Set(0);  // a machine before its first word with a time server
  node.Open();
  REQUIRE(node.engine->Flush().ok());
  node.clock.Set(kNowMs);
  CheckSame(node.Search()["up{job=\"a\"}"], samples);
}

TEST_CASE("blocks without their index are not given new ids", "[engine]") {
  Node node;
  node.Open();
  node.Append(node.Define(kUp), Samples({{kNowMs, 1}}));
  REQUIRE(node.engine->Flush().ok());
  node.engine.reset();
  std::filesystem::remove_all(node.dir.path() + "/index");
  const auto opened = Engine::Open(node.options);
  REQUIRE(absl::IsFailedPrecondition(opened.status()));
  CHECK(std::string(opened.status().message()).find("index/") !=
        std::string::npos);
}

// Flips a byte in the first block of each table of `family` in `dir`.
int DamageTables(const std::string& dir, const std::string& family) {
  int damaged = 0;
  for (const auto& entry : std::filesystem::directory_iterator(dir)) {
    if (entry.path().extension() != ".sst") continue;
    std::fstream file(entry.path(),
                      std::ios::in | std::ios::out | std::ios::binary);
    std::string content(std::istreambuf_iterator<char>(file), {});
    // A table's properties name its family.
    if (content.find(family) == std::string::npos) continue;
    file.seekp(20);
    file.put(static_cast<char>(content[20] ^ 0x55));
    ++damaged;
  }
  return damaged;
}

TEST_CASE("a damaged table block is left out and told", "[engine]") {
  Node node;
  node.Open();
  const uint64_t up = node.Define(kUp);
  const uint64_t down = node.Define(kDown);
  node.Append(up, Samples({{kNowMs, 1}}));
  node.Append(down, Samples({{kNowMs, 1}}));
  REQUIRE(node.engine->Flush().ok());
  node.engine.reset();
  REQUIRE(DamageTables(node.dir.path() + "/data", "d20261120") == 1);
  node.Open();
  node.Append(up, Samples({{kNowMs + 1, 2}}));
  auto cursor = node.engine->Search(
      {.tenant = kTenant, .range = {0, model::kTimestampMaxMs}});
  REQUIRE(cursor.ok());
  SearchSeries series;
  auto more = (*cursor)->Next(series);
  INFO(more.status());
  REQUIRE(more.ok());
  REQUIRE(*more);
  CheckSame(series.samples, Samples({{kNowMs + 1, 2}}));
  more = (*cursor)->Next(series);
  REQUIRE(more.ok());
  CHECK_FALSE(*more);
  CHECK_FALSE((*cursor)->complete());
  cursor->reset();
  CHECK(node.engine->Stats().corrupt_blocks > 0);
}

TEST_CASE("searches stay whole while writes and flushes go on", "[engine]") {
  Node node;
  node.Open();
  std::vector<uint64_t> ids;
  for (int i = 0; i < 20; ++i) {
    ids.push_back(
        node.Define({{"__name__", "m"}, {"i", std::to_string(i)}}));
  }
  constexpr int kRounds = 60;
  std::atomic<int> acknowledged{0};
  std::atomic<int> refused{0};  // Catch2 checks on one thread only
  std::thread writer([&] {
    for (int round = 1; round <= kRounds; ++round) {
      for (const uint64_t id : ids) {
        refused += !node.TryAppend(id, Samples({{kNowMs + round, 1.0 * round}}))
                        .ok();
      }
      acknowledged = round;
    }
  });
  std::thread flusher([&] {
    while (acknowledged < kRounds) (void)node.engine->Flush();
  });
  while (acknowledged < kRounds) {
    const int before = acknowledged;
    if (before == 0) continue;
    const auto found = node.Search();
    CHECK(found.size() == ids.size());
    for (const auto& [name, samples] : found) {
      CHECK(samples.size() >= static_cast<size_t>(before));
    }
  }
  writer.join();
  flusher.join();
  CHECK(refused == 0);
  for (const auto& [name, samples] : node.Search()) {
    CHECK(samples.size() == kRounds);
  }
}

}  // namespace
}  // namespace varve::storage
