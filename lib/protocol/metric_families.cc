#include "lib/protocol/metric_families.h"

#include <bit>
#include <vector>

#include "lib/base/byte_coding.h"
#include "proto/metric_families.pb.h"

namespace varve::protocol {
namespace {

namespace pb = varve::metric_families;

pb::MetricType TypeOf(const LatestSample& sample) {
  if (!sample.histogram) return pb::UNTYPED;
  return sample.histogram->reset == model::CounterReset::kGauge
             ? pb::GAUGE_HISTOGRAM
             : pb::HISTOGRAM;
}

template <typename Spans>
void PutSpans(const std::vector<model::HistogramSpan>& spans, Spans& out) {
  for (const model::HistogramSpan& span : spans) {
    auto* added = out.Add();
    added->set_offset(span.offset);
    added->set_length(span.length);
  }
}

template <typename Counts, typename Deltas>
void PutBuckets(std::span<const uint64_t> buckets, bool float_counts,
                Counts& counts, Deltas& deltas) {
  uint64_t before = 0;
  for (const uint64_t bucket : buckets) {
    if (float_counts) {
      counts.Add(std::bit_cast<double>(bucket));
    } else {
      deltas.Add(static_cast<int64_t>(bucket - before));
      before = bucket;
    }
  }
}

void PutHistogram(const model::Histogram& from, pb::Histogram& to) {
  const model::HistogramLayout& layout = from.layout;
  if (layout.float_counts) {
    to.set_sample_count_float(from.Number(from.count));
    to.set_zero_count_float(from.Number(from.zero_count));
  } else {
    to.set_sample_count(from.count);
    to.set_zero_count(from.zero_count);
  }
  to.set_sample_sum(from.sum);
  to.set_schema(layout.schema);
  to.set_zero_threshold(layout.zero_threshold);
  PutSpans(layout.positive, *to.mutable_positive_span());
  PutSpans(layout.negative, *to.mutable_negative_span());
  // A span marks a native histogram where nothing else does.
  if (layout.positive.empty() && layout.negative.empty()) {
    to.add_positive_span()->set_length(0);
  }
  const std::span<const uint64_t> buckets = from.buckets;
  const size_t positive = layout.positive_buckets();
  PutBuckets(buckets.first(positive), layout.float_counts,
             *to.mutable_positive_count(), *to.mutable_positive_delta());
  PutBuckets(buckets.subspan(positive), layout.float_counts,
             *to.mutable_negative_count(), *to.mutable_negative_delta());
}

}  // namespace

bool SameFamily(const LatestSample& a, const LatestSample& b) {
  return TypeOf(a) == TypeOf(b) && a.labels.Get(model::kMetricName) ==
                                       b.labels.Get(model::kMetricName);
}

void AppendMetricFamily(std::string& out,
                        std::span<const LatestSample> samples) {
  pb::MetricFamily family;
  const std::string_view name =
      samples.front().labels.Get(model::kMetricName);
  family.set_name(name.data(), name.size());
  family.set_type(TypeOf(samples.front()));
  for (const LatestSample& sample : samples) {
    pb::Metric& metric = *family.add_metric();
    for (const model::Label& label : sample.labels) {
      if (label.name == model::kMetricName) continue;
      pb::LabelPair& pair = *metric.add_label();
      pair.set_name(label.name.data(), label.name.size());
      pair.set_value(label.value.data(), label.value.size());
    }
    metric.set_timestamp_ms(sample.timestamp_ms);
    if (sample.histogram) {
      PutHistogram(*sample.histogram, *metric.mutable_histogram());
    } else {
      metric.mutable_untyped()->set_value(sample.value);
    }
  }
  base::PutVarint(out, family.ByteSizeLong());
  family.AppendToString(&out);
}

}  // namespace varve::protocol
