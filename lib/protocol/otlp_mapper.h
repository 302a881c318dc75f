// From OTLP's metrics to series: names, labels, rows of each kind of point.
//
//   gauge, sum     NAME
//   histogram      NAME_count, NAME_sum (when it has a sum), NAME_bucket{le},
//                  the last of them le="+Inf" with the count, also when there
//                  are no buckets
//   exponential    NAME, a native histogram (otlp_exponential.h)
//   summary        NAME_count, NAME_sum, NAME{quantile}
//
// Deltas are stored as they come, as VictoriaMetrics does: each value beside
// its time, with its start timestamp. Starts of counters, histograms and
// summaries are kept (model/start_run.h); those of gauges say nothing. Exemplars
// have trace_id, span_id and the attributes they were filtered of, unless that
// is too long; those of a histogram are at the bucket they fall into. A point
// without a recorded value is a staleness marker of each of its series; one
// without a time has that of the request.
//
// Bounded: labels of all series of a request have kOtlpLabelBytesMax at most,
//          target_info of all its resources 1,000 samples more than the request
//          has points. Points are refused of a metric whose name or unit has
//          over 64 KiB, and where the keys of maps have over 1 MiB.
// Errors:  what the sink returns, and InvalidArgument for that bound. A point
//          that cannot be stored is counted and told of, and others go on.
// Threads: belongs to one.
#ifndef VARVE_LIB_PROTOCOL_OTLP_MAPPER_H_
#define VARVE_LIB_PROTOCOL_OTLP_MAPPER_H_

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "lib/base/hash.h"
#include "lib/protocol/otlp_data.h"
#include "lib/protocol/otlp_identity.h"
#include "lib/protocol/otlp_labels.h"
#include "lib/protocol/sample_batch.h"

namespace varve::protocol {

// A resource's attributes are on the wire once and in every series here.
inline constexpr size_t kOtlpLabelBytesMax = size_t{1} << 30;

// Stores a batch. points[i] is the number of the data point that batch.series[i]
// is of, counted from the request's first; `more`: the request goes on.
using OtlpSink = std::function<absl::Status(
    const SampleBatch& batch, const std::vector<uint32_t>& points, bool more)>;

class OtlpMapper {
 public:
  // REQUIRES: `options` and `batch` outlive it; `batch` is empty.
  OtlpMapper(const OtlpOptions* options, int64_t now_ms, size_t rows_max,
             SampleBatch* batch, OtlpSink sink);

  // In the order of the request; texts live until Finish, resource and metric
  // until the next.
  void StartResource(const OtlpAttributes& attributes);
  void StartScope(const OtlpScope& scope);
  absl::Status StartMetric(const OtlpMetric& metric);
  absl::Status Add(const OtlpPoint& point);
  absl::Status FinishResource();
  absl::Status Finish();

  // Points that were not stored, and why the first was not.
  int64_t rejected() const { return rejected_; }
  const std::string& first_error() const { return first_error_; }

 private:
  void AddMetadata();
  void AddOfKind(const OtlpPoint& point);
  void AddHistogram(const OtlpPoint& point);
  void AddExponential(const OtlpPoint& point);
  void AddSummary(const OtlpPoint& point);
  void StartPoint(const OtlpPoint& point);
  // False, and the point rejected, when the labels of as many series would be
  // out of proportion.
  bool Fits(size_t series);
  void AddTargetInfo();
  // One sample of one series.
  BatchSeries& AddRow(std::string_view suffix, std::string_view label,
                      double value, const OtlpPoint& point);
  BatchSeries& StartSeries(std::string_view suffix, std::string_view label);
  void AddStart(const OtlpPoint& point, BatchSeries& series);
  void AddExemplar(const OtlpExemplar& exemplar, BatchSeries& series);
  void Reject(std::string_view why);
  void StartBatch();
  absl::Status FlushWhenFull();
  absl::Status Flush(bool more);

  const OtlpOptions& options_;
  const int64_t now_ms_;
  const size_t rows_max_;
  SampleBatch& batch_;
  const OtlpSink sink_;
  OtlpLabels labels_;
  OtlpIdentities identities_;
  std::vector<uint32_t> points_;
  uint32_t point_ = 0;
  size_t batch_label_bytes_ = 0;
  size_t label_bytes_ = 0;
  int64_t rejected_ = 0;
  std::string first_error_;
  // Names of metrics whose metadata was given.
  absl::flat_hash_set<base::Hash128> told_;
  int64_t info_samples_ = 0;  // of target_info

  // Of the resource and the metric under way.
  const OtlpAttributes* resource_ = nullptr;
  int64_t first_ms_ = 0;
  int64_t last_ms_ = 0;
  // None is copied: where its halves have just been stored, a text read as 16
  // bytes waits until they have left for the cache.
  const OtlpMetric* metric_ = nullptr;
  std::string name_;
  std::string_view unnamed_;  // why it is empty
  std::string_view reserved_;  // the label its series have of their own
  // Of the point.
  int64_t time_ms_ = 0;
  bool plain_ = false;  // its attributes are as they came, or none
  size_t point_label_bytes_ = 0;
};

}  // namespace varve::protocol

#endif  // VARVE_LIB_PROTOCOL_OTLP_MAPPER_H_
