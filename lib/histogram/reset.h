// Whether a counter was reset between two histograms of a series.
//
// Threads: free functions without state.
// Source:  prometheus/prometheus model/histogram/float_histogram.go (3.5).
#ifndef VARVE_LIB_HISTOGRAM_RESET_H_
#define VARVE_LIB_HISTOGRAM_RESET_H_

#include "lib/histogram/float_histogram.h"

namespace varve::histogram {

// The hint of `h` decides if it is kYes or kNo. Otherwise there was a reset
// if the count, the zero bucket's or any bucket's is below the one in
// `previous`, a populated bucket is gone, the resolution rose, the zero
// threshold fell or now cuts a populated bucket, or custom bounds changed.
// Sums do not matter.
bool DetectReset(const FloatHistogram& h, const FloatHistogram& previous);

}  // namespace varve::histogram

#endif  // VARVE_LIB_HISTOGRAM_RESET_H_
