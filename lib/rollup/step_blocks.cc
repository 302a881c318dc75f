#include "lib/rollup/step_blocks.h"

namespace varve::rollup {
namespace {

// Whether a window costs the same however many samples it holds, or its
// samples are looked at once or twice for all windows together.
bool HasCheapWindows(Function function) {
  switch (function) {
    case Function::kRate:
    case Function::kIncrease:
    case Function::kDelta:
    case Function::kIrate:
    case Function::kIdelta:
    case Function::kChanges:
    case Function::kResets:
    case Function::kMin:
    case Function::kMax:
    case Function::kCount:
    case Function::kLast:
    case Function::kFirst:
    case Function::kPresent:
    case Function::kTsOfMin:
    case Function::kTsOfMax:
    case Function::kTsOfLast:
    case Function::kTsOfFirst:
    case Function::kDefault:
    case Function::kTsOfDefault:
    case Function::kIncreasePure:
    case Function::kIncreasePrometheus:
    case Function::kRatePrometheus:
    case Function::kDeltaPrometheus:
    case Function::kIderiv:
    case Function::kDerivFast:
    case Function::kLag:
    case Function::kLifetime:
    case Function::kScrapeInterval:
    case Function::kTmin:
    case Function::kTmax:
    case Function::kTfirst:
    case Function::kTlast:
    case Function::kTlastWithName:
    case Function::kMetricsqlRate:
    case Function::kMetricsqlIncrease:
    case Function::kMetricsqlDelta:
    case Function::kMetricsqlIdelta:
    case Function::kMetricsqlIrate:
      return true;
    default:
      return false;
  }
}

}  // namespace

size_t StepsPerBlock(Function function, std::span<const int64_t> timestamps_ms,
                     const Windows& windows) {
  const size_t all = std::max<size_t>(windows.count, 1);
  if (timestamps_ms.empty() || HasCheapWindows(function)) return all;
  const auto samples = static_cast<double>(timestamps_ms.size());
  const double span_ms = static_cast<double>(timestamps_ms.back()) -
                         static_cast<double>(timestamps_ms.front()) + 1;
  const double part =
      std::min(1.0, static_cast<double>(windows.range_ms) / span_ms);
  const double steps = kBlockSamples / std::max(1.0, samples * part);
  if (steps >= static_cast<double>(all)) return all;
  return std::max<size_t>(static_cast<size_t>(steps), 1);
}

}  // namespace varve::rollup
