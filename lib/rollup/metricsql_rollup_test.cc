// MetricsQL's window functions; expected values by hand from the documentation.
#include <catch2/catch.hpp>
#include <cmath>
#include <vector>

#include "lib/rollup/counter_resets.h"
#include "lib/rollup/previous.h"
#include "lib/rollup/rollup.h"

namespace varve::rollup {
namespace {

// Samples every 10 s from 0 on.
model::SampleColumns Every10s(std::vector<double> values) {
  model::SampleColumns columns;
  for (size_t i = 0; i < values.size(); ++i) {
    columns.push_back(static_cast<int64_t>(i) * 10'000, values[i]);
  }
  return columns;
}

// The value of the window (end_s - range_s, end_s]. A sample counts as the one
// before it up to 15 s before its begin, as for any series with 10 s distances.
double At(std::string_view name, model::SampleColumns columns, int64_t end_s,
          int64_t range_s, double argument = 0) {
  const Function function = *FunctionByName(name);
  DropGaps(function, columns);
  const std::vector<double> one(1, argument);
  const int64_t end_ms = end_s * 1000;
  const Windows windows{end_ms, 10'000, range_s * 1000, 1, end_ms, 10'000, 0};
  std::vector<double> out(1);
  Compute(function, {columns.timestamps_ms, columns.values}, windows,
          {one, one}, out);
  return out[0];
}

bool None(double value) { return model::IsStaleNan(value); }

const std::vector<double> kCounter = {10, 12, 15, 1, 4, 4};

TEST_CASE("increase_pure counts from the sample before, or from zero",
          "[rollup]") {
  // 10 12 15, then a reset: 16 19 19.
  CHECK(At("increase_pure", Every10s(kCounter), 50, 30) == 19 - 15);
  CHECK(At("increase_pure", Every10s(kCounter), 50, 100) == 19);
  CHECK(At("increase_pure", Every10s({5}), 0, 10) == 5);
  CHECK(None(At("increase_pure", Every10s(kCounter), 200, 100)));
}

TEST_CASE("the functions named after Prometheus stay inside of the window",
          "[rollup]") {
  CHECK(At("increase_prometheus", Every10s(kCounter), 50, 30) == 19 - 16);
  CHECK(At("rate_prometheus", Every10s(kCounter), 50, 30) == Approx(3.0 / 30));
  CHECK(At("delta_prometheus", Every10s(kCounter), 50, 30) == 3);
  CHECK(At("delta_prometheus", Every10s(kCounter), 50, 60) == 4 - 10);
  CHECK(At("changes_prometheus", Every10s(kCounter), 50, 30) == 1);
  CHECK(None(At("increase_prometheus", Every10s(kCounter), 50, 10)));
}

TEST_CASE("ascent and descent add up what the values rose and fell",
          "[rollup]") {
  const auto hills = Every10s({1, 4, 2, 2, 7, 0});
  CHECK(At("ascent_over_time", hills, 50, 100) == 3 + 5);
  CHECK(At("descent_over_time", hills, 50, 100) == 2 + 7);
  // (20, 50] starts from the 2 at 20.
  CHECK(At("ascent_over_time", hills, 50, 30) == 5);
  CHECK(At("increases_over_time", hills, 50, 100) == 2);
  CHECK(At("decreases_over_time", hills, 50, 100) == 2);
  CHECK(At("ascent_over_time", Every10s({3}), 0, 10) == 0);
}

TEST_CASE("slopes take the ends or the last two samples", "[rollup]") {
  const auto values = Every10s({0, 10, 50, 60});
  CHECK(At("deriv_fast", values, 30, 100) == Approx(2));
  CHECK(At("deriv_fast", values, 30, 20) == Approx(50.0 / 20));
  CHECK(At("ideriv", values, 30, 100) == Approx(1));
  CHECK(At("ideriv", values, 30, 10) == Approx(1));
  CHECK(None(At("ideriv", Every10s({1}), 0, 10)));
}

TEST_CASE("MetricsQL's trends do with one sample", "[rollup]") {
  const model::SampleColumns one = Every10s({7});
  const Windows windows{0, 10'000, 10'000, 1, 0, 10'000, 0};
  const std::vector<double> seconds(1, 60);
  const auto run = [&](Function function) {
    std::vector<double> out(1);
    Compute(function, {one.timestamps_ms, one.values}, windows, {seconds, {}},
            out);
    return out[0];
  };
  CHECK(None(run(Function::kDeriv)));
  CHECK(run(InMetricsql(Function::kDeriv)) == 0);
  CHECK(None(run(Function::kPredictLinear)));
  CHECK(run(InMetricsql(Function::kPredictLinear)) == 7);
}

TEST_CASE("a first window may start from a sample one step before its end",
          "[rollup]") {
  const model::SampleColumns samples = Every10s({1, 2, 3, 4, 5});  // to 40 s
  const Series series{samples.timestamps_ms, samples.values};
  const auto first = [&](int64_t range_s, int64_t step_s) {
    Windows windows{40'000, step_s * 1000, range_s * 1000, 1, 40'000, 0, 0};
    windows.eval_step_ms = step_s * 1000;
    return FromStepBefore(series, windows).values[0];
  };
  CHECK(first(20, 5) == 3);   // at 20 s: the window's begin is included
  CHECK(first(19, 5) == 4);
  CHECK(first(5, 31) == 2);
  CHECK(first(100, 5) == 1);
}

TEST_CASE("an integral holds each value until the next", "[rollup]") {
  const auto values = Every10s({1, 2, 3});
  CHECK(At("integrate", values, 20, 100) == 1 * 10 + 2 * 10);
  CHECK(At("integrate", values, 15, 100) == 10 + 2 * 5);
  CHECK(At("integrate", values, 15, 10) == 1 * 5 + 2 * 5);
  // Nothing tells how long the last value holds.
  CHECK(At("integrate", values, 25, 100) == 10 + 20);
}

TEST_CASE("lag, lifetime and scrape_interval measure distances", "[rollup]") {
  const auto values = Every10s({1, 2, 3, 4});
  CHECK(At("lag", values, 34, 20) == 4);
  CHECK(At("lifetime", values, 30, 100) == 30);
  CHECK(At("lifetime", values, 30, 20) == 20);
  CHECK(At("scrape_interval", values, 30, 100) == 10);
  CHECK(At("scrape_interval", values, 30, 10) == 10);
  CHECK(None(At("scrape_interval", Every10s({1}), 0, 10)));
  CHECK(At("duration_over_time", values, 30, 100, 10) == 30);
  CHECK(At("duration_over_time", values, 30, 100, 9) == 0);
}

TEST_CASE("the last change is where the last value began", "[rollup]") {
  const auto values = Every10s({1, 2, 2, 3, 3, 3});
  CHECK(At("tlast_change_over_time", values, 50, 100) == 30);
  CHECK(At("tlast_change_over_time", values, 20, 100) == 10);
  CHECK(None(At("tlast_change_over_time", values, 50, 15)));
  CHECK(At("tlast_change_over_time", Every10s({7, 7}), 10, 100) == 0);
}

TEST_CASE("holt_winters takes factors of 0 and 1, and none outside",
          "[rollup]") {
  const auto values = Every10s({1, 2, 4});
  CHECK(At("holt_winters", values, 20, 100, 1) == 4);
  CHECK(At("holt_winters", values, 20, 100, 0) == 3);
  CHECK(None(At("holt_winters", values, 20, 100, 1.5)));
}

TEST_CASE("filters count, share and sum what passes", "[rollup]") {
  const auto values = Every10s({1, 2, 2, 5});
  CHECK(At("count_gt_over_time", values, 30, 100, 2) == 1);
  CHECK(At("count_le_over_time", values, 30, 100, 2) == 3);
  CHECK(At("count_eq_over_time", values, 30, 100, 2) == 2);
  CHECK(At("count_ne_over_time", values, 30, 100, 2) == 2);
  CHECK(At("share_gt_over_time", values, 30, 100, 2) == 0.25);
  CHECK(At("share_le_over_time", values, 30, 100, 2) == 0.75);
  CHECK(At("share_eq_over_time", values, 30, 100, 2) == 0.5);
  CHECK(At("sum_gt_over_time", values, 30, 100, 1) == 9);
  CHECK(At("sum_le_over_time", values, 30, 100, 2) == 5);
  CHECK(At("sum_eq_over_time", values, 30, 100, 2) == 4);
  CHECK(At("sum_eq_over_time", values, 30, 100, 9) == 0);
}

TEST_CASE("means, modes and spread of a window", "[rollup]") {
  const auto values = Every10s({1, 2, 2, 8});
  CHECK(At("sum2_over_time", values, 30, 100) == 1 + 4 + 4 + 64);
  CHECK(At("geomean_over_time", values, 30, 100) == Approx(std::pow(32, 0.25)));
  CHECK(At("mode_over_time", values, 30, 100) == 2);
  CHECK(At("mode_over_time", Every10s({3, 1}), 10, 100) == 1);
  CHECK(At("median_over_time", values, 30, 100) == 2);
  CHECK(At("range_over_time", values, 30, 100) == 7);
  CHECK(At("distinct_over_time", values, 30, 100) == 3);
  CHECK(At("rate_over_sum", values, 30, 100) == Approx(13.0 / 100));
  CHECK(At("zscore_over_time", Every10s({1, 1, 1, 5}), 30, 100) ==
        Approx(3 / std::sqrt(3)));
  CHECK(At("zscore_over_time", Every10s({1, 1}), 10, 100) == 0);
  CHECK(At("outlier_iqr_over_time", Every10s({1, 1, 1, 1, 9}), 40, 100) == 9);
  CHECK(None(At("outlier_iqr_over_time", values, 30, 20)));
}

TEST_CASE("Hoeffding's bounds lie around the mean", "[rollup]") {
  // range 1, 4 samples: sqrt(ln(1 / (1 - 0.5)) / 8).
  const double bound = std::sqrt(std::log(2.0) / 8);
  const auto values = Every10s({0, 1, 0, 1});
  CHECK(At("hoeffding_bound_upper", values, 30, 100, 0.5) ==
        Approx(0.5 + bound));
  CHECK(At("hoeffding_bound_lower", values, 30, 100, 0.5) ==
        Approx(0.5 - bound));
  CHECK(At("hoeffding_bound_upper", values, 30, 100, 0) == 0.5);
  CHECK(std::isinf(At("hoeffding_bound_upper", values, 30, 100, 1)));
}

TEST_CASE("a NaN is no sample to MetricsQL's functions", "[rollup]") {
  const auto values = Every10s({1, model::NormalNan(), 3, model::NormalNan()});
  CHECK(At("tlast_over_time", values, 30, 100) == 20);
  CHECK(At("sum2_over_time", values, 30, 100) == 10);
  CHECK(At("count_ne_over_time", values, 30, 100, 1) == 1);
  CHECK(None(At("median_over_time", values, 30, 10)));
}

TEST_CASE("stale_samples_over_time counts staleness markers", "[rollup]") {
  const auto values = Every10s({1, model::StaleNan(), 3, model::StaleNan()});
  CHECK(At("stale_samples_over_time", values, 30, 100) == 2);
  CHECK(At("stale_samples_over_time", values, 30, 20) == 1);
  CHECK(None(At("stale_samples_over_time", values, 100, 20)));
}

TEST_CASE("the sample before a window counts when it is near", "[rollup]") {
  // Distances of 10 s: 15 s before the begin is too far.
  const auto near = Every10s({1, 2, 4});
  CHECK(At("ascent_over_time", near, 20, 14) == 3 - 0);
  CHECK(At("ascent_over_time", near, 20, 4) == 2);
  model::SampleColumns gap = Every10s({1, 2, 4});
  gap.push_back(100'000, 9);
  CHECK(At("ascent_over_time", gap, 100, 10) == 0);
  CHECK(At("increase_pure", gap, 100, 10) == 5);
}

TEST_CASE("a small fall of a counter is put right, a large one is a reset",
          "[rollup]") {
  std::vector<double> values = {100, 99, 101, 2, 3};
  RemoveResets(values);
  CHECK(values == std::vector<double>{100, 100, 102, 104, 105});
  std::vector<double> gauge = {3, -2, 1};
  RemoveResets(gauge);
  CHECK(gauge == std::vector<double>{3, 1, 4});
}

TEST_CASE("PromQL's names mean other functions in MetricsQL", "[rollup]") {
  CHECK(InMetricsql(Function::kRate) == Function::kMetricsqlRate);
  CHECK(InMetricsql(Function::kAvg) == Function::kAvg);
  CHECK(ReadsPrevious(Function::kMetricsqlRate));
  CHECK(ReadsPrevious(Function::kLag));
  CHECK_FALSE(ReadsPrevious(Function::kRatePrometheus));
  CHECK_FALSE(ReadsPrevious(Function::kTlast));
}

TEST_CASE("MetricsQL's increase is whole and starts before the window",
          "[rollup]") {
  const auto run = [](Function function, std::vector<double> values,
                      int64_t end_s, int64_t range_s) {
    const model::SampleColumns columns = Every10s(std::move(values));
    std::vector<double> out(1);
    const Windows windows{end_s * 1000, 10'000, range_s * 1000, 1, 0, 10'000};
    Compute(function, {columns.timestamps_ms, columns.values}, windows, {},
            out);
    return out[0];
  };
  CHECK(run(Function::kMetricsqlIncrease, {3, 5, 9}, 20, 10) == 4);
  CHECK(run(Function::kMetricsqlIncrease, {3, 5, 9}, 20, 100) == 9);
  // An old counter: its first value is no increase.
  CHECK(run(Function::kMetricsqlIncrease, {1000, 1002}, 10, 100) == 2);
  CHECK(run(Function::kMetricsqlRate, {3, 5, 9}, 20, 10) == Approx(0.4));
  CHECK(run(Function::kMetricsqlChanges, {1, 1, 2}, 20, 100) == 2);
  CHECK(run(Function::kMetricsqlChanges, {1, 1, 2}, 20, 10) == 1);
  CHECK(run(Function::kMetricsqlIdelta, {1, 1, 4}, 20, 10) == 3);
  CHECK(run(Function::kMetricsqlResets, {5, 1, 4}, 20, 100) == 1);
}

}  // namespace
}  // namespace varve::rollup
