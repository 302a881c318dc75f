#include "lib/query/cluster_source.h"

#include <utility>

#include "lib/base/status.h"

namespace varve::query {
namespace {

class Stream final : public eval::SeriesStream {
 public:
  Stream(std::unique_ptr<cluster::SeriesMerge> merge,
         OutcomeCollector* outcomes, const http::ResponseWriter* client)
      : merge_(std::move(merge)), outcomes_(outcomes), client_(client) {}

  absl::Status Next(std::vector<eval::SeriesData>& batch) override {
    batch.clear();
    if (client_ != nullptr && client_->client_gone()) {
      return base::Cancelled("the client closed the connection");
    }
    RETURN_IF_ERROR(merge_->Next(merged_));
    if (merged_.empty()) outcomes_->Add(merge_->outcome());
    batch.reserve(merged_.size());
    for (cluster::MergedSeries& series : merged_) {
      batch.push_back({std::move(series.labels), std::move(series.samples)});
    }
    return absl::OkStatus();
  }

 private:
  const std::unique_ptr<cluster::SeriesMerge> merge_;
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
  ASSIGN_OR_RETURN(auto merge, reader_->Search(read));
  return std::make_unique<Stream>(std::move(merge), outcomes_, options_.client);
}

}  // namespace varve::query
