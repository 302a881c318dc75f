// Several series to one: sumSeries and its kin, quotients, shares.
#include <algorithm>
#include <map>

#include "lib/base/status.h"
#include "lib/graphite/functions.h"

namespace varve::graphite {
namespace {

using Type = ParameterType;

absl::StatusOr<SeriesList> CombineAs(Call& call, Aggregation how,
                                     std::string_view shown) {
  ASSIGN_OR_RETURN(SeriesList series, call.Series("seriesLists"));
  if (series.empty()) return series;
  RETURN_IF_ERROR(Align(call, series));
  ASSIGN_OR_RETURN(
      Series made, Combine(call, series, how,
                           base::StrCat(shown, "(", PathsText(series), ")")));
  SeriesList list;
  list.push_back(std::move(made));
  return list;
}

absl::StatusOr<SeriesList> Average(Call& call) {
  return CombineAs(call, Aggregation::kAverage, "averageSeries");
}
absl::StatusOr<SeriesList> Diff(Call& call) {
  return CombineAs(call, Aggregation::kDifference, "diffSeries");
}
absl::StatusOr<SeriesList> Max(Call& call) {
  return CombineAs(call, Aggregation::kMax, "maxSeries");
}
absl::StatusOr<SeriesList> Min(Call& call) {
  return CombineAs(call, Aggregation::kMin, "minSeries");
}
absl::StatusOr<SeriesList> RangeOf(Call& call) {
  return CombineAs(call, Aggregation::kRange, "rangeOfSeries");
}
absl::StatusOr<SeriesList> Stddev(Call& call) {
  return CombineAs(call, Aggregation::kStddev, "stddevSeries");
}
absl::StatusOr<SeriesList> Sum(Call& call) {
  return CombineAs(call, Aggregation::kSum, "sumSeries");
}

// A value that is missing in one makes the product missing.
absl::StatusOr<SeriesList> Multiply(Call& call) {
  ASSIGN_OR_RETURN(SeriesList series, call.Series("seriesLists"));
  if (series.size() <= 1) return series;
  for (Series& one : series) one.x_files_factor = 1;
  RETURN_IF_ERROR(Align(call, series));
  ASSIGN_OR_RETURN(
      Series made,
      Combine(call, series, Aggregation::kMultiply,
              base::StrCat("multiplySeries(", PathsText(series), ")")));
  SeriesList list;
  list.push_back(std::move(made));
  return list;
}

// How many there are, at each step.
absl::StatusOr<SeriesList> Count(Call& call) {
  ASSIGN_OR_RETURN(SeriesList series, call.Series("seriesLists"));
  if (series.empty()) return series;
  RETURN_IF_ERROR(Align(call, series));
  const auto count = static_cast<double>(series.size());
  std::string name = base::StrCat("countSeries(", PathsText(series), ")");
  SeriesList list;
  list.push_back(std::move(series[0]));
  RETURN_IF_ERROR(Rename(call, list[0], std::move(name)));
  std::ranges::fill(list[0].values, count);
  return list;
}

absl::StatusOr<SeriesList> AggregateBy(Call& call) {
  ASSIGN_OR_RETURN(const std::string function, call.Text("func"));
  ASSIGN_OR_RETURN(const Aggregation how,
                   call.AggregationOr("func", Aggregation::kAverage));
  ASSIGN_OR_RETURN(SeriesList series, call.Series("seriesList"));
  if (series.empty()) return series;
  ASSIGN_OR_RETURN(const double share,
                   call.NumberOr("xFilesFactor", series[0].x_files_factor));
  for (Series& one : series) one.x_files_factor = share;
  RETURN_IF_ERROR(Align(call, series));
  ASSIGN_OR_RETURN(Series made,
                   Combine(call, series, how,
                           base::StrCat(function, "Series(", PathsText(series),
                                        ")")));
  SeriesList list;
  list.push_back(std::move(made));
  return list;
}

double Quotient(double dividend, double divisor) {
  return divisor == 0 ? kNone : dividend / divisor;
}

// Each value of `series` by that of `divisor`, on one grid.
absl::Status DivideBy(Call& call, const Series& divisor, double factor,
                      Series& series) {
  SeriesList both;
  both.push_back(std::move(series));
  both.push_back(divisor);
  RETURN_IF_ERROR(call.host().Charge(
      static_cast<int64_t>(divisor.values.size() * sizeof(double))));
  RETURN_IF_ERROR(Align(call, both));
  series = std::move(both[0]);
  for (size_t i = 0; i < series.values.size(); ++i) {
    series.values[i] = Quotient(series.values[i], both[1].values[i]) * factor;
  }
  return absl::OkStatus();
}

absl::StatusOr<SeriesList> Divide(Call& call) {
  ASSIGN_OR_RETURN(SeriesList series, call.Series("dividendSeriesList"));
  ASSIGN_OR_RETURN(const SeriesList divisors, call.Series("divisorSeries"));
  if (divisors.size() > 1) {
    return call.Bad("divisorSeries",
                    base::StrCat("expected one series, not ", divisors.size()));
  }
  for (Series& one : series) {
    std::string name =
        base::StrCat("divideSeries(", one.name, ",",
                     divisors.empty() ? "MISSING" : divisors[0].name, ")");
    if (divisors.empty()) {
      std::ranges::fill(one.values, kNone);
    } else {
      RETURN_IF_ERROR(DivideBy(call, divisors[0], 1, one));
    }
    RETURN_IF_ERROR(Rename(call, one, std::move(name)));
  }
  return series;
}

absl::Status PercentOfNumber(Call& call, double total, Series& series) {
  for (double& value : series.values) value = Quotient(value, total) * 100;
  return Rename(call, series,
                base::StrCat("asPercent(", series.name, ",",
                             NumberText(total), ")"));
}

absl::Status PercentOfSeries(Call& call, const Series* total,
                             std::string_view total_name, Series& series) {
  std::string name =
      base::StrCat("asPercent(", series.name, ",", total_name, ")");
  if (total == nullptr) {
    std::ranges::fill(series.values, kNone);
  } else {
    RETURN_IF_ERROR(DivideBy(call, *total, 100, series));
  }
  return Rename(call, series, std::move(name));
}

// In the names of all series that are shares of a total.
constexpr size_t kTotalPathsBytesMax = 256;

// The sum of all, or with nodes of those alike in them.
absl::StatusOr<std::map<std::string, Series>> Totals(
    Call& call, SeriesList series, const std::vector<const Target*>& nodes) {
  std::map<std::string, SeriesList> groups;
  for (Series& one : series) {
    std::string key = nodes.empty() ? "" : NodesText(one, nodes);
    groups[std::move(key)].push_back(std::move(one));
  }
  std::map<std::string, Series> totals;
  for (auto& [key, group] : groups) {
    if (group.size() == 1) {
      totals.emplace(key, std::move(group[0]));
      continue;
    }
    RETURN_IF_ERROR(Align(call, group));
    ASSIGN_OR_RETURN(
        Series total,
        Combine(call, group, Aggregation::kSum,
                base::StrCat("sumSeries(",
                             PathsText(group, kTotalPathsBytesMax), ")")));
    totals.emplace(key, std::move(total));
  }
  return totals;
}

// A copy that is charged for.
absl::StatusOr<SeriesList> Copy(Call& call, const SeriesList& series) {
  for (const Series& one : series) {
    RETURN_IF_ERROR(call.host().Charge(
        static_cast<int64_t>(one.values.size() * sizeof(double) +
                             one.name.size() + one.path.size())));
  }
  return series;
}

absl::StatusOr<SeriesList> AsPercent(Call& call) {
  ASSIGN_OR_RETURN(SeriesList series, call.Series("seriesList"));
  const auto& nodes = call.All("nodes");
  const Target* const total = call.Argument("total");
  if (total != nullptr && total->kind == Target::Kind::kNumber) {
    for (Series& one : series) {
      RETURN_IF_ERROR(PercentOfNumber(call, total->number, one));
    }
    return series;
  }
  SeriesList of;
  if (total == nullptr) {
    ASSIGN_OR_RETURN(of, Copy(call, series));
  } else {
    ASSIGN_OR_RETURN(of, call.Series("total"));
    if (nodes.empty() && of.size() != 1) {
      return call.Bad("total", base::StrCat("expected one series, not ",
                                            of.size()));
    }
  }
  ASSIGN_OR_RETURN(const auto totals, Totals(call, std::move(of), nodes));
  for (Series& one : series) {
    const auto found =
        totals.find(nodes.empty() ? "" : NodesText(one, nodes));
    const Series* const its =
        found == totals.end() ? nullptr : &found->second;
    RETURN_IF_ERROR(PercentOfSeries(
        call, its, its == nullptr ? "MISSING" : its->name, one));
  }
  return series;
}

}  // namespace

const std::vector<FunctionInfo>& CombineFunctions() {
  const std::vector<Parameter> lists = {
      {"seriesLists", Type::kSeries, true, true}};
  static const std::vector<FunctionInfo> functions = {
      {"aggregate", "Combine", "All series aggregated by a function.",
       {{"seriesList", Type::kSeries},
        {"func", Type::kAggregation},
        {"xFilesFactor", Type::kNumber, false}},
       AggregateBy},
      {"asPercent", "Combine", "Each series as a share of a total.",
       {{"seriesList", Type::kSeries},
        {"total", Type::kAny, false},
        {"nodes", Type::kNode, false, true}},
       AsPercent},
      {"averageSeries", "Combine", "The average of all series.", lists,
       Average},
      {"avg", "Combine", "The average of all series.", lists, Average},
      {"countSeries", "Combine", "The number of series.", lists, Count},
      {"diffSeries", "Combine", "The first series less all others.", lists,
       Diff},
      {"divideSeries", "Combine", "Each series divided by another.",
       {{"dividendSeriesList", Type::kSeries},
        {"divisorSeries", Type::kSeries}},
       Divide},
      {"maxSeries", "Combine", "The largest of all series.", lists, Max},
      {"minSeries", "Combine", "The smallest of all series.", lists, Min},
      {"multiplySeries", "Combine", "The product of all series.", lists,
       Multiply},
      {"rangeOfSeries", "Combine", "Largest less smallest of all series.",
       lists, RangeOf},
      {"stddevSeries", "Combine", "The standard deviation of all series.",
       lists, Stddev},
      {"sum", "Combine", "The sum of all series.", lists, Sum},
      {"sumSeries", "Combine", "The sum of all series.", lists, Sum},
  };
  return functions;
}

}  // namespace varve::graphite
