#include "storage/engine/day_scan.h"

#include "lib/base/byte_coding.h"

namespace varve::storage {
namespace {

// A step costs about a tenth of a seek.
constexpr int kStepsBeforeSeek = 8;

// The first key after all that begin with `prefix`; "" when there is none.
std::string AfterPrefix(std::string prefix) {
  while (!prefix.empty() && static_cast<uint8_t>(prefix.back()) == 0xff) {
    prefix.pop_back();
  }
  if (!prefix.empty()) ++prefix.back();
  return prefix;
}

}  // namespace

DayScan::DayScan(const KvDb& db, const KvFamilyRef& family, bool closed,
                 int32_t day, const model::TenantId& tenant,
                 const KvSnapshotRef& snapshot) {
  if (closed) base::PutFixedBe<int32_t>(key_, day);
  model::AppendTenantKey(key_, tenant);
  prefix_bytes_ = key_.size();
  KvScan scan;
  scan.lower = key_;
  scan.upper = AfterPrefix(key_);
  scan.snapshot = snapshot;
  iterator_ = db.Scan(family, std::move(scan));
}

absl::Status DayScan::Read(uint64_t metric_id, uint64_t series_id,
                           const model::TimeRange& range,
                           model::SampleColumns& out,
                           SegmentReadStats& stats) {
  if (at_end_) return absl::OkStatus();
  key_.resize(prefix_bytes_);
  base::PutFixedBe<uint64_t>(key_, metric_id);
  base::PutFixedBe<uint64_t>(key_, series_id);
  if (!begun_) {
    iterator_->Seek(key_);
    begun_ = true;
  }
  for (int steps = 0; iterator_->Valid() && iterator_->key() < key_; ++steps) {
    if (steps == kStepsBeforeSeek) {
      iterator_->Seek(key_);
      break;
    }
    iterator_->Next();
  }
  // The damage may lie between the last key and this one.
  if (!iterator_->Valid() && absl::IsDataLoss(iterator_->status())) {
    iterator_->Seek(key_);
  }
  if (!iterator_->Valid()) {
    absl::Status status = iterator_->status();
    if (!absl::IsDataLoss(status)) {
      at_end_ = true;
      return status;
    }
    // A damaged block of a table: the series in it are left out, the ones
    // after it are read.
    ++stats.segments;
    ++stats.corrupt;
    if (stats.first_error.ok()) stats.first_error = std::move(status);
    begun_ = false;
    return absl::OkStatus();
  }
  if (iterator_->key() == key_) {
    ReadFloatSegments(iterator_->value(), range, out, stats);
  }
  return absl::OkStatus();
}

}  // namespace varve::storage
