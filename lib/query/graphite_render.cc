// Graphite's render API: targets evaluated over a range of time; and the list
// of functions.
#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_join.h"
#include "absl/time/time.h"
#include "lib/base/status.h"
#include "lib/graphite/evaluate.h"
#include "lib/graphite/target.h"
#include "lib/graphite/time_text.h"
#include "lib/promql/number_text.h"
#include "lib/query/arguments.h"
#include "lib/query/csv_format.h"
#include "lib/query/graphite_arguments.h"
#include "lib/query/graphite_host.h"
#include "lib/query/json.h"
#include "lib/query/select_api.h"

namespace varve::query {
namespace {

constexpr size_t kTargetsMax = 1000;
constexpr int64_t kDayMs = 86'400'000;

int64_t CeilTo(int64_t ms, int64_t step_ms) {
  return (ms + step_ms - 1) / step_ms * step_ms;
}

absl::StatusOr<int64_t> StepArgument(const http::Request& request,
                                     int64_t default_ms) {
  std::string_view text = request.Argument("storage_step");
  if (text.empty()) text = request.Header("storage-step");
  if (text.empty()) return default_ms;
  const auto ms = graphite::ParseIntervalMs(text);
  if (ms.ok() && *ms > 0) return ms;
  return base::InvalidArgument("invalid value \"", text,
                               "\" of the argument `storage_step`: expected "
                               "an interval such as 10s");
}

absl::StatusOr<graphite::Grid> GridArguments(const http::Request& request,
                                             int64_t now_ms,
                                             int64_t default_step_ms) {
  graphite::Grid grid;
  ASSIGN_OR_RETURN(grid.step_ms, StepArgument(request, default_step_ms));
  ASSIGN_OR_RETURN(const int64_t from_ms,
                   GraphiteTime(request, "from", now_ms, now_ms - kDayMs));
  ASSIGN_OR_RETURN(const int64_t until_ms,
                   GraphiteTime(request, "until", now_ms, now_ms));
  if (from_ms < 0 || from_ms > until_ms) {
    return base::InvalidArgument("`from` is ", from_ms / 1000, " and `until` ",
                                 until_ms / 1000,
                                 ": no range of time since 1970");
  }
  grid.start_ms = CeilTo(from_ms, grid.step_ms);
  grid.end_ms = CeilTo(until_ms, grid.step_ms);
  return grid;
}

// The share of points that aggregates need.
absl::StatusOr<double> ShareArgument(const http::Request& request) {
  const std::string_view text = request.Argument("xFilesFactor");
  double share = 0;
  if (text.empty()) return share;
  if (!absl::SimpleAtod(base::ToAbsl(text), &share) ||
      !(share >= 0 && share <= 1)) {
    return base::InvalidArgument("invalid value \"", text,
                                 "\" of the argument `xFilesFactor`: expected "
                                 "a number from 0 to 1");
  }
  return share;
}

// Steps of `points` of the series', that begin at multiples of themselves.
graphite::Grid LargerSteps(const graphite::Series& series, int64_t points) {
  graphite::Grid larger;
  larger.step_ms = points * series.step_ms;
  larger.start_ms = series.start_ms / larger.step_ms * larger.step_ms;
  larger.end_ms = CeilTo(series.end_ms(), larger.step_ms);
  return larger;
}

// At most `points_max` points, by larger steps of whole points.
void Thin(int64_t points_max, graphite::Series& series) {
  const auto points = static_cast<int64_t>(series.values.size());
  if (points <= points_max) return;
  graphite::Grid larger =
      LargerSteps(series, CeilTo(points, points_max) / points_max);
  if (points_max == 1) {
    larger = {series.start_ms, series.end_ms(), points * series.step_ms};
  } else if (larger.points() > static_cast<size_t>(points_max)) {
    // One more for the part of a step at the beginning.
    larger = LargerSteps(series,
                         CeilTo(points, points_max - 1) / (points_max - 1));
  }
  series.values =
      graphite::Consolidate(series, larger, series.consolidation);
  series.start_ms = larger.start_ms;
  series.step_ms = larger.step_ms;
}

void AppendValue(std::string& out, double value) {
  if (!std::isfinite(value)) {
    out += "null";
    return;
  }
  promql::AppendPlainNumber(out, value);
}

// Below, an answer goes out while a series is written; they fail only when the
// client has gone.

absl::Status WriteJsonSeries(const graphite::Series& series, Answer& answer) {
  std::string& out = answer.text();
  out += "{\"target\":";
  AppendJsonString(out, series.name);
  out += ",\"tags\":{";
  bool first = true;
  for (const auto& [tag, value] : series.tags) {
    if (!std::exchange(first, false)) out.push_back(',');
    AppendJsonString(out, tag);
    out.push_back(':');
    AppendJsonString(out, value);
  }
  out += "},\"datapoints\":[";
  int64_t at_ms = series.start_ms;
  for (size_t i = 0; i < series.values.size(); ++i) {
    out += i == 0 ? "[" : ",[";
    AppendValue(out, series.values[i]);
    base::StrAppend(&out, ",", at_ms / 1000, "]");
    at_ms += series.step_ms;
    RETURN_IF_ERROR(answer.Flush());
  }
  out += "]}";
  return answer.Flush();
}

// name,2026-11-20 12:00:00,1.5
absl::Status WriteCsvSeries(const graphite::Series& series, Answer& answer) {
  std::string& out = answer.text();
  std::string name;
  AppendCsvField(name, series.name);
  int64_t at_ms = series.start_ms;
  for (const double value : series.values) {
    base::StrAppend(&out, name, ",",
                    absl::FormatTime("%Y-%m-%d %H:%M:%S",
                                     absl::FromUnixMillis(at_ms),
                                     absl::UTCTimeZone()),
                    ",");
    if (std::isfinite(value)) promql::AppendPlainNumber(out, value);
    out += "\r\n";
    at_ms += series.step_ms;
    RETURN_IF_ERROR(answer.Flush());
  }
  return absl::OkStatus();
}

// name,start,end,step|1.5,None,…
absl::Status WriteRawSeries(const graphite::Series& series, Answer& answer) {
  std::string& out = answer.text();
  base::StrAppend(&out, series.name, ",", series.start_ms / 1000, ",",
                  series.end_ms() / 1000, ",", series.step_ms / 1000, "|");
  bool first = true;
  for (const double value : series.values) {
    if (!std::exchange(first, false)) out.push_back(',');
    if (std::isfinite(value)) {
      promql::AppendPlainNumber(out, value);
    } else {
      out += "None";
    }
    RETURN_IF_ERROR(answer.Flush());
  }
  out.push_back('\n');
  return answer.Flush();
}

// Fails only when the client has gone.
absl::Status WriteSeries(const graphite::SeriesList& all,
                         std::string_view format, std::string_view jsonp,
                         http::ResponseWriter& writer) {
  const bool json = format == "json";
  Answer answer(writer, json && jsonp.empty() ? "application/json"
                        : json ? "text/javascript; charset=utf-8"
                        : format == "csv" ? "text/csv; charset=utf-8"
                                          : "text/plain; charset=utf-8");
  if (json && !jsonp.empty()) base::StrAppend(&answer.text(), jsonp, "(");
  if (json) answer.text() += "[";
  bool first = true;
  for (const graphite::Series& series : all) {
    if (json && !std::exchange(first, false)) answer.text() += ",";
    RETURN_IF_ERROR(json              ? WriteJsonSeries(series, answer)
                    : format == "csv" ? WriteCsvSeries(series, answer)
                                      : WriteRawSeries(series, answer));
  }
  if (json) answer.text() += jsonp.empty() ? "]" : "])";
  return answer.Finish();
}

absl::StatusOr<std::vector<std::string>> TargetArguments(
    const http::Request& request) {
  std::vector<std::string> targets = request.AllArguments("target");
  for (std::string& one : request.AllArguments("target[]")) {
    targets.push_back(std::move(one));
  }
  if (targets.empty()) return base::InvalidArgument("missing `target` arg");
  if (targets.size() > kTargetsMax) {
    return base::InvalidArgument(targets.size(), " targets; at most ",
                                 kTargetsMax, " are taken");
  }
  return targets;
}

std::string_view TypeText(graphite::ParameterType type) {
  using Type = graphite::ParameterType;
  switch (type) {
    case Type::kSeries:
      return "seriesList";
    case Type::kNumber:
      return "float";
    case Type::kText:
      return "string";
    case Type::kInterval:
      return "intOrInterval";
    case Type::kNode:
      return "nodeOrTag";
    case Type::kAggregation:
      return "aggFunc";
    case Type::kBool:
      return "boolean";
    case Type::kAny:
      return "any";
  }
  return "any";
}

void AppendFunction(std::string& out, const graphite::FunctionInfo& function) {
  const std::string names = absl::StrJoin(
      function.parameters, ", ",
      [](std::string* to, const graphite::Parameter& one) {
        base::StrAppend(to, one.multiple ? "*" : "", one.name);
      });
  base::StrAppend(&out, "{\"name\":\"", function.name, "\",\"function\":\"",
                  function.name, "(", names, ")\",\"description\":\"",
                  function.description,
                  "\",\"module\":\"graphite.render.functions\",\"group\":\"",
                  function.group, "\",\"params\":[");
  bool first = true;
  for (const graphite::Parameter& one : function.parameters) {
    base::StrAppend(&out, std::exchange(first, false) ? "" : ",",
                    "{\"name\":\"", one.name, "\",\"type\":\"",
                    TypeText(one.type), "\"");
    if (one.required) out += ",\"required\":true";
    if (one.multiple) out += ",\"multiple\":true";
    out += "}";
  }
  out += "]}";
}

}  // namespace

absl::StatusOr<GraphiteHost::Options> SelectApi::GraphiteRead(
    Context& context) const {
  GraphiteHost::Options read;
  ASSIGN_OR_RETURN(read.base,
                   BaseRequest(context, options_.max_query_duration));
  ASSIGN_OR_RETURN(read.filters, ExtraFilters(context));
  read.series_max = options_.max_graphite_items;
  read.samples_per_series_max = options_.max_samples_per_series;
  read.memory_bytes_max = options_.limits.memory_bytes_max;
  read.memory_pool = options_.limits.memory_pool;
  return read;
}

absl::Status SelectApi::GraphiteRender(Context& context) {
  const http::Request& request = context.request;
  RETURN_IF_ERROR(OneTenant(context));
  std::string_view format = request.Argument("format");
  if (format.empty()) format = "json";
  if (format != "json" && format != "csv" && format != "raw") {
    return base::InvalidArgument("unsupported `format` \"", format,
                                 "\"; supported: json, csv, raw");
  }
  ASSIGN_OR_RETURN(const std::string jsonp, JsonpArgument(request));
  graphite::EvaluateOptions evaluate;
  ASSIGN_OR_RETURN(evaluate.grid,
                   GridArguments(request, context.now_ms,
                                 options_.graphite_step_ms));
  evaluate.points_max = options_.graphite_points_max;
  ASSIGN_OR_RETURN(evaluate.x_files_factor, ShareArgument(request));
  ASSIGN_OR_RETURN(const int64_t points_max,
                   IntArgument(request, "maxDataPoints", 0));
  ASSIGN_OR_RETURN(const auto targets, TargetArguments(request));
  context.text.query = absl::StrJoin(targets, "&");
  context.text.range = {evaluate.grid.start_ms, evaluate.grid.end_ms};
  context.text.step_ms = evaluate.grid.step_ms;
  RETURN_IF_ERROR(CheckQueryLength(context.text.query));
  if (context.run) context.run->Describe(context.text);
  ASSIGN_OR_RETURN(GraphiteHost::Options read, GraphiteRead(context));
  GraphiteHost host(context.reader, std::move(read));
  graphite::SeriesList all;
  for (const std::string& text : targets) {
    ASSIGN_OR_RETURN(const graphite::Target target,
                     graphite::ParseTarget(text));
    ASSIGN_OR_RETURN(graphite::SeriesList some,
                     graphite::Evaluate(target, evaluate, host));
    for (graphite::Series& series : some) {
      if (points_max > 0) Thin(points_max, series);
      all.push_back(std::move(series));
    }
  }
  TellPartial(context, "searchMetricNames", host.is_partial());
  MarkPartial(context);
  (void)WriteSeries(all, format, jsonp, context.writer);
  return absl::OkStatus();
}

absl::Status SelectApi::GraphiteFunctions(Context& context) {
  std::string out;
  if (context.captures.empty()) {
    for (const graphite::FunctionInfo* const one : graphite::Functions()) {
      base::StrAppend(&out, out.empty() ? "{\"" : ",\"", one->name, "\":");
      AppendFunction(out, *one);
    }
    out += "}";
  } else {
    const auto* const one = graphite::FindFunction(context.captures[0]);
    if (one == nullptr) {
      return base::InvalidArgument("unknown function \"",
                                   context.captures[0], "\"");
    }
    AppendFunction(out, *one);
  }
  context.writer.Send(200, "application/json", out);
  return absl::OkStatus();
}

}  // namespace varve::query
