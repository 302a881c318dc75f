#include "lib/protocol/remote_write.h"

#include <bit>

#include "lib/base/status.h"
#include "lib/protocol/proto_fields.h"
#include "lib/protocol/remote_write_kinds.h"

namespace varve::protocol {
namespace {

using base::InvalidArgument;

absl::Status Broken(std::string_view what, size_t offset) {
  return InvalidArgument("remote write: broken ", what, " at byte ", offset,
                         " of its message");
}

bool ReadAnySample(std::string_view message, int64_t& timestamp_ms,
                   double& value) {
  timestamp_ms = 0;
  value = 0;
  Fields fields(message);
  Field field;
  while (!fields.done()) {
    if (!fields.Next(field)) return false;
    if (field.number == 1 && field.type == kFixed64) {
      value = std::bit_cast<double>(field.scalar);
    } else if (field.number == 2 && field.type == kVarint) {
      timestamp_ms = static_cast<int64_t>(field.scalar);
    }
  }
  return true;
}

// The label fields of one series seen so far. They are one run of bytes
// unless an encoder mixes them with others; then they are put together.
class RawLabels {
 public:
  void Add(const char* begin, const char* end) {
    if (run_.empty() && joined_.empty()) {
      run_ = {begin, static_cast<size_t>(end - begin)};
    } else if (joined_.empty() && run_.data() + run_.size() == begin) {
      run_ = {run_.data(), static_cast<size_t>(end - run_.data())};
    } else {
      if (joined_.empty()) joined_ = run_;
      joined_.append(begin, end);
    }
  }
  std::string_view Finish(Arena& arena) const {
    return joined_.empty() ? run_ : arena.Copy(joined_);
  }

 private:
  std::string_view run_;
  std::string joined_;
};

}  // namespace

RemoteWriteWalker::RemoteWriteWalker(std::string_view body) : body_(body) {}

absl::Status RemoteWriteWalker::WalkSeries(std::string_view message,
                                           SampleBatch& batch) {
  BatchSeries series;
  series.first_row = static_cast<uint32_t>(batch.values.size());
  series.first_histogram = static_cast<uint32_t>(batch.histograms.size());
  series.first_exemplar = static_cast<uint32_t>(batch.exemplars.size());
  RawLabels labels;
  Fields fields(message);
  Field field;
  while (!fields.done()) {
    const char* const begin = fields.position();
    if (!fields.Next(field)) return Broken("time series", fields.offset());
    if (field.type != kBytes) continue;
    if (field.number == 1) {
      fields.SkipShort('\x0a');  // most often all other labels
      labels.Add(begin, fields.position());
    } else if (field.number == 2) {
      int64_t timestamp_ms = 0;
      double value = 0;
      if (!ReadUsualSample(field.bytes, timestamp_ms, value) &&
          !ReadAnySample(field.bytes, timestamp_ms, value)) {
        return Broken("sample", fields.offset());
      }
      if (++series.rows > kSeriesRowsMax) {
        return InvalidArgument("remote write: a time series has more than ",
                               kSeriesRowsMax, " samples");
      }
      batch.timestamps_ms.push_back(timestamp_ms);
      batch.values.push_back(value);
    } else if (field.number == 3) {
      if (!AppendExemplar(field.bytes, batch)) {
        return Broken("exemplar", fields.offset());
      }
    } else if (field.number == 4) {
      if (!AppendHistogram(field.bytes, series, batch)) {
        return Broken("histogram", fields.offset());
      }
      if (batch.histograms.size() - series.first_histogram +
              series.bad_histograms >
          kSeriesHistogramsMax) {
        return InvalidArgument("remote write: a time series has more than ",
                               kSeriesHistogramsMax, " histograms");
      }
    }
  }
  series.histograms =
      static_cast<uint32_t>(batch.histograms.size()) - series.first_histogram;
  series.exemplars =
      static_cast<uint32_t>(batch.exemplars.size()) - series.first_exemplar;
  if (series.empty()) return absl::OkStatus();
  series.identity = labels.Finish(batch.arena);
  batch.series.push_back(series);
  return absl::OkStatus();
}

absl::StatusOr<bool> RemoteWriteWalker::Next(SampleBatch& batch,
                                             size_t rows_max) {
  Fields fields(body_.substr(position_));
  Field field;
  const size_t start = position_;
  while (!fields.done() && !batch.full(rows_max)) {
    if (!fields.Next(field)) {
      return Broken("write request", start + fields.offset());
    }
    position_ = start + fields.offset();
    if (field.type != kBytes) continue;
    if (field.number == 1) {
      RETURN_IF_ERROR(WalkSeries(field.bytes, batch));
    } else if (field.number == 3) {
      if (!AppendMetadata(field.bytes, batch)) {
        return Broken("metadata", fields.offset());
      }
    } else if (field.number == 4 || field.number == 5) {
      return InvalidArgument(
          "remote write: the body is a remote write 2.0 message (field ",
          field.number, "); its Content-Type must say so, with "
          "proto=io.prometheus.write.v2.Request");
    }
  }
  return !fields.done();
}

absl::Status RemoteWriteWalker::CheckSeries(const BatchSeries& series) {
  std::vector<model::Label> labels;
  return ParseRawLabels(series.identity, labels);
}

absl::Status ParseRawLabels(std::string_view raw,
                            std::vector<model::Label>& out) {
  out.clear();
  Fields fields(raw);
  Field field;
  while (!fields.done()) {
    if (!fields.Next(field) || field.type != kBytes) {
      return Broken("label fields", fields.offset());
    }
    std::string_view name, value;
    Fields label(field.bytes);
    while (!label.done()) {
      if (!label.Next(field)) return Broken("label", label.offset());
      if (field.type != kBytes) continue;
      if (field.number == 1) name = field.bytes;
      if (field.number == 2) value = field.bytes;
    }
    out.push_back({std::string(name), std::string(value)});
  }
  return absl::OkStatus();
}

}  // namespace varve::protocol
