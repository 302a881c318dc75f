// How long `sum by (mode)(rate(cpu[5m]))` takes over series in memory: 12,800
// series of 120 samples, 100 steps of 15 s, one thread: a dashboard's usual
// query, a window function below an aggregation.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstddef>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "lib/eval/evaluator.h"
#include "lib/promql/parser.h"

namespace varve {
namespace {

constexpr int kSeries = 12'800;
constexpr int kSamples = 120;
constexpr int64_t kScrapeMs = 15'000;

class MadeStream final : public eval::SeriesStream {
 public:
  explicit MadeStream(const std::vector<eval::SeriesData>& all) : all_(all) {}
  absl::Status Next(std::vector<eval::SeriesData>& batch) override {
    const size_t count = std::min<size_t>(1'024, all_.size() - next_);
    batch.assign(all_.begin() + static_cast<std::ptrdiff_t>(next_),
                 all_.begin() + static_cast<std::ptrdiff_t>(next_ + count));
    next_ += count;
    return absl::OkStatus();
  }

 private:
  const std::vector<eval::SeriesData>& all_;
  size_t next_ = 0;
};

class MadeSource final : public eval::SeriesSource {
 public:
  MadeSource() {
    for (int i = 0; i < kSeries; ++i) {
      eval::SeriesData series;
      series.labels = model::LabelSet(
          {{"__name__", "cpu"},
           {"cpu", std::to_string(i % 16)},
           {"instance", "host-" + std::to_string(i / 128)},
           {"job", "node"},
           {"mode", "mode-" + std::to_string(i / 16 % 8)}});
      for (int k = 0; k < kSamples; ++k) {
        series.samples.push_back(k * kScrapeMs + i % 1'000, k * 0.37 * i);
      }
      all_.push_back(std::move(series));
    }
  }
  absl::StatusOr<std::unique_ptr<eval::SeriesStream>> Select(
      const eval::SelectRequest&) override {
    return std::make_unique<MadeStream>(all_);
  }

 private:
  std::vector<eval::SeriesData> all_;
};

void Run(benchmark::State& state, const char* query) {
  static MadeSource source;
  auto expr = promql::ParseExpr(query);
  if (!expr.ok()) return state.SkipWithError("the query does not parse");
  eval::EvalRequest request;
  request.expr = expr->get();
  request.start_ms = 300'000;
  request.end_ms = request.start_ms + 99 * kScrapeMs;
  request.step_ms = kScrapeMs;
  request.source = &source;
  for (auto _ : state) {
    auto result = eval::Evaluate(request);
    if (!result.ok()) return state.SkipWithError("the query fails");
    benchmark::DoNotOptimize(result->series.data());
  }
}

void CopyOnly(benchmark::State& state) {
  static MadeSource source;
  for (auto _ : state) {
    auto stream = *source.Select({});
    std::vector<eval::SeriesData> batch;
    do {
      if (!stream->Next(batch).ok()) return;
    } while (!batch.empty());
  }
}

BENCHMARK(CopyOnly)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(Run, sum_rate, "sum by (mode)(rate(cpu[5m]))")
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(Run, sum_selector, "sum by (mode)(cpu)")
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(Run, avg_sum_over_time, "avg(sum_over_time(cpu[5m]))")
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(Run, rate, "rate(cpu[5m])")->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(Run, ratio, "cpu / ignoring(x) cpu")
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(Run, topk, "topk(5, rate(cpu[5m]))")
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace varve

BENCHMARK_MAIN();
