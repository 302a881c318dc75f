#include "lib/eval/histogram_series.h"

#include <algorithm>
#include <cstdint>
#include <optional>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/numbers.h"
#include "lib/base/strings.h"
#include "lib/eval/notes.h"
#include "lib/eval/text.h"

namespace varve::eval {
namespace {

constexpr char kBucketLabel[] = "le";

std::optional<double> BoundOf(std::string_view text) {
  double bound = 0;
  if (!absl::SimpleAtod(base::ToAbsl(text), &bound)) return std::nullopt;
  return bound;
}

void WarnOfBadBound(Evaluation& ev, const model::LabelSet& labels,
                    promql::Position position) {
  ev.Warn(base::StrCat(
              "bucket label \"le\" is missing or has a malformed value of ",
              Quoted(labels.Get(kBucketLabel)),
              ForMetric(labels.Get(model::kMetricName))),
          position);
}

// Two metrics stay apart here, even if their names are dropped later.
using ClassicIndex = absl::flat_hash_map<model::LabelSet, size_t>;

void AddBucket(Evaluation& ev, const EvalSeries& series,
               promql::Position position, ClassicIndex& index,
               std::vector<ClassicSeries>& classic) {
  const std::optional<double> bound = BoundOf(series.labels.Get(kBucketLabel));
  if (!bound) {
    WarnOfBadBound(ev, series.labels, position);
    return;
  }
  model::LabelSet labels = series.labels;
  labels.Remove(kBucketLabel);
  const auto [it, is_new] = index.try_emplace(labels, classic.size());
  if (is_new) classic.push_back({std::move(labels), series.drop_name, {}});
  classic[it->second].buckets.emplace_back(*bound, &series);
}

void WarnOfContradictions(Evaluation& ev, const HistogramVector& histograms,
                          promql::Position position) {
  for (size_t i = 0; i < histograms.native.size(); ++i) {
    const EvalSeries& series = *histograms.native[i];
    for (size_t step = 0; step < series.values.size(); ++step) {
      if (!histograms.Contradict(i, step)) continue;
      ev.Warn(
          base::StrCat("vector contains a mix of classic and native histograms",
                       ForMetric(series.labels.Get(model::kMetricName))),
          position);
      break;
    }
  }
}

}  // namespace

bool ClassicSeries::HasBuckets(size_t step) const {
  return std::any_of(buckets.begin(), buckets.end(), [step](const auto& b) {
    return !IsAbsent(b.second->values[step]);
  });
}

void ClassicSeries::BucketsAt(size_t step, std::vector<Bucket>& out) const {
  out.clear();
  for (const auto& [bound, series] : buckets) {
    if (IsAbsent(series->values[step])) continue;
    out.push_back({bound, series->values[step]});
  }
}

bool HistogramVector::Contradict(size_t native_index, size_t step) const {
  return twin[native_index] >= 0 && native[native_index]->HasHistogram(step) &&
         classic[static_cast<size_t>(twin[native_index])].HasBuckets(step);
}

HistogramVector FindHistograms(Evaluation& ev,
                               const std::vector<EvalSeries>& input,
                               promql::Position position) {
  HistogramVector found;
  ClassicIndex index;
  for (const EvalSeries& series : input) {
    if (!AllNull(series.histograms)) found.native.push_back(&series);
    if (!AllAbsent(series.values)) {
      AddBucket(ev, series, position, index, found.classic);
    }
  }
  for (const EvalSeries* series : found.native) {
    const auto it = index.find(series->labels);
    found.twin.push_back(it == index.end() ? -1
                                           : static_cast<int64_t>(it->second));
  }
  WarnOfContradictions(ev, found, position);
  return found;
}

std::vector<EvalSeries> MapHistograms(Evaluation& ev,
                                      const HistogramVector& histograms,
                                      size_t steps,
                                      const HistogramFunction& function) {
  std::vector<EvalSeries> results;
  std::vector<Bucket> buckets;
  for (const ClassicSeries& classic : histograms.classic) {
    EvalSeries& out = results.emplace_back();
    out.values.assign(steps, Absent());
    for (size_t step = 0; step < steps; ++step) {
      classic.BucketsAt(step, buckets);
      if (buckets.empty()) continue;
      out.values[step] = function.classic(buckets, classic.labels, step);
    }
    out.labels = classic.labels;
    out.drop_name = classic.drop_name;
  }
  for (size_t i = 0; i < histograms.native.size(); ++i) {
    const EvalSeries& native = *histograms.native[i];
    EvalSeries out;
    out.values.assign(steps, Absent());
    for (size_t step = 0; step < steps; ++step) {
      if (!native.HasHistogram(step)) continue;
      if (histograms.Contradict(i, step)) {
        results[static_cast<size_t>(histograms.twin[i])].values[step] =
            Absent();
        continue;
      }
      out.values[step] =
          function.native(*native.histograms[step], native.labels, step);
    }
    out.labels = native.labels;
    out.drop_name = native.drop_name;
    results.push_back(std::move(out));
  }
  RemoveEmpty(results);
  for (EvalSeries& series : results) ev.DropName(series);
  return results;
}

}  // namespace varve::eval
