#include "storage/compaction/day_rewrite.h"

#include <catch2/catch.hpp>
#include <map>

#include "lib/base/byte_coding.h"
#include "lib/base/hash.h"
#include "lib/model/time_range.h"
#include "storage/block/block_writer.h"
#include "tests/support/temp_dir.h"

namespace varve::storage {
namespace {

constexpr int32_t kDay = 20'000;
constexpr int64_t kStart = kDay * model::kDayMs;
constexpr model::TenantId kA{0, 1};
constexpr model::TenantId kB{0, 2};

// An hour of scrapes every 15 s with a jitter of their own.
model::SampleColumns Hour(int64_t hour, double value) {
  model::SampleColumns out;
  for (int64_t i = 0; i < 240; ++i) {
    out.push_back(kStart + hour * 3'600'000 + i * 15'000 + i * 7 % 5,
                  value + static_cast<double>(i));
  }
  return out;
}

struct Data {
  tests::TempDir dir;
  std::unique_ptr<KvDb> db;
  KvFamilyRef day;
  KvFamilyRef closed;
  uint64_t next_column = 1;
  int paths = 0;

  Data() {
    KvOptions options;
    options.path = dir.path() + "/db";
    options.cache = std::make_shared<KvCache>(1 << 20);
    options.family_options = [](std::string_view) {
      return KvFamilyOptions{.merges = true};
    };
    options.families = {"day", "closed"};
    db = *KvDb::Open(options);
    day = db->Find("day");
    closed = db->Find("closed");
  }

  using SeriesSamples = std::map<SeriesKey, model::SampleColumns>;

  void Flush(const KvFamilyRef& to, uint64_t generation,
             const SeriesSamples& series) {
    BlockWriter writer(
        generation, [&](int32_t) { return next_column; },
        [&](int32_t, std::string_view key, std::string_view value) {
          std::string full;
          if (to == closed) base::PutFixedBe(full, kDay);
          full.append(key);
          KvBatch batch;
          batch.Merge(*to, full, value);
          return db->Write(batch, false);
        });
    encoding::ValueHints hints;
    for (const auto& [key, columns] : series) {
      REQUIRE(writer.Add(key, columns, hints).ok());
    }
    REQUIRE(writer.Finish().ok());
    next_column = writer.Days().at(kDay).next_column;
  }

  // Series 1, 2 and 3 of kA in the first hour, of generation 3; they share a
  // column of timestamps.
  void FlushThree() {
    SeriesSamples three;
    for (uint64_t id = 1; id <= 3; ++id) {
      three[{kA, 1, id}] = Hour(0, static_cast<double>(id));
    }
    Flush(day, 3, three);
  }

  DayRewriteOptions Options(const KvFamilyRef& source) {
    DayRewriteOptions options;
    options.db = db.get();
    options.source = source;
    options.closed = closed;
    options.day = kDay;
    options.dedup = {.interval_ms = 0, .keep_all = true};
    options.next_path = [this] {
      return dir.path() + "/" + std::to_string(paths++) + ".sst";
    };
    options.next_column = next_column;
    return options;
  }

  // In parts, so that each tells where the next goes on.
  DayRewriteStats Run(DayRewriteOptions options, int64_t part_bytes = 100) {
    const bool in_place = options.source == options.closed;
    DayRewrite rewrite(std::move(options));
    std::vector<std::string> files;
    while (!rewrite.done()) {
      const absl::Status status = rewrite.Run(part_bytes);
      INFO(status);
      REQUIRE(status.ok());
      if (!in_place && !rewrite.done()) continue;
      files = rewrite.TakeFiles();
      if (files.empty()) continue;
      const KvIngest ingest{closed, files};
      REQUIRE(db->Ingest(std::span(&ingest, 1)).ok());
    }
    next_column = rewrite.next_column();
    return rewrite.stats();
  }

  std::map<ClosedKey, std::string> Rows() {
    std::map<ClosedKey, std::string> rows;
    const auto it = db->Scan(closed, {});
    for (it->SeekToFirst(); it->Valid(); it->Next()) {
      rows.emplace(*ParseClosedKey(it->key()), it->value());
    }
    REQUIRE(it->status().ok());
    return rows;
  }
  int Columns() {
    int columns = 0;
    for (const auto& [key, value] : Rows()) {
      columns += key.series.metric_id == kColumnsMetricId ? 1 : 0;
    }
    return columns;
  }

  struct Got {
    model::SampleColumns samples;
    SegmentReadStats stats;
  };
  Got Read(const SeriesKey& key) {
    Got got;
    const auto rows = Rows();
    const auto row = rows.find({kDay, key});
    if (row == rows.end()) return got;
    ColumnReader columns(*db, nullptr, 1 << 20);
    columns.Use(closed, true, kDay, key.tenant);
    REQUIRE(ReadFloatSegments(row->second, {0, INT64_MAX}, columns,
                              got.samples, got.stats)
                .ok());
    return got;
  }
};

TEST_CASE("a moved day has each series once, sorted, in one segment",
          "[compaction]") {
  Data data;
  for (const int64_t hour : {1, 0, 2, 1}) {  // out of order, one twice
    Data::SeriesSamples series;
    for (uint64_t id = 1; id <= 5; ++id) {
      series[{kA, 1, id}] = Hour(hour, static_cast<double>(id));
      series[{kB, 2, id + 10}] = Hour(hour, static_cast<double>(id));
    }
    data.Flush(data.day, static_cast<uint64_t>(hour) + 7, series);
  }
  const DayRewriteStats stats = data.Run(data.Options(data.day));
  CHECK(stats.series == 10);
  CHECK(stats.changed == 10);
  CHECK(stats.samples_in == 10 * 4 * 240);
  CHECK(stats.samples_out == 10 * 3 * 240);
  // A column for each tenant; the first series has its timestamps inline.
  CHECK(data.Rows().size() == 10 + 2);
  for (uint64_t id = 1; id <= 5; ++id) {
    for (const SeriesKey& key : {SeriesKey{kA, 1, id}, {kB, 2, id + 10}}) {
      const Data::Got got = data.Read(key);
      CHECK(got.stats.segments == 1);
      CHECK(got.stats.complete());
      REQUIRE(got.samples.size() == 720);
      for (int64_t hour = 0; hour < 3; ++hour) {
        const model::SampleColumns want = Hour(hour, static_cast<double>(id));
        for (size_t i = 0; i < 240; ++i) {
          const size_t at = static_cast<size_t>(hour) * 240 + i;
          REQUIRE(got.samples.timestamps_ms[at] == want.timestamps_ms[i]);
          REQUIRE(got.samples.values[at] == want.values[i]);
        }
      }
    }
  }
  SegmentHeader header;
  const std::string value = data.Rows().at({kDay, {kA, 1, 2}});
  std::string_view view = value;
  REQUIRE(NextSegment(view, header).ok());
  CHECK(header.generation == 9);
}

TEST_CASE("a series of one segment moves as it is, with its column",
          "[compaction]") {
  Data data;
  data.FlushThree();
  CHECK(data.Run(data.Options(data.day)).changed == 0);
  CHECK(data.Columns() == 1);
  for (uint64_t id = 1; id <= 3; ++id) {
    const Data::Got got = data.Read({kA, 1, id});
    CHECK(got.stats.complete());
    CHECK(got.samples.timestamps_ms == Hour(0, 0).timestamps_ms);
  }
}

TEST_CASE("a rewrite in place joins what came late, and finds it done after",
          "[compaction]") {
  Data data;
  data.FlushThree();
  data.Run(data.Options(data.day));
  data.Flush(data.closed, 4, {{{kA, 1, 1}, Hour(1, 1)},
                              {{kA, 1, 2}, Hour(1, 2)},
                              {{kB, 9, 9}, Hour(1, 2)}});
  CHECK(data.Columns() == 2);
  const DayRewriteStats stats = data.Run(data.Options(data.closed));
  CHECK(stats.series == 4);
  CHECK(stats.changed == 2);
  for (uint64_t id = 1; id <= 2; ++id) {
    const Data::Got got = data.Read({kA, 1, id});
    CHECK(got.stats.complete());
    CHECK(got.stats.segments == 1);
    CHECK(got.samples.size() == 480);
  }
  // Series 3 keeps the old column, the joined ones share a new one; nobody
  // needs the late one.
  CHECK(data.Read({kA, 1, 3}).stats.complete());
  CHECK(data.Read({kB, 9, 9}).stats.complete());
  const auto before = data.Rows();
  CHECK(data.Run(data.Options(data.closed)).changed == 0);
  CHECK(data.Rows() == before);
  CHECK(data.Columns() == 2);
}

TEST_CASE("what rules take away leaves an empty value, and no column",
          "[compaction]") {
  Data data;
  data.FlushThree();
  data.Run(data.Options(data.day));
  data.Flush(data.closed, 6, {{{kA, 1, 1}, Hour(1, 1)}});
  DayRewriteOptions options = data.Options(data.closed);
  options.rules_of = [](const SeriesKey& key,
                        SeriesRules& rules) -> absl::StatusOr<bool> {
    rules.clear();
    if (key.series_id == 3) return false;
    // Written before generation 5: gone.
    rules.deleted = {{.below_generation = 5, .range = {0, INT64_MAX}}};
    return true;
  };
  const DayRewriteStats stats = data.Run(std::move(options));
  CHECK(stats.changed == 2);
  CHECK(stats.gone == 1);
  CHECK(data.Read({kA, 1, 1}).samples.timestamps_ms ==
        Hour(1, 0).timestamps_ms);
  CHECK(data.Rows().at({kDay, {kA, 1, 2}}).empty());
  CHECK(data.Read({kA, 1, 3}).samples.size() == 240);
  CHECK(data.Columns() == 1);

  options = data.Options(data.closed);
  options.rules_of = [](const SeriesKey&,
                        SeriesRules& rules) -> absl::StatusOr<bool> {
    rules.clear();
    rules.deleted = {{.below_generation = 100, .range = {0, INT64_MAX}}};
    return true;
  };
  CHECK(data.Run(std::move(options)).gone == 2);
  CHECK(data.Columns() == 0);
  for (const auto& [key, value] : data.Rows()) CHECK(value.empty());
}

TEST_CASE("a dedup interval is applied on disk", "[compaction]") {
  Data data;
  data.Flush(data.day, 3, {{{kA, 1, 1}, Hour(0, 1)}});
  DayRewriteOptions options = data.Options(data.day);
  options.dedup = {.interval_ms = 60'000};
  const DayRewriteStats stats = data.Run(std::move(options));
  CHECK(stats.samples_out == 61);
  CHECK(data.Read({kA, 1, 1}).samples.size() == 61);
}

TEST_CASE("damaged values and other kinds are kept with their columns",
          "[compaction]") {
  Data data;
  data.FlushThree();
  // A second segment with a flipped bit behind series 2's, one of an unknown
  // kind that refers to the column behind series 3's.
  std::string damaged;
  AppendFloatSegments(4, Hour(1, 1).timestamps_ms, Hour(1, 1).values, {},
                      damaged);
  damaged[9] = static_cast<char>(damaged[9] ^ 1);
  std::string unknown;
  base::PutLengthPrefixed(unknown, std::string{9, 4, 1, 1, 'x'});
  base::PutFixedLe(unknown, static_cast<uint32_t>(base::Checksum(unknown)));
  for (const auto& [id, more] : {std::pair<uint64_t, std::string>{2, damaged},
                                 {3, unknown}}) {
    std::string key;
    AppendSeriesKey(key, {kA, 1, id});
    KvBatch batch;
    batch.Merge(*data.day, key, more);
    REQUIRE(data.db->Write(batch, false).ok());
  }
  const DayRewriteStats stats = data.Run(data.Options(data.day));
  CHECK(stats.damaged == 1);
  const Data::Got two = data.Read({kA, 1, 2});
  CHECK(two.samples.size() == 240);
  CHECK(two.stats.corrupt == 1);
  const Data::Got three = data.Read({kA, 1, 3});
  CHECK(three.samples.size() == 240);
  CHECK(three.stats.unknown == 1);
  CHECK(data.Columns() == 1);
}

}  // namespace
}  // namespace varve::storage
