#include "lib/graphite/sliding_window.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <limits>
#include <random>
#include <vector>

namespace varve::graphite {
namespace {

constexpr Aggregation kAll[] = {
    Aggregation::kAverage,  Aggregation::kAverageZero, Aggregation::kCount,
    Aggregation::kDifference, Aggregation::kFirst,     Aggregation::kLast,
    Aggregation::kMax,      Aggregation::kMedian,      Aggregation::kMin,
    Aggregation::kMultiply, Aggregation::kRange,       Aggregation::kStddev,
    Aggregation::kSum};

bool Same(double a, double b) {
  if (IsNone(a) || IsNone(b)) return IsNone(a) && IsNone(b);
  return a == b || std::abs(a - b) <= 1e-9 * std::max(1.0, std::abs(b));
}

TEST_CASE("a window has the aggregate of its values wherever it is",
          "[graphite]") {
  constexpr unsigned kSeed = 11;
  std::mt19937 random(kSeed);
  std::vector<double> values;
  for (int i = 0; i < 300; ++i) {
    const auto number = static_cast<double>(random() % 20);
    values.push_back(random() % 4 == 0 ? kNone : number / 8);
  }
  for (const Aggregation how : kAll) {
    SlidingWindow moving(how);
    for (const size_t length : {1, 2, 7, 64, 1000}) {
      for (const double share : {0.0, 0.7}) {
        moving.Reset(values);
        for (size_t i = 0; i < values.size(); ++i) {
          const size_t begin = i - std::min(i, length);
          const double expected = Aggregate(
              how, std::span(values).subspan(begin, i - begin), share);
          CAPTURE(static_cast<int>(how), length, share, i);
          REQUIRE(Same(moving.Value(share), expected));
          moving.Add();
          if (moving.size() > length) moving.Drop();
        }
      }
    }
  }
}

TEST_CASE("a window has no trace of what left it", "[graphite]") {
  const std::vector<double> values = {std::numeric_limits<double>::infinity(),
                                      1e300, 0.1, 0.2, 0.3};
  SlidingWindow moving(Aggregation::kSum);
  moving.Reset(values);
  for (size_t i = 0; i < values.size(); ++i) {
    moving.Add();
    if (moving.size() > 2) moving.Drop();
  }
  CHECK(moving.Value(0) == 0.2 + 0.3);
}

}  // namespace
}  // namespace varve::graphite
