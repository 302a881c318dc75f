#include "lib/rollup/step_blocks.h"

#include <catch2/catch.hpp>
#include <iterator>
#include <memory>
#include <vector>

namespace varve::rollup {
namespace {

// A sample each second, values that go up and down, over 100,000 s.
struct LongSeries {
  LongSeries() {
    for (int64_t i = 0; i < 100'000; ++i) {
      columns.push_back(i * 1000, static_cast<double>(i * 7919 % 1013));
    }
  }
  Series series() const { return {columns.timestamps_ms, columns.values}; }
  model::SampleColumns columns;
};

// 100 steps of 1,000 s with windows of 50,000 s.
constexpr Windows kWindows{.first_end_ms = 1'000'000,
                           .end_step_ms = 1'000'000,
                           .range_ms = 50'000'000,
                           .count = 100,
                           .first_eval_ms = 1'000'000,
                           .eval_step_ms = 1'000'000};

// They read the series once, whatever the windows' length.
constexpr Function kReadOnce[] = {
    Function::kRate,           Function::kMin,
    Function::kMax,            Function::kTsOfMin,
    Function::kTsOfMax,        Function::kTmin,
    Function::kTmax,           Function::kIncreasePure,
    Function::kLag,            Function::kLifetime,
    Function::kScrapeInterval, Function::kIncreasePrometheus,
    Function::kRatePrometheus, Function::kDeltaPrometheus,
    Function::kDerivFast};

absl::Status Always() { return absl::OkStatus(); }

TEST_CASE("blocks of steps give the values of all steps at once",
          "[rollup][slow]") {
  const LongSeries data;
  std::vector<double> argument(100);
  for (size_t i = 0; i < 100; ++i) argument[i] = static_cast<double>(i) / 100;
  std::vector<Function> functions = {
      Function::kAvg,      Function::kSum,   Function::kStddev,
      Function::kQuantile, Function::kDeriv, Function::kPredictLinear,
      Function::kCountGt,  Function::kMetricsqlChanges, Function::kIntegrate};
  const size_t in_blocks = functions.size();
  functions.insert(functions.end(), std::begin(kReadOnce),
                   std::end(kReadOnce));
  for (size_t f = 0; f < functions.size(); ++f) {
    const Function function = functions[f];
    CAPTURE(static_cast<int>(function));
    std::vector<double> whole(100);
    Compute(function, data.series(), kWindows, {argument, {}}, whole);
    std::vector<double> blocks(100);
    int looks = 0;
    REQUIRE(ComputeInBlocks(function, data.series(), kWindows, {argument, {}},
                            blocks, [&looks] {
                              ++looks;
                              return absl::OkStatus();
                            })
                .ok());
    for (size_t i = 0; i < 100; ++i) {
      CAPTURE(i);
      CHECK(model::SameBits(blocks[i], whole[i]));
    }
    CHECK((looks > 1) == (f < in_blocks));
  }
}

TEST_CASE("a long series ends within its windows when its query does",
          "[rollup]") {
  const LongSeries data;
  std::vector<double> out(100, -1);
  int looks = 0;
  const absl::Status status =
      ComputeInBlocks(Function::kAvg, data.series(), kWindows, {}, out,
                      [&looks]() -> absl::Status {
                        if (++looks < 2) return absl::OkStatus();
                        return absl::DeadlineExceededError("late");
                      });
  CHECK(absl::IsDeadlineExceeded(status));
  CHECK(out.front() != -1);
  CHECK(out.back() == -1);
}

TEST_CASE("many floats beside one histogram end when their query does",
          "[rollup]") {
  const LongSeries data;
  const std::vector<int64_t> at = {1'000};
  const std::vector<histogram::HistogramPtr> one = {
      std::make_shared<const histogram::FloatHistogram>()};
  std::vector<double> values(100);
  std::vector<histogram::HistogramPtr> histograms(100);
  Notes notes;
  const absl::Status status = ComputeInBlocks(
      Function::kQuantile, {data.series(), {at, one}}, kWindows,
      {std::vector<double>(100, 0.5), {}}, {values, histograms}, notes,
      []() -> absl::Status { return absl::DeadlineExceededError("late"); });
  CHECK(absl::IsDeadlineExceeded(status));
}

TEST_CASE("usual series are one block", "[rollup]") {
  std::vector<int64_t> times(5760);  // a day at 15 s
  for (size_t i = 0; i < times.size(); ++i) {
    times[i] = static_cast<int64_t>(i) * 15'000;
  }
  Windows windows = kWindows;
  windows.range_ms = 300'000;
  windows.count = 360;
  CHECK(StepsPerBlock(Function::kAvg, times, windows) == 360);
  CHECK(StepsPerBlock(Function::kAvg, {}, windows) == 360);
  windows.count = 0;
  CHECK(StepsPerBlock(Function::kAvg, times, windows) == 1);
  std::vector<double> none;
  CHECK(ComputeInBlocks(Function::kAvg, {}, windows, {}, none, Always).ok());
}

}  // namespace
}  // namespace varve::rollup
