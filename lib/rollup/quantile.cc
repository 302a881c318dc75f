#include "lib/rollup/quantile.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "lib/model/sample.h"

namespace varve::rollup {

double Quantile(double phi, std::span<double> values) {
  if (values.empty() || std::isnan(phi)) return model::NormalNan();
  if (phi < 0) return -std::numeric_limits<double>::infinity();
  if (phi > 1) return std::numeric_limits<double>::infinity();
  std::sort(values.begin(), values.end(), [](double a, double b) {
    return std::isnan(a) ? !std::isnan(b) : a < b;
  });
  const double n = static_cast<double>(values.size());
  const double rank = phi * (n - 1);
  const double lower = std::max(0.0, std::floor(rank));
  const double upper = std::min(n - 1, lower + 1);
  const double weight = rank - std::floor(rank);
  return values[static_cast<size_t>(lower)] * (1 - weight) +
         values[static_cast<size_t>(upper)] * weight;
}

}  // namespace varve::rollup
