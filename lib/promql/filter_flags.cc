#include "lib/promql/filter_flags.h"

#include <algorithm>
#include <string_view>

#include "lib/base/flags.h"
#include "lib/base/status.h"
#include "lib/model/time_range.h"
#include "lib/promql/duration.h"
#include "lib/promql/parser.h"

namespace varve::promql {
namespace {

constexpr std::string_view kRetention = "-retentionFilter";
constexpr std::string_view kDownsampling = "-downsampling.period";

struct FilteredItem {
  std::string_view selector;  // "" for all series
  std::string_view rest;      // after its colon
};

absl::StatusOr<FilteredItem> Split(std::string_view flag,
                                   std::string_view item) {
  const size_t brace = item.rfind('}');
  if (brace == item.npos) return FilteredItem{{}, item};
  if (brace + 1 >= item.size() || item[brace + 1] != ':') {
    return base::InvalidArgument(flag, "=", item,
                                 ": expected a colon after the filter");
  }
  return FilteredItem{item.substr(0, brace + 1), item.substr(brace + 2)};
}

absl::StatusOr<model::SeriesFilter> FilterOf(std::string_view flag,
                                             std::string_view selector) {
  if (selector.empty()) return model::SeriesFilter();
  const auto matchers = ParseSelector(selector, /*allow_match_all=*/true);
  if (!matchers.ok()) {
    return base::InvalidArgument(flag, "=", selector, ": ",
                                 base::Message(matchers.status()));
  }
  auto filter = model::SeriesFilter::Make(*matchers);
  if (!filter.ok()) {
    return base::InvalidArgument(flag, "=", selector, ": ",
                                 base::Message(filter.status()));
  }
  return filter;
}

absl::StatusOr<int64_t> Milliseconds(std::string_view flag,
                                     std::string_view item,
                                     std::string_view text) {
  if (text == "0" || text == "0s") return 0;
  const auto ms = ParseDurationMs(text);
  if (ms.ok()) return *ms;
  return base::InvalidArgument(flag, "=", item, ": ", text,
                               " is no duration such as 30d or 5m");
}

}  // namespace

absl::StatusOr<std::vector<model::RetentionFilter>> ParseRetentionFilters(
    std::span<const std::string> items, int64_t retention_ms) {
  std::vector<model::RetentionFilter> filters;
  for (const std::string& item : items) {
    ASSIGN_OR_RETURN(const FilteredItem parts, Split(kRetention, item));
    if (parts.selector.empty()) {
      return base::InvalidArgument(
          kRetention, "=", item,
          ": expected {filter}:retention; -retentionPeriod is for all series");
    }
    const auto retention = base::ParseRetention(parts.rest);
    if (!retention.ok()) {
      return base::InvalidArgument(kRetention, "=", item, ": ",
                                   base::Message(retention.status()));
    }
    model::RetentionFilter filter;
    ASSIGN_OR_RETURN(filter.filter, FilterOf(kRetention, parts.selector));
    filter.retention_ms = absl::ToInt64Milliseconds(*retention);
    if (filter.retention_ms < model::kDayMs) {
      return base::InvalidArgument(kRetention, "=", item,
                                   ": cannot be smaller than a day");
    }
    if (filter.retention_ms > retention_ms) {
      return base::InvalidArgument(
          kRetention, "=", item,
          ": keeps samples longer than -retentionPeriod does");
    }
    filters.push_back(std::move(filter));
  }
  return filters;
}

absl::StatusOr<model::DownsampleRules> ParseDownsampling(
    std::span<const std::string> items, int64_t dedup_interval_ms) {
  model::DownsampleRules rules;
  std::vector<std::string_view> selectors;  // of the rules
  for (const std::string& item : items) {
    ASSIGN_OR_RETURN(const FilteredItem parts, Split(kDownsampling, item));
    const size_t colon = parts.rest.find(':');
    if (colon == parts.rest.npos) {
      return base::InvalidArgument(kDownsampling, "=", item,
                                   ": expected [{filter}:]offset:interval");
    }
    model::DownsampleStep step;
    ASSIGN_OR_RETURN(step.offset_ms, Milliseconds(kDownsampling, item,
                                                  parts.rest.substr(0, colon)));
    ASSIGN_OR_RETURN(
        step.interval_ms,
        Milliseconds(kDownsampling, item, parts.rest.substr(colon + 1)));
    const auto known =
        std::find(selectors.begin(), selectors.end(), parts.selector);
    const auto at = static_cast<size_t>(known - selectors.begin());
    if (known == selectors.end()) {
      selectors.push_back(parts.selector);
      ASSIGN_OR_RETURN(auto filter, FilterOf(kDownsampling, parts.selector));
      rules.push_back({std::move(filter), {}});
    }
    if (step.offset_ms == 0 && step.interval_ms == 0) continue;
    rules[at].steps.push_back(step);
  }
  for (model::DownsampleRule& rule : rules) {
    RETURN_IF_ERROR(
        model::CheckSteps(kDownsampling, dedup_interval_ms, rule.steps));
  }
  return rules;
}

}  // namespace varve::promql
