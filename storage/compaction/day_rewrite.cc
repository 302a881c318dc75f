#include "storage/compaction/day_rewrite.h"

#include <algorithm>

#include "lib/base/byte_coding.h"
#include "lib/base/status.h"
#include "lib/model/time_range.h"
#include "storage/compaction/kind_rewrite.h"

namespace varve::storage {
namespace {

constexpr int64_t kTableBytesMax = 64 << 20;
constexpr int64_t kColumnBytes = 8 << 20;
// What a shorter segment was encoded with says nothing of a day.
constexpr uint32_t kHintSamplesMin = 64;
constexpr model::TimeRange kAllTimes = {.start_ms = 0,
                                        .end_ms = model::kTimestampMaxMs};

std::string DayKey(int32_t day) {
  std::string key;
  base::PutFixedBe(key, day);
  return key;
}

// Segments of so many samples.
size_t PiecesOf(size_t samples) {
  return (samples + kSegmentSamplesMax - 1) / kSegmentSamplesMax;
}

bool Ascends(const std::vector<int64_t>& timestamps_ms) {
  return std::is_sorted(timestamps_ms.begin(), timestamps_ms.end());
}

}  // namespace

DayRewrite::DayRewrite(DayRewriteOptions options)
    : options_(std::move(options)),
      in_place_(options_.source == options_.closed),
      next_column_(options_.next_column),
      first_column_(options_.next_column),
      columns_written_(options_.next_column) {}

DayRewrite::~DayRewrite() = default;

std::vector<std::string> DayRewrite::TakeFiles() {
  return std::exchange(files_, {});
}

std::string DayRewrite::ClosedKeyOf(const SeriesKey& key) const {
  std::string bytes;
  AppendClosedKey(bytes, {.day = options_.day, .series = key});
  return bytes;
}

absl::Status DayRewrite::Run(int64_t bytes_max) {
  KvScan scan;
  scan.fill_cache = false;
  scan.readahead_bytes = 2 << 20;
  // A moved day does not change; one in place is read as it is now, and its
  // columns with it.
  scan.snapshot = options_.db->Snapshot();
  if (in_place_) {
    scan.lower = DayKey(options_.day);
    scan.upper = DayKey(options_.day + 1);
  }
  columns_ = std::make_unique<ColumnReader>(*options_.db, scan.snapshot,
                                            kColumnBytes);
  if (tenant_) {
    columns_->Use(options_.source, in_place_, options_.day, *tenant_);
  }
  const std::unique_ptr<KvIterator> it =
      options_.db->Scan(options_.source, std::move(scan));
  int64_t bytes = 0;
  if (resume_at_.empty()) {
    it->SeekToFirst();
  } else {
    it->Seek(resume_at_);
  }
  for (; it->Valid() && bytes < bytes_max; it->Next()) {
    bytes += static_cast<int64_t>(it->key().size() + it->value().size());
    RETURN_IF_ERROR(RewriteRow(it->key(), it->value()));
  }
  RETURN_IF_ERROR(it->status());
  if (it->Valid()) {
    resume_at_ = it->key();
  } else {
    RETURN_IF_ERROR(EndTenant());
    done_ = true;
  }
  // A table that goes on in the next Run would overlap it.
  if (in_place_) RETURN_IF_ERROR(WriteNewColumns());
  if (in_place_ || done_) RETURN_IF_ERROR(FinishTable());
  return absl::OkStatus();
}

absl::Status DayRewrite::RewriteRow(std::string_view key,
                                    std::string_view value) {
  ASSIGN_OR_RETURN(const SeriesKey series,
                   ParseSeriesKey(in_place_ ? key.substr(4) : key));
  if (tenant_ != series.tenant) {
    RETURN_IF_ERROR(EndTenant());
    RETURN_IF_ERROR(BeginTenant(series.tenant));
  }
  if (series.metric_id == kColumnsMetricId) {
    old_columns_.push_back(series.series_id);
    return absl::OkStatus();
  }
  ++stats_.series;
  ASSIGN_OR_RETURN(const Outcome outcome, RewriteValue(series, value));
  if (outcome == Outcome::kSame) RETURN_IF_ERROR(NoteColumns(value));
  if (outcome != Outcome::kSame) {
    ++stats_.changed;
    RETURN_IF_ERROR(NoteColumns(others_));
  }
  stats_.gone += outcome == Outcome::kGone ? 1 : 0;
  const std::string to = ClosedKeyOf(series);
  if (in_place_) {
    if (outcome == Outcome::kSame) return absl::OkStatus();
    // Empty for a series that is gone: a deletion would be lost with a damaged
    // table (storage/kv), and what it hides would be back.
    RETURN_IF_ERROR(OpenTable());
    return table_->Put(to, value_);
  }
  if (outcome == Outcome::kGone) return absl::OkStatus();
  RETURN_IF_ERROR(OpenTable());
  return table_->Merge(to, outcome == Outcome::kSame ? value : value_);
}

// Where segments of a kind that is no float are collected.
std::string& DayRewrite::BufferOf(SegmentKind kind) {
  switch (kind) {
    case SegmentKind::kHistogram:
    case SegmentKind::kExemplars:
      return kinds_;
    case SegmentKind::kStartTimestamps:
      return starts_;
    default:
      return others_;
  }
}

// True when any of them is not what it was.
bool DayRewrite::RewriteOtherKinds(bool ruled) {
  const bool kinds = ruled && !kinds_.empty() &&
                     RewriteKinds(rules_, options_.now_ms, kinds_);
  const bool starts =
      !starts_.empty() &&
      RewriteStarts(ruled ? rules_ : SeriesRules{}, starts_);
  return kinds || starts;
}

// A value is left alone when rewriting it would give the same segments.
absl::StatusOr<DayRewrite::Outcome> DayRewrite::RewriteValue(
    const SeriesKey& key, std::string_view value) {
  samples_.clear();
  kinds_.clear();
  starts_.clear();
  others_.clear();
  value_.clear();
  bool ruled = false;
  if (options_.rules_of) {
    ASSIGN_OR_RETURN(ruled, options_.rules_of(key, rules_));
  }
  size_t segments = 0;
  size_t decoded = 0;
  uint64_t generation = 0;
  // Of the last long segment that has some: the day goes on as it ended.
  encoding::ValueHints hints;
  for (std::string_view rest = value; !rest.empty();) {
    const std::string_view before = rest;
    SegmentHeader header;
    absl::Status status = NextSegment(rest, header);
    if (status.ok() && header.kind != SegmentKind::kFloat) {
      BufferOf(header.kind)
          .append(before.substr(0, before.size() - rest.size()));
      continue;
    }
    const size_t from = samples_.size();
    if (status.ok()) {
      status = DecodeFloatSegment(header, kAllTimes, *columns_, samples_);
    }
    if (absl::IsDataLoss(status)) {
      ++stats_.damaged;
      kinds_.clear();
      others_.clear();
      return Outcome::kSame;
    }
    RETURN_IF_ERROR(status);
    ++segments;
    decoded += header.samples;
    generation = std::max(generation, header.generation);
    const encoding::ValueHints used = encoding::HintsOf(header.chunk);
    if (used.age > 0 && header.samples >= kHintSamplesMin) hints = used;
    if (ruled) HideDeleted(rules_, header.generation, from, samples_);
  }
  stats_.samples_in += static_cast<int64_t>(decoded);
  // More segments than samples ask for are joined in any case.
  const bool maybe_same = segments <= PiecesOf(decoded);
  const bool ascended = maybe_same && Ascends(samples_.timestamps_ms);
  model::SortAndDedup(samples_, options_.dedup);
  if (ruled) ApplyRules(rules_, options_.now_ms, samples_);
  stats_.samples_out += static_cast<int64_t>(samples_.size());
  const bool kinds_changed = RewriteOtherKinds(ruled);
  if (!kinds_changed && ascended && samples_.size() == decoded &&
      segments == PiecesOf(samples_.size())) {
    return Outcome::kSame;
  }
  if (!samples_.empty()) {
    const bool ids_left = next_column_ < options_.column_end;
    AppendFloatSegments(generation, samples_.timestamps_ms, samples_.values,
                        {.shared = ids_left ? &shared_ : nullptr,
                         .next_column = &next_column_,
                         .hints = &hints},
                        value_);
  }
  others_.append(kinds_);
  others_.append(starts_);
  value_.append(others_);
  return value_.empty() ? Outcome::kGone : Outcome::kChanged;
}

absl::Status DayRewrite::NoteColumns(std::string_view value) {
  while (!value.empty()) {
    SegmentHeader header;
    // What is damaged refers to nothing that could be read.
    if (!NextSegment(value, header).ok()) continue;
    if (header.ts_ref != 0) kept_.insert(header.ts_ref);
  }
  return absl::OkStatus();
}

absl::Status DayRewrite::BeginTenant(const model::TenantId& tenant) {
  tenant_ = tenant;
  columns_->Use(options_.source, in_place_, options_.day, tenant);
  return absl::OkStatus();
}

absl::Status DayRewrite::EndTenant() {
  if (!tenant_) return absl::OkStatus();
  // Ascending, and below all new ids: what came meanwhile is at least as high.
  for (const uint64_t id : old_columns_) {
    const SeriesKey key = {*tenant_, kColumnsMetricId, id};
    if (in_place_) {
      if (id >= first_column_ || kept_.contains(id)) continue;
      RETURN_IF_ERROR(OpenTable());
      RETURN_IF_ERROR(table_->Delete(ClosedKeyOf(key)));
      continue;
    }
    if (!kept_.contains(id)) continue;
    std::string from;
    AppendSeriesKey(from, key);
    ASSIGN_OR_RETURN(const std::optional<std::string> value,
                     options_.db->Get(*options_.source, from));
    if (!value) continue;  // what refers to it is damaged
    RETURN_IF_ERROR(OpenTable());
    RETURN_IF_ERROR(table_->Merge(ClosedKeyOf(key), *value));
  }
  RETURN_IF_ERROR(WriteNewColumns());
  old_columns_.clear();
  kept_.clear();
  shared_.Clear();
  tenant_.reset();
  return absl::OkStatus();
}

absl::Status DayRewrite::WriteNewColumns() {
  if (!tenant_) return absl::OkStatus();
  for (const SharedTimestamps::Column& column : shared_.Columns()) {
    if (column.id < columns_written_) continue;
    std::string value;
    AppendColumnValue(column.timestamps_ms, value);
    RETURN_IF_ERROR(OpenTable());
    RETURN_IF_ERROR(table_->Merge(
        ClosedKeyOf({*tenant_, kColumnsMetricId, column.id}), value));
  }
  columns_written_ = next_column_;
  return absl::OkStatus();
}

absl::Status DayRewrite::OpenTable() {
  if (table_ != nullptr && table_->file_bytes() > kTableBytesMax) {
    RETURN_IF_ERROR(FinishTable());
  }
  if (table_ != nullptr) return absl::OkStatus();
  const std::string path = options_.next_path();
  ASSIGN_OR_RETURN(table_, options_.db->NewSst(*options_.closed, path));
  files_.push_back(path);
  return absl::OkStatus();
}

absl::Status DayRewrite::FinishTable() {
  if (table_ == nullptr) return absl::OkStatus();
  RETURN_IF_ERROR(table_->Finish());
  table_.reset();
  return absl::OkStatus();
}

}  // namespace varve::storage
