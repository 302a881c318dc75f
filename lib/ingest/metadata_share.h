// Which metadata of a request is stored, and for which tenants.
//
// In a request of many tenants metadata is for the tenant that it names, as
// vmagent's does; else for all whose series came with it, and for 0:0 when none
// did.
//
// Threads: all members from any thread.
#ifndef VARVE_LIB_INGEST_METADATA_SHARE_H_
#define VARVE_LIB_INGEST_METADATA_SHARE_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "lib/cluster/writer.h"
#include "lib/ingest/insert_tenant.h"
#include "lib/model/metadata.h"
#include "lib/protocol/sample_batch.h"
#include "lib/telemetry/metrics.h"

namespace varve::ingest {

// What is stored of a request's metadata.
struct TakenMetadata {
  // Those of one named tenant, one after the other.
  struct Run {
    model::TenantId tenant;
    size_t first = 0;
    size_t count = 0;
  };

  // At first those that name no tenant, then `runs` of the others.
  std::vector<model::MetricMetadata> entries;
  size_t unnamed = 0;
  std::vector<Run> runs;
};

class MetadataShare {
 public:
  // REQUIRES: `metrics` outlives it.
  explicit MetadataShare(telemetry::Metrics& metrics);

  // Replaces `taken` by those of the batch whose texts are all within
  // `bytes_max` bytes; the others are counted. Once a request.
  void Take(const protocol::SampleBatch& batch, size_t bytes_max,
            TakenMetadata& taken) const;

  // Replaces `shared` by `metadata` for each tenant it is for: `tenant`, or
  // where tenants are in labels that which an entry names, else those of
  // `rows`. Returns how many entries were left out because they are too many,
  // each for each tenant without it.
  static int64_t Share(const TakenMetadata& metadata,
                       const InsertTenant& tenant,
                       std::span<const cluster::SeriesRows> rows,
                       std::vector<cluster::MetadataRows>& shared);

  // Counts what Share left out. Once a request.
  void CountUnshared(int64_t entries) const { unshared_->Add(entries); }

 private:
  telemetry::Counter* const too_long_;
  telemetry::Counter* const unshared_;
};

}  // namespace varve::ingest

#endif  // VARVE_LIB_INGEST_METADATA_SHARE_H_
