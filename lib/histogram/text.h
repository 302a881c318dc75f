// A histogram as text, the form of label values that count_values writes.
//
// Threads: free functions without state.
// Source:  prometheus/prometheus model/histogram/float_histogram.go (3.5).
#ifndef VARVE_LIB_HISTOGRAM_TEXT_H_
#define VARVE_LIB_HISTOGRAM_TEXT_H_

#include <string>

#include "lib/histogram/float_histogram.h"

namespace varve::histogram {

// As {count:3, sum:5, [-0.5,0.5]:1, (1,2]:2}: the non-empty buckets ascending.
std::string Text(const FloatHistogram& h);

}  // namespace varve::histogram

#endif  // VARVE_LIB_HISTOGRAM_TEXT_H_
