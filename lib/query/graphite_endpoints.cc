// Graphite's metrics API: find, expand, index.json; and its tags API.
#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "absl/strings/ascii.h"
#include "lib/base/status.h"
#include "lib/graphite/path_pattern.h"
#include "lib/query/arguments.h"
#include "lib/query/cluster_source.h"
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

// "-1h", "-24hours", "-7days", … as our durations have them: the sign, the
// number and one letter; other texts as they are.
std::string UnabbreviatedTime(std::string_view text) {
  constexpr std::pair<std::string_view, std::string_view> kUnits[] = {
      {"s", "s"},     {"sec", "s"},  {"second", "s"}, {"min", "m"},
      {"minute", "m"}, {"h", "h"},    {"hour", "h"},   {"d", "d"},
      {"day", "d"},   {"w", "w"},    {"week", "w"},   {"y", "y"},
      {"year", "y"}};
  if (text.size() < 2 || (text[0] != '-' && text[0] != '+')) {
    return std::string(text);
  }
  const size_t unit_at = text.find_first_not_of("0123456789", 1);
  if (unit_at == text.npos || unit_at == 1) return std::string(text);
  std::string_view unit = text.substr(unit_at);
  const std::string_view number = text.substr(0, unit_at);
  if (unit == "mon" || unit == "month" || unit == "months") {
    int64_t months = 0;
    for (const char c : number.substr(1)) {
      if (months < 10'000) months = months * 10 + (c - '0');
    }
    return base::StrCat(number.substr(0, 1), months * 30, "d");
  }
  for (const std::string_view ending : {"", "s"}) {
    if (!unit.ends_with(ending)) continue;
    const std::string_view stem = unit.substr(0, unit.size() - ending.size());
    for (const auto& [name, letter] : kUnits) {
      if (stem == name) return base::StrCat(number, letter);
    }
  }
  return std::string(text);
}

absl::StatusOr<int64_t> GraphiteTime(const http::Request& request,
                                     std::string_view name, int64_t now_ms,
                                     int64_t default_ms) {
  const std::string text = UnabbreviatedTime(request.Argument(name));
  if (text.empty()) return default_ms;
  auto ms = ParseTimeMs(text, now_ms);
  if (ms.ok()) return ms;
  return base::InvalidArgument("invalid value \"", request.Argument(name),
                               "\" of the argument `", name,
                               "`: ", base::Message(ms.status()));
}

absl::StatusOr<char> DelimiterArgument(const http::Request& request) {
  const std::string_view text = request.Argument("delimiter");
  if (text.empty()) return '.';
  if (text.size() == 1) return text[0];
  return base::InvalidArgument("invalid value \"", text,
                               "\" of the argument `delimiter`: one character "
                               "is expected");
}

// As a function's argument when `jsonp` asks for it.
absl::Status SendJsonp(const http::Request& request,
                       http::ResponseWriter& writer, std::string json) {
  const std::string_view function = request.Argument("jsonp");
  if (function.empty()) {
    writer.Send(200, kJson, json);
    return absl::OkStatus();
  }
  const bool is_name =
      function.size() < 100 && std::ranges::all_of(function, [](char c) {
        return absl::ascii_isalnum(static_cast<unsigned char>(c)) ||
               c == '_' || c == '.' || c == '$';
      });
  if (!is_name) {
    return base::InvalidArgument("invalid value \"", function,
                                 "\" of the argument `jsonp`: no name");
  }
  writer.Send(200, "text/javascript; charset=utf-8",
              base::StrCat(function, "(", json, ")"));
  return absl::OkStatus();
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

// Label APIs over all that is kept; `from` and `until` narrow it.
absl::StatusOr<cluster::ReadRequest> SelectApi::GraphiteRequest(
    Context& context) {
  if (context.is_multitenant) {
    return base::InvalidArgument(
        "Graphite's API answers tenant by tenant: name one instead of "
        "`multitenant`");
  }
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
  read.matcher_groups = WithFilters(std::move(groups), filters);
  cluster::ReadOutcome outcome;
  const int64_t limit = options_.max_graphite_items;
  auto items = context.reader->Labels(read, label, limit + 1, outcome);
  if (!items.ok()) return AsExecutionError(items.status());
  if (static_cast<int64_t>(items->size()) > limit) {
    return base::ResourceExhausted(
        "more than ", limit,
        " items; narrow the query or raise -search.maxGraphiteSeries");
  }
  CountPartial(label.empty() ? "labelNames" : "labelValues",
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
  return SendJsonp(context.request, context.writer, std::move(out));
}

absl::Status SelectApi::GraphiteExpand(Context& context) {
  const auto queries = context.request.AllArguments("query");
  if (queries.empty()) return base::InvalidArgument("missing `query` arg");
  ASSIGN_OR_RETURN(const char delimiter, DelimiterArgument(context.request));
  const bool leaves_only = BoolArgument(context.request, "leavesOnly");
  std::map<std::string, std::set<std::string>> by_query;
  std::set<std::string> all;
  for (const std::string& query : queries) {
    ASSIGN_OR_RETURN(const auto pattern,
                     graphite::PathPattern::Parse(query, delimiter));
    ASSIGN_OR_RETURN(const auto nodes, GraphiteNodes(context, pattern));
    std::set<std::string>& paths = by_query[query];
    for (const graphite::PathNode& node : nodes) {
      if (leaves_only && !node.is_leaf) continue;
      paths.insert(node.path);
      all.insert(node.path);
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
  return SendJsonp(context.request, context.writer, std::move(out));
}

absl::Status SelectApi::GraphiteIndex(Context& context) {
  ASSIGN_OR_RETURN(const cluster::ReadRequest read, GraphiteRequest(context));
  ASSIGN_OR_RETURN(const auto names,
                   GraphiteLabels(context, read, {},
                                  std::string(model::kMetricName)));
  return SendJsonp(context.request, context.writer, JsonList(names));
}

}  // namespace varve::query
