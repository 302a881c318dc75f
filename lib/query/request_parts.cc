// What several endpoints read from a request.
#include <set>

#include "lib/base/status.h"
#include "lib/promql/parser.h"
#include "lib/promql/printer.h"
#include "lib/query/arguments.h"
#include "lib/query/graphite_filter.h"
#include "lib/query/select_api.h"

namespace varve::query {
namespace {

// Every group of one is and-ed with every group of the other.
constexpr size_t kMatchGroupsMax = 2000;
constexpr size_t kFilterGroupsMax = 200;

}  // namespace

absl::StatusOr<cluster::ReadRequest> SelectApi::BaseRequest(
    Context& context, absl::Duration duration_max) const {
  const int64_t max_ms = absl::ToInt64Milliseconds(duration_max);
  ASSIGN_OR_RETURN(int64_t timeout_ms,
                   DurationArgument(context.request, "timeout", max_ms));
  if (timeout_ms <= 0 || timeout_ms > max_ms) timeout_ms = max_ms;
  cluster::ReadRequest read;
  read.tenant = context.tenants.one().id;
  read.tenant_name = context.tenants.one().name;
  read.series_max = options_.max_unique_series;
  read.deny_partial =
      context.request.HasArgument("deny_partial_response")
          ? BoolArgument(context.request, "deny_partial_response")
          : options_.deny_partial;
  read.deadline_steady_ms = context.steady_start_ms + timeout_ms;
  if (context.run) {
    read.cancelled = [flag = &context.run->cancelled()] {
      return flag->load();
    };
  }
  read.meter = &context.meter;
  read.trace = context.trace.get();
  return read;
}

absl::StatusOr<std::vector<model::Matchers>> SelectApi::Selectors(
    const Context& context) const {
  std::vector<model::Matchers> groups;
  for (const char* name : {"match[]", "match"}) {
    for (const std::string& text : context.request.AllArguments(name)) {
      RETURN_IF_ERROR(CheckQueryLength(text));
      auto matchers = promql::ParseSelectorGroups(text);
      if (!matchers.ok()) {
        return base::InvalidArgument("cannot parse ", name, "=",
                                     promql::QuotedText(text), ": ",
                                     base::Message(matchers.status()));
      }
      groups.insert(groups.end(), matchers->begin(), matchers->end());
      if (groups.size() > kMatchGroupsMax) {
        return base::InvalidArgument("more than ", kMatchGroupsMax,
                                     " groups of matchers in match[]");
      }
    }
  }
  return groups;
}

absl::StatusOr<std::vector<model::Matchers>> SelectApi::ExtraFilters(
    const Context& context) const {
  model::Matchers labels;
  for (const std::string& text : context.request.AllArguments("extra_label")) {
    const size_t equals = text.find('=');
    if (equals == text.npos || equals == 0) {
      return base::InvalidArgument(
          "`extra_label` must have the form `name=value`; got \"", text, "\"");
    }
    labels.push_back({model::MatchType::kEqual, text.substr(0, equals),
                      text.substr(equals + 1)});
  }
  std::vector<model::Matchers> filters;
  for (const char* name : {"extra_filters", "extra_filters[]"}) {
    for (const std::string& text : context.request.AllArguments(name)) {
      RETURN_IF_ERROR(CheckQueryLength(text));
      // A filter may match all: it only ever narrows.
      auto matchers =
          promql::ParseSelectorGroups(text, /*allow_match_all=*/true);
      if (!matchers.ok()) {
        return base::InvalidArgument("cannot parse ", name, "=",
                                     promql::QuotedText(text), ": ",
                                     base::Message(matchers.status()));
      }
      if (filters.size() + matchers->size() > kFilterGroupsMax) {
        return base::InvalidArgument("more than ", kFilterGroupsMax,
                                     " groups of matchers in extra filters");
      }
      for (model::Matchers& group : *matchers) {
        group.insert(group.end(), labels.begin(), labels.end());
        filters.push_back(std::move(group));
      }
    }
  }
  if (filters.empty() && !labels.empty()) filters.push_back(std::move(labels));
  RETURN_IF_ERROR(PathsToNames(filters));
  return filters;
}

std::string SelectApi::FiltersText(const http::Request& request) {
  std::set<std::string> given;
  for (const char* name : {"extra_label", "extra_filters", "extra_filters[]"}) {
    const std::string_view kind =
        std::string_view(name) == "extra_label" ? "label " : "filter ";
    for (const std::string& text : request.AllArguments(name)) {
      given.insert(base::StrCat(kind, text.size(), " ", text, "\n"));
    }
  }
  std::string all;
  for (const std::string& one : given) all += one;
  return all;
}

absl::Status SelectApi::CheckQueryLength(std::string_view text) const {
  if (static_cast<int64_t>(text.size()) <= options_.max_query_bytes) {
    return absl::OkStatus();
  }
  return base::InvalidArgument("too long query; got ", text.size(),
                               " bytes; mustn't exceed `-search.maxQueryLen=",
                               options_.max_query_bytes, "` bytes");
}

}  // namespace varve::query
