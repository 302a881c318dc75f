// Which metric names queries read: status/metric_names_stats.
#include <utility>

#include "lib/base/status.h"
#include "lib/model/matcher.h"
#include "lib/query/arguments.h"
#include "lib/query/json.h"
#include "lib/query/select_api.h"

namespace varve::query {
namespace {

constexpr int64_t kDefaultNames = 1000;

// Names that `pattern`, a regular expression, matches anywhere.
absl::StatusOr<std::optional<model::CompiledMatcher>> PatternArgument(
    const http::Request& request) {
  const std::string_view pattern = request.Argument("match_pattern");
  if (pattern.empty()) return std::optional<model::CompiledMatcher>();
  ASSIGN_OR_RETURN(model::CompiledMatcher matcher,
                   model::CompiledMatcher::Make(
                       {model::MatchType::kRegex,
                        std::string(model::kMetricName),
                        base::StrCat(".*(?:", pattern, ").*")}));
  return std::optional<model::CompiledMatcher>(std::move(matcher));
}

}  // namespace

absl::Status SelectApi::MetricNamesStats(Context& context) {
  ASSIGN_OR_RETURN(const cluster::ReadRequest read,
                   BaseRequest(context, options_.max_status_duration));
  ASSIGN_OR_RETURN(int64_t limit,
                   IntArgument(context.request, "limit", kDefaultNames));
  if (limit <= 0) limit = kDefaultNames;
  ASSIGN_OR_RETURN(const int64_t queries_max,
                   IntArgument(context.request, "le", -1));
  ASSIGN_OR_RETURN(const auto pattern, PatternArgument(context.request));
  cluster::ReadOutcome outcome;
  const auto usage = context.reader->NameUsage(read, outcome);
  if (!usage.ok()) return AsExecutionError(usage.status());
  CountPartial("metricNamesStats", outcome.is_partial);
  Answer answer(context.writer, "application/json");
  base::StrAppend(&answer.text(),
                  "{\"status\":\"success\",\"statsCollectedSince\":",
                  usage->since_s(), ",\"statsCollectedRecordsTotal\":",
                  usage->names_size(), ",\"isPartial\":",
                  outcome.is_partial ? "true" : "false", ",\"records\":[");
  int64_t told = 0;
  for (const auto& one : usage->names()) {
    if (told == limit) break;
    if (queries_max >= 0 && one.queries() > queries_max) continue;
    if (pattern && !pattern->Matches(one.name())) continue;
    if (told++ > 0) answer.text().push_back(',');
    answer.text() += "{\"metricName\":";
    AppendJsonString(answer.text(), one.name());
    base::StrAppend(&answer.text(), ",\"requestsCount\":", one.queries(),
                    ",\"lastRequestTimestamp\":", one.last_s(), "}");
    if (!answer.Flush().ok()) return absl::OkStatus();  // the client has gone
  }
  answer.text() += "]}";
  (void)answer.Finish();  // fails only when the client has gone
  return absl::OkStatus();
}

absl::Status SelectApi::ResetMetricNamesStats(Context& context) {
  ASSIGN_OR_RETURN(const cluster::ReadRequest read,
                   BaseRequest(context, options_.max_status_duration));
  RETURN_IF_ERROR(AsExecutionError(context.reader->ResetNameUsage(read)));
  context.writer.Send(204, "", "");
  return absl::OkStatus();
}

}  // namespace varve::query
