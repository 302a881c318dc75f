// Exemplars and metadata: /api/v1/query_exemplars and /api/v1/metadata.
#include <algorithm>
#include <map>
#include <utility>

#include "lib/base/status.h"
#include "lib/promql/parser.h"
#include "lib/promql/visit.h"
#include "lib/query/arguments.h"
#include "lib/query/json.h"
#include "lib/query/result_json.h"
#include "lib/query/select_api.h"

namespace varve::query {
namespace {

// The matchers of all selectors of `root`.
std::vector<model::Matchers> SelectorsOf(const promql::Expr& root) {
  std::vector<model::Matchers> groups;
  promql::ForEachExpr(root, [&groups](const promql::Expr& expr) {
    if (expr.kind != promql::ExprKind::kVectorSelector) return;
    const auto more =
        static_cast<const promql::VectorSelector&>(expr).MatcherGroups();
    groups.insert(groups.end(), more.begin(), more.end());
  });
  return groups;
}

absl::Status AppendExemplars(std::string& out,
                             const cluster::MergedSeries& series) {
  out += "{\"seriesLabels\":";
  AppendJsonLabels(out, series.labels);
  out += ",\"exemplars\":[";
  for (size_t i = 0; i < series.exemplars.size(); ++i) {
    const model::Exemplar& one = series.exemplars[i];
    ASSIGN_OR_RETURN(const model::LabelSet labels,
                     model::ParseCanonicalBytes(one.labels));
    out += i == 0 ? "{\"labels\":" : ",{\"labels\":";
    AppendJsonLabels(out, labels);
    // [time,"value"] as two members.
    std::string sample;
    AppendJsonSample(sample, one.timestamp_ms, one.value);
    const size_t comma = sample.find(',');
    base::StrAppend(&out, ",\"value\":",
                    sample.substr(comma + 1, sample.size() - comma - 2),
                    ",\"timestamp\":", sample.substr(1, comma - 1), "}");
  }
  out += "]}";
  return absl::OkStatus();
}

}  // namespace

absl::Status SelectApi::QueryExemplars(Context& context) {
  RETURN_IF_ERROR(CheckQueryLength(context.request.Argument("query")));
  context.text.query = context.request.Argument("query");
  if (context.text.query.empty()) {
    return base::InvalidArgument("missing `query` arg");
  }
  ASSIGN_OR_RETURN(const promql::ExprPtr expr,
                   promql::ParseExpr(context.text.query));
  ASSIGN_OR_RETURN(cluster::ReadRequest read,
                   BaseRequest(context, options_.max_query_duration));
  ASSIGN_OR_RETURN(read.range, RangeArguments(context.request, context.now_ms,
                                              options_.lookback_ms));
  context.text.range = read.range;
  if (context.run) context.run->Describe(context.text);
  std::vector<model::Matchers> groups = SelectorsOf(*expr);
  Answer answer(context.writer, "application/json");
  if (groups.empty()) {
    answer.text() = "{\"status\":\"success\",\"isPartial\":false,\"data\":[]}";
    return answer.Finish();
  }
  ASSIGN_OR_RETURN(const auto filters, ExtraFilters(context));
  ASSIGN_OR_RETURN(read.matcher_groups,
                   WithFilters(std::move(groups), filters));
  read.exemplars = true;
  const auto merge = context.reader->Search(read);
  if (!merge.ok()) return AsExecutionError(merge.status());
  // Few: a ring's worth of each series. Whether they are all is known last.
  std::vector<cluster::MergedSeries> found;
  std::vector<cluster::MergedSeries> batch;
  for (;;) {
    const absl::Status status = (*merge)->Next(batch);
    if (!status.ok()) return AsExecutionError(status);
    if (batch.empty()) break;
    for (cluster::MergedSeries& series : batch) {
      if (!series.exemplars.empty()) found.push_back(std::move(series));
    }
  }
  std::sort(found.begin(), found.end(),
            [](const auto& a, const auto& b) { return a.labels < b.labels; });
  const cluster::ReadOutcome& outcome = (*merge)->outcome();
  CountPartial("search", outcome.is_partial);
  answer.text() =
      base::StrCat("{\"status\":\"success\",\"isPartial\":",
                   outcome.is_partial ? "true" : "false", ",\"data\":[");
  for (size_t i = 0; i < found.size(); ++i) {
    if (i > 0) answer.text().push_back(',');
    RETURN_IF_ERROR(AppendExemplars(answer.text(), found[i]));
    if (!answer.Flush().ok()) return absl::OkStatus();  // the client has gone
  }
  answer.text().push_back(']');
  AppendAnnotations(answer.text(), outcome.warnings, {});
  answer.text().push_back('}');
  (void)answer.Finish();  // fails only when the client has gone
  return absl::OkStatus();
}

absl::Status SelectApi::Metadata(Context& context) {
  ASSIGN_OR_RETURN(cluster::ReadRequest read,
                   BaseRequest(context, options_.max_labels_duration));
  // They say of which tenants; metadata has no labels of its own.
  if (context.tenants.several()) {
    ASSIGN_OR_RETURN(read.matcher_groups, ExtraFilters(context));
  }
  const std::string metric(context.request.Argument("metric"));
  ASSIGN_OR_RETURN(const int64_t limit,
                   IntArgument(context.request, "limit", 0));
  ASSIGN_OR_RETURN(const int64_t per_metric,
                   IntArgument(context.request, "limit_per_metric", 0));
  cluster::ReadOutcome outcome;
  const auto found = context.reader->Metadata(read, metric, limit, outcome);
  if (!found.ok()) return AsExecutionError(found.status());
  CountPartial("searchMetadata", outcome.is_partial);
  Answer answer(context.writer, "application/json");
  answer.text() =
      base::StrCat("{\"status\":\"success\",\"isPartial\":",
                   outcome.is_partial ? "true" : "false", ",\"data\":{");
  bool first = true;
  for (const model::StoredMetadata& one : *found) {
    std::string& out = answer.text();
    if (!first) out.push_back(',');
    first = false;
    AppendJsonString(out, one.metadata.metric);
    // One entry a metric: the last write counts. A negative limit takes none.
    if (per_metric < 0) {
      out += ":[]";
      continue;
    }
    base::StrAppend(&out, ":[{\"type\":\"",
                    model::MetricTypeText(one.metadata.type), "\",\"help\":");
    AppendJsonString(out, one.metadata.help);
    out += ",\"unit\":";
    AppendJsonString(out, one.metadata.unit);
    out += "}]";
    if (!answer.Flush().ok()) return absl::OkStatus();  // the client has gone
  }
  answer.text().push_back('}');
  AppendAnnotations(answer.text(), outcome.warnings, {});
  answer.text().push_back('}');
  (void)answer.Finish();  // fails only when the client has gone
  return absl::OkStatus();
}

}  // namespace varve::query
