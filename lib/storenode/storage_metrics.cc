#include "lib/storenode/storage_metrics.h"

#include <limits>

#include "lib/base/clock.h"
#include "storage/engine/hints.h"

namespace varve::storenode {
namespace {

// One scrape asks about a hundred times; a walk over the engine for each would
// cost more than the scrape. Short, because tests and people read a counter
// right after a write.
constexpr int64_t kStatsKeptMs = 5;

using storage::EngineStats;

double Zero(const EngineStats&) { return 0; }

constexpr const char* kPartTypes[] = {"storage/inmemory", "storage/small",
                                      "storage/big", "indexdb/inmemory",
                                      "indexdb/file"};

constexpr const char* kCacheTypes[] = {
    "storage/tsid",
    "storage/metricName",
    "storage/metricIDs",
    "storage/hour_metric_ids",
    "storage/next_day_metric_ids",
    "storage/indexBlocks",
    "storage/regexps",
    "storage/regexpPrefixes",
    "indexdb/dataBlocks",
    "indexdb/dataBlocksSparse",
    "indexdb/indexBlocks",
    "indexdb/date_metricID",
    "indexdb/metricID",
    "indexdb/tagFiltersToMetricIDs",
    "indexdb/tagFiltersLoops",
};

double Rows(std::string_view type, const EngineStats& stats) {
  if (type == "storage/inmemory") return stats.head_samples;
  if (type == "storage/small") return stats.data_rows;
  if (type == "indexdb/inmemory") return stats.index_series_in_ram;
  if (type == "indexdb/file") return stats.index_rows;
  return 0;
}

// On disk: alerts compare their sum with the disk's use.
double Bytes(std::string_view type, const EngineStats& stats) {
  if (type == "storage/inmemory") return stats.wal_bytes;
  if (type == "storage/small") return stats.data_bytes;
  if (type == "indexdb/file") return stats.index_bytes;
  return 0;
}

}  // namespace

StorageMetrics::StorageMetrics(telemetry::Metrics* metrics,
                               const storage::Engine* engine,
                               const KeptState* kept,
                               const StorageFlags* flags,
                               const RequestGate* inserts,
                               const RequestGate* searches)
    : metrics_(metrics),
      engine_(engine),
      flags_(flags),
      inserts_(inserts),
      searches_(searches) {
  AddRowsAndBytes();
  AddCounters();
  AddLimits();
  AddMemory();
  AddCaches();
  metrics_->AddCallback(this, "varve_missed_records", {}, [kept] {
    const absl::StatusOr<int64_t> count = kept->MissedCount();
    const absl::StatusOr<int64_t> doubts = kept->ring_coverage().DoubtsCount();
    // 0 says that the next node may go.
    return count.ok() && doubts.ok()
               ? static_cast<double>(*count + *doubts)
               : std::numeric_limits<double>::infinity();
  });
}

StorageMetrics::~StorageMetrics() { metrics_->RemoveCallbacks(this); }

EngineStats StorageMetrics::Stats() {
  const int64_t now_ms = base::SystemClock().SteadyMs();
  base::MutexLock lock(mutex_);
  if (read_at_ms_ < 0 || now_ms - read_at_ms_ >= kStatsKeptMs) {
    stats_ = engine_->Stats();
    read_at_ms_ = now_ms;
  }
  return stats_;
}

void StorageMetrics::Add(const std::string& name,
                         const telemetry::MetricLabels& labels, Read read) {
  metrics_->AddCallback(this, name, labels, [this, read = std::move(read)] {
    return read(Stats());
  });
}

void StorageMetrics::AddRowsAndBytes() {
  for (const char* type : kPartTypes) {
    const telemetry::MetricLabels labels = {{"type", type}};
    Add("vm_rows", labels,
        [type](const EngineStats& stats) { return Rows(type, stats); });
    Add("vm_data_size_bytes", labels,
        [type](const EngineStats& stats) { return Bytes(type, stats); });
    Add("vm_parts", labels, [type](const EngineStats& stats) {
      return Bytes(type, stats) > 0 ? 1 : 0;
    });
    Add("vm_active_merges", labels, [type](const EngineStats& stats) {
      return std::string_view(type) == "storage/small"
                 ? static_cast<double>(stats.running_compactions)
                 : 0;
    });
    Add("vm_rows_merged_total", labels, Zero);
    Add("vm_last_partition_parts", labels, Zero);
    Add("vm_assisted_merges_total", labels, Zero);
  }
  Add("vm_data_size_bytes", {{"type", "indexdb/metaindex"}}, Zero);
  Add("vm_pending_rows", {{"type", "storage"}}, Zero);
  Add("vm_pending_rows", {{"type", "indexdb"}}, Zero);
}

void StorageMetrics::AddCounters() {
  Add("vm_vminsert_metrics_read_total", {},
      [](const EngineStats& stats) { return stats.rows_received; });
  Add("vm_rows_received_by_storage_total", {},
      [](const EngineStats& stats) { return stats.rows_received; });
  Add("vm_rows_added_to_storage_total", {}, [](const EngineStats& stats) {
    return stats.rows_received - stats.rows_too_old - stats.rows_too_new -
           stats.rows_deleted;
  });
  Add("vm_rows_ignored_total", {{"reason", "small_timestamp"}},
      [](const EngineStats& stats) { return stats.rows_too_old; });
  Add("vm_rows_ignored_total", {{"reason", "big_timestamp"}},
      [](const EngineStats& stats) { return stats.rows_too_new; });
  Add("vm_rows_ignored_total", {{"reason", "deleted"}},
      [](const EngineStats& stats) { return stats.rows_deleted; });
  Add("vm_deleted_metrics_total", {{"type", "indexdb"}},
      [](const EngineStats& stats) { return stats.series_deleted; });
  Add("varve_deletes_total", {},
      [](const EngineStats& stats) { return stats.deletes; });
  Add("varve_tombstones", {},
      [](const EngineStats& stats) { return stats.tombstones; });
  Add("vm_new_timeseries_created_total", {},
      [](const EngineStats& stats) { return stats.series_created; });
  Add("vm_slow_row_inserts_total", {},
      [](const EngineStats& stats) { return stats.series_created; });
  Add("vm_deduplicated_samples_total", {{"type", "merge"}},
      [](const EngineStats& stats) { return stats.dedup_rows; });
  Add("vm_filestream_fsync_calls_total", {},
      [](const EngineStats& stats) { return stats.fsyncs; });
  Add("vm_filestream_fsync_duration_seconds_total", {},
      [](const EngineStats& stats) { return stats.fsync_seconds; });
  Add("vm_indexdb_items_dropped_total", {{"reason", "too_long_item"}}, Zero);
  Add("vm_missing_tsids_for_metric_id_total", {}, Zero);
  Add("vm_snapshots", {},
      [](const EngineStats& stats) { return stats.snapshots; });
  Add("varve_corrupt_blocks_total", {},
      [](const EngineStats& stats) { return stats.corrupt_blocks; });
  Add("varve_series_hash_collisions_total", {},
      [](const EngineStats& stats) { return stats.hash_collisions; });
  Add("varve_unclean_shutdown", {}, [](const EngineStats& stats) {
    return stats.unclean_shutdown ? 1 : 0;
  });
  Add("varve_log_failed", {},
      [](const EngineStats& stats) { return stats.log_failed ? 1 : 0; });
  Add("varve_log_bytes", {},
      [](const EngineStats& stats) { return stats.wal_bytes; });
  Add("varve_index_series", {},
      [](const EngineStats& stats) { return stats.index_series; });
  Add("varve_index_series_forgotten_total", {},
      [](const EngineStats& stats) { return stats.series_forgotten; });
  Add("varve_head_flushes_total", {},
      [](const EngineStats& stats) { return stats.flushes; });
  for (size_t i = 0; i < storage::kFlushReasons; ++i) {
    Add("varve_head_flush_triggers_total",
        {{"reason", storage::kFlushReasonNames[i]}},
        [i](const EngineStats& stats) { return stats.flush_triggers[i]; });
  }
  Add("varve_head_tail_bytes", {},
      [](const EngineStats& stats) { return stats.head_tail_bytes; });
  Add("varve_head_late_samples", {},
      [](const EngineStats& stats) { return stats.head_late_samples; });
  Add("varve_searches_without_blocks_total", {},
      [](const EngineStats& stats) { return stats.searches_without_blocks; });
  Add("varve_head_bytes", {},
      [](const EngineStats& stats) { return stats.head_bytes; });
  Add("varve_head_series", {},
      [](const EngineStats& stats) { return stats.head_series; });
}

void StorageMetrics::AddLimits() {
  const telemetry::MetricLabels path = {{"path", flags_->path()}};
  Add("vm_free_disk_space_bytes", path,
      [](const EngineStats& stats) { return stats.free_disk_bytes; });
  Add("vm_free_disk_space_limit_bytes", path,
      [this](const EngineStats&) { return flags_->free_disk_bytes_min(); });
  Add("vm_storage_is_read_only", path,
      [](const EngineStats& stats) { return stats.read_only ? 1 : 0; });
  Add("vm_concurrent_insert_capacity", {},
      [this](const EngineStats&) { return inserts_->capacity(); });
  Add("vm_concurrent_insert_current", {},
      [this](const EngineStats&) { return inserts_->current(); });
  Add("vm_vmselect_concurrent_requests_capacity", {},
      [this](const EngineStats&) { return searches_->capacity(); });
  Add("vm_vmselect_concurrent_requests_current", {},
      [this](const EngineStats&) { return searches_->current(); });
  Add("vm_vmselect_concurrent_requests_limit_reached_total", {},
      [this](const EngineStats&) { return searches_->reached(); });
  Add("vm_vmselect_concurrent_requests_limit_timeout_total", {},
      [this](const EngineStats&) { return searches_->timeouts(); });
  const storage::SeriesLimits limits = flags_->series_limits();
  Add("vm_hourly_series_limit_max_series", {},
      [limits](const EngineStats&) { return limits.hourly; });
  Add("vm_hourly_series_limit_current_series", {},
      [limits](const EngineStats& stats) {
        return limits.hourly != 0 || limits.hourly_per_tenant != 0
                   ? stats.series_active_hour
                   : 0;
      });
  Add("vm_hourly_series_limit_rows_dropped_total", {},
      [](const EngineStats& stats) { return stats.rows_over_hourly_limit; });
  Add("vm_daily_series_limit_max_series", {},
      [limits](const EngineStats&) { return limits.daily; });
  Add("vm_daily_series_limit_current_series", {},
      [](const EngineStats& stats) { return stats.series_active_day; });
  Add("vm_daily_series_limit_rows_dropped_total", {},
      [](const EngineStats& stats) { return stats.rows_over_daily_limit; });
  Add("vm_metrics_metadata_storage_size_bytes", {},
      [](const EngineStats& stats) { return stats.metadata_bytes; });
  Add("vm_metrics_metadata_storage_max_size_bytes", {},
      [](const EngineStats& stats) { return stats.metadata_bytes_max; });
  Add("varve_metadata_evictions_total", {},
      [](const EngineStats& stats) { return stats.metadata_evictions; });
  Add("varve_hints_rows_total", {},
      [this](const EngineStats&) { return engine_->hints().rows(); });
  Add("varve_hints_refused_total", {},
      [this](const EngineStats&) { return engine_->hints().refused(); });
  Add("vm_downsampling_partitions_scheduled_size_bytes", {}, Zero);
  Add("vm_retention_partitions_scheduled_size_bytes", {}, Zero);
}

void StorageMetrics::AddMemory() {
  struct Part {
    const char* name;
    int64_t EngineStats::*used;
    int64_t EngineStats::*budget;
  };
  constexpr Part kParts[] = {
      {"head", &EngineStats::head_bytes, &EngineStats::head_bytes_max},
      {"blocks", &EngineStats::cache_bytes, &EngineStats::cache_bytes_max},
      {"label_pages", &EngineStats::label_page_bytes,
       &EngineStats::label_page_bytes_max},
      {"searches", &EngineStats::search_bytes, &EngineStats::search_bytes_max},
      {"repair", &EngineStats::repair_bytes, &EngineStats::repair_bytes_max}};
  for (const Part& part : kParts) {
    const telemetry::MetricLabels labels = {{"part", part.name}};
    Add("varve_memory_used_bytes", labels,
        [part](const EngineStats& stats) { return stats.*part.used; });
    Add("varve_memory_budget_bytes", labels,
        [part](const EngineStats& stats) { return stats.*part.budget; });
  }
  Add("varve_memory_used_bytes", {{"part", "new_series"}},
      [](const EngineStats& stats) { return stats.index_ram_bytes; });
}

void StorageMetrics::AddCaches() {
  for (const char* type : kCacheTypes) {
    const telemetry::MetricLabels labels = {{"type", type}};
    const std::string_view name = type;
    const bool blocks = name == "indexdb/dataBlocks";
    Add("vm_cache_entries", labels,
        name == "storage/hour_metric_ids"
            ? Read([](const EngineStats& stats) {
                return stats.series_active_hour;
              })
            : Read(Zero));
    Add("vm_cache_requests_total", labels, Zero);
    Add("vm_cache_misses_total", labels, Zero);
    Add("vm_cache_size_bytes", labels, [blocks](const EngineStats& stats) {
      return blocks ? stats.cache_bytes : 0;
    });
    Add("vm_cache_size_max_bytes", labels,
        [blocks](const EngineStats& stats) {
          return blocks ? stats.cache_bytes_max : 0;
        });
  }
  Add("vm_cache_size_bytes", {{"type", "storage/metricNamesStatsTracker"}},
      [](const EngineStats& stats) { return stats.name_usage_bytes; });
}

}  // namespace varve::storenode
