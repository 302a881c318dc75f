#include "lib/histogram/estimate.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <limits>

namespace varve::histogram {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();
const double kNan = std::nan("");

double Q(const FloatHistogram& h, double q) { return Quantile(h, q).value; }
double F(const FloatHistogram& h, double lower, double upper) {
  return Fraction(h, lower, upper).value;
}

// 12 observations: 2 around 0, then 2 3 0 1 4 up to 16.
const FloatHistogram kPositive{.zero_threshold = 0.001,
                               .zero_count = 2,
                               .count = 12,
                               .sum = 100,
                               .positive_spans = {{0, 5}},
                               .positive = {2, 3, 0, 1, 4}};
const FloatHistogram kNegative{.zero_threshold = 0.001,
                               .zero_count = 2,
                               .count = 12,
                               .sum = -100,
                               .negative_spans = {{0, 5}},
                               .negative = {2, 3, 0, 1, 4}};
const FloatHistogram kBoth{.zero_threshold = 0.001,
                           .zero_count = 4,
                           .count = 24,
                           .positive_spans = {{0, 5}},
                           .negative_spans = {{0, 5}},
                           .positive = {2, 3, 0, 1, 4},
                           .negative = {2, 3, 0, 1, 4}};
// (-Inf,5] (5,10] (10,+Inf].
const FloatHistogram kCustom{.schema = model::kSchemaCustom,
                             .count = 10,
                             .sum = 70,
                             .positive_spans = {{0, 3}},
                             .positive = {2, 4, 4},
                             .custom_bounds = {5, 10}};

TEST_CASE("a quantile lies evenly in the bucket's logarithm",
          "[histogram]") {
  // Rank 6 is the 2nd of 3 in (1,2]; 11.4 is 3.4 of 4 into (8,16].
  CHECK(Q(kPositive, 0.5) == Approx(std::exp2(2.0 / 3)));
  CHECK(Q(kPositive, 0.95) == Approx(8 * std::exp2(3.4 / 4)));
  CHECK(Q(kPositive, 1) == 16);
  CHECK(Q(kNegative, 0.5) == Approx(-std::exp2(2.0 / 3)));
  CHECK(Q(kNegative, 0.05) == Approx(-8 * std::exp2(3.4 / 4)));
  CHECK(Q(kNegative, 0) == -16);
  CHECK(Q(kBoth, 0.9) == Approx(8 * std::exp2(1.6 / 4)));
  CHECK(Q(kBoth, 0.1) == Approx(-8 * std::exp2(1.6 / 4)));
}

TEST_CASE("the zero bucket is linear, and ends at 0 on an empty side",
          "[histogram]") {
  CHECK(Q(kPositive, 0) == 0);
  CHECK(Q(kPositive, 1.0 / 12) == Approx(0.0005));
  CHECK(Q(kNegative, 1) == 0);
  CHECK(Q(kNegative, 11.0 / 12) == Approx(-0.0005));
  CHECK(Q(kBoth, 0.5) == Approx(0).margin(1e-12));
  CHECK(Q(kBoth, 0.55) == Approx(0.0006));
  const FloatHistogram zero_only{.zero_threshold = 0.5,
                                 .zero_count = 4,
                                 .count = 4};
  CHECK(Q(zero_only, 0) == -0.5);
  CHECK(Q(zero_only, 0.75) == Approx(0.25));
}

TEST_CASE("a quantile outside [0, 1] is infinite, of nothing NaN",
          "[histogram]") {
  CHECK(Q(kPositive, -0.1) == -kInf);
  CHECK(Q(kPositive, 1.1) == kInf);
  CHECK(std::isnan(Q(kPositive, kNan)));
  CHECK(std::isnan(Q({}, 0.5)));
  CHECK(Q({}, 2) == kInf);
}

TEST_CASE("custom buckets are linear, and bounded by what is known",
          "[histogram]") {
  CHECK(Q(kCustom, 0.1) == Approx(2.5));  // from 0 to 5
  CHECK(Q(kCustom, 0.4) == Approx(7.5));
  CHECK(Q(kCustom, 0.9) == 10);
  FloatHistogram below_zero = kCustom;
  below_zero.custom_bounds = {-5, 10};
  CHECK(Q(below_zero, 0.1) == -5);
  CHECK(Q(below_zero, 0.4) == Approx(2.5));
}

TEST_CASE("NaN observations rank above all others", "[histogram]") {
  const FloatHistogram h{.count = 15,
                         .sum = kNan,
                         .positive_spans = {{0, 1}},
                         .positive = {12}};
  const QuantileEstimate below = Quantile(h, 0.6);  // 9 of 12 in (0.5,1]
  CHECK(below.value == Approx(0.5 * std::exp2(0.75)));
  CHECK(below.nan_effect == NanEffect::kSkewedHigher);
  const QuantileEstimate among = Quantile(h, 0.81);
  CHECK(std::isnan(among.value));
  CHECK(among.nan_effect == NanEffect::kResultIsNan);
  CHECK(Quantile(kPositive, 0.5).nan_effect == NanEffect::kNone);

  // Infinite observations of both signs make the sum NaN, too.
  FloatHistogram infinite = h;
  infinite.count = 12;
  CHECK(Quantile(infinite, 0.6).nan_effect == NanEffect::kNone);
}

TEST_CASE("a fraction is the share between two values", "[histogram]") {
  CHECK(F(kPositive, 1, 2) == Approx(3.0 / 12));
  CHECK(F(kPositive, -kInf, kInf) == 1);
  CHECK(F(kPositive, 0, 0.001) == Approx(2.0 / 12));
  CHECK(F(kPositive, 0, 0.0005) == Approx(1.0 / 12));
  CHECK(F(kPositive, -6, -1) == 0);
  CHECK(F(kPositive, 1.5, 2) == Approx(3 * (1 - std::log2(1.5)) / 12));
  CHECK(F(kNegative, -2, -1.5) == Approx(3 * (1 - std::log2(1.5)) / 12));
  CHECK(F(kNegative, -0.0005, 0) == Approx(1.0 / 12));
  CHECK(F(kBoth, -kInf, 0) == Approx(0.5));
  CHECK(F(kCustom, 0, 7.5) == Approx(0.4));
  CHECK(F(kCustom, 5, 10) == Approx(0.4));
  CHECK(F(kCustom, 10, 1000) == 0);  // where above 10 is not known
}

TEST_CASE("a fraction and a quantile are inverse", "[histogram]") {
  for (const FloatHistogram& h : {kPositive, kNegative, kBoth}) {
    for (const double q : {0.05, 0.3, 0.45, 0.6, 0.95}) {
      CAPTURE(q);
      CHECK(F(h, -kInf, Q(h, q)) == Approx(q));
    }
  }
}

TEST_CASE("fractions of bad bounds and of nothing", "[histogram]") {
  CHECK(F(kPositive, 2, 2) == 0);
  CHECK(F(kPositive, 3, 2) == 0);
  CHECK(std::isnan(F(kPositive, kNan, 2)));
  CHECK(std::isnan(F(kPositive, 2, kNan)));
  CHECK(std::isnan(F({}, 0, 1)));
}

TEST_CASE("NaN observations are in no fraction", "[histogram]") {
  const FloatHistogram h{.count = 15,
                         .sum = kNan,
                         .positive_spans = {{0, 1}},
                         .positive = {12}};
  const FractionEstimate all = Fraction(h, -kInf, kInf);
  CHECK(all.value == Approx(0.8));
  CHECK(all.nan_observations);
  CHECK(Fraction(h, 0.6, 0.7).nan_observations);
  CHECK_FALSE(Fraction(kPositive, 0, 1).nan_observations);
}

TEST_CASE("spread is around the average, of the buckets' middles",
          "[histogram]") {
  // Middles -sqrt(2), 0 and sqrt(32); the average is 1.
  const FloatHistogram h{.zero_threshold = 0.1,
                         .zero_count = 1,
                         .count = 4,
                         .sum = 4,
                         .positive_spans = {{3, 1}},
                         .negative_spans = {{1, 1}},
                         .positive = {1},
                         .negative = {2}};
  const double a = 1 + std::sqrt(2.0);
  const double b = std::sqrt(32.0) - 1;
  CHECK(Average(h) == 1);
  CHECK(StdVar(h) == Approx((2 * a * a + 1 + b * b) / 4));
  CHECK(StdDev(h) == Approx(std::sqrt((2 * a * a + 1 + b * b) / 4)));

  const FloatHistogram custom{.schema = model::kSchemaCustom,
                              .count = 4,
                              .sum = 20,
                              .positive_spans = {{1, 2}},
                              .positive = {3, 1},
                              .custom_bounds = {2, 4, 8}};
  CHECK(StdVar(custom) == Approx((3 * 4.0 + 1) / 4));
  CHECK(std::isnan(StdVar({})));
  CHECK(std::isnan(Average({})));
}

}  // namespace
}  // namespace varve::histogram
