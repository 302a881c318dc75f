// count_*, share_* and sum_* of the samples above, at or below a bound.
#include "lib/rollup/functions.h"
#include "lib/rollup/kahan.h"
#include "lib/rollup/window.h"

namespace varve::rollup {
namespace {

enum class Result { kCount, kShare, kSum };

template <Result kResult, typename Passes>
void Filter(const Series& series, const Windows& windows,
            const Arguments& arguments, std::span<double> out, Passes passes) {
  const double* values = series.values.data();
  SlideWindows(series, windows, out, [&](size_t lo, size_t hi, size_t step) {
    const double bound = arguments.first[step];
    double count = 0;
    KahanSum sum;
    for (size_t i = lo; i < hi; ++i) {
      if (!passes(values[i], bound)) continue;
      ++count;
      if (kResult == Result::kSum) sum.Add(values[i]);
    }
    if (kResult == Result::kSum) return sum.Total();
    return kResult == Result::kCount ? count
                                     : count / static_cast<double>(hi - lo);
  });
}

bool Above(double value, double bound) { return value > bound; }
bool UpTo(double value, double bound) { return value <= bound; }
bool Equal(double value, double bound) { return value == bound; }
bool Unequal(double value, double bound) { return value != bound; }

}  // namespace

void ComputeFilter(Function function, const Series& series,
                   const Windows& windows, const Arguments& arguments,
                   std::span<double> out) {
  const auto run = [&]<Result kResult>(auto passes) {
    Filter<kResult>(series, windows, arguments, out, passes);
  };
  switch (function) {
    case Function::kCountGt:
      return run.operator()<Result::kCount>(Above);
    case Function::kCountLe:
      return run.operator()<Result::kCount>(UpTo);
    case Function::kCountEq:
      return run.operator()<Result::kCount>(Equal);
    case Function::kCountNe:
      return run.operator()<Result::kCount>(Unequal);
    case Function::kShareGt:
      return run.operator()<Result::kShare>(Above);
    case Function::kShareLe:
      return run.operator()<Result::kShare>(UpTo);
    case Function::kShareEq:
      return run.operator()<Result::kShare>(Equal);
    case Function::kSumGt:
      return run.operator()<Result::kSum>(Above);
    case Function::kSumLe:
      return run.operator()<Result::kSum>(UpTo);
    default:
      return run.operator()<Result::kSum>(Equal);
  }
}

}  // namespace varve::rollup
