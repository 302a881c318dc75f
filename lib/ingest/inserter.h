// From columns of a request to acknowledged rows: looks each series up, checks
// and places those that are new, hands all to the cluster's writer.
//
// Lifetime: one per process; used by the threads that handle requests.
// Threads:  all members from any thread.
#ifndef VARVE_LIB_INGEST_INSERTER_H_
#define VARVE_LIB_INGEST_INSERTER_H_

#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "lib/base/clock.h"
#include "lib/base/hash.h"
#include "lib/base/log.h"
#include "lib/base/mutex.h"
#include "lib/cluster/writer.h"
#include "lib/ingest/insert_tenant.h"
#include "lib/ingest/metadata_share.h"
#include "lib/ingest/series_rules.h"
#include "lib/ingest/series_table.h"
#include "lib/ingest/tenant_limits.h"
#include "lib/model/label.h"
#include "lib/model/tenant.h"
#include "lib/protocol/sample_batch.h"
#include "lib/telemetry/metrics.h"

namespace varve::ingest {

struct InserterOptions {
  SeriesLimits limits;  // of tenants that the file of limits does not name
  bool prometheus_names = false;  // -usePromCompatibleNaming
  size_t table_entries_max = 1 << 20;
  size_t copies = 1;     // -replicationFactor
  bool metadata = true;  // -enableMetadata
  telemetry::Metrics* metrics = nullptr;
  const base::Clock* clock = &base::SystemClock();
};

// What became of one request; summed over its batches.
struct InsertOutcome {
  int64_t rows_stored = 0;  // the two below
  int64_t samples_stored = 0;
  int64_t histograms_stored = 0;
  int64_t exemplars_stored = 0;
  int64_t metadata_stored = 0;
  // Of a request whose tenants are in labels: the first by tenant.
  absl::flat_hash_map<model::TenantId, int64_t> tenant_rows;
  int64_t rows_rejected = 0;
  int64_t series_rejected = 0;
  // Up to kRejectedNamed of them: `cause in words: series`; valid UTF-8.
  std::vector<std::string> rejected;
  // When not null: which series of the last batch were, some maybe twice.
  std::vector<uint32_t>* rejected_series = nullptr;
};
inline constexpr size_t kRejectedNamed = 10;

class Inserter {
 public:
  // REQUIRES: `writer` and options.metrics outlive it.
  Inserter(cluster::Writer* writer, const InserterOptions& options);
  ~Inserter();

  // Stores the good series of `batch`; the bad ones are counted in
  // vm_rows_ignored_total and in `outcome`. `extra_labels` are set on every
  // series. Errors: InvalidArgument (broken label bytes; nothing stored),
  // Unavailable (a retry doubles nothing), Internal.
  absl::Status Store(const InsertTenant& tenant,
                     const std::vector<model::Label>& extra_labels,
                     const protocol::SampleBatch& batch,
                     InsertOutcome& outcome);

  // What each tenant may send.
  TenantLimits& tenant_limits() { return limits_; }
  // The text of -insert.tenantLimits holds from now on; InvalidArgument, and
  // the old one goes on.
  absl::Status LoadTenantLimits(std::string_view yaml);

  // What `change` makes of the rules' parts holds for every request that
  // begins afterwards; what is known of series by the old rules is forgotten.
  void ChangeRules(const std::function<void(SeriesRuleParts&)>& change);

 private:
  struct Work;
  void Hash(const protocol::SampleBatch& batch, Work& work) const;
  // Of identities that are references to symbols.
  void HashSymbolRefs(const protocol::SampleBatch& batch, Work& work) const;
  // What the series has beside floats and the nodes take; null for nothing.
  static const cluster::OtherRows* TakeOthers(
      const protocol::SampleBatch& batch, const protocol::BatchSeries& series,
      uint64_t features, Work& work);
  absl::Status Prepare(const protocol::SampleBatch& batch,
                       const cluster::WriteView& view, Work& work);
  // Labels of one series: checked, and in canonical form when taken.
  absl::Status Resolve(const protocol::SampleBatch& batch, size_t i,
                       Work& work);
  // The first reason against a new series, after the rules.
  Rejection Check(const Work& work, const TenantNow& tenant,
                  SeriesEntry& entry);
  // Takes the rules of now into `work`.
  void TakeRules(Work& work) const;
  void Reject(const protocol::SampleBatch& batch, size_t i, Rejection why,
              int64_t rows, const Work& work, InsertOutcome& outcome);
  // Rows and metadata to the storage nodes, again where they have moved.
  absl::Status Write(const protocol::SampleBatch& batch, Work& work);
  // What was stored and what was not, by reason.
  void Tell(const protocol::SampleBatch& batch, const Work& work,
            InsertOutcome& outcome);

  cluster::Writer* const writer_;
  const InserterOptions options_;
  const base::SecretHash hash_;
  SeriesTable table_;
  TenantLimits limits_;
  const MetadataShare metadata_;
  mutable base::Mutex mutex_;
  std::shared_ptr<const SeriesRules> rules_ GUARDED_BY(mutex_);
  uint64_t rules_generation_ GUARDED_BY(mutex_) = 0;
  std::array<telemetry::Counter*, kRejections> rejected_rows_{};
  std::array<telemetry::Counter*, model::kRefusals> refused_rows_{};
  std::deque<base::LogEvery> log_rejected_;  // by reason
  telemetry::Counter* relabel_dropped_ = nullptr;
};

}  // namespace varve::ingest

#endif  // VARVE_LIB_INGEST_INSERTER_H_
