// PromQL's `</` and `>/`: a histogram without its observations beyond a value.
//
// Threads: free functions without state.
// Source:  prometheus/prometheus model/histogram/float_histogram.go (3.13).
#ifndef VARVE_LIB_HISTOGRAM_TRIM_H_
#define VARVE_LIB_HISTOGRAM_TRIM_H_

#include "lib/histogram/float_histogram.h"

namespace varve::histogram {

// Keeps the observations up to `limit` (`h </ limit`). A bucket around the
// limit keeps the interpolated part of its count. If anything goes, count and
// sum are estimated anew from the buckets' middles.
void TrimAbove(FloatHistogram& h, double limit);

// Keeps the observations from `limit` on (`h >/ limit`).
void TrimBelow(FloatHistogram& h, double limit);

}  // namespace varve::histogram

#endif  // VARVE_LIB_HISTOGRAM_TRIM_H_
