// MetricsQL's functions of neighbouring samples: how they rise and fall, and
// how far apart they are. All of them start from the sample before the window
// where there is one, except those named after Prometheus.
#include <cmath>
#include <cstdint>
#include <vector>

#include "lib/rollup/counter_resets.h"
#include "lib/rollup/functions.h"
#include "lib/rollup/previous.h"

namespace varve::rollup {
namespace {

double Seconds(int64_t ms) { return static_cast<double>(ms) / 1000; }

// Apart by less than rounding explains.
bool SameButRounding(double a, double b) {
  return std::fabs(a - b) < 1e-12 * std::fabs(a);
}

// The functions of one series; each takes a window.
class Neighbours {
 public:
  Neighbours(const Series& series, const Windows& windows)
      : values_(series.values.data()),
        ts_(series.timestamps_ms.data()),
        count_(series.values.size()),
        range_ms_(windows.range_ms) {}

  // The window and the sample before it.
  size_t First(const Window& at) const {
    return at.has_previous ? at.lo - 1 : at.lo;
  }

  // Without a sample before, a counter began at zero.
  double IncreasePure(const Window& at) const {
    if (at.size() == 0) return 0;
    const double before = at.lo > 0 ? values_[at.lo - 1] : 0;
    return values_[at.hi - 1] - before;
  }

  // As IncreasePure, but a first value that is large beside the difference to
  // the next is no increase: the counter is older than its first sample.
  double Delta(const Window& at) const {
    if (at.size() == 0) return 0;
    const double last = values_[at.hi - 1];
    if (at.lo > 0) return last - values_[at.lo - 1];
    const double first = values_[at.lo];
    const double next = at.lo + 1 < count_ ? values_[at.lo + 1] : first;
    const bool from_zero =
        std::fabs(first) < 10 * (std::fabs(next - first) + 1);
    return from_zero ? last : last - first;
  }

  double DeltaWithin(const Window& at) const {
    if (at.size() < 2) return model::StaleNan();
    return values_[at.hi - 1] - values_[at.lo];
  }

  double RateWithin(const Window& at) const {
    const double delta = DeltaWithin(at);
    return model::IsStaleNan(delta) ? delta : delta / Seconds(range_ms_);
  }

  double Idelta(const Window& at) const {
    if (at.size() == 0) return 0;
    const double last = values_[at.hi - 1];
    if (at.size() == 1 && !at.has_previous) return last;
    return last - values_[at.hi - 2];
  }

  double Slope(const Window& at, size_t from) const {
    const size_t to = at.hi - 1;
    return (values_[to] - values_[from]) / Seconds(ts_[to] - ts_[from]);
  }
  double DerivFast(const Window& at) const {
    if (at.size() == 0) return 0;
    if (at.size() == 1 && !at.has_previous) return model::StaleNan();
    return Slope(at, First(at));
  }
  double Ideriv(const Window& at) const {
    if (at.size() == 0) return model::StaleNan();
    size_t from = at.hi - 1;
    while (from > First(at) && ts_[from] == ts_[at.hi - 1]) --from;
    if (ts_[from] == ts_[at.hi - 1]) return model::StaleNan();
    return Slope(at, from);
  }

  // Sums `part(previous, current)` over the window's neighbours from `first`.
  template <typename Part>
  double SumOver(const Window& at, size_t first, Part part) const {
    double sum = 0;
    for (size_t i = first + 1; i < at.hi; ++i) {
      sum += part(values_[i - 1], values_[i]);
    }
    return sum;
  }

  // Counts from the last value that counted, so that many small steps are
  // one change in the end. A series' first sample is a change, if asked.
  double Changes(const Window& at, size_t first, bool first_counts) const {
    double changes = first_counts ? 1 : 0;
    double before = values_[first];
    for (size_t i = first + 1; i < at.hi; ++i) {
      if (values_[i] == before || SameButRounding(values_[i], before)) continue;
      ++changes;
      before = values_[i];
    }
    return changes;
  }

  // Each value holds until the next, that before the window's end until there
  // if another sample follows.
  double Integrate(const Window& at) const {
    double sum = 0;
    int64_t since = at.has_previous ? at.end_ms - range_ms_ : ts_[at.lo];
    double value = values_[First(at)];
    for (size_t i = First(at) + 1; i < at.hi; ++i) {
      sum += value * Seconds(ts_[i] - since);
      since = ts_[i];
      value = values_[i];
    }
    if (at.hi == count_) return sum;
    return sum + value * Seconds(at.end_ms - since);
  }

  double Lag(const Window& at) const {
    return Seconds(at.end_ms - ts_[at.size() == 0 ? at.lo - 1 : at.hi - 1]);
  }
  double Lifetime(const Window& at) const {
    if (at.size() == 0 || First(at) + 1 == at.hi) return model::StaleNan();
    return Seconds(ts_[at.hi - 1] - ts_[First(at)]);
  }
  double ScrapeInterval(const Window& at) const {
    const double lifetime = Lifetime(at);
    if (model::IsStaleNan(lifetime)) return lifetime;
    return lifetime / static_cast<double>(at.hi - 1 - First(at));
  }

  double TlastChange(const Window& at) const {
    if (at.size() == 0) return model::StaleNan();
    size_t i = at.hi - 1;
    while (i > First(at) && values_[i - 1] == values_[at.hi - 1]) --i;
    if (i < at.lo) return model::StaleNan();
    return Seconds(ts_[i]);
  }

  double HoltWinters(const Window& at, double smoothing, double trend) const {
    if (at.size() == 0 || !(smoothing >= 0 && smoothing <= 1) ||
        !(trend >= 0 && trend <= 1)) {
      return model::StaleNan();
    }
    size_t i = First(at);
    double level = values_[i++];
    if (i == at.hi) return level;
    double slope = values_[i] - level;
    for (; i < at.hi; ++i) {
      const double next =
          smoothing * values_[i] + (1 - smoothing) * (level + slope);
      slope = trend * (next - level) + (1 - trend) * slope;
      level = next;
    }
    return level;
  }

  // None where the last sample is older than the samples are apart.
  double Zscore(const Window& at) const {
    const double interval = ScrapeInterval(at);
    if (model::IsStaleNan(interval) || Lag(at) > interval) {
      return model::StaleNan();
    }
    double mean = 0, squares = 0, count = 0;
    for (size_t i = at.lo; i < at.hi; ++i) {
      ++count;
      const double delta = values_[i] - mean;
      mean += delta / count;
      squares += delta * (values_[i] - mean);
    }
    const double distance = values_[at.hi - 1] - mean;
    return distance == 0 ? 0 : distance / std::sqrt(squares / count);
  }

 private:
  const double* values_;
  const int64_t* ts_;
  const size_t count_;
  const int64_t range_ms_;
};

double Rise(double from, double to) { return to > from ? to - from : 0; }
double Fall(double from, double to) { return from > to ? from - to : 0; }
double Rises(double from, double to) {
  return to > from && !SameButRounding(to, from) ? 1 : 0;
}
double Falls(double from, double to) {
  return to < from && !SameButRounding(to, from) ? 1 : 0;
}

bool IsOfCounters(Function function) {
  switch (function) {
    case Function::kIncreasePure:
    case Function::kIncreasePrometheus:
    case Function::kRatePrometheus:
    case Function::kMetricsqlRate:
    case Function::kMetricsqlIncrease:
    case Function::kMetricsqlIrate:
      return true;
    default:
      return false;
  }
}

double At(Function function, const Neighbours& series, const Window& at,
          const Arguments& arguments) {
  switch (function) {
    case Function::kIncreasePure:
      return series.IncreasePure(at);
    case Function::kMetricsqlIncrease:
    case Function::kMetricsqlDelta:
      return series.Delta(at);
    case Function::kIncreasePrometheus:
    case Function::kDeltaPrometheus:
      return series.DeltaWithin(at);
    case Function::kRatePrometheus:
      return series.RateWithin(at);
    case Function::kMetricsqlIdelta:
      return series.Idelta(at);
    case Function::kDerivFast:
    case Function::kMetricsqlRate:
      return series.DerivFast(at);
    case Function::kIderiv:
    case Function::kMetricsqlIrate:
      return series.Ideriv(at);
    case Function::kAscent:
      return series.SumOver(at, series.First(at), Rise);
    case Function::kDescent:
      return series.SumOver(at, series.First(at), Fall);
    case Function::kIncreases:
      return series.SumOver(at, series.First(at), Rises);
    case Function::kDecreases:
    case Function::kMetricsqlResets:
      return series.SumOver(at, series.First(at), Falls);
    case Function::kChangesPrometheus:
      if (at.size() == 0) return model::StaleNan();
      return series.Changes(at, at.lo, false);
    case Function::kMetricsqlChanges:
      return series.Changes(at, series.First(at), !at.has_previous);
    case Function::kIntegrate:
      return series.Integrate(at);
    case Function::kLag:
      return series.Lag(at);
    case Function::kLifetime:
      return series.Lifetime(at);
    case Function::kScrapeInterval:
      return series.ScrapeInterval(at);
    case Function::kTlastChange:
      return series.TlastChange(at);
    case Function::kHoltWinters:
      return series.HoltWinters(at, arguments.first[at.step],
                                arguments.second[at.step]);
    default:
      return series.Zscore(at);
  }
}

}  // namespace

void ComputeNeighbours(Function function, const Series& series,
                       const Windows& windows, const Arguments& arguments,
                       std::span<double> out) {
  std::vector<double> without_resets;
  Series input = series;
  if (IsOfCounters(function)) {
    without_resets.assign(series.values.begin(), series.values.end());
    RemoveResets(without_resets);
    input.values = without_resets;
  }
  const Neighbours neighbours(input, windows);
  SlideWithPrevious(input, windows, out, [&](const Window& at) {
    return At(function, neighbours, at, arguments);
  });
}

}  // namespace varve::rollup
