#include "cmd/inspect/block_dump.h"

#include <cstdio>

#include "lib/base/byte_coding.h"
#include "lib/base/status.h"
#include "lib/model/tenant.h"
#include "lib/model/time_range.h"
#include "storage/block/block_key.h"
#include "storage/block/segment.h"
#include "storage/block/timestamp_column.h"
#include "storage/engine/data_families.h"
#include "storage/fs/file_system.h"
#include "storage/index/index.h"
#include "storage/kv/kv.h"

namespace varve::inspect {
namespace {

using storage::KvDb;
using storage::KvFamilyRef;

constexpr int64_t kCacheBytes = 8 << 20;
constexpr int64_t kColumnBytes = 8 << 20;

void Print(const std::string& line) { std::printf("%s\n", line.c_str()); }

absl::StatusOr<std::unique_ptr<KvDb>> OpenDb(
    const std::string& path,
    std::function<storage::KvFamilyOptions(std::string_view)> options) {
  storage::KvOptions kv;
  kv.path = path;
  kv.cache = std::make_shared<storage::KvCache>(kCacheBytes);
  kv.family_options = std::move(options);
  return KvDb::Open(kv);
}

std::string TimesText(const model::SampleColumns& columns) {
  if (columns.empty()) return "";
  return base::StrCat(" from=", columns.timestamps_ms.front(),
                      " to=", columns.timestamps_ms.back());
}

void DumpValue(std::string_view value, storage::ColumnSource& shared,
               bool print, BlockSummary& summary) {
  const model::TimeRange all = {INT64_MIN, INT64_MAX};
  model::SampleColumns columns;
  while (!value.empty()) {
    storage::SegmentHeader header;
    columns.clear();
    absl::Status status = storage::NextSegment(value, header);
    if (status.ok() && header.kind == storage::SegmentKind::kFloat) {
      status = storage::DecodeFloatSegment(header, all, shared, columns);
    }
    ++summary.segments;
    summary.samples += static_cast<int64_t>(columns.size());
    if (!status.ok()) {
      ++summary.damaged;
      Print(base::StrCat("    DAMAGED segment: ", base::Message(status)));
    } else if (print) {
      Print(base::StrCat("    kind=", static_cast<int>(header.kind),
                         " generation=", header.generation,
                         " samples=", header.samples,
                         " column=", header.ts_ref,
                         TimesText(columns), " bytes=",
                         header.timestamps.size() + header.chunk.size()));
    }
  }
}

void DumpColumn(std::string_view value, bool print, BlockSummary& summary) {
  std::vector<int64_t> times;
  const absl::Status status = storage::ParseColumnValue(value, times);
  if (!status.ok()) {
    ++summary.damaged;
    Print(base::StrCat("    DAMAGED column: ", base::Message(status)));
  } else if (print) {
    Print(base::StrCat("    column of ", times.size(), " timestamps from=",
                       times.front(), " to=", times.back(),
                       " bytes=", value.size()));
  }
}

absl::StatusOr<storage::ClosedKey> ParseKey(std::string_view key,
                                            bool closed) {
  if (closed) return storage::ParseClosedKey(key);
  storage::ClosedKey parsed;
  ASSIGN_OR_RETURN(parsed.series, storage::ParseSeriesKey(key));
  return parsed;
}

std::string DescribeKey(const storage::ClosedKey& key, bool closed) {
  const std::string tenant =
      base::StrCat(closed ? base::StrCat("day ", key.day, " ") : "",
                   "tenant=", model::TenantText(key.series.tenant));
  if (key.series.metric_id == storage::kColumnsMetricId) {
    return base::StrCat(tenant, " shared column=", key.series.series_id);
  }
  return base::StrCat(tenant, " metric=", key.series.metric_id,
                      " series=", key.series.series_id);
}

absl::Status DumpFamily(const KvDb& db, const std::string& name, bool print,
                        BlockSummary& summary) {
  const KvFamilyRef family = db.Find(name);
  Print(base::StrCat(name, " ", db.FamilyBytes(*family), " bytes"));
  const bool closed = name == storage::kClosedFamily;
  storage::ColumnReader shared(db, nullptr, kColumnBytes);
  const auto it = db.Scan(family, {.fill_cache = false});
  for (it->SeekToFirst(); it->Valid(); it->Next()) {
    const absl::StatusOr<storage::ClosedKey> key = ParseKey(it->key(), closed);
    if (!key.ok()) {
      ++summary.damaged;
      Print("  DAMAGED key");
      continue;
    }
    if (print) Print(base::StrCat("  ", DescribeKey(*key, closed)));
    if (key->series.metric_id == storage::kColumnsMetricId) {
      DumpColumn(it->value(), print, summary);
      continue;
    }
    ++summary.series_days;
    shared.Use(family, closed, key->day, key->series.tenant);
    DumpValue(it->value(), shared, print, summary);
  }
  return it->status();
}

absl::Status DumpMeta(const KvDb& db) {
  const auto it = db.Scan(db.Find(storage::kMetaFamily), {});
  for (it->SeekToFirst(); it->Valid(); it->Next()) {
    base::ByteReader value(it->value());
    const std::string_view key = it->key();
    if (key == storage::kWatermarkKey) {
      const auto position = value.FixedLe<uint64_t>();
      Print(base::StrCat("watermark ", position, ", next generation ",
                         value.FixedLe<uint64_t>()));
    } else if (key == storage::kNewestKey) {
      Print(base::StrCat("newest sample ", value.FixedLe<int64_t>()));
    } else if (key.starts_with(storage::kRowsPrefix)) {
      int32_t day = 0;
      storage::DayState state;
      const absl::Status status =
          storage::ParseDayRow(key, it->value(), day, state);
      if (!status.ok()) {
        Print(base::StrCat("DAMAGED day row: ", base::Message(status)));
        continue;
      }
      Print(base::StrCat("day ", day, ": ", state.rows, " samples written, ",
                         state.late_rows, " since the last rewrite",
                         state.phase == storage::DayPhase::kClosed ? ", closed" : ""));
    } else {
      Print(base::StrCat(key, " ", it->value().size(), " bytes"));
    }
  }
  return it->status();
}

}  // namespace

absl::StatusOr<BlockSummary> DumpBlocks(const std::string& path, bool print,
                                        bool verify) {
  storage::FileSystem& fs = storage::RealFileSystem();
  const std::string data = storage::JoinPath(path, "data");
  if (!fs.Exists(data)) return base::NotFound(data, " does not exist");
  ASSIGN_OR_RETURN(const auto lock,
                   fs.Lock(storage::JoinPath(path, "flock.lock")));
  ASSIGN_OR_RETURN(const auto db, OpenDb(data, storage::DataFamilyOptions));
  BlockSummary summary;
  for (const std::string& name : db->Families()) {
    if (name == storage::kMetaFamily) {
      RETURN_IF_ERROR(DumpMeta(*db));
    } else {
      RETURN_IF_ERROR(DumpFamily(*db, name, print, summary));
    }
  }
  if (!verify) return summary;
  RETURN_IF_ERROR(db->VerifyChecksums());
  ASSIGN_OR_RETURN(const auto index, OpenDb(storage::JoinPath(path, "index"),
                                            storage::Index::FamilyOptions));
  RETURN_IF_ERROR(index->VerifyChecksums());
  return summary;
}

}  // namespace varve::inspect
