#include "storage/engine/engine.h"

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "storage/engine/test_node.h"

namespace varve::storage {
namespace {

using model::LabelSet;
using model::SampleColumns;
using model::TenantId;

const LabelSet kUp = {{"__name__", "up"}, {"job", "a"}};
const LabelSet kDown = {{"__name__", "down"}, {"job", "b"}};

TEST_CASE("a sample is found once it is acknowledged", "[engine]") {
  TestNode node;
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
  TestNode node;
  node.Open();
  const uint64_t node_id = node.engine->node_id();
  const uint64_t ref_epoch = node.engine->ref_epoch();
  const uint64_t id = node.Define(kUp);
  const SampleColumns samples = Samples({{kNowMs, 1}, {kNowMs + 1, 2}});
  node.Append(id, samples);
  REQUIRE(node.engine->PutState("ring/1", "r").ok());
  node.Open();
  CHECK(node.engine->node_id() == node_id);
  CHECK(node.engine->ref_epoch() == ref_epoch);
  CheckSame(node.Search().begin()->second, samples);
  CHECK(node.Define(kUp) == id);
  CHECK(node.Append(id, Samples({{kNowMs + 2, 3}})).unknown_ref == 0);
  CHECK(node.engine->ListState("ring/")->front().second == "r");
}

TEST_CASE("days out of retention go, in head, blocks and index", "[engine]") {
  TestNode node;
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
  node.Open();
  CHECK(node.Search().empty());
  CHECK(node.engine->Tenants({0, model::kTimestampMaxMs})->empty());
}

TEST_CASE("late and repeated samples are one sorted series", "[engine]") {
  TestNode node;
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

TEST_CASE("labels, values, cardinality and tenants are told", "[engine]") {
  TestNode node;
  node.Open();
  node.Append(node.Define(kUp), Samples({{kNowMs, 1}}));
  node.Append(node.Define(kDown), Samples({{kNowMs, 1}}));
  node.Append(node.Define(kUp, kOther), Samples({{kNowMs, 1}}), kOther);
  const model::TimeRange range = {kNowMs - 1000, kNowMs + 1000};
  CHECK(*node.engine->LabelNames({.tenant = kTenant, .range = range}) ==
        std::vector<std::string>{"__name__", "job"});
  CHECK(*node.engine->LabelValues({.tenant = kTenant, .range = range}, "job") ==
        std::vector<std::string>{"a", "b"});
  CHECK(
      node.engine->Status({.tenant = kTenant, .range = range})->total_series ==
      2);
  CHECK(*node.engine->Tenants(range) == std::vector<TenantId>{kTenant, kOther});
}

TEST_CASE("a directory has one engine at a time", "[engine]") {
  TestNode node;
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

TEST_CASE("blocks without their index are not given new ids", "[engine]") {
  TestNode node;
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
  TestNode node;
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

}  // namespace
}  // namespace varve::storage
