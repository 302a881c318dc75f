// Fewer series, or the same in another order.
#include <re2/re2.h>

#include <algorithm>
#include <set>
#include <utility>

#include "lib/base/status.h"
#include "lib/graphite/functions.h"

namespace varve::graphite {
namespace {

using Type = ParameterType;

// Series without a value come last whichever way.
void SortByValue(SeriesList& series, Aggregation how, bool largest_first) {
  std::vector<std::pair<double, size_t>> order;
  for (size_t i = 0; i < series.size(); ++i) {
    order.emplace_back(Aggregate(how, series[i].values), i);
  }
  std::ranges::stable_sort(order, [largest_first](const auto& a,
                                                  const auto& b) {
    if (IsNone(a.first) || IsNone(b.first)) {
      return IsNone(b.first) && !IsNone(a.first);
    }
    return largest_first ? a.first > b.first : a.first < b.first;
  });
  SeriesList sorted;
  for (const auto& [value, at] : order) sorted.push_back(std::move(series[at]));
  series = std::move(sorted);
}

absl::StatusOr<SeriesList> Extreme(Call& call, Aggregation how, bool largest) {
  ASSIGN_OR_RETURN(const size_t n, call.CountOr("n", 1));
  ASSIGN_OR_RETURN(SeriesList series, call.Series("seriesList"));
  SortByValue(series, how, largest);
  if (series.size() > n) series.resize(n);
  return series;
}

template <Aggregation kHow, bool kLargest>
absl::StatusOr<SeriesList> ExtremeBy(Call& call) {
  return Extreme(call, kHow, kLargest);
}
absl::StatusOr<SeriesList> Highest(Call& call) {
  ASSIGN_OR_RETURN(const Aggregation how,
                   call.AggregationOr("func", Aggregation::kAverage));
  return Extreme(call, how, true);
}
absl::StatusOr<SeriesList> Lowest(Call& call) {
  ASSIGN_OR_RETURN(const Aggregation how,
                   call.AggregationOr("func", Aggregation::kAverage));
  return Extreme(call, how, false);
}

// Those whose aggregate is above `n`, or at most `n`.
template <Aggregation kHow, bool kAbove>
absl::StatusOr<SeriesList> ByBound(Call& call) {
  ASSIGN_OR_RETURN(const double n, call.Number("n"));
  ASSIGN_OR_RETURN(SeriesList series, call.Series("seriesList"));
  std::erase_if(series, [n](const Series& one) {
    const double value = Aggregate(kHow, one.values);
    return kAbove ? !(value > n) : !(value <= n);
  });
  return series;
}

template <Aggregation kHow, bool kLargest>
absl::StatusOr<SeriesList> SortedBy(Call& call) {
  ASSIGN_OR_RETURN(SeriesList series, call.Series("seriesList"));
  SortByValue(series, kHow, kLargest);
  return series;
}

absl::StatusOr<SeriesList> SortBy(Call& call) {
  ASSIGN_OR_RETURN(const Aggregation how,
                   call.AggregationOr("func", Aggregation::kAverage));
  ASSIGN_OR_RETURN(const bool reverse, call.BoolOr("reverse", false));
  ASSIGN_OR_RETURN(SeriesList series, call.Series("seriesList"));
  SortByValue(series, how, reverse);
  return series;
}

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// Runs of digits compare as numbers.
bool NaturallyBefore(std::string_view a, std::string_view b) {
  while (!a.empty() && !b.empty()) {
    if (!IsDigit(a[0]) || !IsDigit(b[0])) {
      if (a[0] != b[0]) return a[0] < b[0];
      a.remove_prefix(1);
      b.remove_prefix(1);
      continue;
    }
    const auto take = [](std::string_view& text) {
      const size_t zeros = std::min(text.find_first_not_of('0'), text.size());
      text.remove_prefix(zeros);
      const size_t end =
          std::min(text.find_first_not_of("0123456789"), text.size());
      const std::string_view digits = text.substr(0, end);
      text.remove_prefix(end);
      return digits;
    };
    const std::string_view left = take(a), right = take(b);
    if (left.size() != right.size()) return left.size() < right.size();
    if (left != right) return left < right;
  }
  return a.empty() && !b.empty();
}

absl::StatusOr<SeriesList> SortByName(Call& call) {
  ASSIGN_OR_RETURN(const bool natural, call.BoolOr("natural", false));
  ASSIGN_OR_RETURN(const bool reverse, call.BoolOr("reverse", false));
  ASSIGN_OR_RETURN(SeriesList series, call.Series("seriesList"));
  std::ranges::stable_sort(series, [&](const Series& a, const Series& b) {
    const Series& first = reverse ? b : a;
    const Series& second = reverse ? a : b;
    return natural ? NaturallyBefore(first.name, second.name)
                   : first.name < second.name;
  });
  return series;
}

absl::StatusOr<SeriesList> Limit(Call& call) {
  ASSIGN_OR_RETURN(const size_t n, call.CountOr("n", 0));
  ASSIGN_OR_RETURN(SeriesList series, call.Series("seriesList"));
  if (series.size() > n) series.resize(n);
  return series;
}

absl::StatusOr<SeriesList> RemoveEmpty(Call& call) {
  ASSIGN_OR_RETURN(const double share, call.NumberOr("xFilesFactor", 0));
  ASSIGN_OR_RETURN(SeriesList series, call.Series("seriesList"));
  std::erase_if(series, [share](const Series& one) {
    return IsNone(Aggregate(Aggregation::kCount, one.values, share));
  });
  return series;
}

absl::StatusOr<SeriesList> ByPattern(Call& call, bool keeps) {
  ASSIGN_OR_RETURN(const std::string pattern, call.Text("pattern"));
  const RE2 regex(pattern, RE2::Quiet);
  if (!regex.ok()) return call.Bad("pattern", regex.error());
  ASSIGN_OR_RETURN(SeriesList series, call.Series("seriesList"));
  std::erase_if(series, [&](const Series& one) {
    return RE2::PartialMatch(one.name, regex) != keeps;
  });
  return series;
}
absl::StatusOr<SeriesList> Exclude(Call& call) {
  return ByPattern(call, false);
}
absl::StatusOr<SeriesList> Grep(Call& call) { return ByPattern(call, true); }

absl::StatusOr<SeriesList> Group(Call& call) {
  return call.Series("seriesLists");
}

absl::StatusOr<SeriesList> Unique(Call& call) {
  ASSIGN_OR_RETURN(SeriesList series, call.Series("seriesLists"));
  std::set<std::string> seen;
  std::erase_if(series, [&seen](const Series& one) {
    return !seen.insert(one.name).second;
  });
  return series;
}

absl::StatusOr<SeriesList> Fallback(Call& call) {
  ASSIGN_OR_RETURN(SeriesList series, call.Series("seriesList"));
  if (!series.empty()) return series;
  return call.Series("fallback");
}

template <typename... More>
FunctionInfo Filter(const char* name, const char* description, Function run,
                    More... more) {
  return {name, "Filter Series", description,
          {{"seriesList", Type::kSeries}, more...}, run};
}

}  // namespace

const std::vector<FunctionInfo>& PickFunctions() {
  using A = Aggregation;
  const Parameter n = {"n", Type::kNumber};
  const Parameter n_or_1 = {"n", Type::kNumber, false};
  const Parameter func = {"func", Type::kAggregation, false};
  const Parameter reverse = {"reverse", Type::kBool, false};
  const Parameter pattern = {"pattern", Type::kText};
  const std::vector<Parameter> lists = {
      {"seriesLists", Type::kSeries, true, true}};
  static const std::vector<FunctionInfo> functions = {
      Filter("averageAbove", "Average above n.", ByBound<A::kAverage, true>, n),
      Filter("averageBelow", "Average up to n.", ByBound<A::kAverage, false>,
             n),
      Filter("currentAbove", "Last value above n.", ByBound<A::kLast, true>, n),
      Filter("currentBelow", "Last value up to n.", ByBound<A::kLast, false>,
             n),
      Filter("exclude", "Names that do not match.", Exclude, pattern),
      Filter("fallbackSeries", "Others where there are none.", Fallback,
             Parameter{"fallback", Type::kSeries}),
      Filter("grep", "Names that match.", Grep, pattern),
      {"group", "Combine", "All series together.", lists, Group},
      Filter("highest", "The n largest by a function.", Highest, n_or_1, func),
      Filter("highestAverage", "The n largest by average.",
             ExtremeBy<A::kAverage, true>, n_or_1),
      Filter("highestCurrent", "The n largest by last value.",
             ExtremeBy<A::kLast, true>, n_or_1),
      Filter("highestMax", "The n largest by largest value.",
             ExtremeBy<A::kMax, true>, n_or_1),
      Filter("limit", "The first n.", Limit, n),
      Filter("lowest", "The n smallest by a function.", Lowest, n_or_1, func),
      Filter("lowestAverage", "The n smallest by average.",
             ExtremeBy<A::kAverage, false>, n_or_1),
      Filter("lowestCurrent", "The n smallest by last value.",
             ExtremeBy<A::kLast, false>, n_or_1),
      Filter("maximumAbove", "Largest value above n.", ByBound<A::kMax, true>,
             n),
      Filter("maximumBelow", "Largest value up to n.", ByBound<A::kMax, false>,
             n),
      Filter("minimumAbove", "Smallest value above n.", ByBound<A::kMin, true>,
             n),
      Filter("minimumBelow", "Smallest value up to n.",
             ByBound<A::kMin, false>, n),
      Filter("removeEmptySeries", "Those that have values.", RemoveEmpty,
             Parameter{"xFilesFactor", Type::kNumber, false}),
      Filter("sortBy", "By what a function makes of them.", SortBy, func,
             reverse),
      Filter("sortByMaxima", "Largest value first.", SortedBy<A::kMax, true>),
      Filter("sortByMinima", "Smallest value first.", SortedBy<A::kMin, false>),
      Filter("sortByName", "By name.", SortByName,
             Parameter{"natural", Type::kBool, false}, reverse),
      Filter("sortByTotal", "Largest sum first.", SortedBy<A::kSum, true>),
      {"unique", "Filter Series", "Each name once.", lists, Unique},
  };
  return functions;
}

}  // namespace varve::graphite
