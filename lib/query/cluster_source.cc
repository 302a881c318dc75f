#include "lib/query/cluster_source.h"

#include <iterator>
#include <algorithm>
#include <utility>

#include "lib/base/status.h"
#include "lib/query/graphite_filter.h"
#include "lib/wire/sample_limit.h"

namespace varve::query {
namespace {

class Stream final : public eval::SeriesStream {
 public:
  Stream(std::unique_ptr<cluster::SeriesMerge> merge, model::TimeRange range,
         OutcomeCollector* outcomes, const http::ResponseWriter* client,
         int64_t samples_per_series_max)
      : merge_(std::move(merge)),
        range_(range),
        outcomes_(outcomes),
        client_(client),
        samples_per_series_max_(samples_per_series_max) {}

  absl::Status Next(std::vector<eval::SeriesData>& batch) override {
    batch.clear();
    if (client_ != nullptr && client_->client_gone()) {
      return base::Cancelled("the client closed the connection");
    }
    RETURN_IF_ERROR(merge_->Next(merged_));
    if (merged_.empty()) outcomes_->Add(range_, merge_->outcome());
    batch.reserve(merged_.size());
    for (cluster::MergedSeries& series : merged_) {
      RETURN_IF_ERROR(CheckSamples(series));
      eval::SeriesData& data = batch.emplace_back();
      data.labels = std::move(series.labels);
      data.samples = std::move(series.samples);
      data.starts = std::move(series.starts);
      if (!series.histograms.empty()) TakeHistograms(series.histograms, data);
    }
    return absl::OkStatus();
  }

 private:
  // As the engine wants them; a stale one ends the series as a stale float.
  void TakeHistograms(const model::HistogramColumns& histograms,
                      eval::SeriesData& data) const {
    const size_t floats = data.samples.size();
    for (size_t i = 0; i < histograms.size(); ++i) {
      const int64_t at_ms = histograms.timestamps_ms[i];
      if (!range_.Contains(at_ms)) continue;
      const model::Histogram& value = histograms.histograms[i];
      if (value.stale()) {
        data.samples.push_back(at_ms, model::StaleNan());
      } else {
        data.histograms.push_back(
            at_ms, std::make_shared<const histogram::FloatHistogram>(
                       histogram::FromModel(value)));
      }
    }
    if (data.samples.size() > floats) model::SortAndDedup(data.samples, {});
  }

  absl::Status CheckSamples(const cluster::MergedSeries& series) const {
    return wire::CheckSeriesSamples(
        series.labels,
        static_cast<int64_t>(series.samples.size() + series.histograms.size()),
        samples_per_series_max_);
  }

  const std::unique_ptr<cluster::SeriesMerge> merge_;
  const model::TimeRange range_;
  OutcomeCollector* const outcomes_;
  const http::ResponseWriter* const client_;
  const int64_t samples_per_series_max_;
  std::vector<cluster::MergedSeries> merged_;
};

class Aggregates final : public eval::AggregateStream {
 public:
  Aggregates(std::unique_ptr<cluster::RollupRead> read, model::TimeRange range,
             OutcomeCollector* outcomes, const http::ResponseWriter* client,
             int64_t samples_per_series_max)
      : read_(std::move(read)),
        range_(range),
        outcomes_(outcomes),
        client_(client),
        samples_per_series_max_(samples_per_series_max) {}

  absl::StatusOr<bool> Next(eval::AggregatedPart& part) override {
    part = {};
    if (client_ != nullptr && client_->client_gone()) {
      return base::Cancelled("the client closed the connection");
    }
    ASSIGN_OR_RETURN(const bool more, read_->Next(response_));
    if (!more) {
      // One that was given up is no read: Select does it again.
      outcomes_->Started();
      outcomes_->Add(range_, read_->outcome());
      return false;
    }
    MoveTo(*response_.mutable_keys(), part.keys);
    MoveTo(*response_.mutable_states(), part.states);
    MoveTo(*response_.mutable_metric_names(), part.metric_names);
    for (int i = 0; i + 1 < response_.label_hashes_size(); i += 2) {
      part.label_hashes.push_back(
          {response_.label_hashes(i), response_.label_hashes(i + 1)});
    }
    part.series = response_.series();
    part.samples = response_.samples();
    return true;
  }

  std::unique_ptr<eval::SeriesStream> TakeRest() override {
    std::unique_ptr<cluster::SeriesMerge> rest = read_->TakeRest();
    if (rest == nullptr) return nullptr;
    outcomes_->Started();
    return std::make_unique<Stream>(std::move(rest), range_, outcomes_,
                                    client_, samples_per_series_max_);
  }

 private:
  static void MoveTo(google::protobuf::RepeatedPtrField<std::string>& from,
                     std::vector<std::string>& to) {
    std::move(from.begin(), from.end(), std::back_inserter(to));
  }

  const std::unique_ptr<cluster::RollupRead> read_;
  const model::TimeRange range_;
  OutcomeCollector* const outcomes_;
  const http::ResponseWriter* const client_;
  const int64_t samples_per_series_max_;
  proto::RollupResponse response_;
};

proto::RollupRequest WorkOf(const eval::AggregateRequest& request) {
  proto::RollupRequest work;
  work.set_function(std::string(request.function));
  work.set_first_end_ms(request.first_end_ms);
  work.set_end_step_ms(request.end_step_ms);
  work.set_range_ms(request.range_ms);
  work.set_steps(static_cast<uint32_t>(request.steps));
  work.set_aggregate(request.aggregate);
  work.set_k(request.k);
  work.set_without(request.without);
  for (const std::string& name : request.grouping) work.add_grouping(name);
  work.set_without_metadata(request.without_metadata);
  work.set_label_hashes(request.label_hashes);
  work.set_samples_max(request.samples_max);
  return work;
}

}  // namespace

absl::StatusOr<std::vector<model::Matchers>> WithFilters(
    std::vector<model::Matchers> groups,
    const std::vector<model::Matchers>& filters) {
  RETURN_IF_ERROR(PathsToNames(groups));
  if (filters.empty()) return groups;
  if (groups.empty()) return filters;
  if (groups.size() > kMatcherGroupsMax / filters.size()) {
    return base::InvalidArgument(
        groups.size(), " groups of matchers with ", filters.size(),
        " groups of extra filters are more than ", kMatcherGroupsMax,
        " groups together");
  }
  std::vector<model::Matchers> all;
  all.reserve(groups.size() * filters.size());
  for (const model::Matchers& group : groups) {
    for (const model::Matchers& filter : filters) {
      model::Matchers& both = all.emplace_back(group);
      both.insert(both.end(), filter.begin(), filter.end());
    }
  }
  return all;
}

void ClipToRange(const model::TimeRange& range,
                 cluster::MergedSeries& series) {
  auto& times = series.samples.timestamps_ms;
  auto& values = series.samples.values;
  const auto end = std::upper_bound(times.begin(), times.end(), range.end_ms);
  values.resize(static_cast<size_t>(end - times.begin()));
  times.erase(end, times.end());
  const auto begin =
      std::lower_bound(times.begin(), times.end(), range.start_ms);
  values.erase(values.begin(), values.begin() + (begin - times.begin()));
  times.erase(times.begin(), begin);
  model::KeepRange(range.start_ms, range.end_ms, 0, series.histograms);
}

ClusterSource::ClusterSource(StorageReader* reader, Options options,
                             OutcomeCollector* outcomes)
    : reader_(reader), options_(std::move(options)), outcomes_(outcomes) {}

absl::StatusOr<cluster::ReadRequest> ClusterSource::ReadOf(
    const eval::SelectRequest& request) const {
  cluster::ReadRequest read = options_.base;
  ASSIGN_OR_RETURN(read.matcher_groups,
                   WithFilters(request.matcher_groups, options_.filters));
  read.range = request.range;
  read.starts = request.starts;
  if (request.trace != nullptr) read.trace = request.trace;
  return read;
}

absl::StatusOr<std::unique_ptr<eval::SeriesStream>> ClusterSource::Select(
    const eval::SelectRequest& request) {
  ASSIGN_OR_RETURN(const cluster::ReadRequest read, ReadOf(request));
  outcomes_->Started();
  ASSIGN_OR_RETURN(auto merge, reader_->Search(read));
  return std::make_unique<Stream>(std::move(merge), read.range, outcomes_,
                                  options_.client,
                                  options_.samples_per_series_max);
}

absl::StatusOr<std::unique_ptr<eval::AggregateStream>>
ClusterSource::Aggregate(const eval::AggregateRequest& request) {
  if (!options_.base.one_copy || !options_.pushdown) return nullptr;
  ASSIGN_OR_RETURN(const cluster::ReadRequest read, ReadOf(request.select));
  proto::RollupRequest work = WorkOf(request);
  work.set_samples_per_series_max(options_.samples_per_series_max);
  ASSIGN_OR_RETURN(auto rollup, reader_->Rollup(read, std::move(work)));
  if (rollup == nullptr) return nullptr;
  return std::make_unique<Aggregates>(std::move(rollup), read.range, outcomes_,
                                      options_.client,
                                      options_.samples_per_series_max);
}

}  // namespace varve::query
