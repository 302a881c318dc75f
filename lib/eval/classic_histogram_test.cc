#include "lib/eval/classic_histogram.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <limits>

namespace varve::eval {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();

QuantileResult Quantile(double phi, std::vector<Bucket> buckets) {
  return BucketQuantile(phi, buckets);
}
double Fraction(double lower, double upper, std::vector<Bucket> buckets) {
  return BucketFraction(lower, upper, buckets);
}

TEST_CASE("a quantile lies on the line through its bucket", "[eval]") {
  const std::vector<Bucket> buckets = {{kInf, 4}, {1, 1}, {2, 3}};
  CHECK(Quantile(0.25, buckets).value == 1);
  CHECK(Quantile(0.5, buckets).value == 1.5);
  CHECK(Quantile(1, buckets).value == 2);
  CHECK(Quantile(-0.1, buckets).value == -kInf);
  CHECK(Quantile(1.1, buckets).value == kInf);
  CHECK(std::isnan(Quantile(NAN, buckets).value));
}

TEST_CASE("histograms without use are NaN", "[eval]") {
  CHECK(std::isnan(Quantile(0.5, {{1, 1}, {2, 3}}).value));     // no +Inf
  CHECK(std::isnan(Quantile(0.5, {{kInf, 3}}).value));          // one bucket
  CHECK(std::isnan(Quantile(0.5, {{1, 0}, {kInf, 0}}).value));  // empty
  CHECK(std::isnan(Fraction(0, 1, {{1, 0}, {kInf, 0}})));
}

TEST_CASE("counts that fall are lifted, with a note unless rounding",
          "[eval]") {
  CHECK(Quantile(0.5, {{1, 5}, {2, 3}, {kInf, 6}}).forced_monotonic);
  CHECK_FALSE(
      Quantile(0.5, {{1, 5}, {2, 5 - 1e-13}, {kInf, 6}}).forced_monotonic);
}

TEST_CASE("buckets of one bound are one", "[eval]") {
  CHECK(Quantile(0.5, {{1, 1}, {1, 1}, {kInf, 4}}).value == 1);
}

TEST_CASE("a fraction is the difference of two ranks", "[eval]") {
  const std::vector<Bucket> buckets = {{1, 1}, {2, 3}, {kInf, 4}};
  CHECK(Fraction(0, 1.5, buckets) == 0.5);
  CHECK(Fraction(-kInf, kInf, buckets) == 1);
  CHECK(Fraction(2, 1, buckets) == 0);
  CHECK(std::isnan(Fraction(NAN, 1, buckets)));
}

}  // namespace
}  // namespace varve::eval
