#include "lib/eval/group_series.h"

#include <string>

#include "absl/container/flat_hash_map.h"

namespace varve::eval {

std::vector<SeriesGroup> GroupSeries(const promql::AggregateExpr& expr,
                                     std::vector<EvalSeries>& series) {
  const Grouping grouping(expr);
  std::vector<SeriesGroup> groups;
  absl::flat_hash_map<std::string, size_t> index;
  std::string key;
  for (EvalSeries& s : series) {
    grouping.Key(s.labels, false, key);
    const auto [it, is_new] = index.try_emplace(key, groups.size());
    if (is_new) {
      groups.push_back({grouping.Labels(s.labels, false), s.drop_name, {}});
    }
    groups[it->second].series.push_back(&s);
  }
  return groups;
}

}  // namespace varve::eval
