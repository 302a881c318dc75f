// Window functions: one series' samples to one value per step.
//
// In:      columns of one series, timestamps ascending, and the windows, one
//          per step; a window is left-open: (end - range, end]. What is no
//          sample to the function must be gone (DropGaps).
// Out:     one value per step; the staleness marker's bits where the window
//          has too few samples to give one.
// Errors:  none; arguments out of a function's domain give what Prometheus
//          gives.
// Threads: free functions without state.
// Source:  prometheus/prometheus promql/functions.go (3.5); for MetricsQL's
//          functions VictoriaMetrics docs/MetricsQL.md, and for the sample
//          before a window previous.h. kDefault is MetricsQL's default_rollup
//          with staleness honoured, and with the lookback as range it is what
//          an instant selector reads.
//
// Two indexes move over the samples once for all steps. Counter resets and
// changes are found once per series, so a window costs O(1) for rate,
// increase, delta, irate, idelta, changes, resets, count, last, first; the
// exact sums (Kahan) and order statistics cost O(window).
#ifndef VARVE_LIB_ROLLUP_ROLLUP_H_
#define VARVE_LIB_ROLLUP_ROLLUP_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "lib/histogram/float_histogram.h"
#include "lib/model/sample.h"

namespace varve::rollup {

enum class Function : uint8_t {
  kRate,
  kIncrease,
  kDelta,
  kIrate,
  kIdelta,
  kDeriv,
  kPredictLinear,
  kChanges,
  kResets,
  kAvg,
  kSum,
  kMin,
  kMax,
  kCount,
  kLast,
  kFirst,
  kPresent,
  kStddev,
  kStdvar,
  kQuantile,
  kMad,
  kDoubleExponentialSmoothing,
  kTsOfMin,
  kTsOfMax,
  kTsOfLast,
  kTsOfFirst,
  kDefault,
  kTsOfDefault,  // the timestamp of what kDefault reads; has no name

  // MetricsQL's own from here on.
  kIncreasePure,
  kIncreasePrometheus,
  kRatePrometheus,
  kDeltaPrometheus,
  kChangesPrometheus,
  kAscent,
  kDescent,
  kIncreases,
  kDecreases,
  kIderiv,
  kDerivFast,
  kIntegrate,
  kLag,
  kLifetime,
  kScrapeInterval,
  kTlastChange,
  kHoltWinters,
  kZscore,
  kCountGt,
  kCountLe,
  kCountEq,
  kCountNe,
  kShareGt,
  kShareLe,
  kShareEq,
  kSumGt,
  kSumLe,
  kSumEq,
  kSum2,
  kGeomean,
  kHoeffdingLower,
  kHoeffdingUpper,
  kMode,
  kMedian,
  kRange,
  kOutlierIqr,
  kDistinct,
  kRateOverSum,
  kDuration,
  kStaleSamples,
  kTmin,
  kTmax,
  kTfirst,
  kTlast,
  kTlastWithName,  // timestamp_with_name
  // Without names: the parts of rollup_candlestick. Their windows hold the
  // begin and not the end.
  kOpen,
  kClose,
  kLow,
  kHigh,
  // What MetricsQL means by names that PromQL has too: they use the sample
  // before the window and do not extrapolate.
  kMetricsqlRate,
  kMetricsqlIncrease,
  kMetricsqlDelta,
  kMetricsqlIdelta,
  kMetricsqlIrate,
  kMetricsqlChanges,
  kMetricsqlResets,
  // They do with one sample too.
  kMetricsqlDeriv,
  kMetricsqlPredictLinear,
  // Without names: of ranges that are `anchored` or `smoothed`, which use what
  // lies up to windows.previous_ms around them.
  kAnchoredRate,
  kAnchoredIncrease,
  kAnchoredDelta,
  kAnchoredChanges,
  kAnchoredResets,
  kSmoothedRate,
  kSmoothedIncrease,
  kSmoothedDelta,
  kSmoothedDefault,  // an instant selector's; the lookback is its range
};

// By the name users type ("rate", "sum_over_time"); absent_over_time is not
// one: it looks at all series at once.
std::optional<Function> FunctionByName(std::string_view name);

// The name of a function that has one; "" for others.
std::string_view NameOf(Function function);

// True for the functions whose result is a sample of the series itself and
// keeps its name.
bool KeepsName(Function function);

// True for kDefault and kTsOfDefault, where a staleness marker ends the
// series, and for kStaleSamples, which counts them.
bool ReadsStale(Function function);

// True for MetricsQL's own functions, to which a NaN is no sample.
bool IsMetricsql(Function function);

// True when the sample before a window matters.
bool ReadsPrevious(Function function);

// True when of the samples before the windows only those of FromStepBefore
// (previous.h) are used, unless the series is a subquery's.
bool ReadsFromStepBefore(Function function);

// How many of the scalar arguments below the function takes.
size_t ArgumentCount(Function function);

// True when a range that was not written reaches at least as far back as a
// sample before the window would count.
bool FitsInterval(Function function);

// What a function that PromQL and MetricsQL give the same name computes in
// MetricsQL; any other function is itself.
Function InMetricsql(Function function);

struct Windows {
  int64_t first_end_ms = 0;  // right end of the first step's window
  int64_t end_step_ms = 0;   // 0: all windows are the same (@ modifier)
  int64_t range_ms = 0;
  size_t count = 0;
  // When the steps are evaluated: predict_linear counts from there.
  int64_t first_eval_ms = 0;
  int64_t eval_step_ms = 0;
  // How far before a window's begin the sample before it still counts, for
  // ReadsPrevious(function); 0: as the series' own scrape interval says. Of
  // extended ranges: how far around the window samples count.
  int64_t previous_ms = 0;
  // Bounds of that interval and its part; 0: none.
  int64_t previous_min_ms = 0;
  int64_t previous_max_ms = 0;
  // The range, which was not written, is at least as long.
  bool fits_interval = false;

  int64_t End(size_t step) const {
    return first_end_ms + static_cast<int64_t>(step) * end_step_ms;
  }
};

// How far before the first window's begin samples are wanted; 0 unless
// ReadsPrevious(function) or the range is extended.
int64_t BeforeMs(Function function, const Windows& windows);
// How far behind the last window's end: 0 unless the range is smoothed.
int64_t AfterMs(Function function, const Windows& windows);

// Scalar arguments, one value per step: quantile_over_time's phi,
// predict_linear's seconds, double_exponential_smoothing's two factors, the
// bound of count_gt_over_time and its kin.
struct Arguments {
  std::span<const double> first;
  std::span<const double> second;
};

struct Series {
  std::span<const int64_t> timestamps_ms;
  std::span<const double> values;
};

// The native histograms of one series; none is null.
struct HistogramSeries {
  std::span<const int64_t> timestamps_ms;
  std::span<const histogram::HistogramPtr> histograms;
};

// What a window function met among histograms: bits of Notes.
enum class Note : uint32_t {
  kMixedFloatsHistograms = 1 << 0,   // no result where a window has both
  kMixedExponentialCustom = 1 << 1,  // no result
  kIncompatibleBounds = 1 << 2,      // custom bounds differ: no result
  kNotCounter = 1 << 3,              // gauge histograms where counters belong
  kNotGauge = 1 << 4,                // the reverse
  kHistogramsIgnored = 1 << 5,       // beside the floats of a window
};
class Notes {
 public:
  void Add(Note note) { bits_ |= static_cast<uint32_t>(note); }
  bool Has(Note note) const {
    return (bits_ & static_cast<uint32_t>(note)) != 0;
  }
  bool empty() const { return bits_ == 0; }

 private:
  uint32_t bits_ = 0;
};

// Both columns of a series that has histograms in, both columns out. A step
// has a float or a histogram or neither.
struct MixedSeries {
  Series floats;
  HistogramSeries histograms;
};
struct MixedOutput {
  std::span<double> values;
  std::span<histogram::HistogramPtr> histograms;
};

// Removes the staleness markers of `columns`.
void DropStale(model::SampleColumns& columns);
bool HasStale(std::span<const double> values);
// Removes what is no sample to `function`: staleness markers unless it reads
// them, NaNs if it is MetricsQL's.
void DropGaps(Function function, model::SampleColumns& columns);

// The samples of an `anchored` or `smoothed` range by themselves: one at each
// of its edges, and those between. `samples` are those that an anchored or
// smoothed function reads; afterwards none where such a function has no value.
void ExtendSamples(bool smoothed, int64_t begin_ms, int64_t end_ms,
                   model::SampleColumns& samples);

// REQUIRES: out.size() == windows.count; the arguments the function needs
// have as many values.
void Compute(Function function, const Series& series, const Windows& windows,
             const Arguments& arguments, std::span<double> out);

// The same of a series that has histograms. The functions that know floats
// only ignore the histograms and give nothing where there are no floats.
// REQUIRES: both outputs have windows.count entries.
void ComputeMixed(Function function, const MixedSeries& series,
                  const Windows& windows, const Arguments& arguments,
                  const MixedOutput& out, Notes& notes);

}  // namespace varve::rollup

#endif  // VARVE_LIB_ROLLUP_ROLLUP_H_
