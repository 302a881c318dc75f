#include "lib/eval/vector_source.h"

#include <algorithm>
#include <map>

#include "lib/base/status.h"

namespace varve::eval {
namespace {

class VectorStream final : public SeriesStream {
 public:
  VectorStream(std::vector<const SeriesData*> series, model::TimeRange range,
               size_t batch_series)
      : series_(std::move(series)),
        range_(range),
        batch_series_(batch_series) {}

  absl::Status Next(std::vector<SeriesData>& batch) override {
    batch.clear();
    while (batch.size() < batch_series_ && next_ < series_.size()) {
      batch.push_back(Cut(*series_[next_++]));
    }
    return absl::OkStatus();
  }

 private:
  SeriesData Cut(const SeriesData& series) const {
    const auto& ts = series.samples.timestamps_ms;
    const auto& values = series.samples.values;
    const auto begin =
        std::lower_bound(ts.begin(), ts.end(), range_.start_ms) - ts.begin();
    const auto end =
        std::upper_bound(ts.begin(), ts.end(), range_.end_ms) - ts.begin();
    SeriesData cut;
    cut.labels = series.labels;
    cut.starts = series.starts;
    for (size_t i = 0; i < series.histograms.size(); ++i) {
      const int64_t at_ms = series.histograms.timestamps_ms[i];
      if (!range_.Contains(at_ms)) continue;
      cut.histograms.push_back(at_ms, series.histograms.histograms[i]);
    }
    if (begin >= end) return cut;
    cut.samples.timestamps_ms.assign(ts.begin() + begin, ts.begin() + end);
    cut.samples.values.assign(values.begin() + begin, values.begin() + end);
    return cut;
  }

  const std::vector<const SeriesData*> series_;
  const model::TimeRange range_;
  const size_t batch_series_;
  size_t next_ = 0;
};

bool Matches(const std::vector<model::CompiledMatcher>& matchers,
             const model::LabelSet& labels) {
  return std::all_of(
      matchers.begin(), matchers.end(),
      [&labels](const model::CompiledMatcher& matcher) {
        return matcher.Matches(labels.Get(matcher.matcher().name));
      });
}

}  // namespace

void VectorSource::Add(SeriesData series) {
  const auto same = std::find_if(
      series_.begin(), series_.end(),
      [&series](const SeriesData& s) { return s.labels == series.labels; });
  if (same == series_.end()) {
    series_.push_back(std::move(series));
    return;
  }
  struct Sample {
    double value = 0;
    histogram::HistogramPtr histogram;
  };
  std::map<int64_t, Sample> merged;
  for (const SeriesData* from : {&*same, &series}) {
    for (size_t i = 0; i < from->samples.size(); ++i) {
      merged[from->samples.timestamps_ms[i]] = {from->samples.values[i], {}};
    }
    for (size_t i = 0; i < from->histograms.size(); ++i) {
      merged[from->histograms.timestamps_ms[i]] = {
          0, from->histograms.histograms[i]};
    }
  }
  same->samples.clear();
  same->histograms.clear();
  for (auto& [ts, sample] : merged) {
    if (sample.histogram == nullptr) {
      same->samples.push_back(ts, sample.value);
    } else {
      same->histograms.push_back(ts, std::move(sample.histogram));
    }
  }
}

absl::StatusOr<std::unique_ptr<SeriesStream>> VectorSource::Select(
    const SelectRequest& request) {
  std::vector<std::vector<model::CompiledMatcher>> groups;
  for (const model::Matchers& matchers : request.matcher_groups) {
    std::vector<model::CompiledMatcher> compiled;
    for (const model::Matcher& matcher : matchers) {
      ASSIGN_OR_RETURN(model::CompiledMatcher one,
                       model::CompiledMatcher::Make(matcher));
      compiled.push_back(std::move(one));
    }
    groups.push_back(std::move(compiled));
  }
  std::vector<const SeriesData*> found;
  for (const SeriesData& series : series_) {
    if (std::any_of(groups.begin(), groups.end(), [&series](const auto& g) {
          return Matches(g, series.labels);
        })) {
      found.push_back(&series);
    }
  }
  return std::make_unique<VectorStream>(std::move(found), request.range,
                                        batch_series_);
}

}  // namespace varve::eval
