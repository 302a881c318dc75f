#include "lib/query/cluster_source.h"

#include <utility>

#include "lib/base/status.h"

namespace varve::query {
namespace {

class Stream final : public eval::SeriesStream {
 public:
  Stream(std::unique_ptr<cluster::SeriesMerge> merge, model::TimeRange range,
         OutcomeCollector* outcomes, const http::ResponseWriter* client)
      : merge_(std::move(merge)),
        range_(range),
        outcomes_(outcomes),
        client_(client) {}

  absl::Status Next(std::vector<eval::SeriesData>& batch) override {
    batch.clear();
    if (client_ != nullptr && client_->client_gone()) {
      return base::Cancelled("the client closed the connection");
    }
    RETURN_IF_ERROR(merge_->Next(merged_));
    if (merged_.empty()) outcomes_->Add(range_, merge_->outcome());
    batch.reserve(merged_.size());
    for (cluster::MergedSeries& series : merged_) {
      RETURN_IF_ERROR(TakeStaleMarkers(series));
      batch.push_back({std::move(series.labels), std::move(series.samples)});
    }
    return absl::OkStatus();
  }

 private:
  // The engine knows floats only. A series' stale histograms end it as a stale
  // float does; any other would be missing in the answer.
  absl::Status TakeStaleMarkers(cluster::MergedSeries& series) const {
    if (series.histograms.empty()) return absl::OkStatus();
    for (size_t i = 0; i < series.histograms.size(); ++i) {
      const int64_t at_ms = series.histograms.timestamps_ms[i];
      if (!range_.Contains(at_ms)) continue;
      if (!series.histograms.histograms[i].stale()) {
        return base::FailedPrecondition(
            "native histograms are stored but not evaluated yet; ",
            series.labels.Text(), " has one at ", at_ms,
            " ms; exclude it from the query");
      }
      series.samples.push_back(at_ms, model::StaleNan());
    }
    model::SortAndDedup(series.samples, {});
    return absl::OkStatus();
  }

  const std::unique_ptr<cluster::SeriesMerge> merge_;
  const model::TimeRange range_;
  OutcomeCollector* const outcomes_;
  const http::ResponseWriter* const client_;
  std::vector<cluster::MergedSeries> merged_;
};

}  // namespace

std::vector<model::Matchers> WithFilters(
    std::vector<model::Matchers> groups,
    const std::vector<model::Matchers>& filters) {
  if (filters.empty()) return groups;
  if (groups.empty()) return filters;
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

ClusterSource::ClusterSource(StorageReader* reader, Options options,
                             OutcomeCollector* outcomes)
    : reader_(reader), options_(std::move(options)), outcomes_(outcomes) {}

absl::StatusOr<std::unique_ptr<eval::SeriesStream>> ClusterSource::Select(
    const eval::SelectRequest& request) {
  cluster::ReadRequest read = options_.base;
  read.matcher_groups = WithFilters(request.matcher_groups, options_.filters);
  read.range = request.range;
  outcomes_->Started();
  ASSIGN_OR_RETURN(auto merge, reader_->Search(read));
  return std::make_unique<Stream>(std::move(merge), read.range, outcomes_,
                                  options_.client);
}

}  // namespace varve::query
