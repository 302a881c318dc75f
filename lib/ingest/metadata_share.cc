#include "lib/ingest/metadata_share.h"

#include <algorithm>
#include <utility>

namespace varve::ingest {
namespace {

// A multitenant request's metadata, over all its tenants; with what an entry
// costs beside its texts. Far more than agents send.
constexpr int64_t kSharedMetadataBytes = 16 << 20;
constexpr int64_t kMetadataBytes = 64;

telemetry::Counter* Ignored(telemetry::Metrics& metrics, const char* reason) {
  return &metrics.AddCounter("vm_rows_ignored_total", {{"reason", reason}});
}

// To all tenants of `rows`; as MetadataShare::Share.
int64_t ShareUnnamed(std::span<const model::MetricMetadata> metadata,
                     std::span<const cluster::SeriesRows> rows,
                     std::vector<cluster::MetadataRows>& shared) {
  if (metadata.empty()) return 0;
  if (rows.empty()) {
    shared.push_back({model::TenantId(), metadata});
    return 0;
  }
  int64_t bytes = 0;
  for (const model::MetricMetadata& one : metadata) {
    bytes += kMetadataBytes +
             static_cast<int64_t>(one.metric.size() + one.help.size() +
                                  one.unit.size());
  }
  std::vector<model::TenantId> tenants;
  for (const cluster::SeriesRows& of_series : rows) {
    if (tenants.empty() || tenants.back() != of_series.tenant) {
      tenants.push_back(of_series.tenant);
    }
  }
  std::sort(tenants.begin(), tenants.end());
  tenants.erase(std::unique(tenants.begin(), tenants.end()), tenants.end());
  const size_t taken = std::min(
      tenants.size(), static_cast<size_t>(kSharedMetadataBytes / bytes));
  for (size_t i = 0; i < taken; ++i) shared.push_back({tenants[i], metadata});
  return static_cast<int64_t>((tenants.size() - taken) * metadata.size());
}

}  // namespace

MetadataShare::MetadataShare(telemetry::Metrics& metrics)
    : too_long_(Ignored(metrics, "too_long_metric_metadata_value")),
      unshared_(Ignored(metrics, "metadata_of_too_many_tenants")) {}

void MetadataShare::Take(const protocol::SampleBatch& batch, size_t bytes_max,
                         TakenMetadata& taken) const {
  taken.entries.clear();
  taken.runs.clear();
  using Named = std::pair<model::TenantId, const model::MetricMetadata*>;
  std::vector<Named> named;
  for (size_t i = 0; i < batch.metadata.size(); ++i) {
    const model::MetricMetadata& one = batch.metadata[i];
    if (one.metric.size() > bytes_max || one.help.size() > bytes_max ||
        one.unit.size() > bytes_max) {
      too_long_->Add(1);
    } else if (i < batch.metadata_tenants.size() && batch.metadata_tenants[i]) {
      named.push_back({*batch.metadata_tenants[i], &one});
    } else {
      taken.entries.push_back(one);
    }
  }
  taken.unnamed = taken.entries.size();
  // In their order within a tenant: of two of one metric the last one counts.
  std::stable_sort(
      named.begin(), named.end(),
      [](const Named& a, const Named& b) { return a.first < b.first; });
  for (const auto& [tenant, one] : named) {
    if (taken.runs.empty() || taken.runs.back().tenant != tenant) {
      taken.runs.push_back(
          {.tenant = tenant, .first = taken.entries.size(), .count = 0});
    }
    ++taken.runs.back().count;
    taken.entries.push_back(*one);
  }
}

int64_t MetadataShare::Share(const TakenMetadata& metadata,
                             const InsertTenant& tenant,
                             std::span<const cluster::SeriesRows> rows,
                             std::vector<cluster::MetadataRows>& shared) {
  shared.clear();
  const std::span<const model::MetricMetadata> all = metadata.entries;
  if (all.empty()) return 0;
  if (!tenant.in_labels) {
    shared.push_back({tenant.tenant.id, all});
    return 0;
  }
  for (const TakenMetadata::Run& run : metadata.runs) {
    shared.push_back({run.tenant, all.subspan(run.first, run.count)});
  }
  return ShareUnnamed(all.first(metadata.unnamed), rows, shared);
}

}  // namespace varve::ingest
