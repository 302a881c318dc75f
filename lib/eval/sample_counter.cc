#include "lib/eval/sample_counter.h"

#include <algorithm>
#include <numeric>
#include <string_view>
#include <utility>

#include "lib/rollup/previous.h"

namespace varve::eval {
namespace {

using rollup::Function;

// What Prometheus' struct and its timestamp take, and each span and number.
constexpr size_t kHistogramBytes = 168 + 8;
constexpr size_t kElementBytes = 8;
constexpr size_t kSampleBytes = 16;

bool IsInstant(Function function) {
  return function == Function::kDefault || function == Function::kTsOfDefault ||
         function == Function::kSmoothedDefault;
}

int64_t SamplesAt(const ColumnView& column, size_t step) {
  if (column.HasHistogram(step)) return SamplesIn(*column.histograms[step]);
  return IsAbsent(column.values[step]) ? 0 : 1;
}

// To each step's entry what lies in its window; `before(i)` is what the first
// i samples are worth.
template <typename Before>
void AddWindows(const std::vector<int64_t>& timestamps_ms,
                const rollup::Windows& windows, Before before,
                std::vector<int64_t>& at_steps) {
  size_t lo = 0;
  size_t hi = 0;
  for (size_t step = 0; step < windows.count; ++step) {
    const int64_t end_ms = windows.End(step);
    while (hi < timestamps_ms.size() && timestamps_ms[hi] <= end_ms) ++hi;
    while (lo < hi && timestamps_ms[lo] <= end_ms - windows.range_ms) ++lo;
    at_steps[step] += before(hi) - before(lo);
  }
}

void FillWindows(const rollup::Windows& windows, const SeriesData& series,
                 std::vector<int64_t>& at_steps) {
  at_steps.assign(windows.count, 0);
  AddWindows(series.samples.timestamps_ms, windows,
             [](size_t i) { return static_cast<int64_t>(i); }, at_steps);
  if (series.histograms.empty()) return;
  std::vector<int64_t> sums = {0};
  for (const HistogramPtr& histogram : series.histograms.histograms) {
    sums.push_back(sums.back() + SamplesIn(*histogram));
  }
  AddWindows(series.histograms.timestamps_ms, windows,
             [&sums](size_t i) { return sums[i]; }, at_steps);
}

bool IsCallOf(const promql::Expr& expr, std::string_view function) {
  return expr.kind == promql::ExprKind::kCall &&
         static_cast<const promql::Call&>(expr).function == function;
}

bool IsSelector(const promql::Expr* expr) {
  while (expr->kind == promql::ExprKind::kParen) {
    expr = static_cast<const promql::ParenExpr*>(expr)->expr.get();
  }
  return expr->kind == promql::ExprKind::kVectorSelector;
}

// A function of instant vectors and an operator hold arguments and results
// together, and what they take of the arguments at a step; others give the
// arguments up for the results.
bool HoldsArguments(const promql::Expr& expr) {
  if (expr.kind == promql::ExprKind::kBinary) return true;
  if (expr.kind == promql::ExprKind::kAggregate) {
    return static_cast<const promql::AggregateExpr&>(expr).op ==
           promql::AggregateOp::kCountValues;
  }
  if (expr.kind != promql::ExprKind::kCall) return false;
  const auto& call = static_cast<const promql::Call&>(expr);
  const std::string_view name = call.function;
  if (name == "timestamp") return !IsSelector(call.args[0].get());
  return !rollup::FunctionByName(name) && name != "label_replace" &&
         name != "label_join" && name != "info";
}

// What a window function's call keeps of its arguments: the scalars.
int64_t ScalarsKept(const promql::Expr& expr, size_t steps) {
  if (expr.kind != promql::ExprKind::kCall) return 0;
  const auto& call = static_cast<const promql::Call&>(expr);
  if (!rollup::FunctionByName(call.function)) return 0;
  const auto scalars = std::count_if(
      call.args.begin(), call.args.end(), [](const promql::ExprPtr& arg) {
        return arg->type == promql::ValueType::kScalar;
      });
  return scalars * static_cast<int64_t>(steps);
}

}  // namespace

int64_t SamplesIn(const histogram::FloatHistogram& h) {
  const size_t elements = h.positive_spans.size() + h.negative_spans.size() +
                          h.positive.size() + h.negative.size() +
                          h.custom_bounds.size();
  return static_cast<int64_t>((kHistogramBytes + elements * kElementBytes) /
                              kSampleBytes);
}

int64_t SamplesIn(const Value& value) {
  auto samples = static_cast<int64_t>(value.scalar.size());
  for (const EvalSeries& series : value.series) {
    for (size_t step = 0; step < series.values.size(); ++step) {
      samples += series.HasHistogram(step)
                     ? SamplesIn(*series.histograms[step])
                     : int64_t{!IsAbsent(series.values[step])};
    }
  }
  return samples;
}

void LaneSamples::Add(const LaneSamples& other) {
  for (size_t step = 0; step < at_steps.size(); ++step) {
    at_steps[step] += other.at_steps[step];
  }
  results += other.results;
  window_max = std::max(window_max, other.window_max);
}

void CountSeries(Function function, const rollup::Windows& windows,
                 const SeriesData& series, const ColumnView& column,
                 LaneSamples& counted) {
  int64_t results = 0;
  for (size_t step = 0; step < column.values.size(); ++step) {
    const int64_t samples = SamplesAt(column, step);
    results += samples;
    if (IsInstant(function)) counted.at_steps[step] += samples;
  }
  counted.results += results;
  if (IsInstant(function) || windows.count == 0) return;
  const bool fits = windows.fits_interval && rollup::FitsInterval(function);
  FillWindows(fits ? rollup::FitToInterval(series.samples.timestamps_ms,
                                           windows)
                   : windows,
              series, counted.window);
  int64_t largest = 0;
  for (size_t step = 0; step < windows.count; ++step) {
    counted.at_steps[step] += counted.window[step];
    largest = std::max(largest, counted.window[step]);
  }
  // The results are there when the last window is, and not before.
  counted.window_max = std::max(
      {counted.window_max, largest - results, counted.window.back()});
}

void SampleCounter::AddAtEach(int64_t samples) {
  for (int64_t& at : at_steps_) at += samples;
}

void SampleCounter::Add(const LaneSamples& counted, Function function) {
  int64_t passed = 0;
  const size_t steps = std::min(at_steps_.size(), counted.at_steps.size());
  for (size_t step = 0; step < steps; ++step) {
    at_steps_[step] += counted.at_steps[step];
    passed += counted.at_steps[step];
    // It reads all series of a step before it gives the step's results.
    if (function == Function::kTsOfDefault) {
      NoteHeld(held_ + passed + counted.at_steps[step]);
    }
  }
  NoteHeld(held_ + counted.results + counted.window_max);
  Hold(counted.results);
}

void SampleCounter::EndNode(const promql::Expr& expr, int64_t before,
                            const Value& value) {
  // What it reads of the window is never let go, and what it gives not held.
  if (IsCallOf(expr, "absent_over_time")) return;
  const int64_t samples = SamplesIn(value);
  if (HoldsArguments(expr) && !at_steps_.empty()) {
    const int64_t arguments = held_ - before;
    const auto steps = static_cast<int64_t>(at_steps_.size());
    NoteHeld(held_ + arguments / steps + samples);
  }
  SetHeld(before + samples + ScalarsKept(expr, at_steps_.size()));
}

void SampleCounter::SetHeld(int64_t samples) {
  held_ = samples;
  NoteHeld(samples);
}

void SampleCounter::NoteHeld(int64_t samples) {
  held_max_ = std::max(held_max_, samples);
}

SampleCounter::Part::Part(SampleCounter* counter, size_t steps)
    : counter_(counter) {
  if (counter == nullptr) return;
  outer_ = std::exchange(counter->at_steps_, std::vector<int64_t>(steps));
}

int64_t SampleCounter::Part::End() {
  if (counter_ == nullptr) return 0;
  const std::vector<int64_t> own =
      std::exchange(counter_->at_steps_, std::move(outer_));
  counter_ = nullptr;
  return std::accumulate(own.begin(), own.end(), int64_t{0});
}

}  // namespace varve::eval
