#include "lib/repair/row_writer.h"

#include <algorithm>
#include <span>
#include <utility>

#include "lib/base/status.h"
#include "lib/model/histogram.h"
#include "lib/wire/data_frame.h"

namespace varve::repair {
namespace {

// Of a batch: one fsync for definitions, few records.
constexpr size_t kSeriesMax = 10'000;
constexpr size_t kLabelBytesMax = 4 << 20;
constexpr size_t kRowsMax = 1 << 17;
// Of memory a histogram has as much as so many floats.
constexpr size_t kHistogramWeight = 16;
// Of a record: 28 bytes a float at most, and histograms by their bytes.
constexpr uint32_t kRecordRows = 1 << 16;
constexpr size_t kRecordKindBytes = 8 << 20;
// Before every delete.
constexpr int64_t kAcceptMs = 0;

int64_t CountOf(const SeriesRows& rows) {
  return static_cast<int64_t>(rows.samples.size() + rows.histograms.size());
}

}  // namespace

absl::Status RowWriter::Add(const std::string& labels, SeriesRows rows) {
  waiting_rows_ += rows.samples.size() + rows.starts.size() +
                   kHistogramWeight * rows.histograms.size();
  waiting_bytes_ += labels.size();
  waiting_.push_back({labels, std::move(rows)});
  const bool full = waiting_.size() >= kSeriesMax ||
                    waiting_rows_ >= kRowsMax ||
                    waiting_bytes_ >= kLabelBytesMax;
  return full ? Flush() : absl::OkStatus();
}

absl::Status RowWriter::Flush() {
  if (waiting_.empty()) return absl::OkStatus();
  std::vector<storage::SeriesDefinition> definitions;
  definitions.reserve(waiting_.size());
  for (const Waiting& one : waiting_) {
    definitions.push_back({.tenant = tenant_,
                           .labels = one.labels,
                           .rows = CountOf(one.rows)});
  }
  std::vector<uint64_t> ids;
  std::vector<model::Refusal> refused;
  RETURN_IF_ERROR(engine_->Define(definitions, ids, &refused));
  record_.Start(ring_, kAcceptMs);
  for (size_t i = 0; i < waiting_.size(); ++i) {
    if (ids[i] == 0) {
      refused_ += CountOf(waiting_[i].rows);
      continue;
    }
    RETURN_IF_ERROR(AppendSeries(ids[i], waiting_[i].rows));
  }
  RETURN_IF_ERROR(Append());
  waiting_.clear();
  waiting_rows_ = 0;
  waiting_bytes_ = 0;
  return absl::OkStatus();
}

absl::Status RowWriter::AppendSeries(uint64_t id, const SeriesRows& rows) {
  const std::span<const int64_t> timestamps_ms(rows.samples.timestamps_ms);
  const std::span<const double> values(rows.samples.values);
  for (size_t i = 0; i < values.size(); i += kRecordRows) {
    const size_t count = std::min<size_t>(kRecordRows, values.size() - i);
    record_.Add(tenant_, id, timestamps_ms.subspan(i, count),
                values.subspan(i, count));
    RETURN_IF_ERROR(AppendWhenFull());
  }
  std::string bytes;
  for (size_t i = 0; i < rows.histograms.size(); ++i) {
    bytes.clear();
    model::AppendHistogramBytes(bytes, rows.histograms.histograms[i]);
    record_.kinds().AddHistogram(tenant_, id, rows.histograms.timestamps_ms[i],
                                 bytes);
    RETURN_IF_ERROR(AppendWhenFull());
  }
  for (const model::StartRun& run : rows.starts) {
    record_.kinds().AddStart(tenant_, id, run);
    RETURN_IF_ERROR(AppendWhenFull());
  }
  return absl::OkStatus();
}

absl::Status RowWriter::AppendWhenFull() {
  if (record_.rows() < kRecordRows &&
      record_.kinds().bytes() < kRecordKindBytes) {
    return absl::OkStatus();
  }
  RETURN_IF_ERROR(Append());
  record_.Start(ring_, kAcceptMs);
  return absl::OkStatus();
}

absl::Status RowWriter::Append() {
  if (record_.rows() == 0) return absl::OkStatus();
  const std::string payload =
      record_.Finish(static_cast<uint8_t>(storage::AckLevel::kDurable),
                     /*ref_epoch=*/0, /*compress=*/false);
  ASSIGN_OR_RETURN(const wire::DataFrame frame, wire::DecodeDataFrame(payload));
  ASSIGN_OR_RETURN(
      const storage::AppendResult result,
      engine_->Append(frame.record(), storage::AckLevel::kDurable));
  if (result.unknown_ref > 0) {
    return absl::AbortedError("a series was forgotten while it was repaired");
  }
  rows_ += result.rows;
  refused_ += result.too_old + result.too_new;
  deleted_ += result.deleted;
  return absl::OkStatus();
}

}  // namespace varve::repair
