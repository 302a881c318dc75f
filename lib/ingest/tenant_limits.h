// What each tenant may send now, and what became of what it sent.
//
// A request is taken or refused whole by the rate of samples, before any of it
// is stored: InsertDoor asks Admit before it reads the body, and Take with the
// rows of the first batch. Later batches are charged without asking, or, of a
// body that still comes, wait until TakeLater has them. Limits of series are
// the inserter's: it checks labels and reserves places in the table of series
// by what Of gives.
//
// Bounded: kSeriesOwnersMax tenants have limits, counts and metrics of their
// own, those the file names first. Those above it share one bucket under the
// defaults, but for tenants that the file names; the number of their active
// series is not limited.
//
// Lifetime: the inserter's; metrics and clock outlive it.
// Threads:  all members from any thread; no lock is held over a request.
#ifndef VARVE_LIB_INGEST_TENANT_LIMITS_H_
#define VARVE_LIB_INGEST_TENANT_LIMITS_H_

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "lib/base/clock.h"
#include "lib/base/mutex.h"
#include "lib/ingest/series_table.h"
#include "lib/ingest/tenant_limits_file.h"
#include "lib/ingest/token_bucket.h"
#include "lib/model/tenant.h"
#include "lib/telemetry/metrics.h"

namespace varve::ingest {

// What is kept of one tenant.
struct TenantUse {
  uint16_t owner = 0;  // of its series in the table; 0: not counted
  std::string text;    // "42:7", for errors
  telemetry::MetricLabels labels;  // empty: without metrics of its own
  TokenBucket samples;
  std::atomic<int64_t> request_rows{1};  // of its last request
  telemetry::Counter* refused_requests = nullptr;
  std::array<std::atomic<telemetry::Counter*>, kRejections> ignored_rows{};
};

// One tenant as a request finds it.
struct TenantNow {
  std::shared_ptr<const TenantLimit> limit;
  TenantUse* use = nullptr;  // lives as long as the TenantLimits
  // Another one when the limits of labels are others.
  uint32_t labels_generation = 0;
};

class TenantLimits {
 public:
  // `flags` is what holds without a file; `active` tells how many active series
  // an owner has, for the metrics.
  TenantLimits(const TenantLimit& flags,
               std::function<int64_t(uint16_t owner)> active,
               telemetry::Metrics* metrics,
               const base::Clock* clock = &base::SystemClock());
  ~TenantLimits();

  TenantNow Of(const model::Tenant& tenant);
  TenantNow Of(const model::TenantId& tenant) {
    return Of(model::Tenant{tenant, ""});
  }

  // tenants[i] is the one whose number entries[i].owner is; others are left
  // alone.
  void TenantsOf(std::span<const SeriesEntry> entries,
                 std::span<model::TenantId> tenants) const;

  // The error of Take if the tenant could not send a single sample.
  absl::Status Admit(const TenantNow& tenant) const;
  // Charges the rows. ResourceExhausted with RetryAfter, and nothing charged,
  // when they do not fit; `started`: the request has been taken, they do.
  absl::Status Take(const TenantNow& tenant, int64_t rows, bool started) const;

  // Charges the rows and answers zero; or charges nothing and tells how long it
  // is until they fit. For what can wait.
  absl::Duration TakeLater(const TenantNow& tenant, int64_t rows) const;

  // Charges rows that others have sent in the tenant's name: nobody is refused
  // for them, and the debt they make is a burst at most.
  void ChargeForOthers(const TenantNow& tenant, int64_t rows) const;

  // The rows that Take has charged were not stored: a sender that repeats them
  // pays once.
  void GiveBack(const TenantNow& tenant, int64_t rows) const;

  // Rows that are not stored; for the metrics.
  void CountIgnored(const TenantNow& tenant, Rejection why, int64_t rows);

  // Holds from now on. Owners whose series must be looked at again: their
  // limits of labels are others.
  std::vector<uint16_t> Set(const TenantLimitsFile& file);

  // Parses and sets; for the reload of the file.
  absl::StatusOr<std::vector<uint16_t>> Load(std::string_view yaml);

 private:
  struct Kept {
    TenantUse use;
    std::shared_ptr<const TenantLimit> limit;
    uint32_t labels_generation = 0;
  };
  absl::Status OverRate(const TenantNow& tenant, int64_t rows,
                        absl::Duration wait) const;
  std::shared_ptr<const TenantLimit> LimitOf(const model::TenantId& tenant)
      const REQUIRES_LOCK(mutex_);
  Kept& Add(const model::Tenant& tenant) REQUIRES_LOCK(mutex_);
  // Gives it a number and metrics.
  void MakeOwner(const model::Tenant& tenant, TenantUse& use)
      REQUIRES_LOCK(mutex_);
  void AddOverrides() REQUIRES_LOCK(mutex_);

  const TenantLimit flags_;
  const std::function<int64_t(uint16_t)> active_;
  telemetry::Metrics& metrics_;
  const base::Clock& clock_;
  mutable base::Mutex mutex_;
  TenantLimitsFile file_ GUARDED_BY(mutex_);
  std::map<model::TenantId, std::unique_ptr<Kept>> kept_ GUARDED_BY(mutex_);
  std::vector<model::TenantId> owners_ GUARDED_BY(mutex_);  // number - 1
  Kept rest_ GUARDED_BY(mutex_);
};

// How long the client shall wait, of an error about a tenant's rate.
std::optional<int64_t> RetryAfterSeconds(const absl::Status& status);

}  // namespace varve::ingest

#endif  // VARVE_LIB_INGEST_TENANT_LIMITS_H_
