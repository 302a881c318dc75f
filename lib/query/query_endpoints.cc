// /api/v1/query and /api/v1/query_range.
#include <algorithm>
#include <optional>
#include <utility>

#include "lib/base/status.h"
#include "lib/base/stopwatch.h"
#include "lib/promql/functions.h"
#include "lib/promql/parser.h"
#include "lib/promql/printer.h"
#include "lib/query/arguments.h"
#include "lib/query/cacheable.h"
#include "lib/query/cached_evaluation.h"
#include "lib/query/cost_text.h"
#include "lib/query/json.h"
#include "lib/query/result_json.h"
#include "lib/query/select_api.h"
#include "lib/query/statistics.h"

namespace varve::query {
namespace {

constexpr int64_t kDefaultStepMs = 300'000;
constexpr std::string_view kJson = "application/json";

int64_t ResultSamples(const eval::EvalResult& result) {
  int64_t samples = 0;
  for (const auto& series : result.series) samples += series.values.size();
  for (const auto& series : result.raw) samples += series.samples.size();
  return samples;
}

absl::StatusOr<int64_t> StepArgument(const http::Request& request) {
  ASSIGN_OR_RETURN(const int64_t step_ms,
                   DurationArgument(request, "step", kDefaultStepMs));
  if (step_ms > 0) return step_ms;
  return base::InvalidArgument(
      "zero or negative query resolution step widths are not accepted. Try a "
      "positive integer");
}

absl::Status CheckRangeType(const promql::Expr& expr) {
  if (expr.type == promql::ValueType::kScalar ||
      expr.type == promql::ValueType::kVector) {
    return absl::OkStatus();
  }
  return base::InvalidArgument("invalid expression type \"",
                               promql::TypeText(expr.type),
                               "\" for range query, must be Scalar or instant "
                               "Vector");
}

}  // namespace

absl::Status SelectApi::ReadEvalArguments(Context& context,
                                          eval::EvalRequest& request) {
  request.lookback_ms = options_.lookback_ms;
  for (const char* name : {"max_lookback", "lookback_delta"}) {
    ASSIGN_OR_RETURN(
        request.lookback_ms,
        DurationArgument(context.request, name, request.lookback_ms));
  }
  if (request.lookback_ms <= 0) {
    return base::InvalidArgument("lookback_delta must be greater than 0");
  }
  request.delayed_name_removal = options_.delayed_name_removal;
  RETURN_IF_ERROR(ReadDialect(context.request, options_.dialect, request));
  request.limits = options_.limits;
  request.pool = pool_;
  request.trace = context.trace.get();
  request.cpu = &context.meter.cpu;
  request.stats = &context.stats;
  request.count_samples = !context.request.Argument("stats").empty();
  if (context.run) request.cancelled = &context.run->cancelled();
  return absl::OkStatus();
}

absl::Status SelectApi::Query(Context& context) {
  RETURN_IF_ERROR(CheckQueryLength(context.request.Argument("query")));
  context.text.query = context.request.Argument("query");
  if (context.text.query.empty()) {
    return base::InvalidArgument("missing `query` arg");
  }
  eval::EvalRequest request;
  RETURN_IF_ERROR(ReadEvalArguments(context, request));
  ASSIGN_OR_RETURN(
      request.start_ms,
      TimeArgument(context.request, "time", context.now_ms, context.now_ms));
  // Prometheus reads no step here: one that is none is no fault there.
  const auto step_ms = StepArgument(context.request);
  if (step_ms.ok()) {
    request.default_step_ms = *step_ms;
  } else if (request.dialect == promql::Dialect::kMetricsql) {
    return step_ms.status();
  }
  ASSIGN_OR_RETURN(const int64_t shift_ms,
                   InstantShiftMs(context.request, options_.dialect, request,
                                  request.start_ms, context.now_ms));
  request.start_ms -= shift_ms;
  request.end_ms = request.start_ms;
  return Evaluate(context, request, /*is_range=*/false, shift_ms);
}

absl::Status SelectApi::QueryRange(Context& context) {
  RETURN_IF_ERROR(CheckQueryLength(context.request.Argument("query")));
  context.text.query = context.request.Argument("query");
  if (context.text.query.empty()) {
    return base::InvalidArgument("missing `query` arg");
  }
  eval::EvalRequest request;
  RETURN_IF_ERROR(ReadEvalArguments(context, request));
  ASSIGN_OR_RETURN(
      const model::TimeRange range,
      RangeArguments(context.request, context.now_ms, kDefaultStepMs));
  ASSIGN_OR_RETURN(request.step_ms, StepArgument(context.request));
  request.start_ms = range.start_ms;
  request.end_ms = range.end_ms;
  const int64_t points = (range.end_ms - range.start_ms) / request.step_ms + 1;
  const int64_t points_max = options_.limits.points_per_series_max;
  if (points_max > 0 && points > points_max) {
    return base::FailedPrecondition(
        "too many points for the given start=", range.start_ms,
        ", end=", range.end_ms, " and step=", request.step_ms, ": ", points,
        "; the maximum number of points is ", points_max,
        " (-search.maxPointsPerTimeseries)");
  }
  AlignRange(context.request, request);
  return Evaluate(context, request, /*is_range=*/true);
}

absl::StatusOr<ClusterSource::Options> SelectApi::SourceOptions(
    Context& context) const {
  ClusterSource::Options options;
  ASSIGN_OR_RETURN(options.base,
                   BaseRequest(context, options_.max_query_duration));
  ASSIGN_OR_RETURN(options.filters, ExtraFilters(context));
  options.client = &context.writer;
  options.samples_per_series_max = options_.max_samples_per_series;
  options.pushdown = !BoolArgument(context.request, "nopushdown");
  return options;
}

absl::Status SelectApi::Evaluate(Context& context, eval::EvalRequest& request,
                                 bool is_range, int64_t shift_ms) {
  const base::Stopwatch preparing;
  ASSIGN_OR_RETURN(const promql::ExprPtr expr,
                   promql::ParseExpr(context.text.query, request.dialect));
  if (is_range) RETURN_IF_ERROR(CheckRangeType(*expr));
  ASSIGN_OR_RETURN(const int64_t limit,
                   IntArgument(context.request, "limit", 0));
  ASSIGN_OR_RETURN(const int64_t round_digits,
                   IntArgument(context.request, "round_digits", 100));
  ASSIGN_OR_RETURN(ClusterSource::Options source_options,
                   SourceOptions(context));
  request.deadline_steady_ms = source_options.base.deadline_steady_ms;
  context.text.range = {request.start_ms, request.end_ms};
  context.text.step_ms = request.step_ms;
  if (context.run) context.run->Describe(context.text);

  request.expr = expr.get();
  request.text = context.text.query;
  QueryTimings timings{context.queued_us, preparing.ElapsedUs()};
  const base::Stopwatch evaluating;
  std::optional<OutcomeCollector> collected;
  absl::StatusOr<eval::EvalResult> result = absl::AbortedError("not begun");
  // A node may fail within a read of one copy: then all copies are read.
  for (const bool one_copy :
       {!BoolArgument(context.request, "all_copies"), false}) {
    if (!absl::IsAborted(result.status())) break;
    source_options.base.one_copy = one_copy;
    collected.emplace();
    ClusterSource source(context.reader, source_options, &*collected);
    request.source = &source;
    result = EvaluateExpr(context, source_options, request, *collected);
  }
  const OutcomeCollector& outcomes = *collected;
  timings.evaluation_us = evaluating.ElapsedUs();
  if (result.ok()) context.stats = result->stats;
  CountEvaluation(context.stats);
  if (!result.ok()) return AsExecutionError(result.status());
  if (is_range) {
    RETURN_IF_ERROR(RepeatLastPoints(context.request, options_.dialect, request,
                                     context.now_ms, *result));
  }
  const auto series =
      static_cast<int64_t>(result->series.size() + result->raw.size());
  if (options_.max_response_series > 0 &&
      series > options_.max_response_series) {
    return base::ResourceExhausted(
        "the response has ", series, " series; the maximum is ",
        options_.max_response_series, " (-search.maxResponseSeries)");
  }
  CountPartial("search", outcomes.is_partial());
  ResultFormat format;
  format.is_range = is_range;
  format.start_ms = request.start_ms + shift_ms;
  format.step_ms = request.step_ms;
  format.round_digits =
      static_cast<int>(std::clamp<int64_t>(round_digits, -100, 100));
  format.series_max = limit;
  if (request.count_samples) {
    format.stats =
        SampleStatsJson(result->stats, timings, format,
                        context.request.Argument("stats") == "all");
  }
  return AnswerResult(context, *result, format, outcomes);
}

absl::StatusOr<eval::EvalResult> SelectApi::EvaluateExpr(
    const Context& context, const ClusterSource::Options& read,
    const eval::EvalRequest& request, const OutcomeCollector& outcomes) {
  if (cache_.bytes_max() == 0 || request.step_ms == 0 ||
      request.count_samples ||
      request.dialect != promql::Dialect::kPromql ||
      context.tenants.several() ||
      BoolArgument(context.request, "nocache") || !IsCacheable(*request.expr)) {
    return eval::Evaluate(request);
  }
  CachedEvaluation cached;
  cached.cache = &cache_;
  cached.reader = context.reader;
  cached.base = read.base;
  cached.settled_before_ms =
      context.now_ms -
      absl::ToInt64Milliseconds(options_.cache_timestamp_offset);
  for (const model::Matchers& filter : read.filters) {
    cached.key += '{';
    for (const model::Matcher& matcher : filter) {
      base::StrAppend(&cached.key, promql::QuotedText(matcher.name),
                      static_cast<int>(matcher.type),
                      promql::QuotedText(matcher.value), ",");
    }
    cached.key += '}';
  }
  CacheUse use = CacheUse::kMiss;
  auto result = EvaluateCached(cached, request, outcomes, use);
  statistics_->cache_requests.Increment();
  (use == CacheUse::kFull   ? statistics_->cache_full_hits
   : use == CacheUse::kPart ? statistics_->cache_partial_hits
                            : statistics_->cache_misses)
      .Increment();
  return result;
}

void SelectApi::CountEvaluation(const eval::EvalStats& stats) {
  const auto samples = static_cast<double>(stats.samples_scanned);
  statistics_->rows_read_per_query.Observe(samples);
  statistics_->rows_scanned_per_query.Observe(samples);
  statistics_->series_read_per_query.Observe(
      static_cast<double>(stats.series_fetched));
}

absl::Status SelectApi::AnswerResult(Context& context,
                                     const eval::EvalResult& result,
                                     const ResultFormat& format,
                                     const OutcomeCollector& outcomes) {
  Answer answer(context.writer, kJson);
  // Enough for small answers; large ones are sent in pieces.
  answer.text().reserve(
      std::min<int64_t>(kAnswerPieceBytes, 512 + 24 * ResultSamples(result)));
  base::StrAppend(&answer.text(), "{\"status\":\"success\",\"isPartial\":",
                  outcomes.is_partial() ? "true" : "false", ",\"data\":");
  bool truncated = false;
  absl::Status written = WriteResult(answer, result, format, truncated);
  if (written.ok()) {
    std::vector<std::string> warnings = outcomes.warnings();
    warnings.insert(warnings.end(), result.warnings.begin(),
                    result.warnings.end());
    if (truncated) warnings.emplace_back("results truncated due to limit");
    AppendStats(answer.text(), context);
    AppendAnnotations(answer.text(), warnings, result.infos);
    if (context.trace) context.trace->End();
    AppendTrace(answer.text(), context.trace.get());
    answer.text() += "}";
    written = answer.Finish();
  }
  if (written.ok() || !answer.begun()) return written;
  context.writer.Abort();
  return absl::OkStatus();
}

// The first two are what alerting reads; any `stats` asks for the rest. What
// Prometheus has of that name is a member of `data`.
void SelectApi::AppendStats(std::string& out, const Context& context) const {
  const int64_t elapsed_ms =
      base::SystemClock().SteadyMs() - context.steady_start_ms;
  base::StrAppend(&out, ",\"stats\":{\"seriesFetched\": \"",
                  context.stats.series_fetched,
                  "\",\"executionTimeMsec\":", elapsed_ms);
  if (!context.request.Argument("stats").empty()) {
    AppendCost(out, context.stats, context.meter);
  }
  out += "}";
}

}  // namespace varve::query
