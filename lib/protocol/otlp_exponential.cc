#include "lib/protocol/otlp_exponential.h"

#include <algorithm>
#include <limits>

#include "lib/base/status.h"

namespace varve::protocol {
namespace {

// Prometheus' clients begin a new span at a gap of more buckets than these.
constexpr int64_t kGapBuckets = 2;
constexpr double kZeroThreshold = 1e-128;

// Appends spans and counts of one side, whose indexes are divided by
// 2^`scale_down`. False when an index does not fit.
bool AppendSide(const OtlpBuckets& from, int scale_down,
                std::vector<model::HistogramSpan>& spans,
                std::vector<uint64_t>& buckets) {
  int64_t next = 0;  // index behind the last bucket
  bool first = true;
  for (size_t i = 0; i < from.counts.size(); ++i) {
    if (from.counts[i] == 0) continue;
    const int64_t index =
        ((from.offset + static_cast<int64_t>(i)) >> scale_down) + 1;
    if (index > std::numeric_limits<int32_t>::max()) return false;
    if (!first && index == next - 1) {
      buckets.back() += from.counts[i];
      continue;
    }
    const int64_t gap = index - next;
    if (first || gap > kGapBuckets) {
      // A first offset counts from 0; both fit, being between two indexes of
      // at most 2^16 buckets.
      spans.push_back({static_cast<int32_t>(first ? index : gap), 0});
    } else {
      buckets.insert(buckets.end(), static_cast<size_t>(gap), 0);
      spans.back().length += static_cast<uint32_t>(gap);
    }
    buckets.push_back(from.counts[i]);
    ++spans.back().length;
    next = index + 1;
    first = false;
  }
  return true;
}

}  // namespace

absl::StatusOr<model::Histogram> NativeHistogram(const OtlpPoint& point,
                                                 bool delta) {
  if (point.scale < model::kSchemaMin) {
    return base::InvalidArgument("an exponential histogram has the scale ",
                                 point.scale, "; at least ", model::kSchemaMin,
                                 " is taken");
  }
  // Right shifts of 63 leave the sign, as all larger ones would.
  const int scale_down = static_cast<int>(std::clamp<int64_t>(
      int64_t{point.scale} - model::kSchemaMax, 0, 63));
  model::Histogram histogram;
  histogram.layout.schema = std::min(point.scale, model::kSchemaMax);
  histogram.layout.zero_threshold =
      point.zero_threshold > 0 ? point.zero_threshold : kZeroThreshold;
  histogram.reset = delta ? model::CounterReset::kGauge
                          : model::CounterReset::kUnknown;
  if (point.stale) {
    histogram.sum = model::StaleNan();
    return histogram;
  }
  histogram.sum = point.has_sum ? point.sum : 0;
  histogram.count = point.count;
  histogram.zero_count = point.zero_count;
  if (!AppendSide(point.positive, scale_down, histogram.layout.positive,
                  histogram.buckets) ||
      !AppendSide(point.negative, scale_down, histogram.layout.negative,
                  histogram.buckets)) {
    return base::InvalidArgument("an exponential histogram has a bucket of an "
                                 "index above 2^31");
  }
  return histogram;
}

}  // namespace varve::protocol
