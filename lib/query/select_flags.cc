#include "lib/query/select_flags.h"

#include <algorithm>
#include <charconv>

#include "lib/base/hash.h"
#include "lib/base/log.h"
#include "lib/base/machine.h"
#include "lib/base/status.h"
#include "lib/base/strings.h"
#include "lib/base/version.h"
#include "lib/promql/filter_flags.h"

namespace varve::query {
namespace {

constexpr int kStorageSelectPort = 8401;

// Known to operators, without effect yet and missed by whoever sets them.
constexpr std::string_view kNotYet[] = {
    "pushmetrics.url",
    "retentionFilter",
};

// Known to operators; nothing here depends on them.
constexpr std::string_view kIgnored[] = {
    "cacheExpireDuration",
    "blockcache.missesBeforeCaching",
    "clusternative.disableCompression",
    "clusternative.maxConcurrentRequests",
    "clusternative.maxQueueDuration",
    "clusternative.maxTagKeys",
    "clusternative.maxTagValueSuffixesPerSearch",
    "clusternative.maxTagValues",
    "insert.maxQueueDuration",
    "maxConcurrentInserts",
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
    "eula",
    "metrics.exposeMetadata",
    "prevCacheRemovalPercent",
    "pushmetrics.disableCompression",
    "pushmetrics.extraLabel",
    "pushmetrics.header",
    "pushmetrics.interval",
    "rpc.handshakeTimeout",
    "rpc.disableCompression",
    "search.disableImplicitConversion",
    "search.ignoreExtraFiltersAtLabelsAPI",
    "search.inmemoryBufSizeBytes",
    "search.logImplicitConversion",
    "search.logQueryMemoryUsage",
    "search.logSlowQueryStats",
    "search.logSlowQueryStatsHeaders",
    "search.maxBinaryOpPushdownLabelValues",
    "search.maxGraphitePathExpressionLen",
    "search.maxGraphiteTagKeys",
    "search.maxGraphiteTagValues",
    "search.maxSeriesPerAggrFunc",
    "search.minWindowForInstantRollupOptimization",
    "search.noStaleMarkers",
    "search.setLookbackToStep",
    "search.tenantCacheExpireDuration",
    "search.treatDotsAsIsInRegexps",
    "vmstorageUserTimeout",
    "vmui.customDashboardsPath",
    "vmui.defaultTimezone",
};

constexpr int64_t kWorkersMax = 32;
// Of the memory allowed, one part for kept answers.
constexpr int64_t kCacheShare = 8;

int64_t DefaultConcurrency() {
  return std::max<int64_t>(2, 2 * base::CpuThreads());
}

}  // namespace

absl::StatusOr<std::vector<std::pair<std::string, int>>>
ParseReplicationFactors(const std::vector<std::string>& items) {
  std::vector<std::pair<std::string, int>> factors;
  for (const std::string& item : items) {
    const size_t colon = item.rfind(':');
    const std::string group = colon == item.npos ? "" : item.substr(0, colon);
    const std::string number =
        colon == item.npos ? item : item.substr(colon + 1);
    int factor = 0;
    const char* end = number.data() + number.size();
    const auto [stop, error] = std::from_chars(number.data(), end, factor);
    if (error != std::errc() || stop != end || factor < 1 ||
        (colon != item.npos && group.empty())) {
      return base::InvalidArgument(
          "-replicationFactor=", item,
          ": expected a number above 0, or group:number");
    }
    // As of other flags the last one holds.
    const auto same = std::ranges::find(
        factors, group, &std::pair<std::string, int>::first);
    if (same != factors.end()) {
      same->second = factor;
    } else {
      factors.emplace_back(group, factor);
    }
  }
  return factors;
}

SelectFlags::QueryFlags::QueryFlags(base::FlagSet& flags)
    : dialect(flags.String("search.dialect", "promql",
                           "By which rules queries without a `dialect` are "
                           "evaluated: promql or metricsql")),
      latency_offset(flags.Duration(
          "search.latencyOffset", "30s",
          "In the metricsql dialect: how old the newest samples shown are")),
      min_staleness(flags.Duration(
          "search.minStalenessInterval", "0",
          "In the metricsql dialect: the least distance of samples that "
          "belong together. 0: as far as those of the series are")),
      max_staleness(flags.Duration(
          "search.maxStalenessInterval", "0",
          "In the metricsql dialect: the largest distance of samples that "
          "belong together; max_lookback of a request goes before it. 0: as "
          "far as those of the series are")),
      max_step_for_adjustment(flags.Duration(
          "search.maxStepForPointsAdjustment", "1m",
          "In the metricsql dialect: steps from here on show their newest "
          "points as they are, whatever -search.latencyOffset")),
      max_concurrent_requests(flags.Int(
          "search.maxConcurrentRequests", 0,
          "Queries that run at once; others wait. 0: twice the CPUs")),
      max_queue_duration(flags.Duration(
          "search.maxQueueDuration", "10s",
          "How long a query waits for its turn before it is refused")),
      max_query_duration(flags.Duration("search.maxQueryDuration", "30s",
                                        "The longest a query may run")),
      max_query_bytes(
          flags.Bytes("search.maxQueryLen", "16KiB", "The longest query text")),
      max_samples_per_query(
          flags.Int("search.maxSamplesPerQuery", 1'000'000'000,
                    "Raw samples a query may read; bounds CPU and memory")),
      max_samples_per_series(
          flags.Int("search.maxSamplesPerSeries", 30'000'000,
                    "Raw samples a query may read of one series")),
      max_unique_series(
          flags.Int("search.maxUniqueTimeseries", 0,
                    "Series a query may select. 0: the storage nodes decide")),
      max_points(flags.Int("search.maxPointsPerTimeseries", 30'000,
                           "Points per series that query_range may return")),
      max_subquery_points(
          flags.Int("search.maxPointsSubqueryPerTimeseries", 100'000,
                    "Points per series that a subquery may generate")),
      max_query_memory(flags.Bytes(
          "search.maxMemoryPerQuery", "0",
          "Memory one query may use. 0: a quarter of what the process may")),
      max_workers(flags.Int("search.maxWorkersPerQuery", 0,
                            "Threads of one query. 0: the CPUs, at most 32")),
      max_response_series(flags.Int(
          "search.maxResponseSeries", 0,
          "Series that query and query_range may return. 0: no limit")),
      lookback(flags.Duration(
          "search.maxLookback", "5m",
          "How far an instant selector looks back for a sample")),
      deny_partial(flags.Bool(
          "search.denyPartialResponse", false,
          "Answer 503 instead of a partial result when nodes are missing")),
      delayed_name_removal(flags.Bool(
          "search.delayedNameRemoval", true,
          "Functions drop the metric name at the end of the query only, as "
          "Prometheus with promql-delayed-name-removal")),
      disable_pushdown(flags.Bool(
          "search.disablePushdown", false,
          "Storage nodes give samples and aggregate nothing themselves; "
          "nopushdown=1 for one query")),
      log_slow_query_duration(
          flags.Duration("search.logSlowQueryDuration", "5s",
                         "Queries that take longer are logged. 0: none")),
      deny_trace(flags.Bool("denyQueryTracing", false,
                            "trace=1 of queries has no effect")),
      tenants_in_headers(flags.Bool(
          "enableMultitenancyViaHeaders", true,
          "Take the tenant from the headers AccountID and ProjectID, or "
          "X-Scope-OrgID, where the path has none")),
      top_queries_max(flags.Int(
          "search.queryStats.lastQueriesCount", 20'000,
          "The last queries that status/top_queries knows of. 0: none")),
      top_duration_min(flags.Duration(
          "search.queryStats.minQueryDuration", "1ms",
          "Quicker queries are left out there, unless for their memory")),
      top_memory_min(flags.Bytes(
          "search.queryStats.minQueryMemoryUsage", "1KiB",
          "Queries that take less are left out there, unless for their "
          "duration")) {}

SelectFlags::CacheFlags::CacheFlags(base::FlagSet& flags)
    : disable(flags.Bool("search.disableCache", false,
                         "Keep no answers of range queries")),
      timestamp_offset(flags.Duration(
          "search.cacheTimestampOffset", "5m",
          "Steps of range queries younger than this are not kept; those of "
          "the last five minutes never are")),
      path(flags.String("cacheDataPath", "",
                        "Folder that keeps answers of range queries over a "
                        "restart; empty: they are forgotten")),
      reset_at_start(flags.Bool("search.resetRollupResultCacheOnStartup", false,
                                "Start without the answers of the run "
                                "before")) {}

SelectFlags::EndpointFlags::EndpointFlags(base::FlagSet& flags)
    : max_series(flags.Int("search.maxSeries", 30'000,
                           "Series that /api/v1/series may return")),
      max_federate_series(flags.Int("search.maxFederateSeries", 1'000'000,
                                    "Series that /federate may return")),
      max_export_series(flags.Int("search.maxExportSeries", 10'000'000,
                                  "Series that /api/v1/export may return")),
      max_export_duration(flags.Duration("search.maxExportDuration", "720h",
                                         "The longest an export may run")),
      max_graphite_series(
          flags.Int("search.maxGraphiteSeries", 300'000,
                    "Paths, tags or values that Graphite's API may return, "
                    "and series that a render reads")),
      graphite_step(flags.Duration(
          "search.graphiteStorageStep", "10s",
          "How far apart the points of Graphite's render API are")),
      graphite_points(
          flags.Int("search.graphiteMaxPointsPerSeries", 1'000'000,
                    "Points of a series that Graphite's render API computes")),
      max_labels_series(
          flags.Int("search.maxLabelsAPISeries", 1'000'000,
                    "Series that label APIs may scan for match[]")),
      max_labels_duration(flags.Duration("search.maxLabelsAPIDuration", "5s",
                                         "The longest label APIs may run")),
      max_status_duration(
          flags.Duration("search.maxStatusRequestDuration", "5m",
                         "The longest /api/v1/status/* may run")),
      max_status_series(flags.Int("search.maxTSDBStatusSeries", 10'000'000,
                                  "Series that /api/v1/status/tsdb may scan")),
      max_status_top(flags.Int("search.maxTSDBStatusTopNSeries", 1'000,
                               "The largest topN of /api/v1/status/tsdb")),
      reset_cache_auth_key(flags.Secret(
          "search.resetCacheAuthKey",
          "Value of ?authKey= that /internal/resetRollupResultCache asks "
          "for")),
      delete_auth_key(flags.Secret(
          "deleteAuthKey", "Value of ?authKey= that delete_series asks for")),
      max_delete_series(
          flags.Int("search.maxDeleteSeries", 1'000'000,
                    "Series of one storage node that a delete may match")),
      max_delete_duration(flags.Duration("search.maxDeleteDuration", "5m",
                                         "The longest a delete may run")),
      reset_usage_auth_key(flags.Secret(
          "metricNamesStatsResetAuthKey",
          "Value of ?authKey= that metric_names_stats/reset asks for")) {}

SelectFlags::SelectFlags(base::FlagSet& flags, SelectDeployment deployment)
    : flags_(flags),
      allowed_percent_(flags.Float(
          "memory.allowedPercent", 60,
          "Percent of the memory limit that data structures may take")),
      allowed_bytes_(
          flags.Bytes("memory.allowedBytes", "0",
                      "Memory that data structures may take; overrides "
                      "-memory.allowedPercent when above 0")),
      dedup_interval_(flags.Duration(
          "dedup.minScrapeInterval", "0",
          "Only the last sample of each interval of this length is read; an "
          "explicit 0 keeps all distinct samples")),
      downsampling_(flags.List(
          "downsampling.period", "",
          "[{filter}:]offset:interval, as on the storage nodes: merged samples "
          "older than offset are thinned to the last of each interval")),
      vmalert_url_(flags.String(
          "vmalert.proxyURL", "",
          "http://host:port of the vmalert that requests about rules, alerts "
          "and notifiers, and below vmalert/, are handed to; empty: there are "
          "none")),
      query_(flags),
      cache_(flags),
      endpoint_(flags) {
  if (deployment == SelectDeployment::kCluster) {
    nodes_.emplace(flags, kStorageSelectPort);
    replication_factors_ = &flags.List(
        "replicationFactor", "1",
        "How many copies of each sample the inserts write, as number or "
        "group:number; fewer failed nodes leave answers complete");
    global_replication_factor_ =
        &flags.Int("globalReplicationFactor", 1,
                   "How many groups of storage nodes hold each sample");
    skip_slow_replicas_ = &flags.Bool(
        "search.skipSlowReplicas", false,
        "All copies are read, and storage nodes that are slower than as many "
        "as -replicationFactor needs are not waited for");
    all_copies_ = &flags.Bool(
        "search.readAllCopies", false,
        "All copies of each series are read and merged, also where one is "
        "known to be complete; all_copies=1 for one query");
    select_nodes_ = &flags.List(
        "selectNode", "",
        "Addresses of all select nodes (port 8481 by default): "
        "/internal/resetRollupResultCache?propagate=1 resets their caches "
        "too");
    upper_level_address_ = &flags.String(
        "clusternativeListenAddr", "",
        "TCP address for select nodes of a level above, which name it in their "
        "-storageNode; empty: none are served");
  }
  if (deployment == SelectDeployment::kSingleProcess) {
    flags.Accept("selectNode", "Accepted, without effect");
    flags.Accept("clusternativeListenAddr", "Accepted, without effect");
    flags.Accept("search.skipSlowReplicas", "Accepted, without effect");
    flags.Accept("search.readAllCopies", "Accepted, without effect");
  }
  for (const std::string_view name : kNotYet) {
    flags.Accept(std::string(name), "Accepted, not implemented yet");
  }
  for (const std::string_view name : kIgnored) {
    flags.Accept(std::string(name), "Accepted, without effect");
  }
}

void SelectFlags::WarnOfIgnored() const {
  for (const std::string_view name : kNotYet) {
    const auto found = flags_.flags().find(std::string(name));
    if (found != flags_.flags().end() && found->second->is_set()) {
      base::LogWarn("-", name, " has no effect in this release");
    }
  }
}

int64_t SelectFlags::workers_max() const {
  const int64_t given = query_.max_workers.value();
  return std::clamp<int64_t>(given > 0 ? given : base::CpuThreads(), 1,
                             kWorkersMax);
}

int64_t SelectFlags::memory_bytes_allowed() const {
  if (allowed_bytes_.value() > 0) return allowed_bytes_.value();
  const double percent = std::clamp(allowed_percent_.value(), 1.0, 100.0);
  return static_cast<int64_t>(static_cast<double>(base::MemoryLimitBytes()) *
                              percent / 100);
}

int64_t SelectFlags::query_memory_bytes_max() const {
  return query_.max_query_memory.value() > 0 ? query_.max_query_memory.value()
                                             : memory_bytes_allowed() / 4;
}

absl::StatusOr<DialectOptions> SelectFlags::QueryFlags::Dialect() const {
  DialectOptions options;
  const auto parsed = ParseDialect(dialect.value());
  if (!parsed.ok()) {
    return base::InvalidArgument("-search.", base::Message(parsed.status()));
  }
  options.dialect = *parsed;
  options.latency_offset_ms = absl::ToInt64Milliseconds(latency_offset.value());
  options.min_staleness_interval_ms =
      absl::ToInt64Milliseconds(min_staleness.value());
  options.max_staleness_interval_ms =
      absl::ToInt64Milliseconds(max_staleness.value());
  options.max_step_for_points_adjustment_ms =
      absl::ToInt64Milliseconds(max_step_for_adjustment.value());
  return options;
}

absl::Status SelectFlags::ReadGraphite(SelectOptions& options) const {
  options.max_graphite_items =
      std::max<int64_t>(1, endpoint_.max_graphite_series.value());
  options.graphite_step_ms =
      absl::ToInt64Milliseconds(endpoint_.graphite_step.value());
  options.graphite_points_max =
      std::max<int64_t>(1, endpoint_.graphite_points.value());
  if (options.graphite_step_ms > 0) return absl::OkStatus();
  return base::InvalidArgument(
      "-search.graphiteStorageStep=",
      absl::FormatDuration(endpoint_.graphite_step.value()),
      ": expected at least 1ms");
}

absl::Status SelectFlags::ReadOthers(SelectOptions& options) const {
  if (select_nodes_ != nullptr) {
    ASSIGN_OR_RETURN(options.select_nodes,
                     ParseSelectNodes(select_nodes_->value()));
  }
  if (!vmalert_url_.value().empty()) {
    ASSIGN_OR_RETURN(options.vmalert_url,
                     VmalertProxy::ParseUrl(vmalert_url_.value()));
  }
  return absl::OkStatus();
}

absl::StatusOr<SelectOptions> SelectFlags::Options() const {
  SelectOptions options;
  ASSIGN_OR_RETURN(options.dialect, query_.Dialect());
  const int64_t concurrency = query_.max_concurrent_requests.value();
  options.max_concurrent_requests =
      concurrency > 0 ? concurrency : DefaultConcurrency();
  options.max_queue_duration = query_.max_queue_duration.value();
  options.max_query_duration = query_.max_query_duration.value();
  options.max_export_duration = endpoint_.max_export_duration.value();
  options.max_labels_duration = endpoint_.max_labels_duration.value();
  options.max_status_duration = endpoint_.max_status_duration.value();
  options.log_slow_query_duration = query_.log_slow_query_duration.value();
  options.max_query_bytes = query_.max_query_bytes.value();
  options.max_unique_series = query_.max_unique_series.value();
  options.max_series = endpoint_.max_series.value();
  options.max_labels_series = endpoint_.max_labels_series.value();
  options.max_export_series = endpoint_.max_export_series.value();
  options.max_federate_series = endpoint_.max_federate_series.value();
  options.max_status_series = endpoint_.max_status_series.value();
  options.max_status_top =
      std::max<int64_t>(1, endpoint_.max_status_top.value());
  options.max_response_series = query_.max_response_series.value();
  options.lookback_ms = absl::ToInt64Milliseconds(query_.lookback.value());
  if (options.lookback_ms <= 0) options.lookback_ms = 300'000;
  if (!cache_.disable.value()) {
    options.cache_bytes = memory_bytes_allowed() / kCacheShare;
  }
  options.cache_timestamp_offset = cache_.timestamp_offset.value();
  if (options.cache_bytes > 0 && !cache_.path.value().empty()) {
    options.cache_path = cache_.path.value() + "/rollupResult";
  }
  options.load_cache = !cache_.reset_at_start.value();
  std::string configuration =
      base::StrCat(base::kVersion, "|", int{dedup_interval_.is_set()}, "|",
                   absl::FormatDuration(dedup_interval_.value()));
  for (const std::string& period : downsampling_.value()) {
    base::StrAppend(&configuration, "|", period);
  }
  options.cache_configuration = base::Hash64Of(configuration);
  options.deny_partial = query_.deny_partial.value();
  options.delayed_name_removal = query_.delayed_name_removal.value();
  options.reset_cache_auth_key = &endpoint_.reset_cache_auth_key.value();
  options.delete_auth_key = &endpoint_.delete_auth_key.value();
  options.max_delete_series = endpoint_.max_delete_series.value();
  options.max_delete_duration = endpoint_.max_delete_duration.value();
  options.reset_usage_auth_key = &endpoint_.reset_usage_auth_key.value();
  options.deny_trace = query_.deny_trace.value();
  options.tenants_in_headers = query_.tenants_in_headers.value();
  options.top_queries = {
      .queries_max = query_.top_queries_max.value(),
      .duration_ms_min =
          absl::ToInt64Milliseconds(query_.top_duration_min.value()),
      .memory_bytes_min = query_.top_memory_min.value()};
  options.flags = &flags_;
  RETURN_IF_ERROR(ReadOthers(options));
  RETURN_IF_ERROR(ReadGraphite(options));
  options.max_samples_per_series = query_.max_samples_per_series.value();
  options.limits.samples_max = query_.max_samples_per_query.value();
  options.limits.points_per_series_max = query_.max_points.value();
  options.limits.subquery_points_max = query_.max_subquery_points.value();
  options.limits.memory_bytes_max = query_memory_bytes_max();
  options.limits.threads_max = static_cast<int>(workers_max());
  return options;
}

absl::StatusOr<cluster::ReaderOptions> SelectFlags::ReaderOptions() const {
  cluster::ReaderOptions options;
  options.dedup.interval_ms =
      absl::ToInt64Milliseconds(dedup_interval_.value());
  options.dedup.keep_all =
      dedup_interval_.is_set() && options.dedup.interval_ms == 0;
  options.memory_bytes_max = query_memory_bytes_max();
  options.pushdown = !query_.disable_pushdown.value();
  ASSIGN_OR_RETURN(options.downsampling,
                   promql::ParseDownsampling(downsampling_.value(),
                                             options.dedup.interval_ms));
  if (replication_factors_ == nullptr) {
    options.replication_factors = {{"", 1}};
    return options;
  }
  ASSIGN_OR_RETURN(options.replication_factors,
                   ParseReplicationFactors(replication_factors_->value()));
  if (global_replication_factor_->value() < 1) {
    return base::InvalidArgument(
        "-globalReplicationFactor=", global_replication_factor_->value(),
        ": expected a number above 0");
  }
  options.global_replication_factor =
      static_cast<int>(global_replication_factor_->value());
  options.skip_slow_replicas = skip_slow_replicas_->value();
  options.all_copies = all_copies_->value();
  return options;
}

}  // namespace varve::query
