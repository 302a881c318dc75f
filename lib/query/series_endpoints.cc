// Series, label names and values, cardinality, tenants.
#include <algorithm>
#include <tuple>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/time/time.h"
#include "lib/base/status.h"
#include "lib/query/arguments.h"
#include "lib/query/json.h"
#include "lib/query/select_api.h"
#include "lib/query/tenant_path.h"

namespace varve::query {
namespace {

constexpr std::string_view kJson = "application/json";
// Without start, label APIs look at the last five minutes (whole days of
// them), as clients of this API expect.
constexpr int64_t kDefaultRangeMs = 300'000;
constexpr int64_t kDefaultTop = 10;

// The index knows days: ranges are widened to whole ones.
model::TimeRange WholeDays(model::TimeRange range) {
  const int64_t first = model::DayOf(range.start_ms);
  const int64_t last = model::DayOf(range.end_ms);
  return {first * model::kDayMs, (last + 1) * model::kDayMs - 1};
}

std::string Head(bool is_partial) {
  return base::StrCat("{\"status\":\"success\",\"isPartial\":",
                      is_partial ? "true" : "false", ",\"data\":");
}

void AppendTail(std::string& out, const cluster::ReadOutcome& outcome,
                bool truncated) {
  std::vector<std::string> warnings = outcome.warnings;
  if (truncated) warnings.emplace_back("results truncated due to limit");
  AppendAnnotations(out, warnings, {});
  out += "}";
}

absl::Status WithFlag(const absl::Status& status, std::string_view flag,
                      int64_t value) {
  if (status.code() != absl::StatusCode::kResourceExhausted) {
    return AsExecutionError(status);
  }
  return base::ResourceExhausted(base::Message(status), "; limited by ", flag,
                                 "=", value, " here");
}

template <typename Entries>
void AppendEntries(std::string& out, std::string_view name,
                   const Entries& entries) {
  base::StrAppend(&out, ",\"", name, "\":[");
  bool first = true;
  for (const auto& entry : entries) {
    if (!first) out.push_back(',');
    first = false;
    out += "{\"name\":";
    AppendJsonString(out, entry.name());
    base::StrAppend(&out, ",\"value\":", entry.count(), "}");
  }
  out.push_back(']');
}

// ?date=2026-11-20, by default today.
absl::StatusOr<model::TimeRange> DateArgument(const http::Request& request,
                                              int64_t now_ms) {
  ASSIGN_OR_RETURN(const int64_t ms,
                   TimeArgument(request, "date", now_ms, now_ms));
  return WholeDays({ms, ms});
}

}  // namespace

absl::StatusOr<cluster::ReadRequest> SelectApi::LabelsRequest(
    Context& context, absl::Duration duration_max, int64_t series_max) {
  ASSIGN_OR_RETURN(cluster::ReadRequest read,
                   BaseRequest(context, duration_max));
  ASSIGN_OR_RETURN(auto groups, Selectors(context));
  ASSIGN_OR_RETURN(const auto filters, ExtraFilters(context));
  ASSIGN_OR_RETURN(
      const model::TimeRange range,
      RangeArguments(context.request, context.now_ms, kDefaultRangeMs));
  ASSIGN_OR_RETURN(read.matcher_groups,
                   WithFilters(std::move(groups), filters));
  read.range = WholeDays(range);
  read.series_max = series_max;
  read.labels_only = true;
  return read;
}

absl::Status SelectApi::Series(Context& context) {
  ASSIGN_OR_RETURN(
      cluster::ReadRequest read,
      LabelsRequest(context, options_.max_query_duration, options_.max_series));
  ASSIGN_OR_RETURN(const int64_t limit,
                   IntArgument(context.request, "limit", 0));
  if (read.matcher_groups.empty()) {
    // All series: the name of none is empty.
    read.matcher_groups = {
        {{model::MatchType::kNotEqual, std::string(model::kMetricName), ""}}};
  }
  const auto merge = context.reader->Search(read);
  auto failed = [&](const absl::Status& status) {
    return WithFlag(status, "-search.maxSeries", options_.max_series);
  };
  if (!merge.ok()) return failed(merge.status());
  std::vector<model::LabelSet> found;
  std::vector<cluster::MergedSeries> batch;
  for (;;) {
    const absl::Status status = (*merge)->Next(batch);
    if (!status.ok()) return failed(status);
    if (batch.empty()) break;
    for (auto& series : batch) found.push_back(std::move(series.labels));
    if (static_cast<int64_t>(found.size()) > options_.max_series) {
      return base::ResourceExhausted(
          "the number of matching timeseries exceeds ", options_.max_series,
          "; either narrow down the search or increase -search.maxSeries");
    }
  }
  std::sort(found.begin(), found.end());
  const bool truncated =
      limit > 0 && limit < static_cast<int64_t>(found.size());
  if (truncated) found.resize(limit);
  const cluster::ReadOutcome& outcome = (*merge)->outcome();
  CountPartial("searchMetricNames", outcome.is_partial);
  Answer answer(context.writer, kJson);
  answer.text() = Head(outcome.is_partial) + "[";
  for (size_t i = 0; i < found.size(); ++i) {
    if (i > 0) answer.text().push_back(',');
    AppendJsonLabels(answer.text(), found[i]);
    if (!answer.Flush().ok()) return absl::OkStatus();  // the client has gone
  }
  answer.text() += "]";
  AppendTail(answer.text(), outcome, truncated);
  (void)answer.Finish();  // fails only when the client has gone
  return absl::OkStatus();
}

absl::Status SelectApi::LabelNames(Context& context) {
  return AnswerLabels(context, "", "labelNames");
}

absl::Status SelectApi::LabelValues(Context& context) {
  const std::string label = UnescapedName(context.captures.at(0));
  if (label.empty()) return base::InvalidArgument("the label name is empty");
  return AnswerLabels(context, label, "labelValues");
}

absl::Status SelectApi::AnswerLabels(Context& context, const std::string& label,
                                     std::string_view action) {
  ASSIGN_OR_RETURN(const cluster::ReadRequest read,
                   LabelsRequest(context, options_.max_labels_duration,
                                 options_.max_labels_series));
  ASSIGN_OR_RETURN(const int64_t limit,
                   IntArgument(context.request, "limit", 0));
  cluster::ReadOutcome outcome;
  // One more than asked for, to know whether there are more.
  auto items = context.reader->Labels(read, label, limit > 0 ? limit + 1 : 0, outcome);
  if (!items.ok()) {
    return WithFlag(items.status(), "-search.maxLabelsAPISeries",
                    options_.max_labels_series);
  }
  const bool truncated =
      limit > 0 && limit < static_cast<int64_t>(items->size());
  if (truncated) items->resize(limit);
  CountPartial(action, outcome.is_partial);
  Answer answer(context.writer, kJson);
  answer.text() = Head(outcome.is_partial) + "[";
  for (size_t i = 0; i < items->size(); ++i) {
    if (i > 0) answer.text().push_back(',');
    AppendJsonString(answer.text(), (*items)[i]);
    if (!answer.Flush().ok()) return absl::OkStatus();  // the client has gone
  }
  answer.text() += "]";
  AppendTail(answer.text(), outcome, truncated);
  (void)answer.Finish();  // fails only when the client has gone
  return absl::OkStatus();
}

absl::Status SelectApi::SeriesCount(Context& context) {
  ASSIGN_OR_RETURN(cluster::ReadRequest read,
                   LabelsRequest(context, options_.max_status_duration,
                                 options_.max_status_series));
  if (context.request.Argument("start").empty()) read.range.start_ms = 0;
  cluster::ReadOutcome outcome;
  const auto counts = context.reader->Cardinality(read, "", 0, outcome);
  if (!counts.ok()) return AsExecutionError(counts.status());
  CountPartial("seriesCount", outcome.is_partial);
  std::string out = Head(outcome.is_partial);
  base::StrAppend(&out, "[", counts->total_series(), "]");
  AppendTail(out, outcome, false);
  context.writer.Send(200, kJson, out);
  return absl::OkStatus();
}

// With how often each was read, where the storage tracks it.
void SelectApi::AppendMetricNames(std::string& out, const Context& context,
                                  const Entries& entries,
                                  const cluster::ReadRequest& read) {
  cluster::ReadOutcome ignored;  // what is missing reads as never
  const auto usage = context.reader->NameUsage(read, ignored);
  absl::flat_hash_map<std::string, std::pair<int64_t, int64_t>> by_name;
  if (usage.ok()) {
    for (const auto& one : usage->names()) {
      by_name[one.name()] = {one.queries(), one.last_s()};
    }
  }
  out += ",\"seriesCountByMetricName\":[";
  bool first = true;
  for (const auto& entry : entries) {
    if (!std::exchange(first, false)) out.push_back(',');
    out += "{\"name\":";
    AppendJsonString(out, entry.name());
    base::StrAppend(&out, ",\"value\":", entry.count());
    if (usage.ok()) {
      const auto& [queries, last_s] = by_name[entry.name()];
      base::StrAppend(&out, ",\"requestsCount\":", queries,
                      ",\"lastRequestTimestamp\":", last_s);
    }
    out.push_back('}');
  }
  out.push_back(']');
}

absl::Status SelectApi::StatusTsdb(Context& context) {
  ASSIGN_OR_RETURN(cluster::ReadRequest read,
                   LabelsRequest(context, options_.max_status_duration,
                                 options_.max_status_series));
  ASSIGN_OR_RETURN(read.range, DateArgument(context.request, context.now_ms));
  // Prometheus' name for it, and VictoriaMetrics'.
  ASSIGN_OR_RETURN(int64_t top,
                   IntArgument(context.request, "limit", kDefaultTop));
  if (top < 1) return base::InvalidArgument("limit must be a positive number");
  ASSIGN_OR_RETURN(top, IntArgument(context.request, "topN", top));
  top = std::clamp<int64_t>(top, 1, options_.max_status_top);
  const std::string focus(context.request.Argument("focusLabel"));
  cluster::ReadOutcome outcome;
  const auto counts = context.reader->Cardinality(read, focus, top, outcome);
  if (!counts.ok()) {
    return WithFlag(counts.status(), "-search.maxTSDBStatusSeries",
                    options_.max_status_series);
  }
  CountPartial("tsdbStatus", outcome.is_partial);
  std::string out = Head(outcome.is_partial);
  base::StrAppend(
      &out, "{\"totalSeries\":", counts->total_series(),
      ",\"totalLabelValuePairs\":", counts->total_label_value_pairs());
  AppendMetricNames(out, context, counts->series_count_by_metric_name(),
                    read);
  AppendEntries(out, "seriesCountByLabelName",
                counts->series_count_by_label_name());
  AppendEntries(out, "seriesCountByFocusLabelValue",
                counts->series_count_by_focus_label_value());
  AppendEntries(out, "seriesCountByLabelValuePair",
                counts->series_count_by_label_value_pair());
  AppendEntries(out, "labelValueCountByLabelName",
                counts->label_value_count_by_label_name());
  out += "}";
  AppendTail(out, outcome, false);
  context.writer.Send(200, kJson, out);
  return absl::OkStatus();
}

absl::Status SelectApi::AdminTenants(Context& context) {
  ASSIGN_OR_RETURN(cluster::ReadRequest read,
                   BaseRequest(context, options_.max_status_duration));
  ASSIGN_OR_RETURN(read.range, RangeArguments(context.request, context.now_ms,
                                              context.now_ms));
  cluster::ReadOutcome outcome;
  auto tenants = context.reader->Tenants(read, outcome);
  if (!tenants.ok()) return AsExecutionError(tenants.status());
  CountPartial("tenants", outcome.is_partial);
  std::sort(tenants->begin(), tenants->end(),
            [](const model::Tenant& a, const model::Tenant& b) {
              return std::tie(a.id.kind, a.name, a.id) <
                     std::tie(b.id.kind, b.name, b.id);
            });
  std::string out = "{\"status\":\"success\",\"data\":[";
  bool first = true;
  for (const model::Tenant& tenant : *tenants) {
    if (tenant.id.kind != 0) continue;
    if (!std::exchange(first, false)) out.push_back(',');
    AppendJsonString(out, model::TenantText(tenant));
  }
  out += "],\"names\":[";
  first = true;
  for (const model::Tenant& tenant : *tenants) {
    if (tenant.id.kind == 0) continue;
    if (!std::exchange(first, false)) out.push_back(',');
    AppendJsonString(out, model::TenantText(tenant));
  }
  out += "]";
  AppendTail(out, outcome, false);
  context.writer.Send(200, kJson, out);
  return absl::OkStatus();
}

}  // namespace varve::query
