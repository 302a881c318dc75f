#include "cmd/inspect/block_dump.h"

#include <cstdio>

#include "lib/base/byte_coding.h"
#include "lib/base/status.h"
#include "lib/model/tenant.h"
#include "lib/model/time_range.h"
#include "storage/block/block_key.h"
#include "storage/block/segment.h"
#include "storage/engine/data_families.h"
#include "storage/fs/file_system.h"
#include "storage/index/index.h"
#include "storage/kv/kv.h"

namespace varve::inspect {
namespace {

using storage::KvDb;
using storage::KvFamilyRef;

constexpr int64_t kCacheBytes = 8 << 20;

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

void DumpValue(std::string_view value, bool print, BlockSummary& summary) {
  const model::TimeRange all = {INT64_MIN, INT64_MAX};
  model::SampleColumns columns;
  while (!value.empty()) {
    storage::SegmentHeader header;
    absl::Status status = storage::NextSegment(value, header);
    if (status.ok() && header.kind == storage::SegmentKind::kFloat) {
      columns.clear();
      status = storage::DecodeFloatSegment(header, all, columns);
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
                         " from=", header.bounds.start_ms,
                         " to=", header.bounds.end_ms, " bytes=",
                         header.timestamps.size() + header.chunk.size()));
    }
  }
}

absl::StatusOr<std::string> DescribeKey(std::string_view key, bool closed) {
  storage::ClosedKey parsed;
  if (closed) {
    ASSIGN_OR_RETURN(parsed, storage::ParseClosedKey(key));
  } else {
    ASSIGN_OR_RETURN(parsed.series, storage::ParseSeriesKey(key));
  }
  return base::StrCat(closed ? base::StrCat("day ", parsed.day, " ") : "",
                      "tenant=", model::TenantText(parsed.series.tenant),
                      " metric=", parsed.series.metric_id,
                      " series=", parsed.series.series_id);
}

absl::Status DumpFamily(const KvDb& db, const std::string& name, bool print,
                        BlockSummary& summary) {
  const KvFamilyRef family = db.Find(name);
  Print(base::StrCat(name, " ", db.FamilyBytes(*family), " bytes"));
  const bool closed = name == storage::kClosedFamily;
  const auto it = db.Scan(family, {.fill_cache = false});
  for (it->SeekToFirst(); it->Valid(); it->Next()) {
    const absl::StatusOr<std::string> key = DescribeKey(it->key(), closed);
    ++summary.series_days;
    if (!key.ok()) ++summary.damaged;
    if (print || !key.ok()) {
      Print(base::StrCat(
          "  ", key.ok() ? std::string_view(*key) : "DAMAGED key"));
    }
    DumpValue(it->value(), print, summary);
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
    } else if (key.starts_with(storage::kRowsPrefix)) {
      base::ByteReader day(key.substr(storage::kRowsPrefix.size()));
      Print(base::StrCat("day ", day.FixedBe<int32_t>(), ": ",
                         value.FixedLe<int64_t>(), " samples written"));
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
