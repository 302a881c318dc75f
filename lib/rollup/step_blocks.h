// Window functions over a long series in blocks of steps, so that a query
// whose time is over ends between two of them and not after all.
//
// Each block is computed from the same samples, so the values are those of one
// Compute() or ComputeMixed() over all windows. Functions that read a series
// once for all windows are one block: every block would read its first window
// anew.
//
// Errors:  those of `check_alive`, which leave the rest of the steps undone.
// Threads: free functions without state.
#ifndef VARVE_LIB_ROLLUP_STEP_BLOCKS_H_
#define VARVE_LIB_ROLLUP_STEP_BLOCKS_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>

#include "absl/status/status.h"
#include "lib/base/status.h"
#include "lib/rollup/rollup.h"

namespace varve::rollup {

// How many samples a block's windows hold together, about: some milliseconds'
// work, of a quantile some hundred.
inline constexpr double kBlockSamples = 1 << 22;

// At least 1.
size_t StepsPerBlock(Function function, std::span<const int64_t> timestamps_ms,
                     const Windows& windows);

// Calls compute(windows_of_block, first_step) for blocks of `steps`, one after
// the other, and `check_alive`, which gives a status, before each of several.
template <typename CheckAlive, typename ComputeBlock>
absl::Status InStepBlocks(size_t steps, const Windows& windows,
                          CheckAlive check_alive, ComputeBlock compute) {
  for (size_t begin = 0; begin < windows.count; begin += steps) {
    if (steps < windows.count) RETURN_IF_ERROR(check_alive());
    Windows block = windows;
    block.first_end_ms = windows.End(begin);
    block.first_eval_ms += static_cast<int64_t>(begin) * windows.eval_step_ms;
    block.count = std::min(steps, windows.count - begin);
    compute(block, begin);
  }
  return absl::OkStatus();
}

// The arguments of `count` steps from `begin` on.
inline Arguments ArgumentsOf(const Arguments& all, size_t begin,
                             size_t count) {
  const auto part = [begin, count](std::span<const double> values) {
    return values.empty() ? values : values.subspan(begin, count);
  };
  return {part(all.first), part(all.second)};
}

// Compute() in blocks.
template <typename CheckAlive>
absl::Status ComputeInBlocks(Function function, const Series& series,
                             const Windows& windows,
                             const Arguments& arguments,
                             std::span<double> out, CheckAlive check_alive) {
  return InStepBlocks(
      StepsPerBlock(function, series.timestamps_ms, windows), windows,
      check_alive, [&](const Windows& block, size_t begin) {
        Compute(function, series, block,
                ArgumentsOf(arguments, begin, block.count),
                out.subspan(begin, block.count));
      });
}

// ComputeMixed() in blocks, as small as either kind of samples wants them.
template <typename CheckAlive>
absl::Status ComputeInBlocks(Function function, const MixedSeries& series,
                             const Windows& windows,
                             const Arguments& arguments,
                             const MixedOutput& out, Notes& notes,
                             CheckAlive check_alive) {
  const size_t steps = std::min(
      StepsPerBlock(function, series.floats.timestamps_ms, windows),
      StepsPerBlock(function, series.histograms.timestamps_ms, windows));
  return InStepBlocks(
      steps, windows, check_alive, [&](const Windows& block, size_t begin) {
        ComputeMixed(function, series, block,
                     ArgumentsOf(arguments, begin, block.count),
                     {out.values.subspan(begin, block.count),
                      out.histograms.subspan(begin, block.count)},
                     notes);
      });
}

}  // namespace varve::rollup

#endif  // VARVE_LIB_ROLLUP_STEP_BLOCKS_H_
