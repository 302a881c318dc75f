// The flags of the insert role, under the names operators know.
//
// Lifetime: lives as long as the FlagSet it registers with.
// Threads:  read-only after parsing.
#ifndef VARVE_LIB_INGEST_INSERT_FLAGS_H_
#define VARVE_LIB_INGEST_INSERT_FLAGS_H_

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "lib/base/flags.h"
#include "lib/cluster/node_flags.h"
#include "lib/cluster/writer.h"
#include "lib/ingest/insert_routes.h"
#include "lib/ingest/inserter.h"
#include "lib/ingest/line_flags.h"
#include "lib/ingest/otlp_flags.h"
#include "lib/ingest/relabel_config.h"

namespace varve::ingest {

// In one process with the other roles there are no storage nodes to name.
enum class InsertDeployment { kCluster, kSingleProcess };

class InsertFlags {
 public:
  InsertFlags(base::FlagSet& flags, InsertDeployment deployment);

  // InvalidArgument names the flag.
  absl::Status Validate() const;
  // Logs a warning for each flag that is set and does nothing yet.
  void WarnOfIgnored() const;

  // REQUIRES: not a single process.
  const cluster::NodeFlags& nodes() const { return *nodes_; }
  bool single_process() const {
    return deployment_ == InsertDeployment::kSingleProcess;
  }
  // "" where no level above is served.
  std::string upper_level_address() const {
    return upper_level_.has_value() ? upper_level_->address.value() : "";
  }
  absl::Duration upper_level_closing() const {
    return upper_level_.has_value() ? upper_level_->closing.value()
                                    : absl::ZeroDuration();
  }
  int concurrent_max() const;
  // What this process may use, of the machine's or its cgroup's memory.
  int64_t memory_bytes_allowed() const;
  absl::Duration queue_max() const { return queue_max_.value(); }
  const RelabelFlags& relabel() const { return relabel_; }
  const std::string* reload_auth_key() const {
    return &reload_auth_key_.value();
  }
  // "" for none.
  const std::string& tenant_limits() const {
    return tenant_limits_.path.value();
  }
  absl::Duration tenant_limits_interval() const {
    return tenant_limits_.check_interval.value();
  }

  // REQUIRES: Validate was OK. What is not a flag is left as it was.
  void Fill(cluster::WriterOptions& options) const;
  void Fill(InserterOptions& options) const;
  void Fill(InsertRouteOptions& options) const;

 private:
  struct TenantLimitsFlags {
    explicit TenantLimitsFlags(base::FlagSet& flags);
    const base::StringFlag& path;
    const base::DurationFlag& check_interval;
  };
  struct TenantFlags {
    explicit TenantFlags(base::FlagSet& flags);
    const base::BoolFlag& in_headers;
    const base::BoolFlag& require_org_id;
  };
  struct OutageFlags {
    explicit OutageFlags(base::FlagSet& flags);
    const base::DurationFlag& hint_age_max;
    const base::BoolFlag& reroute_slow_disabled;
    const base::BoolFlag& reroute_unavailable_disabled;
  };
  struct UpperLevelFlags {
    explicit UpperLevelFlags(base::FlagSet& flags);
    const base::StringFlag& address;
    const base::DurationFlag& closing;
  };
  struct LabelFlags {
    explicit LabelFlags(base::FlagSet& flags);
    const base::IntFlag& count_max;
    const base::IntFlag& name_bytes_max;
    const base::IntFlag& value_bytes_max;
  };

  const base::FlagSet& flags_;
  const InsertDeployment deployment_;
  std::optional<cluster::NodeFlags> nodes_;
  const base::IntFlag* replication_factor_ = nullptr;
  const base::IntFlag* copies_min_ = nullptr;
  std::optional<OutageFlags> outages_;
  std::optional<UpperLevelFlags> upper_level_;
  const base::BoolFlag& disable_compression_;
  const base::StringFlag& ack_;
  const base::DurationFlag& timeout_;
  const base::BytesFlag& request_bytes_max_;
  const base::BytesFlag& line_bytes_max_;
  const base::BytesFlag& import_bytes_per_second_min_;
  const base::DurationFlag& csv_trim_;
  const LabelFlags labels_;
  const base::IntFlag& concurrent_max_;
  const base::DurationFlag& queue_max_;
  const TenantLimitsFlags tenant_limits_;
  const base::IntFlag& table_entries_;
  const base::BoolFlag& metadata_;
  const TenantFlags tenants_;
  const RelabelFlags relabel_;
  const base::StringFlag& reload_auth_key_;
  const base::FloatFlag& allowed_percent_;
  const base::BytesFlag& allowed_bytes_;
  const LineFlags lines_;
  const OtlpFlags otlp_;
};

}  // namespace varve::ingest

#endif  // VARVE_LIB_INGEST_INSERT_FLAGS_H_
