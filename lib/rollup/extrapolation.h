// From the samples of a window to its boundaries, for rate and its kin.
//
// Threads: free functions without state.
// Source:  prometheus/prometheus promql/functions.go, extrapolatedRate (3.5).
#ifndef VARVE_LIB_ROLLUP_EXTRAPOLATION_H_
#define VARVE_LIB_ROLLUP_EXTRAPOLATION_H_

#include <cstddef>
#include <cstdint>

namespace varve::rollup {

// Where a window's samples lie in it.
struct SampledPart {
  int64_t before_ms = 0;  // from the window's begin to the first sample
  int64_t sampled_ms = 0;  // from there to the last sample
  int64_t after_ms = 0;
  size_t intervals = 0;

  bool operator==(const SampledPart&) const = default;
};

// How far the window's slope reaches beyond its samples: to the window's
// boundaries if those are at most 1.1 sample distances away, else half a
// distance; a counter never to where it would be below zero.
//
// Of regular samples all windows look alike, and most counters are far from
// zero: then the seven divisions of a window are those of the one before.
template <bool kCounter>
class Extrapolation {
 public:
  // What it gives is divided by `divisor`.
  explicit Extrapolation(double divisor) : divisor_(divisor) {}

  // What to multiply the increase with. REQUIRES: part.intervals > 0.
  double Factor(const SampledPart& part, double first_value, double increase) {
    if (part != part_) Take(part);
    if (kCounter && increase > 0 && first_value >= 0 &&
        (first_value < increase || to_start_ > sampled_)) {
      const double to_zero = sampled_ * (first_value / increase);
      if (to_zero < to_start_) return FactorFrom(to_zero);
    }
    return factor_;
  }

 private:
  void Take(const SampledPart& part) {
    part_ = part;
    sampled_ = static_cast<double>(part.sampled_ms) / 1000;
    to_start_ = static_cast<double>(part.before_ms) / 1000;
    to_end_ = static_cast<double>(part.after_ms) / 1000;
    const double average = sampled_ / static_cast<double>(part.intervals);
    const double threshold = average * 1.1;
    if (to_start_ >= threshold) to_start_ = average / 2;
    if (to_end_ >= threshold) to_end_ = average / 2;
    factor_ = FactorFrom(to_start_);
  }
  double FactorFrom(double to_start) const {
    return (sampled_ + to_start + to_end_) / sampled_ / divisor_;
  }

  const double divisor_;
  SampledPart part_;  // that the rest is of
  double sampled_ = 0;  // s, as are the next two
  double to_start_ = 0;
  double to_end_ = 0;
  double factor_ = 0;
};

}  // namespace varve::rollup

#endif  // VARVE_LIB_ROLLUP_EXTRAPOLATION_H_
