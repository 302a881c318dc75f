// Reads over several tenants as if they were one: labels say whose each series
// is, and matchers of these labels say whose series are read.
//
// Over all tenants (`multitenant`) these are the labels vm_account_id and
// vm_project_id, or __tenant_id__ of a tenant with a name; tenants are those
// with data in the read's time range. Over tenants that the request names
// (X-Scope-OrgID: a|b) it is __tenant_id__ for each. A series' own label
// __tenant_id__ is read, and matched, as original___tenant_id__ (as Grafana
// Mimir's tenant federation has it).
//
// Tenants are read one after another, in the order of their ids.
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
#include <utility>
#include <vector>

#include "lib/model/label.h"
#include "lib/model/tenant.h"
#include "lib/query/storage_reader.h"

namespace varve::query {

inline constexpr std::string_view kAccountLabel = "vm_account_id";
inline constexpr std::string_view kProjectLabel = "vm_project_id";
inline constexpr std::string_view kNameLabel = "__tenant_id__";
inline constexpr std::string_view kOriginalNameLabel = "original___tenant_id__";

// What one tenant is asked for.
struct TenantPart {
  model::Tenant tenant;
  std::vector<model::Label> labels;  // that say whose a series is
  // Without the matchers of these; none: every series.
  std::vector<model::Matchers> groups;
};

// Which of `tenants` the groups (or-ed; none: everything) ask for, and what.
// `federated`: each has the label __tenant_id__ and no numbers.
// InvalidArgument for a bad regular expression.
absl::StatusOr<std::vector<TenantPart>> PartsByTenant(
    const std::vector<model::Tenant>& tenants, bool federated,
    const std::vector<model::Matchers>& groups);

class MultitenantReader final : public StorageReader {
 public:
  // Over all tenants.
  explicit MultitenantReader(StorageReader* reader) : reader_(reader) {}
  // Over those of `named`; at least one.
  MultitenantReader(StorageReader* reader, std::vector<model::Tenant> named)
      : reader_(reader), named_(std::move(named)) {}

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
  absl::StatusOr<std::vector<model::Tenant>> Tenants(
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
  const std::vector<model::Tenant> named_;  // none: all
};

}  // namespace varve::query

#endif  // VARVE_LIB_QUERY_MULTITENANT_READER_H_
