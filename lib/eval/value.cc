#include "lib/eval/value.h"

#include <algorithm>

#include "absl/container/flat_hash_map.h"
#include "lib/base/status.h"

namespace varve::eval {

bool AllAbsent(std::span<const double> column) {
  return std::all_of(column.begin(), column.end(), IsAbsent);
}

void RemoveEmpty(std::vector<EvalSeries>& series) {
  std::erase_if(series,
                [](const EvalSeries& s) { return AllAbsent(s.values); });
}

void SortByLabels(std::vector<EvalSeries>& series) {
  std::sort(series.begin(), series.end(),
            [](const EvalSeries& a, const EvalSeries& b) {
              return a.labels < b.labels;
            });
}

bool IsMetadataLabel(std::string_view name) {
  return name == model::kMetricName || name == "__type__" || name == "__unit__";
}

void RemoveMetadata(model::LabelSet& labels) {
  for (std::string_view name :
       {model::kMetricName, std::string_view("__type__"),
        std::string_view("__unit__")}) {
    if (labels.Has(name)) labels.Remove(name);
  }
}

absl::Status MergeSameLabels(std::vector<EvalSeries>& series) {
  if (series.size() < 2) return absl::OkStatus();
  absl::flat_hash_map<model::LabelSet, size_t> first;
  first.reserve(series.size());
  size_t kept = 0;
  for (size_t i = 0; i < series.size(); ++i) {
    const auto [it, is_new] = first.try_emplace(series[i].labels, kept);
    if (is_new) {
      if (kept != i) series[kept] = std::move(series[i]);
      ++kept;
      continue;
    }
    std::vector<double>& into = series[it->second].values;
    for (size_t step = 0; step < into.size(); ++step) {
      if (IsAbsent(series[i].values[step])) continue;
      if (!IsAbsent(into[step])) {
        return base::InvalidArgument(kSameLabelSetText);
      }
      into[step] = series[i].values[step];
    }
  }
  series.resize(kept);
  return absl::OkStatus();
}

}  // namespace varve::eval
