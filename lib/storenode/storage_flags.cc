#include "lib/storenode/storage_flags.h"

#include <algorithm>

#include "lib/base/hash.h"
#include "lib/base/machine.h"
#include "lib/base/status.h"
#include "lib/base/strings.h"
#include "lib/promql/filter_flags.h"

namespace varve::storenode {
namespace {

// Known to operators of this kind of database, without effect here; taken so
// that a manifest starts unchanged. docs/compatibility.md says why each.
constexpr const char* kAccepted[] = {
    "bigMergeConcurrency",
    "blockcache.missesBeforeCaching",
    "cacheExpireDuration",
    "cluster.tls",
    "cluster.tlsCAFile",
    "cluster.tlsCertFile",
    "cluster.tlsCipherSuites",
    "cluster.tlsInsecureSkipVerify",
    "cluster.tlsKeyFile",
    "denyQueryTracing",
    "disablePerDayIndex",
    "eula",
    "filestream.disableFadvise",
    "finalDedupScheduleCheckInterval",
    "finalMergeDelay",
    "fs.disableMincore",
    "fs.disableMmap",
    "fs.maxConcurrency",
    "inmemoryDataFlushInterval",
    "internStringCacheExpireDuration",
    "internStringDisableCache",
    "internStringMaxLen",
    "license",
    "license.forceOffline",
    "licenseFile",
    "licenseFile.reloadInterval",
    "logNewSeries",
    "logNewSeriesAuthKey",
    "loggerErrorsPerSecondLimit",
    "loggerJSONFields",
    "loggerTimezone",
    "loggerWarnsPerSecondLimit",
    "metrics.exposeMetadata",
    "mtls",
    "mtlsCAFile",
    "pprofAuthKey",
    "precisionBits",
    "prevCacheRemovalPercent",
    "pushmetrics.disableCompression",
    "pushmetrics.extraLabel",
    "pushmetrics.header",
    "pushmetrics.interval",
    "pushmetrics.url",
    "retentionTimezoneOffset",
    "rpc.disableCompression",
    "rpc.handshakeTimeout",
    "search.maxTagKeys",
    "search.maxTagValueSuffixesPerSearch",
    "search.maxTagValues",
    "secret.flags",
    "smallMergeConcurrency",
    "snapshotCreateTimeout",
    "storage.cacheSizeIndexDBDataBlocks",
    "storage.cacheSizeIndexDBDataBlocksSparse",
    "storage.cacheSizeIndexDBIndexBlocks",
    "storage.cacheSizeIndexDBTagFilters",
    "storage.cacheSizeStorageMetricName",
    "storage.cacheSizeStorageTSID",
    "storage.finalDedupScheduleCheckInterval",
    "storage.idbPrefillStart",
    "storage.vminsertConnsShutdownDuration",
    "tls",
    "tlsAutocertCacheDir",
    "tlsAutocertEmail",
    "tlsAutocertHosts",
    "tlsCertFile",
    "tlsCipherSuites",
    "tlsKeyFile",
    "tlsMinVersion",
};

constexpr absl::Duration kDay = absl::Hours(24);
constexpr int64_t kWeightMax = 1000;

void AcceptKnown(base::FlagSet& flags) {
  for (const char* name : kAccepted) {
    flags.Accept(name, "Accepted for compatibility, without effect");
  }
}

}  // namespace

StorageBoundFlags::StorageBoundFlags(base::FlagSet& flags)
    : search_bytes(flags.Bytes(
          "search.maxStorageMemory", "0",
          "Memory that the searches of a storage node hold together; one that "
          "would go above fails; 0: an eighth of the memory limit")),
      log_bytes(flags.Bytes(
          "storage.maxLogBytes", "256MiB",
          "A write-ahead log of this size starts a flush; at twice as much "
          "writes are refused; a start after a crash replays it")),
      compaction_bytes(flags.Bytes(
          "storage.compactionBytesPerSecond", "64MiB",
          "Rewrites of blocks in the background go no faster; 0: no bound")) {}

HintFlags::HintFlags(base::FlagSet& flags)
    : bytes_max(flags.Bytes(
          "storage.maxHintsBytes", "4GiB",
          "Disk space for rows that are kept for other storage nodes while "
          "these are down; over it they go to other nodes as normal data; 0: "
          "no hints are taken")),
      replay_rate(flags.Bytes(
          "storage.hintsReplayRate", "0",
          "Bytes a second at which hints are replayed to a node that is back; "
          "0: no bound")) {}

RepairFlags::RepairFlags(base::FlagSet& flags)
    : interval(flags.Duration(
          "storage.repairInterval", "10m",
          "How long after a comparison with the other nodes that have the same "
          "data the next one begins, which pulls what is missing here; 0: only "
          "/internal/force_repair begins one")),
      rate(flags.Bytes(
          "storage.repairRate", "0",
          "Bytes a second at which missing data is pulled from other nodes; 0: "
          "no bound")),
      key(flags.Secret("forceRepairAuthKey",
                       "authKey asked by /internal/force_repair, "
                       "/internal/rebalance and /internal/cluster/forget")) {}

PlaceFlags::PlaceFlags(base::FlagSet& flags)
    : zone(flags.String(
          "storage.zone", "",
          "Where the node is: copies of a sample go to nodes of distinct zones "
          "first. Beats the zone/ of an insert node's -storageNode")),
      weight(flags.Int(
          "storage.weight", 1,
          "How much of the series the node takes beside others, 1 to 1000: one "
          "of 2 takes twice as many as one of 1")) {}

StorageFlags::KindFlags::KindFlags(base::FlagSet& flags)
    : exemplars(flags.Int(
          "storage.maxExemplarsPerSeries", 100,
          "Exemplars kept of each series between two flushes, the latest; 0: "
          "none")),
      metadata_bytes(flags.Bytes(
          "storage.maxMetadataStorageSize", "0",
          "Memory for types, help texts and units of metrics; over it the ones "
          "not sent for longest go; 0: 1% of the memory")) {}

StorageFlags::RetentionFlags::RetentionFlags(base::FlagSet& flags)
    : period(flags.Retention(
          "retentionPeriod", "1",
          "Data older than this goes; suffixes s h d w M y, a bare number is "
          "months; at least 1d")),
      future(flags.Retention(
          "futureRetention", "2d",
          "Samples further in the future than this are dropped; at least 2d")),
      backfill_age(flags.Retention(
          "maxBackfillAge", "0",
          "Samples older than this are dropped; 0: -retentionPeriod decides")),
      filters(flags.List(
          "retentionFilter", "",
          "{filter}:retention keeps matching series for less than "
          "-retentionPeriod; vm_account_id and vm_project_id match tenants; of "
          "several that match the shortest holds")),
      downsampling(flags.List(
          "downsampling.period", "",
          "[{filter}:]offset:interval keeps the last sample of each interval "
          "of samples older than offset; the first filter that matches a "
          "series holds. To be set on select nodes too")),
      deny_outside(flags.Bool(
          "denyQueriesOutsideRetention", false,
          "Refuse queries that reach outside of -retentionPeriod and "
          "-futureRetention")) {}

StorageFlags::SeriesFlags::SeriesFlags(base::FlagSet& flags)
    : hourly(flags.Int(
          "storage.maxHourlySeries", 0,
          "Series that may be active in an hour; more are refused and their "
          "rows counted; 0: no limit, -1: only counted")),
      daily(flags.Int("storage.maxDailySeries", 0,
                      "As -storage.maxHourlySeries, in a day (UTC)")),
      hourly_per_tenant(
          flags.Int("storage.maxHourlySeriesPerTenant", 0,
                    "As -storage.maxHourlySeries, of each tenant")),
      daily_per_tenant(
          flags.Int("storage.maxDailySeriesPerTenant", 0,
                    "As -storage.maxDailySeries, of each tenant")),
      track_names(flags.Bool(
          "storage.trackMetricNamesStats", true,
          "Count the queries of each metric name for metric_names_stats")),
      names_bytes(flags.Bytes(
          "storage.cacheSizeMetricNamesStats", "0",
          "Memory for -storage.trackMetricNamesStats; names beyond are not "
          "counted; 0: 1% of the memory limit")) {}

StorageFlags::StorageFlags(base::FlagSet& flags, std::string default_path)
    : path_(flags.String("storageDataPath", std::move(default_path),
                         "Where the data is kept")),
      retention_(flags),
      insert_address_(flags.String("vminsertAddr", ":8400",
                                   "TCP address for insert nodes")),
      select_address_(flags.String("vmselectAddr", ":8401",
                                   "TCP address for select nodes")),
      dedup_interval_(flags.Duration(
          "dedup.minScrapeInterval", "0s",
          "Of samples of one series nearer than this the last is read; an "
          "explicit 0 keeps samples of equal timestamps")),
      free_disk_(flags.Bytes(
          "storage.minFreeDiskSpaceBytes", "100MB",
          "With less free space at -storageDataPath writes are refused")),
      kinds_(flags),
      unique_series_(flags.Int(
          "search.maxUniqueTimeseries", 0,
          "Series one query may match; 0: from the memory limit")),
      searches_(flags.Int("search.maxConcurrentRequests", 0,
                          "Searches at a time; 0: twice the CPUs")),
      search_queue_(flags.Duration(
          "search.maxQueueDuration", "10s",
          "How long a search waits for -search.maxConcurrentRequests")),
      inserts_(flags.Int("maxConcurrentInserts", 0,
                         "Writes at a time; 0: twice the CPUs, at least 16")),
      insert_queue_(flags.Duration(
          "insert.maxQueueDuration", "1m",
          "How long a write waits for -maxConcurrentInserts")),
      series_(flags),
      memory_percent_(flags.Float(
          "memory.allowedPercent", 60,
          "Percent of the memory limit that heads and caches may use")),
      memory_bytes_(flags.Bytes("memory.allowedBytes", "0",
                                "As -memory.allowedPercent, in bytes")),
      flush_interval_(flags.Duration(
          "storage.flushInterval", "1h",
          "Recent samples go from memory to blocks after this")),
      bounds_(flags),
      hints_(flags),
      repair_(flags),
      place_(flags),
      snapshots_age_(flags.Retention("snapshotsMaxAge", "3d",
                                     "Older snapshots go; 0: they stay")),
      snapshot_key_(flags.Secret("snapshotAuthKey",
                                 "authKey asked by /snapshot/*")),
      merge_key_(flags.Secret("forceMergeAuthKey",
                              "authKey asked by /internal/force_merge")),
      flush_key_(flags.Secret("forceFlushAuthKey",
                              "authKey asked by /internal/force_flush")) {
  AcceptKnown(flags);
}

absl::Status StorageFlags::Check() const {
  if (retention_.period.value() < kDay) {
    return base::InvalidArgument(
        "-retentionPeriod cannot be smaller than a day; got ",
        retention_.period.text());
  }
  if (retention_.future.value() < 2 * kDay) {
    return base::InvalidArgument(
        "-futureRetention cannot be smaller than two days; got ",
        retention_.future.text());
  }
  if (place_.weight.value() < 1 || place_.weight.value() > kWeightMax) {
    return base::InvalidArgument("-storage.weight=", place_.weight.value(),
                                 ": 1 to ", kWeightMax, " are possible");
  }
  RETURN_IF_ERROR(RetentionFilters().status());
  return Downsampling().status();
}

absl::StatusOr<std::vector<model::RetentionFilter>>
StorageFlags::RetentionFilters() const {
  return promql::ParseRetentionFilters(
      retention_.filters.value(),
      absl::ToInt64Milliseconds(retention_.period.value()));
}

absl::StatusOr<model::DownsampleRules> StorageFlags::Downsampling() const {
  return promql::ParseDownsampling(retention_.downsampling.value(),
                                   dedup().interval_ms);
}

uint64_t StorageFlags::rules_hash() const {
  std::string rules = base::StrCat(
      absl::FormatDuration(retention_.period.value()), "|",
      absl::FormatDuration(retention_.future.value()), "|",
      absl::FormatDuration(retention_.backfill_age.value()));
  for (const base::ListFlag* list :
       {&retention_.filters, &retention_.downsampling}) {
    rules += "|";
    for (const std::string& item : list->value()) {
      base::StrAppend(&rules, item, ",");
    }
  }
  return base::Hash64Of(rules);
}

storage::EngineOptions StorageFlags::EngineOptions() const {
  storage::EngineOptions options;
  options.path = path_.value();
  options.retention_ms = absl::ToInt64Milliseconds(retention_.period.value());
  options.future_retention_ms =
      absl::ToInt64Milliseconds(retention_.future.value());
  options.max_backfill_age_ms =
      absl::ToInt64Milliseconds(retention_.backfill_age.value());
  options.deny_outside_retention = retention_.deny_outside.value();
  options.retention_filters = *RetentionFilters();
  options.downsampling = *Downsampling();
  options.dedup = dedup();
  options.flush_interval_ms =
      absl::ToInt64Milliseconds(flush_interval_.value());
  options.wal_bytes_max = bounds_.log_bytes.value();
  // A quarter for the head (two generations during a flush), a tenth for
  // blocks, an eighth for searches; the rest is the index's and the
  // allocator's. /metrics shows the shares (varve_memory_budget_bytes).
  options.head_bytes_max = std::max<int64_t>(16 << 20, memory_bytes() / 4);
  options.block_cache_bytes = std::max<int64_t>(8 << 20, memory_bytes() / 10);
  options.label_page_bytes =
      std::clamp<int64_t>(memory_bytes() / 32, 4 << 20, 1 << 30);
  options.unique_series_max = unique_series_max();
  options.series_limits = series_limits();
  options.search_bytes_max = bounds_.search_bytes.value();
  if (options.search_bytes_max <= 0) {
    options.search_bytes_max = std::max<int64_t>(32 << 20, memory_bytes() / 8);
  }
  options.compaction_bytes_per_second = bounds_.compaction_bytes.value();
  options.hint_bytes_max = hints_.bytes_max.value();
  // Of 40 bytes each: a sixteenth, taken only while nodes are down.
  options.hint_series_max =
      std::max<int64_t>(100'000, memory_bytes() / 16 / 40);
  options.exemplars_per_series_max = kinds_.exemplars.value();
  options.metadata_bytes_max = kinds_.metadata_bytes.value() > 0
                                   ? kinds_.metadata_bytes.value()
                                   : memory_bytes() / 100;
  options.name_usage_bytes_max = 0;
  if (series_.track_names.value()) {
    options.name_usage_bytes_max =
        series_.names_bytes.value() > 0
            ? series_.names_bytes.value()
            : std::max<int64_t>(1 << 20, memory_bytes() / 100);
  }
  options.free_disk_bytes_min = free_disk_.value();
  options.snapshots_age_max_ms =
      absl::ToInt64Milliseconds(snapshots_age_.value());
  return options;
}

model::DedupRule StorageFlags::dedup() const {
  const int64_t interval_ms =
      absl::ToInt64Milliseconds(dedup_interval_.value());
  return {.interval_ms = interval_ms,
          .keep_all = interval_ms == 0 && dedup_interval_.is_set()};
}

storage::SeriesLimits StorageFlags::series_limits() const {
  return {.hourly = series_.hourly.value(),
          .daily = series_.daily.value(),
          .hourly_per_tenant = series_.hourly_per_tenant.value(),
          .daily_per_tenant = series_.daily_per_tenant.value()};
}

int64_t StorageFlags::memory_bytes() const {
  if (memory_bytes_.value() > 0) return memory_bytes_.value();
  const double percent = std::clamp(memory_percent_.value(), 1.0, 100.0);
  return static_cast<int64_t>(
      static_cast<double>(base::MemoryLimitBytes()) * percent / 100);
}

int64_t StorageFlags::unique_series_max() const {
  if (unique_series_.value() > 0) return unique_series_.value();
  // 200 bytes for each series of each search that may run.
  return std::max<int64_t>(1000, memory_bytes() / 200 / searches_max());
}

int64_t StorageFlags::searches_max() const {
  if (searches_.value() > 0) return searches_.value();
  return std::clamp<int64_t>(2 * base::CpuThreads(), 2, 16);
}

int64_t StorageFlags::inserts_max() const {
  if (inserts_.value() > 0) return inserts_.value();
  // Most of a durable write is waiting for a shared fsync.
  return std::max<int64_t>(16, 2 * base::CpuThreads());
}

}  // namespace varve::storenode
