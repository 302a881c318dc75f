// Several series to one for each value of parts of their names.
#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "lib/base/status.h"
#include "lib/graphite/functions.h"

namespace varve::graphite {
namespace {

using Type = ParameterType;

constexpr double kPositionMax = 1'000'000;
using Key = std::function<std::string(const Series&)>;

// In the order of each group's first series.
std::vector<std::pair<std::string, SeriesList>> Split(SeriesList series,
                                                      const Key& key) {
  std::vector<std::pair<std::string, SeriesList>> groups;
  std::map<std::string, size_t> places;
  for (Series& one : series) {
    const auto [place, is_new] = places.emplace(key(one), groups.size());
    if (is_new) groups.emplace_back(place->first, SeriesList());
    groups[place->second].second.push_back(std::move(one));
  }
  return groups;
}

absl::StatusOr<SeriesList> CombineGroups(Call& call, SeriesList series,
                                         Aggregation how, const Key& key) {
  SeriesList made;
  for (auto& [name, group] : Split(std::move(series), key)) {
    RETURN_IF_ERROR(call.host().CheckAlive());
    RETURN_IF_ERROR(Align(call, group));
    ASSIGN_OR_RETURN(Series one, Combine(call, group, how, name));
    made.push_back(std::move(one));
  }
  return made;
}

absl::StatusOr<SeriesList> ByNodes(Call& call, std::string_view nodes) {
  ASSIGN_OR_RETURN(const Aggregation how,
                   call.AggregationOr("callback", Aggregation::kAverage));
  ASSIGN_OR_RETURN(SeriesList series, call.Series("seriesList"));
  return CombineGroups(call, std::move(series), how,
                       [&call, nodes](const Series& one) {
                         return NodesText(one, call.All(nodes));
                       });
}
absl::StatusOr<SeriesList> GroupByNode(Call& call) {
  return ByNodes(call, "nodeNum");
}
absl::StatusOr<SeriesList> GroupByNodes(Call& call) {
  return ByNodes(call, "nodes");
}

// "name;tag=value;…" with the tags sorted; the function stands for a name
// that is not asked for.
absl::StatusOr<SeriesList> GroupByTags(Call& call) {
  ASSIGN_OR_RETURN(const std::string function, call.Text("callback"));
  ASSIGN_OR_RETURN(const Aggregation how,
                   call.AggregationOr("callback", Aggregation::kAverage));
  std::set<std::string> tags;
  for (const Target* const tag : call.All("tags")) tags.insert(tag->text);
  const bool by_name = tags.erase("name") > 0;
  ASSIGN_OR_RETURN(SeriesList series, call.Series("seriesList"));
  const auto value = [](const Series& one, const std::string& tag) {
    const auto found = one.tags.find(tag);
    return found == one.tags.end() ? std::string() : found->second;
  };
  return CombineGroups(
      call, std::move(series), how, [&](const Series& one) {
        std::string key = by_name ? value(one, "name") : function;
        for (const std::string& tag : tags) {
          base::StrAppend(&key, ";", tag, "=", value(one, tag));
        }
        return key;
      });
}

// Groups of those whose names differ in the parts at `positions` only.
absl::StatusOr<SeriesList> WithoutNodes(Call& call, Aggregation how) {
  std::vector<size_t> gone;
  for (const Target* const at : call.All("position")) {
    if (at->kind != Target::Kind::kNumber ||
        !(at->number >= 0 && at->number <= kPositionMax)) {
      return call.Bad("position", "expected numbers from 0 to 1000000");
    }
    gone.push_back(static_cast<size_t>(at->number));
  }
  ASSIGN_OR_RETURN(SeriesList series, call.Series("seriesList"));
  return CombineGroups(
      call, std::move(series), how, [&gone](const Series& one) {
        const std::string path = FirstPath(one.name);
        std::vector<std::string> kept;
        size_t at = 0;
        for (const auto& part : absl::StrSplit(path, '.')) {
          if (std::ranges::find(gone, at++) == gone.end()) {
            kept.emplace_back(part);
          }
        }
        return absl::StrJoin(kept, ".");
      });
}
absl::StatusOr<SeriesList> SumWithWildcards(Call& call) {
  return WithoutNodes(call, Aggregation::kSum);
}
absl::StatusOr<SeriesList> AverageWithWildcards(Call& call) {
  return WithoutNodes(call, Aggregation::kAverage);
}
absl::StatusOr<SeriesList> AggregateWithWildcards(Call& call) {
  ASSIGN_OR_RETURN(const Aggregation how,
                   call.AggregationOr("func", Aggregation::kAverage));
  return WithoutNodes(call, how);
}

}  // namespace

const std::vector<FunctionInfo>& GroupFunctions() {
  const Parameter series = {"seriesList", Type::kSeries};
  const Parameter positions = {"position", Type::kNode, false, true};
  static const std::vector<FunctionInfo> functions = {
      {"aggregateWithWildcards", "Combine",
       "Series aggregated that differ in some parts of the path only.",
       {series, {"func", Type::kAggregation}, positions},
       AggregateWithWildcards},
      {"averageSeriesWithWildcards", "Combine",
       "The average of series that differ in some parts of the path only.",
       {series, positions},
       AverageWithWildcards},
      {"groupByNode", "Combine", "Series aggregated by a part of the path.",
       {series,
        {"nodeNum", Type::kNode},
        {"callback", Type::kAggregation, false}},
       GroupByNode},
      {"groupByNodes", "Combine", "Series aggregated by parts of the path.",
       {series,
        {"callback", Type::kAggregation},
        {"nodes", Type::kNode, true, true}},
       GroupByNodes},
      {"groupByTags", "Combine", "Series aggregated by tags.",
       {series,
        {"callback", Type::kAggregation},
        {"tags", Type::kText, true, true}},
       GroupByTags},
      {"sumSeriesWithWildcards", "Combine",
       "The sum of series that differ in some parts of the path only.",
       {series, positions},
       SumWithWildcards},
  };
  return functions;
}

}  // namespace varve::graphite
