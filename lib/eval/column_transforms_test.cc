#include "lib/eval/column_transforms.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <limits>
#include <vector>

namespace varve::eval {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();
const double kNone = std::nan("");

std::vector<double> Run(std::string_view name, std::vector<double> column,
                        double scalar = 0) {
  const ColumnTransformInfo* info = FindColumnTransform(name);
  REQUIRE(info != nullptr);
  const std::vector<double> scalars(column.size(), scalar);
  info->transform(column, scalars);
  return column;
}

void CheckSame(const std::vector<double>& got,
               const std::vector<double>& wanted) {
  REQUIRE(got.size() == wanted.size());
  for (size_t i = 0; i < got.size(); ++i) {
    CAPTURE(i, got[i], wanted[i]);
    CHECK(std::isnan(got[i]) == std::isnan(wanted[i]));
    if (!std::isnan(wanted[i])) CHECK(got[i] == Approx(wanted[i]));
  }
}

TEST_CASE("running functions start at the first point and bridge gaps",
          "[eval]") {
  const std::vector<double> column = {kNone, 3, 1, kNone, 5};
  CheckSame(Run("running_sum", column), {kNone, 3, 4, 4, 9});
  CheckSame(Run("running_avg", column), {kNone, 3, 2, 2, 3});
  CheckSame(Run("running_min", column), {kNone, 3, 1, 1, 1});
  CheckSame(Run("running_max", column), {kNone, 3, 3, 3, 5});
}

TEST_CASE("range functions have one value at all steps", "[eval]") {
  const std::vector<double> column = {kNone, 3, 1, kNone, 5};
  CheckSame(Run("range_sum", column), {9, 9, 9, 9, 9});
  CheckSame(Run("range_avg", column), {3, 3, 3, 3, 3});
  CheckSame(Run("range_min", column), {1, 1, 1, 1, 1});
  CheckSame(Run("range_max", column), {5, 5, 5, 5, 5});
  CheckSame(Run("range_first", column), {3, 3, 3, 3, 3});
  CheckSame(Run("range_last", column), {5, 5, 5, 5, 5});
  CheckSame(Run("range_median", column), {3, 3, 3, 3, 3});
  CheckSame(Run("range_quantile", column, 0.75), {4, 4, 4, 4, 4});
  CheckSame(Run("range_mad", column), {2, 2, 2, 2, 2});
  const double variance = 8.0 / 3;
  CheckSame(Run("range_stdvar", {1, 3, 5}), {variance, variance, variance});
  const double deviation = std::sqrt(variance);
  CheckSame(Run("range_stddev", {1, 3, 5}), {deviation, deviation, deviation});
}

TEST_CASE("points are put in relation to all of their series", "[eval]") {
  CheckSame(Run("range_normalize", {2, kNone, 4, 3}), {0, kNone, 1, 0.5});
  CheckSame(Run("range_normalize", {2, 2}), {kNone, kNone});
  CheckSame(Run("range_zscore", {1, 3}), {-1, 1});
  CheckSame(Run("range_linear_regression", {1, kNone, 5}), {1, 3, 5});
  CheckSame(Run("range_linear_regression", {0, 3, 0}), {1, 1, 1});
  CheckSame(Run("range_linear_regression", {kNone, 4}), {4, 4});
}

TEST_CASE("trims drop the points that are far off", "[eval]") {
  CheckSame(Run("range_trim_outliers", {1, 2, 3, 2, 90}, 2),
            {1, 2, 3, 2, kNone});
  CheckSame(Run("range_trim_zscore", {1, 1, 1, 1, 11}, 1.5),
            {1, 1, 1, 1, kNone});
  CheckSame(Run("range_trim_spikes", {1, 2, 3, 4, 5}, 0.5),
            {kNone, 2, 3, 4, kNone});
}

TEST_CASE("gaps are filled from the last, the next or both points", "[eval]") {
  const std::vector<double> column = {kNone, 2, kNone, kNone, 8, kNone};
  CheckSame(Run("keep_last_value", column), {kNone, 2, 2, 2, 8, 8});
  CheckSame(Run("keep_next_value", column), {2, 2, 8, 8, 8, kNone});
  CheckSame(Run("interpolate", column), {kNone, 2, 4, 6, 8, kNone});
}

TEST_CASE("smoothing moves towards each new point", "[eval]") {
  CheckSame(Run("smooth_exponential", {kInf, 4, 8, kInf, kNone, 2}, 0.5),
            {kInf, 4, 6, 6, kNone, 4});
  CheckSame(Run("smooth_exponential", {4, 8}, 7), {4, 8});
  CheckSame(Run("remove_resets", {5, kNone, 1, 3}), {5, kNone, 6, 8});
}

TEST_CASE("a column without points stays one", "[eval]") {
  for (std::string_view name : {"running_avg", "range_sum", "range_median",
                                "range_zscore", "interpolate", "range_mad",
                                "range_linear_regression", "remove_resets"}) {
    CAPTURE(std::string(name));
    CheckSame(Run(name, {kNone, kNone}), {kNone, kNone});
  }
  CHECK(FindColumnTransform("range_mode") == nullptr);
}

}  // namespace
}  // namespace varve::eval
