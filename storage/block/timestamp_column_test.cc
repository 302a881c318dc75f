#include "storage/block/timestamp_column.h"

#include <catch2/catch.hpp>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/escaping.h"
#include "lib/model/time_range.h"
#include "storage/block/block_writer.h"
#include "storage/block/segment.h"
#include "tests/support/temp_dir.h"

namespace varve::storage {
namespace {

constexpr int32_t kDay = 20'000;
constexpr int64_t kStart = kDay * model::kDayMs;
constexpr model::TenantId kTenant{0, 1};

// Not regular: what `phase` scrapes at.
std::vector<int64_t> Jittered(int64_t phase, size_t n = 240) {
  std::vector<int64_t> times;
  for (size_t i = 0; i < n; ++i) {
    const auto at = static_cast<int64_t>(i);
    times.push_back(kStart + phase + at * 15'000 + at * 7 % 5);
  }
  return times;
}

TEST_CASE("the second of two equal runs gets a column", "[block]") {
  SharedTimestamps shared;
  uint64_t next = 7;
  CHECK(shared.Find(Jittered(0), next) == 0);
  CHECK(shared.Find(Jittered(1), next) == 0);
  CHECK(shared.Find(Jittered(0), next) == 7);
  CHECK(shared.Find(Jittered(0), next) == 7);
  CHECK(shared.Find(Jittered(1), next) == 8);
  CHECK(next == 9);
  const auto columns = shared.Columns();
  REQUIRE(columns.size() == 2);
  CHECK(columns[0].id == 7);
  CHECK(std::ranges::equal(columns[0].timestamps_ms, Jittered(0)));
  shared.Clear();
  CHECK(shared.Columns().empty());
  CHECK(shared.Find(Jittered(0), next) == 0);
}

TEST_CASE("short and regular runs stand inline", "[block]") {
  SharedTimestamps shared;
  uint64_t next = 1;
  const std::vector<int64_t> regular = {0, 10, 20, 30, 40, 50, 60, 70, 80, 90};
  for (int i = 0; i < 3; ++i) {
    CHECK(shared.Find(regular, next) == 0);
    CHECK(shared.Find(Jittered(0, 7), next) == 0);
    CHECK(shared.Find(Jittered(0, 1), next) == 0);
  }
  CHECK(next == 1);
}

TEST_CASE("runs that nobody shares do not fill the room of others",
          "[block]") {
  SharedTimestamps shared(64 << 10);
  uint64_t next = 1;
  CHECK(shared.Find(Jittered(0), next) == 0);
  CHECK(shared.Find(Jittered(0), next) == 1);
  for (int64_t phase = 1; phase < 1000; ++phase) {
    CHECK(shared.Find(Jittered(phase), next) == 0);
  }
  CHECK(shared.Find(Jittered(0), next) == 1);
  CHECK(shared.Find(Jittered(999), next) == 2);
}

TEST_CASE("a column comes back, and not when a bit of it has flipped",
          "[block]") {
  std::string value;
  AppendColumnValue(Jittered(3), value);
  std::vector<int64_t> got;
  REQUIRE(ParseColumnValue(value, got).ok());
  CHECK(got == Jittered(3));
  for (size_t bit = 0; bit < value.size() * 8; ++bit) {
    CAPTURE(bit);
    std::string flipped = value;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << bit % 8));
    CHECK(absl::IsDataLoss(ParseColumnValue(flipped, got)));
  }
  for (size_t keep = 0; keep < value.size(); ++keep) {
    CAPTURE(keep);
    CHECK(absl::IsDataLoss(
        ParseColumnValue(std::string_view(value).substr(0, keep), got)));
  }
}

TEST_CASE("the bytes are those of docs/formats/segment.md", "[block]") {
  std::vector<int64_t> times;
  for (int64_t i = 0; i < 8; ++i) {
    times.push_back(1'780'000'000'000 + i * 15'000 + i % 2);
  }
  std::string column;
  AppendColumnValue(times, column);
  CHECK(absl::BytesToHexString(column) ==
        "080f0180a0a484ce67a9b4069875010055b2905531");
  SharedTimestamps shared;
  uint64_t next = 300;
  std::string segment;
  for (int i = 0; i < 2; ++i) {
    segment.clear();
    AppendFloatSegments(3, times, std::vector<double>(8, 2.5),
                        {.shared = &shared, .next_column = &next}, segment);
  }
  CHECK(absl::BytesToHexString(segment) == "07000308ac020432fdd0a346");
}

struct Database {
  tests::TempDir dir;
  std::unique_ptr<KvDb> db;
  KvFamilyRef family;
  std::map<std::string, std::string> rows;

  Database() {
    KvOptions options;
    options.path = dir.path();
    options.cache = std::make_shared<KvCache>(1 << 20);
    options.family_options = [](std::string_view) {
      return KvFamilyOptions{.merges = true};
    };
    options.families = {"d"};
    db = *KvDb::Open(options);
    family = db->Find("d");
  }
  // Two series of one target and one of another.
  void Fill() {
    BlockWriter writer(
        4, [](int32_t) -> uint64_t { return 11; },
        [&](int32_t, std::string_view key, std::string_view value) {
          rows.emplace(key, value);
          KvBatch batch;
          batch.Merge(*family, key, value);
          return db->Write(batch, false);
        });
    encoding::ValueHints hints;
    for (uint64_t id = 1; id <= 4; ++id) {
      model::SampleColumns columns;
      for (int64_t at : Jittered(id == 4 ? 5 : 0)) {
        columns.push_back(at, static_cast<double>(id));
      }
      REQUIRE(writer.Add({kTenant, 1, id}, columns, hints).ok());
    }
    REQUIRE(writer.Finish().ok());
    CHECK(writer.Days().at(kDay).next_column == 12);
  }
};

std::string KeyOf(uint64_t metric_id, uint64_t id) {
  std::string key;
  AppendSeriesKey(key, {kTenant, metric_id, id});
  return key;
}

TEST_CASE("segments that share a column read as what was written",
          "[block]") {
  Database database;
  database.Fill();
  // Four series and one column, behind them.
  REQUIRE(database.rows.size() == 5);
  CHECK(database.rows.rbegin()->first == KeyOf(kColumnsMetricId, 11));
  CHECK(database.rows[KeyOf(1, 2)].size() < 20);
  for (const int64_t room : {int64_t{0}, int64_t{1} << 20}) {
    ColumnReader columns(*database.db, nullptr, room);
    columns.Use(database.family, false, kDay, kTenant);
    for (uint64_t id = 1; id <= 4; ++id) {
      model::SampleColumns got;
      SegmentReadStats stats;
      REQUIRE(ReadFloatSegments(database.rows[KeyOf(1, id)], {0, INT64_MAX},
                                columns, got, stats)
                  .ok());
      CHECK(stats.complete());
      CHECK(got.timestamps_ms == Jittered(id == 4 ? 5 : 0));
      // Out of the range: looked up, not decoded.
      got.clear();
      REQUIRE(ReadFloatSegments(database.rows[KeyOf(1, id)], {0, kStart - 1},
                                columns, got, stats)
                  .ok());
      CHECK(got.empty());
      CHECK(stats.skipped == 1);
    }
  }
}

TEST_CASE("a column that is missing, damaged or of another length is a "
          "damaged segment",
          "[block]") {
  Database database;
  database.Fill();
  std::string damaged = database.rows[KeyOf(kColumnsMetricId, 11)];
  damaged[9] = static_cast<char>(damaged[9] ^ 1);
  std::string shorter;
  AppendColumnValue(Jittered(0, 239), shorter);
  for (const std::string& value : {std::string(), damaged, shorter}) {
    KvBatch batch;
    batch.Delete(*database.family, KeyOf(kColumnsMetricId, 11));
    if (!value.empty()) {
      batch.Put(*database.family, KeyOf(kColumnsMetricId, 11), value);
    }
    REQUIRE(database.db->Write(batch, false).ok());
    ColumnReader columns(*database.db, nullptr, 1 << 20);
    columns.Use(database.family, false, kDay, kTenant);
    for (uint64_t id = 1; id <= 4; ++id) {
      model::SampleColumns got;
      SegmentReadStats stats;
      REQUIRE(ReadFloatSegments(database.rows[KeyOf(1, id)], {0, INT64_MAX},
                                columns, got, stats)
                  .ok());
      // The first of each target has its timestamps inline.
      const bool inline_times = id == 1 || id == 4;
      CHECK(stats.corrupt == (inline_times ? 0 : 1));
      CHECK(got.size() == (inline_times ? 240 : 0));
    }
  }
}

}  // namespace
}  // namespace varve::storage
