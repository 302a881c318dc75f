#include "lib/eval/sample_counter.h"

#include <catch2/catch.hpp>
#include <cstdint>
#include <string>
#include <vector>

#include "lib/eval/evaluator.h"
#include "lib/eval/vector_source.h"
#include "lib/promql/parser.h"

namespace varve::eval {
namespace {

using Counts = std::vector<int64_t>;

// m{i="0"} .. m{i="3"}: a sample each 10 s over 10 minutes.
VectorSource& Source() {
  static VectorSource* source = [] {
    auto* made = new VectorSource(/*batch_series=*/3);
    for (int i = 0; i < 4; ++i) {
      SeriesData series;
      series.labels = {{"__name__", "m"}, {"i", std::to_string(i)}};
      for (int at = 0; at <= 60; ++at) series.samples.push_back(at * 10'000, i);
      made->Add(std::move(series));
    }
    return made;
  }();
  return *source;
}

// Of three steps of a minute from 5 minutes on, unless `step_ms` is 0.
EvalStats StatsOf(std::string_view query, int64_t step_ms = 60'000) {
  auto expr = promql::ParseExpr(query);
  INFO(query << " " << expr.status());
  REQUIRE(expr.ok());
  EvalRequest request;
  request.expr = expr->get();
  request.start_ms = 300'000;
  request.end_ms = 300'000 + 2 * step_ms;
  request.step_ms = step_ms;
  request.source = &Source();
  request.count_samples = true;
  const auto result = Evaluate(request);
  INFO(result.status());
  REQUIRE(result.ok());
  return result->stats;
}

Counts At(std::string_view query, int64_t step_ms = 60'000) {
  return StatsOf(query, step_ms).samples_at_steps;
}

TEST_CASE("an instant selector reads one sample of each series at a step",
          "[eval]") {
  CHECK(At("m") == Counts{4, 4, 4});
  CHECK(At("sum(m)") == Counts{4, 4, 4});
  CHECK(At("m + m") == Counts{8, 8, 8});
  CHECK(At("timestamp(m)") == Counts{4, 4, 4});
  CHECK(At("m offset 6m") == Counts{0, 4, 4});
  CHECK(At("m", 0) == Counts{4});
  CHECK(At("1 + 2") == Counts{0, 0, 0});
}

TEST_CASE("a window function reads its windows, also where they overlap",
          "[eval]") {
  CHECK(At("rate(m[2m])") == Counts{48, 48, 48});
  CHECK(At("sum by (i) (rate(m[30s]))") == Counts{12, 12, 12});
  CHECK(At("quantile_over_time(0.5, m[1m])") == Counts{24, 24, 24});
  CHECK(At("absent_over_time(m[1m])") == Counts{24, 24, 24});
  CHECK(At("m[1m]", 0) == Counts{24});
}

TEST_CASE("what is evaluated once for all steps is read at each", "[eval]") {
  CHECK(At("rate(m[2m] @ 300)") == Counts{48, 48, 48});
  CHECK(At("m @ 300 + m") == Counts{8, 8, 8});
}

TEST_CASE("of a subquery its results count, not what they are made of",
          "[eval]") {
  CHECK(At("max_over_time(m[2m:1m])") == Counts{8, 8, 8});
  CHECK(At("max_over_time(rate(m[1m])[2m:30s])") == Counts{16, 16, 16});
  CHECK(At("max_over_time(max_over_time(m[2m:1m])[2m:1m])") ==
        Counts{8, 8, 8});
  // By itself it is what the parts read.
  CHECK(At("rate(m[1m])[2m:1m]", 0) == Counts{48});
}

TEST_CASE("lanes count together what one thread counts", "[eval]") {
  LaneSamples a{{1, 2}, 3, 4};
  a.Add({{10, 20}, 30, 2});
  CHECK(a.at_steps == Counts{11, 22});
  CHECK(a.results == 33);
  CHECK(a.window_max == 4);
}

TEST_CASE("a histogram is as many samples as its size is worth", "[eval]") {
  histogram::FloatHistogram h;
  CHECK(SamplesIn(h) == 11);
  h.positive_spans.resize(1);
  h.positive.resize(4);
  CHECK(SamplesIn(h) == 13);
}

TEST_CASE("arguments are held beside results by operators, not by aggregations",
          "[eval]") {
  CHECK(StatsOf("m").samples_held_max == 12);
  CHECK(StatsOf("sum(m)").samples_held_max == 12);
  CHECK(StatsOf("m + m").samples_held_max == 44);
  CHECK(StatsOf("rate(m[2m])").samples_held_max == 24);
  CHECK(StatsOf("m[1m]", 0).samples_held_max == 24);
}

}  // namespace
}  // namespace varve::eval
