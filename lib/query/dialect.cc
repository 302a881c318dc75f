#include "lib/query/dialect.h"

#include <algorithm>

#include "lib/base/status.h"
#include "lib/model/sample.h"
#include "lib/query/arguments.h"

namespace varve::query {
namespace {

using promql::Dialect;

// Fewer points are shown where they were asked for.
constexpr int64_t kPointsForAlignmentMin = 50;

int64_t Modulo(int64_t value, int64_t step) {
  const int64_t rest = value % step;
  return rest < 0 ? rest + step : rest;
}

absl::StatusOr<int64_t> LatencyOffsetMs(const http::Request& http,
                                        const DialectOptions& options) {
  ASSIGN_OR_RETURN(
      const int64_t offset_ms,
      DurationArgument(http, "latency_offset", options.latency_offset_ms));
  return std::max<int64_t>(0, offset_ms);
}

}  // namespace

absl::StatusOr<Dialect> ParseDialect(std::string_view text) {
  if (text == "promql") return Dialect::kPromql;
  if (text == "metricsql") return Dialect::kMetricsql;
  return base::InvalidArgument("dialect=", text,
                               " is not supported; supported: promql, "
                               "metricsql");
}

absl::Status ReadDialect(const http::Request& http,
                         const DialectOptions& options,
                         eval::EvalRequest& request) {
  request.dialect = options.dialect;
  if (const auto& text = http.Argument("dialect"); !text.empty()) {
    ASSIGN_OR_RETURN(request.dialect, ParseDialect(text));
  }
  request.staleness_min_ms = options.min_staleness_interval_ms;
  if (request.dialect != Dialect::kMetricsql) return absl::OkStatus();
  ASSIGN_OR_RETURN(request.staleness_max_ms,
                   DurationArgument(http, "max_lookback",
                                    options.max_staleness_interval_ms));
  request.delayed_name_removal = false;
  return absl::OkStatus();
}

absl::StatusOr<int64_t> InstantShiftMs(const http::Request& http,
                                       const DialectOptions& options,
                                       const eval::EvalRequest& request,
                                       int64_t time_ms, int64_t now_ms) {
  if (request.dialect != Dialect::kMetricsql || BoolArgument(http, "nocache")) {
    return 0;
  }
  ASSIGN_OR_RETURN(const int64_t offset_ms, LatencyOffsetMs(http, options));
  if (now_ms - time_ms >= offset_ms || time_ms - now_ms >= offset_ms) return 0;
  return time_ms - (now_ms - offset_ms);
}

void AlignRange(const http::Request& http, eval::EvalRequest& request) {
  if (request.dialect != Dialect::kMetricsql || BoolArgument(http, "nocache")) {
    return;
  }
  const int64_t step = request.step_ms;
  const int64_t points = (request.end_ms - request.start_ms) / step + 1;
  if (points < kPointsForAlignmentMin) return;
  request.start_ms -= Modulo(request.start_ms, step);
  // As many points as were asked for.
  request.end_ms = request.start_ms + (points - 1) * step;
}

absl::Status RepeatLastPoints(const http::Request& http,
                              const DialectOptions& options,
                              const eval::EvalRequest& request, int64_t now_ms,
                              eval::EvalResult& result) {
  if (request.dialect != Dialect::kMetricsql ||
      request.step_ms >= options.max_step_for_points_adjustment_ms) {
    return absl::OkStatus();
  }
  ASSIGN_OR_RETURN(const int64_t offset_ms, LatencyOffsetMs(http, options));
  const int64_t from_ms = now_ms - offset_ms;
  const int64_t until_ms = now_ms + request.step_ms;
  // A range beyond now is of queries with negative offsets: left alone.
  if (from_ms >= request.end_ms || request.end_ms > until_ms) {
    return absl::OkStatus();
  }
  for (eval::ResultSeries& series : result.series) {
    double last = model::StaleNan();
    for (size_t i = 0; i < series.values.size(); ++i) {
      const int64_t at_ms =
          request.start_ms + static_cast<int64_t>(i) * request.step_ms;
      if (at_ms > from_ms) {
        series.values[i] = last;
      } else {
        last = series.values[i];
      }
    }
  }
  std::erase_if(result.series, [](const eval::ResultSeries& series) {
    return std::all_of(series.values.begin(), series.values.end(),
                       model::IsStaleNan) &&
           series.histograms.empty();
  });
  return absl::OkStatus();
}

}  // namespace varve::query
