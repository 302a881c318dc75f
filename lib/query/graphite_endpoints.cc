// Graphite's metrics API: find, expand, index.json; and its tags API.
#include <algorithm>
#include <map>
#include <set>
#include <utility>

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

model::Matcher NameMatches(std::string regex) {
  return {model::MatchType::kRegex, std::string(model::kMetricName),
          std::move(regex)};
}

// The last node of a path.
std::string_view LastNode(const graphite::PathNode& node, char delimiter) {
  const std::string_view path = node.path;
  const size_t at = path.rfind(delimiter);
  return at == path.npos ? path : path.substr(at + 1);
}

absl::StatusOr<char> DelimiterArgument(const http::Request& request) {
  const std::string_view text = request.Argument("delimiter");
  if (text.empty()) return '.';
  if (text.size() == 1) return text[0];
  return base::InvalidArgument("invalid value \"", text,
                               "\" of the argument `delimiter`: one character "
                               "is expected");
}

template <typename Items>
std::string JsonList(const Items& items) {
  std::string out = "[";
  for (const auto& item : items) {
    if (out.size() > 1) out.push_back(',');
    AppendJsonString(out, item);
  }
  out.push_back(']');
  return out;
}

void AppendTreeNode(std::string& out, const graphite::PathNode& node,
                    std::string_view text) {
  out += "{\"id\":";
  AppendJsonString(out, node.path);
  out += ",\"text\":";
  AppendJsonString(out, text);
  const char branch = node.is_leaf ? '0' : '1';
  base::StrAppend(&out, ",\"allowChildren\":", std::string_view(&branch, 1),
                  ",\"expandable\":", std::string_view(&branch, 1),
                  ",\"leaf\":", node.is_leaf ? "1" : "0", ",\"context\":{}}");
}

void AppendCompletion(std::string& out, const graphite::PathNode& node,
                      std::string_view text, char delimiter) {
  out += "{\"path\":";
  AppendJsonString(out, node.is_leaf
                            ? node.path
                            : base::StrCat(node.path, std::string_view(
                                                          &delimiter, 1)));
  out += ",\"name\":";
  AppendJsonString(out, text);
  base::StrAppend(&out, ",\"is_leaf\":\"", node.is_leaf ? "1" : "0", "\"}");
}

}  // namespace

absl::Status SelectApi::OneTenant(const Context& context) {
  if (!context.tenants.several()) return absl::OkStatus();
  return base::InvalidArgument(
      "Graphite's API answers tenant by tenant: name one instead of `",
      context.tenants.Text(), "`");
}

void SelectApi::TellPartial(Context& context, std::string_view action,
                            bool is_partial) {
  CountPartial(action, is_partial);
  context.is_partial = context.is_partial || is_partial;
}

// Graphite's answers are lists: a header says that one may lack something.
void SelectApi::MarkPartial(const Context& context) {
  if (context.is_partial) context.writer.SetHeader("X-Partial", "true");
}

// As a function's argument when `jsonp` asks for it.
absl::Status SelectApi::SendJsonp(const Context& context, std::string json) {
  ASSIGN_OR_RETURN(const std::string function, JsonpArgument(context.request));
  MarkPartial(context);
  if (function.empty()) {
    context.writer.Send(200, kJson, json);
    return absl::OkStatus();
  }
  context.writer.Send(200, "text/javascript; charset=utf-8",
                      base::StrCat(function, "(", json, ")"));
  return absl::OkStatus();
}

// Label APIs over all that is kept; `from` and `until` narrow it.
absl::StatusOr<cluster::ReadRequest> SelectApi::GraphiteRequest(
    Context& context) {
  RETURN_IF_ERROR(OneTenant(context));
  ASSIGN_OR_RETURN(cluster::ReadRequest read,
                   BaseRequest(context, options_.max_labels_duration));
  ASSIGN_OR_RETURN(read.range.start_ms,
                   GraphiteTime(context.request, "from", context.now_ms, 0));
  ASSIGN_OR_RETURN(read.range.end_ms,
                   GraphiteTime(context.request, "until", context.now_ms,
                                model::kTimestampMaxMs));
  read.series_max = options_.max_labels_series;
  read.labels_only = true;
  return read;
}

absl::StatusOr<std::vector<std::string>> SelectApi::GraphiteLabels(
    Context& context, cluster::ReadRequest read,
    std::vector<model::Matchers> groups, const std::string& label) {
  ASSIGN_OR_RETURN(const auto filters, ExtraFilters(context));
  ASSIGN_OR_RETURN(read.matcher_groups,
                   WithFilters(std::move(groups), filters));
  cluster::ReadOutcome outcome;
  const int64_t limit = options_.max_graphite_items;
  auto items = context.reader->Labels(read, label, limit + 1, outcome);
  if (!items.ok()) return AsExecutionError(items.status());
  if (static_cast<int64_t>(items->size()) > limit) {
    return TooManyItems(limit);
  }
  TellPartial(context, label.empty() ? "labelNames" : "labelValues",
              outcome.is_partial);
  return items;
}

absl::StatusOr<std::vector<graphite::PathNode>> SelectApi::GraphiteNodes(
    Context& context, const graphite::PathPattern& pattern) {
  ASSIGN_OR_RETURN(const cluster::ReadRequest read, GraphiteRequest(context));
  ASSIGN_OR_RETURN(const std::vector<std::string> names,
                   GraphiteLabels(context, read,
                                  {{NameMatches(pattern.regex())}},
                                  std::string(model::kMetricName)));
  return graphite::NodesAt(pattern, names);
}

absl::Status SelectApi::GraphiteFind(Context& context) {
  const std::string_view format = context.request.Argument("format");
  const bool completer = format == "completer";
  if (!completer && !format.empty() && format != "treejson") {
    return base::InvalidArgument("unsupported `format` \"", format,
                                 "\"; supported: treejson, completer");
  }
  ASSIGN_OR_RETURN(const char delimiter, DelimiterArgument(context.request));
  std::string query(context.request.Argument("query"));
  // Completion is of what was typed so far.
  if (completer && !query.ends_with('*')) query.push_back('*');
  ASSIGN_OR_RETURN(const auto pattern,
                   graphite::PathPattern::Parse(query, delimiter));
  ASSIGN_OR_RETURN(const auto nodes, GraphiteNodes(context, pattern));
  std::string out = completer ? "{\"metrics\":[" : "[";
  bool first = true;
  for (const graphite::PathNode& node : nodes) {
    if (!std::exchange(first, false)) out.push_back(',');
    const std::string_view text = LastNode(node, delimiter);
    if (completer) {
      AppendCompletion(out, node, text, delimiter);
    } else {
      AppendTreeNode(out, node, text);
    }
  }
  if (BoolArgument(context.request, "wildcards") && nodes.size() > 1) {
    graphite::PathNode all = nodes[0];
    const std::string_view last = LastNode(all, delimiter);
    all.path.replace(all.path.size() - last.size(), last.size(), "*");
    all.is_leaf = false;
    out.push_back(',');
    if (completer) {
      AppendCompletion(out, all, "*", delimiter);
    } else {
      AppendTreeNode(out, all, "*");
    }
  }
  out += completer ? "]}" : "]";
  return SendJsonp(context, std::move(out));
}

absl::Status SelectApi::GraphiteExpand(Context& context) {
  const auto queries = context.request.AllArguments("query");
  if (queries.empty()) return base::InvalidArgument("missing `query` arg");
  ASSIGN_OR_RETURN(const char delimiter, DelimiterArgument(context.request));
  const bool leaves_only = BoolArgument(context.request, "leavesOnly");
  std::map<std::string, std::set<std::string>> by_query;
  std::set<std::string> all;
  int64_t items = 0;  // of all queries
  for (const std::string& query : queries) {
    ASSIGN_OR_RETURN(const auto pattern,
                     graphite::PathPattern::Parse(query, delimiter));
    ASSIGN_OR_RETURN(const auto nodes, GraphiteNodes(context, pattern));
    std::set<std::string>& paths = by_query[query];
    for (const graphite::PathNode& node : nodes) {
      if (leaves_only && !node.is_leaf) continue;
      items += paths.insert(node.path).second ? 1 : 0;
      all.insert(node.path);
    }
    if (items > options_.max_graphite_items) {
      return TooManyItems(options_.max_graphite_items);
    }
  }
  std::string out = "{\"results\":";
  if (!BoolArgument(context.request, "groupByExpr")) {
    out += JsonList(all);
  } else {
    bool first = true;
    for (const auto& [query, paths] : by_query) {
      out += std::exchange(first, false) ? "{" : ",";
      AppendJsonString(out, query);
      out += ":" + JsonList(paths);
    }
    out += "}";
  }
  out += "}";
  return SendJsonp(context, std::move(out));
}

absl::Status SelectApi::GraphiteIndex(Context& context) {
  ASSIGN_OR_RETURN(const cluster::ReadRequest read, GraphiteRequest(context));
  ASSIGN_OR_RETURN(const auto names,
                   GraphiteLabels(context, read, {},
                                  std::string(model::kMetricName)));
  return SendJsonp(context, JsonList(names));
}

}  // namespace varve::query
