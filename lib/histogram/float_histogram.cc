#include "lib/histogram/float_histogram.h"

namespace varve::histogram {

FloatHistogram FromModel(const model::Histogram& histogram) {
  FloatHistogram out;
  out.reset = histogram.reset;
  out.schema = histogram.layout.schema;
  out.zero_threshold = histogram.layout.zero_threshold;
  out.zero_count = histogram.Number(histogram.zero_count);
  out.count = histogram.Number(histogram.count);
  out.sum = histogram.sum;
  out.positive_spans = histogram.layout.positive;
  out.negative_spans = histogram.layout.negative;
  out.custom_bounds = histogram.layout.custom_bounds;
  const size_t positive = histogram.layout.positive_buckets();
  out.positive.reserve(positive);
  out.negative.reserve(histogram.buckets.size() - positive);
  for (size_t i = 0; i < histogram.buckets.size(); ++i) {
    (i < positive ? out.positive : out.negative)
        .push_back(histogram.Number(histogram.buckets[i]));
  }
  return out;
}

}  // namespace varve::histogram
