#include "lib/eval/value.h"

#include <algorithm>
#include <iterator>

#include "absl/container/flat_hash_map.h"
#include "lib/base/status.h"

namespace varve::eval {

bool AllAbsent(std::span<const double> column) {
  return std::all_of(column.begin(), column.end(), IsAbsent);
}

bool AllNull(std::span<const HistogramPtr> column) {
  return std::all_of(column.begin(), column.end(),
                     [](const HistogramPtr& h) { return h == nullptr; });
}

bool EvalSeries::IsEmpty() const {
  return AllAbsent(values) && AllNull(histograms);
}

HistogramColumn TakeHistograms(std::span<HistogramPtr> column) {
  if (AllNull(column)) return {};
  return HistogramColumn(std::make_move_iterator(column.begin()),
                         std::make_move_iterator(column.end()));
}

int64_t HistogramBytes(std::span<const HistogramPtr> column) {
  size_t bytes = column.size() * sizeof(HistogramPtr);
  const histogram::FloatHistogram* last = nullptr;
  for (const HistogramPtr& h : column) {
    if (h == nullptr || h.get() == last) continue;
    last = h.get();
    bytes += histogram::MemoryBytes(*h);
  }
  return static_cast<int64_t>(bytes);
}

void RemoveEmpty(std::vector<EvalSeries>& series) {
  std::erase_if(series, [](const EvalSeries& s) { return s.IsEmpty(); });
}

void SortByLabels(std::vector<EvalSeries>& series) {
  std::sort(series.begin(), series.end(),
            [](const EvalSeries& a, const EvalSeries& b) {
              return a.labels < b.labels;
            });
}

void RemoveMetadata(model::LabelSet& labels) {
  for (std::string_view name :
       {model::kMetricName, std::string_view("__type__"),
        std::string_view("__unit__")}) {
    if (labels.Has(name)) labels.Remove(name);
  }
}

namespace {

size_t FirstSample(const EvalSeries& series) {
  size_t step = 0;
  while (step < series.values.size() && !series.HasSample(step)) ++step;
  return step;
}

}  // namespace

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
    EvalSeries& into = series[it->second];
    // As in Prometheus the first sample says whether the name goes.
    if (FirstSample(series[i]) < FirstSample(into)) {
      into.drop_name = series[i].drop_name;
    }
    for (size_t step = 0; step < into.values.size(); ++step) {
      if (!series[i].HasSample(step)) continue;
      if (into.HasSample(step)) {
        return base::InvalidArgument(kSameLabelSetText);
      }
      into.values[step] = series[i].values[step];
      if (series[i].HasHistogram(step)) {
        into.SetHistogram(step, std::move(series[i].histograms[step]));
      }
    }
  }
  series.resize(kept);
  return absl::OkStatus();
}

}  // namespace varve::eval
