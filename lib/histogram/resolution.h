// The layout of a histogram: fewer, wider buckets; no empty ones.
//
// Threads: free functions without state.
// Source:  prometheus/prometheus model/histogram/{generic,float_histogram}.go
//          (3.5).
#ifndef VARVE_LIB_HISTOGRAM_RESOLUTION_H_
#define VARVE_LIB_HISTOGRAM_RESOLUTION_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "lib/histogram/buckets.h"
#include "lib/histogram/float_histogram.h"

namespace varve::histogram {

// The buckets of a side as those of a lower schema, outwards.
class LowerWalk {
 public:
  // REQUIRES: h.schema - schema is 0, or both are exponential and it is more.
  LowerWalk(const FloatHistogram& h, Side side, int32_t schema);

  bool Next();
  int64_t index() const { return index_; }
  double count() const { return count_; }

 private:
  int64_t IndexOfNext() const {
    return ((walk_.index() - 1) >> steps_) + 1;
  }

  IndexWalk walk_;
  int32_t steps_;
  bool has_next_;  // the walk is ahead, at the next bucket's first
  int64_t index_ = 0;
  double count_ = 0;
};

// Makes a side of buckets with ascending indices.
class SideBuilder {
 public:
  void Reserve(size_t buckets) { counts_.reserve(buckets); }
  void Append(int64_t index, double count);
  // Puts what was made in the place of a side of `h`.
  void MoveTo(FloatHistogram& h, Side side);

 private:
  std::vector<model::HistogramSpan> spans_;
  std::vector<double> counts_;
  int64_t end_ = 0;  // one above the last index
};

// Merges buckets. REQUIRES: !h.has_custom_bounds(), kSchemaMin <= schema <=
// h.schema.
void ReduceResolution(FloatHistogram& h, int32_t schema);

// A copy in the given schema; with h's own schema, custom bounds included, a
// plain copy. A reduced one has no reset hint. REQUIRES: as above.
FloatHistogram CopyToSchema(const FloatHistogram& h, int32_t schema);

// Removes empty buckets and joins adjacent spans.
void Compact(FloatHistogram& h);

// The same histogram to PromQL's == and changes(): counts and sum by bits (NaN
// equals NaN), bounds, and the same spans, those of no buckets left out. An
// explicit empty bucket makes a difference; the reset hint does not.
bool SameHistogram(const FloatHistogram& a, const FloatHistogram& b);

}  // namespace varve::histogram

#endif  // VARVE_LIB_HISTOGRAM_RESOLUTION_H_
