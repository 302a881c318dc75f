// The families of window functions behind Compute().
//
// Threads: free functions without state.
#ifndef VARVE_LIB_ROLLUP_FUNCTIONS_H_
#define VARVE_LIB_ROLLUP_FUNCTIONS_H_

#include <span>

#include "lib/histogram/arithmetic.h"
#include "lib/rollup/rollup.h"

namespace varve::rollup {

// kRate, kIncrease, kDelta, kIrate, kIdelta.
void ComputeRate(Function function, const Series& series,
                 const Windows& windows, std::span<double> out);
// kDeriv, kPredictLinear, both as MetricsQL has them too, and
// kDoubleExponentialSmoothing.
void ComputeTrend(Function function, const Series& series,
                  const Windows& windows, const Arguments& arguments,
                  std::span<double> out);
// kAvg, kSum, kStddev, kStdvar, kQuantile, kMad.
void ComputeStatistics(Function function, const Series& series,
                       const Windows& windows, const Arguments& arguments,
                       std::span<double> out);
// kIncreasePure to kZscore, kMetricsqlRate to kMetricsqlResets.
void ComputeNeighbours(Function function, const Series& series,
                       const Windows& windows, const Arguments& arguments,
                       std::span<double> out);
// kCountGt to kSumEq.
void ComputeFilter(Function function, const Series& series,
                   const Windows& windows, const Arguments& arguments,
                   std::span<double> out);
// kSum2 to kStaleSamples, kOpen to kHigh.
void ComputeSpread(Function function, const Series& series,
                   const Windows& windows, const Arguments& arguments,
                   std::span<double> out);
// kRate, kIncrease, kDelta of series with histograms.
void ComputeMixedRate(Function function, const MixedSeries& series,
                      const Windows& windows, const MixedOutput& out,
                      Notes& notes);
// kIrate, kIdelta of series with histograms.
void ComputeMixedInstant(Function function, const MixedSeries& series,
                         const Windows& windows, const MixedOutput& out,
                         Notes& notes);
Note NoteOf(histogram::Mismatch mismatch);
// kAnchoredRate to kSmoothedDefault.
void ComputeExtended(Function function, const Series& series,
                     const Windows& windows, std::span<double> out);
// All others: they pick or count samples.
void ComputePick(Function function, const Series& series,
                 const Windows& windows, std::span<double> out);

}  // namespace varve::rollup

#endif  // VARVE_LIB_ROLLUP_FUNCTIONS_H_
