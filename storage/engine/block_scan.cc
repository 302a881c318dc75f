#include "storage/engine/block_scan.h"

#include <algorithm>

#include "lib/base/byte_coding.h"
#include "lib/base/status.h"
#include "storage/block/kind_segments.h"

namespace varve::storage {
namespace {

// A step costs about a tenth of a seek.
constexpr int kStepsBeforeSeek = 8;
constexpr size_t kBatchMax = 1024;
// Of decoded timestamp columns: those of a day of a hundred targets.
constexpr int64_t kColumnBytes = 8 << 20;

// The first key after all that begin with `prefix`; "" when there is none.
std::string AfterPrefix(std::string prefix) {
  while (!prefix.empty() && static_cast<uint8_t>(prefix.back()) == 0xff) {
    prefix.pop_back();
  }
  if (!prefix.empty()) ++prefix.back();
  return prefix;
}

}  // namespace

BlockScan::BlockScan(const KvDb& db, const BlockFamilies& blocks,
                     const model::TenantId& tenant,
                     const model::TimeRange& range, KvSnapshotRef snapshot,
                     bool fill_cache)
    : db_(db),
      tenant_(tenant),
      range_(range),
      snapshot_(std::move(snapshot)),
      fill_cache_(fill_cache),
      columns_(db, snapshot_, kColumnBytes, fill_cache) {
  model::AppendTenantKey(tenant_key_, tenant);
  const int32_t first = model::DayOf(range.start_ms);
  const int32_t last = model::DayOf(range.end_ms);
  for (auto it = blocks.days.lower_bound(first);
       it != blocks.days.end() && it->first <= last; ++it) {
    if (!it->second.in_closed) continue;
    sources_.push_back({.family = blocks.closed, .closed = true,
                        .day = it->first});
  }
  for (const DayFamily& open : blocks.open_days) {
    if (open.day < first || open.day > last) continue;
    sources_.push_back({.family = open.family, .day = open.day});
  }
  std::stable_sort(
      sources_.begin(), sources_.end(),
      [](const Source& a, const Source& b) { return a.day < b.day; });
}

void BlockScan::Begin(Source& source) {
  if (source.closed && closed_iterator_ != nullptr) {
    source.iterator = closed_iterator_;
    return;
  }
  KvScan scan;
  scan.snapshot = snapshot_;
  scan.fill_cache = fill_cache_;
  if (source.closed) {
    // The first closed day begins it; the last one bounds it.
    const auto last = std::find_if(sources_.rbegin(), sources_.rend(),
                                   [](const Source& one) { return one.closed; });
    base::PutFixedBe(scan.lower, source.day);
    base::PutFixedBe(scan.upper, last->day);
  }
  scan.lower.append(tenant_key_);
  scan.upper = AfterPrefix(scan.upper + tenant_key_);
  source.iterator = db_.Scan(source.family, std::move(scan));
  if (source.closed) closed_iterator_ = source.iterator;
}

absl::Status BlockScan::Find(size_t source_index, const ScanSeries& series,
                             uint32_t index, SegmentReadStats& stats) {
  Source& source = sources_[source_index];
  if (source.iterator == nullptr) Begin(source);
  KvIterator& it = *source.iterator;
  key_.clear();
  if (source.closed) base::PutFixedBe(key_, source.day);
  key_.append(tenant_key_);
  base::PutFixedBe<uint64_t>(key_, series.metric_id);
  base::PutFixedBe<uint64_t>(key_, series.id);
  if (!source.placed) {
    it.Seek(key_);
    source.placed = true;
  }
  for (int steps = 0; it.Valid() && it.key() < key_; ++steps) {
    if (steps == kStepsBeforeSeek) {
      it.Seek(key_);
      break;
    }
    it.Next();
  }
  // The damage may lie between the last key and this one.
  if (!it.Valid() && absl::IsDataLoss(it.status())) it.Seek(key_);
  if (!it.Valid()) {
    absl::Status status = it.status();
    if (!absl::IsDataLoss(status)) {
      source.at_end = true;
      return status;
    }
    // A damaged block of a table: the series in it are left out, the ones
    // after it are read.
    ++stats.segments;
    ++stats.corrupt;
    if (stats.first_error.ok()) stats.first_error = std::move(status);
    source.placed = false;
    return absl::OkStatus();
  }
  if (it.key() == key_) {
    const std::string_view value = it.value();
    values_.push_back({.series = index,
                       .source = static_cast<uint32_t>(source_index),
                       .begin = bytes_.size(),
                       .size = value.size()});
    bytes_.append(value);
    loaded_bytes_ += static_cast<int64_t>(value.size());
  }
  return absl::OkStatus();
}

void BlockScan::KeepFirst(uint32_t series) {
  std::string kept;
  std::erase_if(values_, [&](Value& value) {
    if (value.series >= series) return true;
    const size_t begin = kept.size();
    kept.append(bytes_, value.begin, value.size);
    value.begin = begin;
    return false;
  });
  bytes_ = std::move(kept);
}

absl::StatusOr<size_t> BlockScan::Load(std::span<const ScanSeries> series,
                                       SegmentReadStats& stats) {
  bytes_.clear();
  values_.clear();
  size_t count = std::min(series.size(), batch_);
  for (size_t s = 0; s < sources_.size(); ++s) {
    Source& source = sources_[s];
    if (source.closed) {  // another day has moved the iterator
      source.placed = false;
      source.at_end = false;
    }
    if (source.at_end) continue;
    for (size_t i = 0; i < count; ++i) {
      RETURN_IF_ERROR(
          Find(s, series[i], static_cast<uint32_t>(i), stats));
      if (source.at_end) break;
      if (static_cast<int64_t>(bytes_.size()) > 4 * kLoadBytes && count > 1) {
        count = (count + 1) / 2;
        KeepFirst(static_cast<uint32_t>(count));
      }
    }
  }
  std::stable_sort(
      values_.begin(), values_.end(),
      [](const Value& a, const Value& b) { return a.series < b.series; });
  begins_.assign(count + 1, 0);
  for (const Value& value : values_) ++begins_[value.series + 1];
  for (size_t i = 0; i < count; ++i) begins_[i + 1] += begins_[i];
  const size_t each = bytes_.size() / count + 1;
  batch_ = std::clamp<size_t>(kLoadBytes / each, 1,
                              std::min(kBatchMax, count * 4));
  return count;
}

absl::Status BlockScan::Read(size_t i, model::SampleColumns& out,
                             SegmentReadStats& stats,
                             const SegmentVisitor& visitor) {
  for (uint32_t v = begins_[i]; v < begins_[i + 1]; ++v) {
    const Value& value = values_[v];
    const Source& source = sources_[value.source];
    columns_.Use(source.family, source.closed, source.day, tenant_);
    RETURN_IF_ERROR(ReadFloatSegments(
        std::string_view(bytes_).substr(value.begin, value.size), range_,
        columns_, out, stats, visitor));
  }
  return absl::OkStatus();
}

void BlockScan::ReadHistograms(size_t i, model::HistogramColumns& out,
                               SegmentReadStats& stats,
                               const SegmentVisitor& visitor) const {
  for (uint32_t v = begins_[i]; v < begins_[i + 1]; ++v) {
    ReadHistogramSegments(
        std::string_view(bytes_).substr(values_[v].begin, values_[v].size),
        range_, out, stats, visitor);
  }
}

void BlockScan::ReadExemplars(size_t i, std::vector<model::Exemplar>& out,
                              SegmentReadStats& stats,
                              const SegmentVisitor& visitor) const {
  for (uint32_t v = begins_[i]; v < begins_[i + 1]; ++v) {
    ReadExemplarSegments(
        std::string_view(bytes_).substr(values_[v].begin, values_[v].size),
        range_, out, stats, visitor);
  }
}

void BlockScan::ReadStarts(size_t i, model::StartRuns& out,
                           SegmentReadStats& stats,
                           const SegmentVisitor& visitor) const {
  for (uint32_t v = begins_[i]; v < begins_[i + 1]; ++v) {
    ReadStartSegments(
        std::string_view(bytes_).substr(values_[v].begin, values_[v].size),
        range_, out, stats, visitor);
  }
}

int64_t BlockScan::memory_bytes() const {
  return static_cast<int64_t>(
             bytes_.capacity() + values_.capacity() * sizeof(Value) +
             sources_.capacity() * sizeof(Source)) +
         columns_.bytes();
}

}  // namespace varve::storage
