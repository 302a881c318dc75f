// Downsampling: of samples older than an offset the last one of each interval
// is kept, as a dedup interval keeps it.
//
// Several steps of one rule thin more with age. Of several rules the first
// whose filter matches a series is its rule; one without steps keeps all.
//
// Threads: free functions without state; rules are immutable and shared.
// Source:  -downsampling.period of the peers' documentation; the rule with
//          several filters is their release 1.98's.
#ifndef VARVE_LIB_MODEL_DOWNSAMPLING_H_
#define VARVE_LIB_MODEL_DOWNSAMPLING_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "lib/model/histogram.h"
#include "lib/model/sample.h"
#include "lib/model/series_filter.h"

namespace varve::model {

// Samples older than `offset_ms` are thinned to one for each (k*d - d, k*d].
struct DownsampleStep {
  int64_t offset_ms = 0;
  int64_t interval_ms = 0;  // above 0
  friend bool operator==(const DownsampleStep&,
                         const DownsampleStep&) = default;
};
// Offsets and intervals ascend; each interval is a multiple of the one before.
using DownsampleSteps = std::vector<DownsampleStep>;

struct DownsampleRule {
  SeriesFilter filter;
  DownsampleSteps steps;
};
using DownsampleRules = std::vector<DownsampleRule>;

// Sorts the steps; InvalidArgument when they do not ascend together, an
// interval is no multiple of the one before it, or of `dedup_interval_ms`
// (0: none). `name` is told in the text.
absl::Status CheckSteps(std::string_view name, int64_t dedup_interval_ms,
                        DownsampleSteps& steps);

// Thins the samples from row `from` on; rows before it go. An interval is
// thinned once its end is older than the offset, so that what is thinned
// today is thinned tomorrow in the same way. One pass, nothing is allocated.
// REQUIRES: timestamps >= 0 that never decrease.
void Downsample(const DownsampleSteps& steps, int64_t now_ms, size_t from,
                SampleColumns& samples);
void Downsample(const DownsampleSteps& steps, int64_t now_ms, size_t from,
                HistogramColumns& histograms);

// As above by the rule of the series, if any.
void Downsample(const DownsampleRules& rules, const TenantId& tenant,
                const LabelSet& labels, int64_t now_ms, SampleColumns& samples);

}  // namespace varve::model

#endif  // VARVE_LIB_MODEL_DOWNSAMPLING_H_
