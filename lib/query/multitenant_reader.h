// Reads over all tenants as if they were one: each series has its tenant's
// numbers as the labels vm_account_id and vm_project_id, and matchers of these
// say whose series are read. A tenant by name is not read: it has no numbers.
//
// Tenants are those with data in the read's time range. They are read one
// after another, in order of their numbers.
//
// Errors:  as the reader behind it; InvalidArgument for what makes no sense
//          over several tenants (deleting).
// Lifetime: the reader behind it outlives it and its merges.
// Threads: as StorageReader.
#ifndef VARVE_LIB_QUERY_MULTITENANT_READER_H_
#define VARVE_LIB_QUERY_MULTITENANT_READER_H_

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "lib/query/storage_reader.h"

namespace varve::query {

inline constexpr std::string_view kAccountLabel = "vm_account_id";
inline constexpr std::string_view kProjectLabel = "vm_project_id";

// What one tenant is asked for.
struct TenantPart {
  model::TenantId tenant;
  // Without the matchers of the tenant's labels; none: every series.
  std::vector<model::Matchers> groups;
};

// Which of `tenants` the groups (or-ed; none: everything) ask for, and what.
// InvalidArgument for a bad regular expression.
absl::StatusOr<std::vector<TenantPart>> PartsByTenant(
    const std::vector<model::TenantId>& tenants,
    const std::vector<model::Matchers>& groups);

class MultitenantReader final : public StorageReader {
 public:
  explicit MultitenantReader(StorageReader* reader) : reader_(reader) {}

  absl::StatusOr<std::unique_ptr<cluster::SeriesMerge>> Search(
      const cluster::ReadRequest& request) override;
  absl::StatusOr<std::vector<std::string>> Labels(
      const cluster::ReadRequest& request, const std::string& label,
      int64_t limit, cluster::ReadOutcome& outcome) override;
  absl::StatusOr<proto::CardinalityResponse> Cardinality(
      const cluster::ReadRequest& request, const std::string& focus_label,
      int64_t top_n, cluster::ReadOutcome& outcome) override;
  absl::StatusOr<std::vector<model::StoredMetadata>> Metadata(
      const cluster::ReadRequest& request, const std::string& metric,
      int64_t limit, cluster::ReadOutcome& outcome) override;
  absl::StatusOr<proto::NameUsageResponse> NameUsage(
      const cluster::ReadRequest& request,
      cluster::ReadOutcome& outcome) override;
  absl::Status ResetNameUsage(const cluster::ReadRequest& request) override {
    return reader_->ResetNameUsage(request);
  }
  absl::StatusOr<std::vector<model::TenantId>> Tenants(
      const cluster::ReadRequest& request,
      cluster::ReadOutcome& outcome) override {
    return reader_->Tenants(request, outcome);
  }
  // What is kept of answers is kept by tenant.
  absl::StatusOr<std::vector<std::vector<cluster::NodeHistory>>> Histories(
      const cluster::ReadRequest& request,
      std::span<const model::TimeRange> ranges) override;
  absl::StatusOr<int64_t> Delete(const cluster::DeleteCommand&) override;

 private:
  // The parts to read; adds to `outcome` whether all tenants are known.
  absl::StatusOr<std::vector<TenantPart>> Parts(
      const cluster::ReadRequest& request, cluster::ReadOutcome& outcome);

  StorageReader* const reader_;
};

}  // namespace varve::query

#endif  // VARVE_LIB_QUERY_MULTITENANT_READER_H_
