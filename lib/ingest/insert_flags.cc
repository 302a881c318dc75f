#include "lib/ingest/insert_flags.h"

#include <algorithm>

#include "lib/base/log.h"
#include "lib/base/machine.h"
#include "lib/base/status.h"

namespace varve::ingest {
namespace {

// An entry of the series table with two copies and its index, rounded up.
constexpr int64_t kTableEntryBytes = 64;

constexpr int kStorageInsertPort = 8400;

// Known to operators, without effect yet and missed by whoever sets them.
constexpr const char* kNotYet[] = {"dropSamplesOnOverload"};

// Of no use where there is one storage node.
constexpr const char* kOfClusters[] = {
    "clusternative.vminsertConnsShutdownDuration", "clusternativeListenAddr",
    "disableRerouting", "disableReroutingOnUnavailable"};

// Known to operators; without effect here and nothing is lost by it.
constexpr const char* kAccepted[] = {
    "blockcache.missesBeforeCaching",
    "cacheExpireDuration",
    "cluster.tls",
    "cluster.tlsCAFile",
    "cluster.tlsCertFile",
    "cluster.tlsCipherSuites",
    "cluster.tlsInsecureSkipVerify",
    "cluster.tlsKeyFile",
    "eula",
    "filestream.disableFadvise",
    "fs.disableMincore",
    "fs.disableMmap",
    "fs.maxConcurrency",
    "internStringCacheExpireDuration",
    "internStringDisableCache",
    "internStringMaxLen",
    "license",
    "license.forceOffline",
    "licenseFile",
    "licenseFile.reloadInterval",
    "prevCacheRemovalPercent",
    "rpc.handshakeTimeout",
    "sortLabels",
    "vmstorageUserTimeout"};

void AcceptKnown(base::FlagSet& flags) {
  for (const char* name : kNotYet) {
    flags.Accept(name, "Accepted, not implemented yet");
  }
  for (const char* name : kAccepted) {
    flags.Accept(name, "Accepted for compatibility, without effect");
  }
}

void AcceptOfClusters(base::FlagSet& flags) {
  cluster::NodeFlags::AcceptOnly(flags);
  for (const char* name : kOfClusters) {
    flags.Accept(name, "Accepted for compatibility, without effect");
  }
}

}  // namespace

InsertFlags::TenantLimitsFlags::TenantLimitsFlags(base::FlagSet& flags)
    : path(flags.String(
          "insert.tenantLimits", "",
          "File of limits by tenant: rate of samples, active series, labels, "
          "size of requests; docs/operations.md describes it")),
      check_interval(flags.Duration(
          "insert.tenantLimitsCheckInterval", "10s",
          "How often -insert.tenantLimits is looked at for changes; 0: only at "
          "SIGHUP and /-/reload")) {}

InsertFlags::OutageFlags::OutageFlags(base::FlagSet& flags)
    : hint_age_max(flags.Duration(
          "insert.hintMaxAge", "1h",
          "How long the copies of a storage node that is down are kept for it "
          "by other nodes; after that they store them as their own; 0: at "
          "once")),
      reroute_slow_disabled(flags.Bool(
          "disableRerouting", false,
          "Other storage nodes do not store, as their own, rows of a node that "
          "is connected but answers too slowly or with errors")),
      reroute_unavailable_disabled(flags.Bool(
          "disableReroutingOnUnavailable", false,
          "Other storage nodes do not store, as their own, rows of a node that "
          "is not connected")) {}

InsertFlags::UpperLevelFlags::UpperLevelFlags(base::FlagSet& flags)
    : address(flags.String(
          "clusternativeListenAddr", "",
          "TCP address for insert nodes of a level above, which name it in "
          "their -storageNode; empty: none are served")),
      closing(flags.Duration(
          "clusternative.vminsertConnsShutdownDuration", "25s",
          "Over how long the connections of insert nodes of a level above are "
          "closed at the end, one after another")) {}

InsertFlags::LabelFlags::LabelFlags(base::FlagSet& flags)
    : count_max(flags.Int("maxLabelsPerTimeseries", 40,
                          "Series with more labels are rejected")),
      name_bytes_max(flags.Int("maxLabelNameLen", 256,
                               "Longest label name taken, in bytes")),
      value_bytes_max(flags.Int("maxLabelValueLen", 4096,
                                "Longest label value taken, in bytes")) {}

InsertFlags::TenantFlags::TenantFlags(base::FlagSet& flags)
    : in_headers(flags.Bool(
          "enableMultitenancyViaHeaders", true,
          "Take the tenant from the headers AccountID and ProjectID, or "
          "X-Scope-OrgID, where the path has none")),
      require_org_id(flags.Bool(
          "mimir.requireOrgID", false,
          "Answer 401 to a request to one of Mimir's paths (/api/v1/push, "
          "/otlp/v1/metrics) without a tenant in its headers; false: it is of "
          "tenant 0:0")) {}

InsertFlags::InsertFlags(base::FlagSet& flags, InsertDeployment deployment)
    : flags_(flags),
      deployment_(deployment),
      disable_compression_(flags.Bool(
          "rpc.disableCompression", false,
          "Send rows to storage nodes uncompressed: less CPU, more network")),
      ack_(flags.String(
          "insert.ack", "durable",
          "When a write is answered: durable (its copies are on disk), "
          "written (in the log, not yet synced) or memory")),
      timeout_(flags.Duration(
          "insert.timeout", "10s",
          "How long a write waits for storage nodes before it is a 503")),
      request_bytes_max_(flags.Bytes(
          "maxInsertRequestSize", "32MiB",
          "The largest request body taken, measured after decompression; "
          "imports are stored while they come and have any size")),
      line_bytes_max_(flags.Bytes("import.maxLineLen", "10MiB",
                                  "The longest line of an import")),
      import_bytes_per_second_min_(flags.Bytes(
          "import.minBytesPerSecond", "32KiB",
          "A client that sends a large import more slowly, over 10s of waiting "
          "for it, gives its place to others that wait; 0: never")),
      csv_trim_(flags.Duration("csvTrimTimestamp", "1ms",
                               "Times of CSV are cut down to multiples of it")),
      labels_(flags),
      concurrent_max_(
          flags.Int("maxConcurrentInserts", 0,
                    "How many writes are handled at once; 0: twice the CPUs")),
      queue_max_(
          flags.Duration("insert.maxQueueDuration", "1m",
                         "How long a write waits for -maxConcurrentInserts")),
      tenant_limits_(flags),
      table_entries_(flags.Int(
          "insert.maxCachedSeries", 0,
          "Series whose place is kept; 0: as fit an eighth of the memory")),
      metadata_(flags.Bool("enableMetadata", true,
                           "Store types, help texts and units of metrics")),
      tenants_(flags),
      relabel_(flags),
      reload_auth_key_(flags.Secret(
          "reloadAuthKey", "Value of ?authKey= that /-/reload asks for")),
      allowed_percent_(flags.Float(
          "memory.allowedPercent", 60,
          "Percent of the memory limit that data structures may take")),
      allowed_bytes_(
          flags.Bytes("memory.allowedBytes", "0",
                      "Memory that data structures may take; overrides "
                      "-memory.allowedPercent when above 0")),
      lines_(flags),
      otlp_(flags) {
  if (deployment == InsertDeployment::kCluster) {
    nodes_.emplace(flags, kStorageInsertPort);
    replication_factor_ = &flags.Int("replicationFactor", 1,
                                     "Storage nodes that get each sample");
    copies_min_ = &flags.Int(
        "insert.minCopies", 0,
        "Copies without which a write is a 503 when nodes are down; 0: one "
        "less than -replicationFactor, at least 1");
    outages_.emplace(flags);
    upper_level_.emplace(flags);
  } else {
    AcceptOfClusters(flags);
  }
  AcceptKnown(flags);
}

absl::Status InsertFlags::Validate() const {
  if (ack_.value() != "durable" && ack_.value() != "written" &&
      ack_.value() != "memory") {
    return base::InvalidArgument("-insert.ack=", ack_.value(),
                                 " is none of durable, written, memory");
  }
  RETURN_IF_ERROR(otlp_.Validate());
  if (request_bytes_max_.value() <= 0) {
    return base::InvalidArgument("-maxInsertRequestSize must be above 0");
  }
  RETURN_IF_ERROR(lines_.Validate());
  if (deployment_ == InsertDeployment::kSingleProcess) return absl::OkStatus();
  if (nodes_->empty()) {
    return base::InvalidArgument("missing -storageNode arg");
  }
  const int64_t factor = replication_factor_->value();
  if (factor < 1 ||
      factor > static_cast<int64_t>(cluster::kReplicationFactorMax)) {
    return base::InvalidArgument("-replicationFactor=", factor,
                                 " is not within 1 and ",
                                 cluster::kReplicationFactorMax);
  }
  if (copies_min_->value() < 0 || copies_min_->value() > factor) {
    return base::InvalidArgument(
        "-insert.minCopies=", copies_min_->value(),
        " is not within 1 and -replicationFactor=", factor);
  }
  return absl::OkStatus();
}

void InsertFlags::WarnOfIgnored() const {
  for (const char* name : kNotYet) {
    const auto found = flags_.flags().find(name);
    if (found != flags_.flags().end() && found->second->is_set()) {
      base::LogWarn("-", name, " has no effect in this release");
    }
  }
}

int64_t InsertFlags::memory_bytes_allowed() const {
  if (allowed_bytes_.value() > 0) return allowed_bytes_.value();
  return static_cast<int64_t>(static_cast<double>(base::MemoryLimitBytes()) *
                              allowed_percent_.value() / 100);
}

int InsertFlags::concurrent_max() const {
  const int64_t set = concurrent_max_.value();
  return set > 0 ? static_cast<int>(std::min<int64_t>(set, 10'000))
                 : 2 * base::CpuThreads();
}

void InsertFlags::Fill(cluster::WriterOptions& options) const {
  if (replication_factor_ != nullptr) {
    options.replication_factor = static_cast<int>(replication_factor_->value());
    options.copies_min = static_cast<int>(copies_min_->value());
  }
  if (outages_.has_value()) {
    options.hint_age_max = outages_->hint_age_max.value();
    options.reroute_slow = !outages_->reroute_slow_disabled.value();
    options.reroute_unavailable =
        !outages_->reroute_unavailable_disabled.value();
  }
  options.ack = ack_.value() == "durable"   ? 0
                : ack_.value() == "written" ? 1
                                            : 2;
  options.compress = !disable_compression_.value() &&
                     deployment_ == InsertDeployment::kCluster;
  options.timeout = timeout_.value();
}

void InsertFlags::Fill(InserterOptions& options) const {
  options.limits = {.labels_max = labels_.count_max.value(),
                    .label_name_bytes_max = labels_.name_bytes_max.value(),
                    .label_value_bytes_max = labels_.value_bytes_max.value()};
  options.prometheus_names = relabel_.prometheus_names();
  options.metadata = metadata_.value();
  options.table_entries_max =
      static_cast<size_t>(table_entries_.value() > 0
                              ? table_entries_.value()
                              : memory_bytes_allowed() / 8 / kTableEntryBytes);
  if (replication_factor_ != nullptr) {
    options.copies = static_cast<size_t>(replication_factor_->value());
  }
}

void InsertFlags::Fill(InsertRouteOptions& options) const {
  options.request_bytes_max = request_bytes_max_.value();
  options.line_bytes_max = line_bytes_max_.value();
  options.import_bytes_per_second_min = import_bytes_per_second_min_.value();
  options.csv_trim_ms = absl::ToInt64Milliseconds(csv_trim_.value());
  otlp_.Fill(options);
  lines_.Fill(options.lines);
  options.tenant_headers.enabled = tenants_.in_headers.value();
  options.tenant_headers.require_org_id = tenants_.require_org_id.value();
  options.tenantless_paths = deployment_ == InsertDeployment::kSingleProcess;
}

}  // namespace varve::ingest
