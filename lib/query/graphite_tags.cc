// Graphite's tags API over the index: tags, their values, series by tags.
#include <algorithm>
#include <functional>
#include <map>

#include "lib/base/status.h"
#include "lib/graphite/path_pattern.h"
#include "lib/query/arguments.h"
#include "lib/query/cluster_source.h"
#include "lib/query/graphite_arguments.h"
#include "lib/query/json.h"
#include "lib/query/select_api.h"

namespace varve::query {
namespace {

constexpr std::string_view kJson = "application/json";

// All of the request's `expr`, and-ed; none is every series.
absl::StatusOr<std::vector<model::Matchers>> ExprGroups(
    const http::Request& request) {
  model::Matchers group;
  for (const char* name : {"expr", "expr[]"}) {
    for (const std::string& text : request.AllArguments(name)) {
      ASSIGN_OR_RETURN(model::Matcher matcher,
                       graphite::ParseTagExpression(text));
      group.push_back(std::move(matcher));
    }
  }
  if (group.empty()) return std::vector<model::Matchers>();
  return std::vector<model::Matchers>{std::move(group)};
}

// Whether `filter`, a regular expression that matches at the beginning, takes
// a text.
absl::StatusOr<std::function<bool(std::string_view)>> FilterArgument(
    const http::Request& request) {
  const std::string_view filter = request.Argument("filter");
  if (filter.empty()) {
    return std::function<bool(std::string_view)>(
        [](std::string_view) { return true; });
  }
  ASSIGN_OR_RETURN(const auto matcher,
                   model::CompiledMatcher::Make(
                       {model::MatchType::kRegex, "filter",
                        base::StrCat("(?:", filter, ").*")}));
  return std::function<bool(std::string_view)>(
      [matcher](std::string_view text) { return matcher.Matches(text); });
}

void CutTo(int64_t limit, std::vector<std::string>& items) {
  if (limit > 0 && static_cast<size_t>(limit) < items.size()) {
    items.resize(static_cast<size_t>(limit));
  }
}

std::string JsonList(const std::vector<std::string>& items) {
  std::string out = "[";
  for (const std::string& item : items) {
    if (out.size() > 1) out.push_back(',');
    AppendJsonString(out, item);
  }
  out.push_back(']');
  return out;
}

}  // namespace

absl::Status SelectApi::GraphiteTags(Context& context) {
  ASSIGN_OR_RETURN(const int64_t limit,
                   IntArgument(context.request, "limit", 0));
  ASSIGN_OR_RETURN(const auto takes, FilterArgument(context.request));
  ASSIGN_OR_RETURN(const cluster::ReadRequest read, GraphiteRequest(context));
  ASSIGN_OR_RETURN(auto tags, GraphiteLabels(context, read, {}, ""));
  for (std::string& tag : tags) tag = graphite::TagOfLabel(tag);
  std::erase_if(tags, [&](const std::string& tag) { return !takes(tag); });
  std::sort(tags.begin(), tags.end());
  CutTo(limit, tags);
  std::string out = "[";
  for (const std::string& tag : tags) {
    out += out.size() > 1 ? ",{\"tag\":" : "{\"tag\":";
    AppendJsonString(out, tag);
    out += "}";
  }
  out += "]";
  MarkPartial(context);
  context.writer.Send(200, kJson, out);
  return absl::OkStatus();
}

absl::Status SelectApi::GraphiteTagValues(Context& context) {
  const std::string& tag = context.captures.at(0);
  const std::string label(graphite::LabelOfTag(tag));
  ASSIGN_OR_RETURN(const int64_t limit,
                   IntArgument(context.request, "limit", 0));
  ASSIGN_OR_RETURN(const auto takes, FilterArgument(context.request));
  ASSIGN_OR_RETURN(cluster::ReadRequest read, GraphiteRequest(context));
  ASSIGN_OR_RETURN(read.matcher_groups, ExtraFilters(context));
  cluster::ReadOutcome outcome;
  const int64_t values_max = options_.max_graphite_items;
  const auto counts =
      context.reader->Cardinality(read, label, values_max + 1, outcome);
  if (!counts.ok()) return AsExecutionError(counts.status());
  if (counts->series_count_by_focus_label_value_size() > values_max) {
    return TooManyItems(values_max);
  }
  TellPartial(context, "labelValues", outcome.is_partial);
  std::map<std::string, int64_t> values;
  for (const auto& one : counts->series_count_by_focus_label_value()) {
    if (takes(one.name())) values[one.name()] = one.count();
  }
  std::string out = "{\"tag\":";
  AppendJsonString(out, tag);
  out += ",\"values\":[";
  int64_t told = 0;
  for (const auto& [value, count] : values) {
    if (limit > 0 && told == limit) break;
    out += told++ > 0 ? ",{\"value\":" : "{\"value\":";
    AppendJsonString(out, value);
    base::StrAppend(&out, ",\"count\":", count, "}");
  }
  out += "]}";
  MarkPartial(context);
  context.writer.Send(200, kJson, out);
  return absl::OkStatus();
}

absl::Status SelectApi::GraphiteFindSeries(Context& context) {
  ASSIGN_OR_RETURN(const int64_t limit,
                   IntArgument(context.request, "limit", 0));
  ASSIGN_OR_RETURN(auto groups, ExprGroups(context.request));
  if (groups.empty()) return base::InvalidArgument("missing `expr` arg");
  ASSIGN_OR_RETURN(cluster::ReadRequest read, GraphiteRequest(context));
  ASSIGN_OR_RETURN(const auto filters, ExtraFilters(context));
  ASSIGN_OR_RETURN(read.matcher_groups,
                   WithFilters(std::move(groups), filters));
  read.series_max = options_.max_graphite_items;
  const auto merge = context.reader->Search(read);
  if (!merge.ok()) return AsExecutionError(merge.status());
  std::vector<std::string> paths;
  std::vector<cluster::MergedSeries> batch;
  while (true) {
    const absl::Status status = (*merge)->Next(batch);
    if (!status.ok()) return AsExecutionError(status);
    if (batch.empty()) break;
    for (const cluster::MergedSeries& series : batch) {
      paths.push_back(graphite::TaggedPath(series.labels));
    }
  }
  TellPartial(context, "searchMetricNames",
              (*merge)->outcome().is_partial);
  std::sort(paths.begin(), paths.end());
  CutTo(limit, paths);
  MarkPartial(context);
  context.writer.Send(200, kJson, JsonList(paths));
  return absl::OkStatus();
}

absl::Status SelectApi::GraphiteCompleteTags(Context& context) {
  ASSIGN_OR_RETURN(const int64_t limit,
                   IntArgument(context.request, "limit", 100));
  ASSIGN_OR_RETURN(auto groups, ExprGroups(context.request));
  ASSIGN_OR_RETURN(const cluster::ReadRequest read, GraphiteRequest(context));
  ASSIGN_OR_RETURN(auto tags,
                   GraphiteLabels(context, read, std::move(groups), ""));
  const std::string prefix(context.request.Argument("tagPrefix"));
  for (std::string& tag : tags) tag = graphite::TagOfLabel(tag);
  std::erase_if(tags, [&](const std::string& tag) {
    return !tag.starts_with(prefix);
  });
  std::sort(tags.begin(), tags.end());
  CutTo(limit, tags);
  MarkPartial(context);
  context.writer.Send(200, kJson, JsonList(tags));
  return absl::OkStatus();
}

absl::Status SelectApi::GraphiteCompleteValues(Context& context) {
  ASSIGN_OR_RETURN(const int64_t limit,
                   IntArgument(context.request, "limit", 100));
  const std::string_view tag = context.request.Argument("tag");
  if (tag.empty()) return base::InvalidArgument("missing `tag` arg");
  ASSIGN_OR_RETURN(auto groups, ExprGroups(context.request));
  ASSIGN_OR_RETURN(const cluster::ReadRequest read, GraphiteRequest(context));
  ASSIGN_OR_RETURN(auto values,
                   GraphiteLabels(context, read, std::move(groups),
                                  std::string(graphite::LabelOfTag(tag))));
  const std::string prefix(context.request.Argument("valuePrefix"));
  std::erase_if(values, [&](const std::string& value) {
    return !value.starts_with(prefix);
  });
  CutTo(limit, values);
  MarkPartial(context);
  context.writer.Send(200, kJson, JsonList(values));
  return absl::OkStatus();
}

// Series are made by writing samples.
absl::Status SelectApi::GraphiteTagSeries(Context& context) {
  context.writer.Send(
      501, kJson,
      ErrorJson(501, "series are not registered here; writing a sample makes "
                     "its series and its tags"));
  return absl::OkStatus();
}

}  // namespace varve::query
