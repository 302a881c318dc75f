// Native histograms as queries compute with them: all counts are doubles.
//
// A value is shared by all steps that show it and never changes once shared;
// an operation that changes one works on a copy of its own.
//
// Threads: values; a shared one is read from any thread.
// Source:  prometheus.io/docs/specs/native_histograms;
//          prometheus/prometheus model/histogram/float_histogram.go (3.5).
#ifndef VARVE_LIB_HISTOGRAM_FLOAT_HISTOGRAM_H_
#define VARVE_LIB_HISTOGRAM_FLOAT_HISTOGRAM_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "lib/model/histogram.h"

namespace varve::histogram {

struct FloatHistogram {
  model::CounterReset reset = model::CounterReset::kUnknown;
  int32_t schema = 0;  // kSchemaMin .. kSchemaMax, or kSchemaCustom
  double zero_threshold = 0;
  double zero_count = 0;
  double count = 0;
  double sum = 0;
  std::vector<model::HistogramSpan> positive_spans;
  std::vector<model::HistogramSpan> negative_spans;
  std::vector<double> positive;  // absolute counts, one per spanned bucket
  std::vector<double> negative;
  std::vector<double> custom_bounds;  // upper bounds, with kSchemaCustom

  bool has_custom_bounds() const {
    return schema == model::kSchemaCustom;
  }
};

// What a value occupies, for the account of a query's memory.
inline size_t MemoryBytes(const FloatHistogram& h) {
  return sizeof(h) +
         (h.positive_spans.size() + h.negative_spans.size()) *
             sizeof(model::HistogramSpan) +
         (h.positive.size() + h.negative.size() + h.custom_bounds.size()) *
             sizeof(double);
}

// Null where a step has no histogram.
using HistogramPtr = std::shared_ptr<const FloatHistogram>;

// Of a stale one, a value with a sum of NaN.
FloatHistogram FromModel(const model::Histogram& histogram);

}  // namespace varve::histogram

#endif  // VARVE_LIB_HISTOGRAM_FLOAT_HISTOGRAM_H_
