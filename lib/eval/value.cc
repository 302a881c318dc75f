#include "lib/eval/value.h"

#include <algorithm>
#include <iterator>

#include "absl/container/flat_hash_set.h"
#include "absl/hash/hash.h"
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

namespace {

// Above, the keys of SortByKeys would take more memory than they are worth.
constexpr size_t kKeyedSeriesMax = 1 << 16;

// Sorts as by labels, comparing one run of bytes for each series: names and
// values, each ended by a zero byte. False, with nothing done, where a label
// has such a byte itself.
bool SortByKeys(std::vector<EvalSeries>& series) {
  std::string keys;
  std::vector<size_t> ends;
  ends.reserve(series.size());
  for (const EvalSeries& one : series) {
    for (const model::Label& label : one.labels) {
      for (const std::string* text : {&label.name, &label.value}) {
        if (text->find('\0') != std::string::npos) return false;
        keys.append(text->c_str(), text->size() + 1);
      }
    }
    ends.push_back(keys.size());
  }
  struct Place {
    std::string_view key;
    size_t at;
  };
  std::vector<Place> places;
  places.reserve(series.size());
  for (size_t i = 0; i < series.size(); ++i) {
    const size_t begin = i == 0 ? 0 : ends[i - 1];
    places.push_back(
        {std::string_view(keys).substr(begin, ends[i] - begin), i});
  }
  std::sort(places.begin(), places.end(),
            [](const Place& a, const Place& b) { return a.key < b.key; });
  std::vector<EvalSeries> sorted;
  sorted.reserve(series.size());
  for (const Place& place : places) {
    sorted.push_back(std::move(series[place.at]));
  }
  series = std::move(sorted);
  return true;
}

}  // namespace

void SortByLabels(std::vector<EvalSeries>& series) {
  const auto by_labels = [](const EvalSeries& a, const EvalSeries& b) {
    return a.labels < b.labels;
  };
  // Most of what is sorted again has kept its order.
  if (std::is_sorted(series.begin(), series.end(), by_labels)) return;
  if (series.size() <= kKeyedSeriesMax && SortByKeys(series)) return;
  std::sort(series.begin(), series.end(), by_labels);
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

// The samples of `from`, which has the same labels.
absl::Status MergeInto(EvalSeries& from, EvalSeries& into) {
  // As in Prometheus the first sample says whether the name goes.
  if (FirstSample(from) < FirstSample(into)) into.drop_name = from.drop_name;
  for (size_t step = 0; step < into.values.size(); ++step) {
    if (!from.HasSample(step)) continue;
    if (into.HasSample(step)) return base::InvalidArgument(kSameLabelSetText);
    into.values[step] = from.values[step];
    if (from.HasHistogram(step)) {
      into.SetHistogram(step, std::move(from.histograms[step]));
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status MergeSameLabels(std::vector<EvalSeries>& series) {
  if (series.size() < 2) return absl::OkStatus();
  const auto hash = [&series](size_t i) {
    return absl::Hash<model::LabelSet>()(series[i].labels);
  };
  const auto equal = [&series](size_t a, size_t b) {
    return series[a].labels == series[b].labels;
  };
  // Places in `series`, so that no labels are copied.
  absl::flat_hash_set<size_t, decltype(hash), decltype(equal)> first(
      series.size(), hash, equal);
  size_t kept = 0;
  for (size_t i = 0; i < series.size(); ++i) {
    if (kept != i) series[kept] = std::move(series[i]);
    const auto [it, is_new] = first.insert(kept);
    if (is_new) {
      ++kept;
      continue;
    }
    RETURN_IF_ERROR(MergeInto(series[kept], series[*it]));
  }
  series.resize(kept);
  return absl::OkStatus();
}

absl::Status RequireUnlikeLabels(std::vector<EvalSeries>& series) {
  RemoveEmpty(series);
  const size_t before = series.size();
  RETURN_IF_ERROR(MergeSameLabels(series));
  if (series.size() == before) return absl::OkStatus();
  return base::InvalidArgument(kSameLabelSetText);
}

}  // namespace varve::eval
