// What queries ask of the storage nodes, so that tests can answer instead.
//
// Threads: all members from any thread.
#ifndef VARVE_LIB_QUERY_STORAGE_READER_H_
#define VARVE_LIB_QUERY_STORAGE_READER_H_

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "lib/cluster/deleter.h"
#include "lib/cluster/reader.h"
#include "lib/cluster/rollup_read.h"

namespace varve::query {

class StorageReader {
 public:
  virtual ~StorageReader() = default;
  virtual absl::StatusOr<std::unique_ptr<cluster::SeriesMerge>> Search(
      const cluster::ReadRequest& request) = 0;
  // As Reader::Rollup; null: search instead.
  virtual absl::StatusOr<std::unique_ptr<cluster::RollupRead>> Rollup(
      const cluster::ReadRequest&, const proto::RollupRequest&) {
    return nullptr;
  }
  virtual absl::StatusOr<std::vector<std::string>> Labels(
      const cluster::ReadRequest& request, const std::string& label,
      int64_t limit, cluster::ReadOutcome& outcome) = 0;
  virtual absl::StatusOr<proto::CardinalityResponse> Cardinality(
      const cluster::ReadRequest& request, const std::string& focus_label,
      int64_t top_n, cluster::ReadOutcome& outcome) = 0;
  virtual absl::StatusOr<std::vector<model::StoredMetadata>> Metadata(
      const cluster::ReadRequest& request, const std::string& metric,
      int64_t limit, cluster::ReadOutcome& outcome) = 0;
  virtual absl::StatusOr<proto::NameUsageResponse> NameUsage(
      const cluster::ReadRequest& request, cluster::ReadOutcome& outcome) = 0;
  virtual absl::Status ResetNameUsage(const cluster::ReadRequest& request) = 0;
  virtual absl::StatusOr<std::vector<model::Tenant>> Tenants(
      const cluster::ReadRequest& request, cluster::ReadOutcome& outcome) = 0;
  virtual absl::StatusOr<std::vector<std::vector<cluster::NodeHistory>>>
  Histories(const cluster::ReadRequest& request,
            std::span<const model::TimeRange> ranges) = 0;
  // Copies of series, over all nodes.
  virtual absl::StatusOr<int64_t> Delete(
      const cluster::DeleteCommand& command) = 0;
};

// The real one. Both outlive it.
class ClusterStorageReader final : public StorageReader {
 public:
  ClusterStorageReader(cluster::Reader* reader, cluster::Deleter* deleter)
      : reader_(reader), deleter_(deleter) {}

  absl::StatusOr<std::unique_ptr<cluster::SeriesMerge>> Search(
      const cluster::ReadRequest& request) override {
    return reader_->Search(request);
  }
  absl::StatusOr<std::unique_ptr<cluster::RollupRead>> Rollup(
      const cluster::ReadRequest& request,
      const proto::RollupRequest& work) override {
    return reader_->Rollup(request, work);
  }
  absl::StatusOr<std::vector<std::string>> Labels(
      const cluster::ReadRequest& request, const std::string& label,
      int64_t limit, cluster::ReadOutcome& outcome) override {
    return reader_->Labels(request, label, limit, outcome);
  }
  absl::StatusOr<proto::CardinalityResponse> Cardinality(
      const cluster::ReadRequest& request, const std::string& focus_label,
      int64_t top_n, cluster::ReadOutcome& outcome) override {
    return reader_->Cardinality(request, focus_label, top_n, outcome);
  }
  absl::StatusOr<std::vector<model::StoredMetadata>> Metadata(
      const cluster::ReadRequest& request, const std::string& metric,
      int64_t limit, cluster::ReadOutcome& outcome) override {
    return reader_->Metadata(request, metric, limit, outcome);
  }
  absl::StatusOr<proto::NameUsageResponse> NameUsage(
      const cluster::ReadRequest& request,
      cluster::ReadOutcome& outcome) override {
    return reader_->NameUsage(request, outcome);
  }
  absl::Status ResetNameUsage(const cluster::ReadRequest& request) override {
    return reader_->ResetNameUsage(request);
  }
  absl::StatusOr<std::vector<model::Tenant>> Tenants(
      const cluster::ReadRequest& request,
      cluster::ReadOutcome& outcome) override {
    return reader_->Tenants(request, outcome);
  }
  absl::StatusOr<std::vector<std::vector<cluster::NodeHistory>>> Histories(
      const cluster::ReadRequest& request,
      std::span<const model::TimeRange> ranges) override {
    return reader_->Histories(request, ranges);
  }
  absl::StatusOr<int64_t> Delete(
      const cluster::DeleteCommand& command) override {
    return deleter_->Delete(command);
  }

 private:
  cluster::Reader* const reader_;
  cluster::Deleter* const deleter_;
};

}  // namespace varve::query

#endif  // VARVE_LIB_QUERY_STORAGE_READER_H_
