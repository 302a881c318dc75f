#include "lib/rollup/rollup.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <iterator>
#include <limits>
#include <random>
#include <span>
#include <utility>
#include <vector>

#include "lib/rollup/kahan.h"

namespace varve::rollup {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();

struct Input {
  std::vector<int64_t> ts;
  std::vector<double> values;
};

// Samples every `every_ms` from 0 on.
Input Every(int64_t every_ms, std::vector<double> values) {
  Input input{{}, std::move(values)};
  for (size_t i = 0; i < input.values.size(); ++i) {
    input.ts.push_back(static_cast<int64_t>(i) * every_ms);
  }
  return input;
}

std::vector<double> Run(Function function, const Input& input,
                        const Windows& windows, Arguments arguments = {}) {
  std::vector<double> out(windows.count);
  Compute(function, {input.ts, input.values}, windows, arguments, out);
  return out;
}

std::vector<std::pair<int64_t, double>> Extended(bool smoothed,
                                                 const Input& input,
                                                 int64_t begin_ms,
                                                 int64_t end_ms) {
  model::SampleColumns samples;
  for (size_t i = 0; i < input.ts.size(); ++i) {
    samples.push_back(input.ts[i], input.values[i]);
  }
  ExtendSamples(smoothed, begin_ms, end_ms, samples);
  std::vector<std::pair<int64_t, double>> out;
  for (size_t i = 0; i < samples.size(); ++i) {
    out.emplace_back(samples.timestamps_ms[i], samples.values[i]);
  }
  return out;
}

double At(Function function, const Input& input, int64_t end_ms,
          int64_t range_ms, double argument = 0) {
  const std::vector<double> one(1, argument);
  return Run(function, input, {end_ms, 1, range_ms, 1, end_ms, 1},
             {one, one})[0];
}

const Function kAll[] = {
    Function::kRate,          Function::kIncrease,
    Function::kDelta,         Function::kIrate,
    Function::kIdelta,        Function::kDeriv,
    Function::kPredictLinear, Function::kChanges,
    Function::kResets,        Function::kAvg,
    Function::kSum,           Function::kMin,
    Function::kMax,           Function::kCount,
    Function::kLast,          Function::kFirst,
    Function::kPresent,       Function::kStddev,
    Function::kStdvar,        Function::kQuantile,
    Function::kMad,           Function::kDoubleExponentialSmoothing,
    Function::kTsOfMin,       Function::kTsOfMax,
    Function::kTsOfLast,      Function::kTsOfFirst,
    Function::kDefault};

TEST_CASE("no samples give no value, whatever the function", "[rollup]") {
  for (Function function : kAll) {
    CAPTURE(static_cast<int>(function));
    CHECK(model::IsStaleNan(At(function, {}, 1000, 1000)));
  }
}

TEST_CASE("a window is open at its left and closed at its right", "[rollup]") {
  const Input input = Every(10, {1, 2, 3, 4});
  CHECK(At(Function::kCount, input, 30, 30) == 3);
  CHECK(At(Function::kCount, input, 29, 30) == 3);
  CHECK(At(Function::kFirst, input, 30, 20) == 3);
}

TEST_CASE("one sample has no rate", "[rollup]") {
  for (Function function :
       {Function::kRate, Function::kIncrease, Function::kDelta,
        Function::kIrate, Function::kIdelta, Function::kDeriv}) {
    CHECK(model::IsStaleNan(At(function, Every(10, {1}), 10, 100)));
  }
}

TEST_CASE("a counter's reset adds what it had before", "[rollup]") {
  const Input input = Every(300'000, {0, 1, 2, 3, 2, 3, 4});
  CHECK(At(Function::kIncrease, input, 1'800'000, 1'800'000) ==
        Approx(7).epsilon(1e-12));
  CHECK(At(Function::kResets, input, 1'800'000, 1'800'000) == 1);
}

TEST_CASE("rate stops at the point where the counter was zero", "[rollup]") {
  // 10 per 10 s from 5 on: the zero point is 5 s before the first sample.
  Input input = Every(10'000, {5, 15, 25});
  for (int64_t& ts : input.ts) ts += 100'000;
  const double increase = At(Function::kIncrease, input, 120'000, 30'000);
  CHECK(increase == Approx(20 * (20.0 + 5) / 20));
}

TEST_CASE("sliding equals computing each window alone", "[rollup]") {
  Input input;
  uint64_t state = 42;  // xorshift; the seed is the promise
  int64_t ts = 0;
  for (int i = 0; i < 400; ++i) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    ts += 1 + static_cast<int64_t>(state % 30'000);
    input.ts.push_back(ts);
    input.values.push_back(static_cast<double>(state % 1000) - 100);
  }
  for (Function function : kAll) {
    const size_t steps = 300;
    const std::vector<double> argument(steps, 0.3);
    const Windows windows{-5'000, 17'000, 61'000, steps, -5'000, 17'000};
    const std::vector<double> all =
        Run(function, input, windows, {argument, argument});
    for (size_t i = 0; i < steps; ++i) {
      CAPTURE(static_cast<int>(function), i);
      CHECK(model::SameBits(all[i],
                            At(function, input, windows.End(i), 61'000, 0.3)));
    }
  }
}

TEST_CASE("avg survives sums beyond the largest double", "[rollup]") {
  const double big = std::numeric_limits<double>::max();
  CHECK(At(Function::kAvg, Every(10, {big, big, big}), 20, 100) == Approx(big));
  CHECK(At(Function::kAvg, Every(10, {kInf, kInf}), 20, 100) == kInf);
  CHECK(std::isnan(At(Function::kAvg, Every(10, {kInf, -kInf}), 20, 100)));
}

TEST_CASE("sums keep small values beside large ones", "[rollup]") {
  CHECK(At(Function::kSum, Every(10, {1, 1e100, 1, -1e100}), 30, 100) == 2);
}

TEST_CASE("NaN loses against every number in min and max", "[rollup]") {
  const Input input = Every(10, {model::NormalNan(), 0, 1});
  CHECK(At(Function::kMin, input, 20, 100) == 0);
  CHECK(At(Function::kMax, input, 20, 100) == 1);
  const Input only = Every(10, {model::NormalNan()});
  const double max = At(Function::kMax, only, 20, 100);
  CHECK((std::isnan(max) && !model::IsStaleNan(max)));
}

TEST_CASE("a stale marker ends a series for default_rollup only", "[rollup]") {
  Input input = Every(10, {1, model::StaleNan()});
  CHECK(model::IsStaleNan(At(Function::kDefault, input, 10, 100)));
  CHECK(At(Function::kDefault, input, 9, 100) == 1);
  model::SampleColumns columns{input.ts, input.values};
  CHECK(HasStale(columns.values));
  DropStale(columns);
  CHECK(columns.values == std::vector<double>{1});
  CHECK(columns.timestamps_ms == std::vector<int64_t>{0});
}

TEST_CASE("a pinned window is the same at every step", "[rollup]") {
  const Input input = Every(10'000, {0, 10, 20});
  const std::vector<double> seconds(3, 10);
  const Windows windows{20'000, 0, 30'000, 3, 0, 10'000};
  CHECK(Run(Function::kSum, input, windows) == std::vector<double>{30, 30, 30});
  // The line is v = t: predict_linear counts from the evaluation's time.
  const std::vector<double> predicted =
      Run(Function::kPredictLinear, input, windows, {seconds, {}});
  CHECK(predicted[0] == Approx(10));
  CHECK(predicted[2] == Approx(30));
}

TEST_CASE("every function has one name", "[rollup]") {
  CHECK(FunctionByName("rate") == Function::kRate);
  CHECK(FunctionByName("default_rollup") == Function::kDefault);
  CHECK_FALSE(FunctionByName("absent_over_time").has_value());
  CHECK(KeepsName(Function::kLast));
  CHECK_FALSE(KeepsName(Function::kRate));
}

// As promql/functions.go compares them.
double BestByDefinition(std::span<const double> values, bool max) {
  double best = values[0];
  for (const double value : values) {
    const bool better = max ? value > best : value < best;
    if (better || std::isnan(best)) best = value;
  }
  return best;
}

TEST_CASE("extremes are those of each window alone, to the bit") {
  std::mt19937 random(7);
  const double some[] = {0.0, -0.0, 1, 2, -1, kInf, -kInf, model::NormalNan()};
  for (int round = 0; round < 300; ++round) {
    Input input;
    int64_t at_ms = 0;
    const size_t kinds = 1 + random() % std::size(some);
    for (int i = 0; i < 80; ++i) {
      at_ms += 1 + static_cast<int64_t>(random() % 40);
      input.ts.push_back(at_ms);
      input.values.push_back(some[random() % kinds]);
    }
    // Windows of 1 sample to all, which overlap little, much or wholly.
    const Windows windows = {
        .first_end_ms = static_cast<int64_t>(random() % 100),
        .end_step_ms = static_cast<int64_t>(random() % 50),
        .range_ms = 1 + static_cast<int64_t>(random() % 2000),
        .count = 40};
    const std::vector<double> min = Run(Function::kMin, input, windows);
    const std::vector<double> max = Run(Function::kMax, input, windows);
    for (size_t step = 0; step < windows.count; ++step) {
      CAPTURE(round, step);
      std::vector<double> in;
      for (size_t i = 0; i < input.ts.size(); ++i) {
        if (input.ts[i] > windows.End(step) - windows.range_ms &&
            input.ts[i] <= windows.End(step)) {
          in.push_back(input.values[i]);
        }
      }
      if (in.empty()) {
        REQUIRE(model::IsStaleNan(min[step]));
        continue;
      }
      REQUIRE(model::SameBits(min[step], BestByDefinition(in, false)));
      REQUIRE(model::SameBits(max[step], BestByDefinition(in, true)));
    }
  }
}

TEST_CASE("the time of an extreme is that of the window alone") {
  std::mt19937 random(7);
  for (int round = 0; round < 100; ++round) {
    Input input;
    int64_t at_ms = 0;
    for (int i = 0; i < 60; ++i) {
      at_ms += 1 + static_cast<int64_t>(random() % 40);
      const int value = static_cast<int>(random() % 6);
      input.ts.push_back(at_ms);
      input.values.push_back(value == 5 ? model::NormalNan() : value);
    }
    const Windows windows = {
        .first_end_ms = 1 + static_cast<int64_t>(random() % 100),
        .end_step_ms = static_cast<int64_t>(random() % 50),
        .range_ms = 1 + static_cast<int64_t>(random() % 200),
        .count = 40};
    for (const Function function :
         {Function::kTsOfMin, Function::kTsOfMax}) {
      const std::vector<double> all = Run(function, input, windows);
      for (size_t step = 0; step < windows.count; ++step) {
        CAPTURE(round, step, static_cast<int>(function));
        REQUIRE(model::SameBits(all[step], At(function, input,
                                              windows.End(step),
                                              windows.range_ms)));
      }
    }
  }
}

TEST_CASE("sums of many values have the bits of one addition after another") {
  std::mt19937_64 random(11);
  for (int round = 0; round < 2000; ++round) {
    std::vector<double> values(1 + random() % 40);
    for (double& value : values) {
      const auto tens = static_cast<int>(random() % 40) - 20;
      value = (static_cast<double>(random() % 2001) - 1000) *
              std::pow(10.0, round % 2 == 0 ? tens : 0);
      if (round % 5 == 0 && random() % 20 == 0) value = kInf;
      if (round % 5 == 1 && random() % 20 == 0) value = 1.7e308;
      if (round % 5 == 2 && random() % 20 == 0) value = model::NormalNan();
    }
    KahanSum together;
    together.Add(values);
    KahanSum apart;
    for (const double value : values) apart.Add(value);
    CAPTURE(round);
    REQUIRE(model::SameBits(together.Total(), apart.Total()));
  }
}

TEST_CASE("a range of a counter far from zero is extrapolated like the last") {
  // The second window has a gap, the third is as the first was.
  Input input = Every(10'000, {50, 60, 70, 80, 90, 100, 110, 120, 130});
  input.ts.erase(input.ts.begin() + 4);
  input.values.erase(input.values.begin() + 4);
  const Windows windows = {.first_end_ms = 30'000, .end_step_ms = 20'000,
                           .range_ms = 30'000, .count = 3};
  const std::vector<double> all = Run(Function::kIncrease, input, windows);
  for (size_t step = 0; step < windows.count; ++step) {
    CAPTURE(step);
    CHECK(model::SameBits(all[step], At(Function::kIncrease, input,
                                        windows.End(step), 30'000)));
  }
  CHECK(all[0] == 30);
  CHECK(all[2] == 30);
}

TEST_CASE("an extended range has samples at its edges", "[rollup]") {
  using Samples = std::vector<std::pair<int64_t, double>>;
  const Input input = Every(10, {1, 2, 4, 8});
  CHECK(Extended(false, Every(10, {1, 2, 4}), 5, 25) ==
        Samples{{5, 1}, {10, 2}, {20, 4}, {25, 4}});
  CHECK(Extended(true, input, 5, 25) ==
        Samples{{5, 1.5}, {10, 2}, {20, 4}, {25, 6}});
  CHECK(Extended(true, input, 10, 20) == Samples{{10, 2}, {20, 4}});
  // Before the first sample its value holds, behind the last one the last.
  CHECK(Extended(true, input, -5, 5) == Samples{{-5, 1}, {0, 1}, {5, 1.5}});
  CHECK(Extended(false, input, 25, 45) == Samples{{25, 4}, {30, 8}, {45, 8}});
  CHECK(Extended(true, input, 30, 40).empty());
  CHECK(Extended(false, {}, 0, 10).empty());
}

}  // namespace
}  // namespace varve::rollup
