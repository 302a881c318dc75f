#include "lib/query/dialect.h"

#include <catch2/catch.hpp>

#include "lib/model/sample.h"

namespace varve::query {
namespace {

http::Request With(http::Arguments arguments) {
  http::Request request;
  request.arguments = std::move(arguments);
  return request;
}

eval::EvalRequest Metricsql(int64_t start_ms, int64_t end_ms, int64_t step_ms) {
  eval::EvalRequest request;
  request.dialect = promql::Dialect::kMetricsql;
  request.start_ms = start_ms;
  request.end_ms = end_ms;
  request.step_ms = step_ms;
  return request;
}

TEST_CASE("an argument chooses the dialect, a flag the default", "[query]") {
  DialectOptions options;
  options.max_staleness_interval_ms = 60'000;
  eval::EvalRequest request;
  request.delayed_name_removal = true;
  REQUIRE(ReadDialect(With({}), options, request).ok());
  CHECK(request.dialect == promql::Dialect::kPromql);
  CHECK(request.delayed_name_removal);
  CHECK(request.staleness_max_ms == 0);
  REQUIRE(ReadDialect(With({{"dialect", "metricsql"}}), options, request).ok());
  CHECK(request.dialect == promql::Dialect::kMetricsql);
  CHECK_FALSE(request.delayed_name_removal);
  CHECK(request.staleness_max_ms == 60'000);
  REQUIRE(ReadDialect(With({{"dialect", "metricsql"}, {"max_lookback", "10s"}}),
                      options, request)
              .ok());
  CHECK(request.staleness_max_ms == 10'000);
  CHECK_FALSE(ReadDialect(With({{"dialect", "sql"}}), options, request).ok());
  options.dialect = promql::Dialect::kMetricsql;
  REQUIRE(ReadDialect(With({}), options, request).ok());
  CHECK(request.dialect == promql::Dialect::kMetricsql);
}

TEST_CASE("instant queries of now look at complete samples", "[query]") {
  const DialectOptions options;
  const auto request = Metricsql(0, 0, 0);
  const auto shift = [&](int64_t time_ms, http::Arguments arguments) {
    return *InstantShiftMs(With(std::move(arguments)), options, request,
                           time_ms, 1'000'000);
  };
  CHECK(shift(1'000'000, {}) == 30'000);
  CHECK(shift(990'000, {}) == 20'000);
  CHECK(shift(1'010'000, {}) == 40'000);
  CHECK(shift(970'000, {}) == 0);
  CHECK(shift(1'030'000, {}) == 0);
  CHECK(shift(1'000'000, {{"nocache", "1"}}) == 0);
  CHECK(shift(1'000'000, {{"latency_offset", "5s"}}) == 5'000);
  CHECK(shift(1'000'000, {{"latency_offset", "0s"}}) == 0);
  CHECK(*InstantShiftMs(With({}), options, {}, 1'000'000, 1'000'000) == 0);
}

TEST_CASE("ranges of many points are rounded to the step", "[query]") {
  auto request = Metricsql(1'007, 50'010, 1'000);
  AlignRange(With({}), request);
  CHECK(request.start_ms == 1'000);
  CHECK(request.end_ms == 50'000);
  request = Metricsql(1'007, 50'010, 1'000);
  AlignRange(With({{"nocache", "1"}}), request);
  CHECK(request.start_ms == 1'007);
  request = Metricsql(1'007, 49'010, 1'000);
  AlignRange(With({}), request);
  CHECK(request.start_ms == 1'007);
}

TEST_CASE("points that may be incomplete repeat the last one", "[query]") {
  const DialectOptions options;
  auto answer = [&](int64_t now_ms, int64_t step_ms) {
    eval::EvalResult result;
    result.series.push_back({{}, {1, 2, 3, 4}});
    const auto request = Metricsql(0, 3 * step_ms, step_ms);
    CHECK(RepeatLastPoints(With({}), options, request, now_ms, result).ok());
    return result.series[0].values;
  };
  CHECK(answer(45'000, 15'000) == std::vector<double>{1, 2, 2, 2});
  CHECK(answer(80'000, 15'000) == std::vector<double>{1, 2, 3, 4});
  CHECK(answer(29'000, 15'000) == std::vector<double>{1, 2, 3, 4});
  CHECK(answer(180'000, 60'000) == std::vector<double>{1, 2, 3, 4});
}

}  // namespace
}  // namespace varve::query
