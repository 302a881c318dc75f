// Label names and values, cardinality, tenants: asked of the index alone, by
// whole days. And what /metrics reads.
#include <algorithm>

#include "lib/base/status.h"
#include "storage/engine/engine_impl.h"

namespace varve::storage {
namespace {

std::vector<TopEntry> Entries(std::vector<IndexCount> counts) {
  std::vector<TopEntry> out;
  out.reserve(counts.size());
  for (IndexCount& one : counts) {
    out.push_back({std::move(one.name), one.count});
  }
  return out;
}

// No days: nothing that is kept lies in `range`.
std::optional<DayRange> DaysOf(model::TimeRange range,
                               int64_t oldest_readable_ms) {
  range.start_ms = std::max(range.start_ms, oldest_readable_ms);
  range.end_ms = std::min(range.end_ms, model::kTimestampMaxMs);
  if (range.start_ms > range.end_ms) return std::nullopt;
  return DayRange{.first = model::DayOf(range.start_ms),
                  .last = model::DayOf(range.end_ms)};
}

}  // namespace

absl::StatusOr<std::vector<std::string>> EngineImpl::LabelNames(
    const LabelRequest& request) {
  RETURN_IF_ERROR(CheckReadable(request.range));
  const auto days = DaysOf(
      request.range,
      OldestReadableMs(retention_rule(), options_.clock->NowMs()));
  if (!days) return std::vector<std::string>();
  return index_->LabelNames(request.tenant, request.matcher_groups, *days,
                            request.limit, request.alive);
}

absl::StatusOr<std::vector<std::string>> EngineImpl::LabelValues(
    const LabelRequest& request, std::string_view label) {
  RETURN_IF_ERROR(CheckReadable(request.range));
  const auto days = DaysOf(
      request.range,
      OldestReadableMs(retention_rule(), options_.clock->NowMs()));
  if (!days) return std::vector<std::string>();
  return index_->LabelValues(request.tenant, request.matcher_groups, *days,
                             label, request.limit, request.alive);
}

absl::StatusOr<Cardinality> EngineImpl::Status(
    const CardinalityRequest& request) {
  RETURN_IF_ERROR(CheckReadable(request.range));
  const auto days = DaysOf(
      request.range,
      OldestReadableMs(retention_rule(), options_.clock->NowMs()));
  if (!days) return Cardinality();
  ASSIGN_OR_RETURN(
      IndexCardinality counted,
      index_->CardinalityOf({.tenant = request.tenant,
                             .groups = request.matcher_groups,
                             .days = *days,
                             .slots = request.slots,
                             .focus_label = request.focus_label,
                             .top_n = request.top_n,
                             .value_hashes = request.value_hashes,
                             .alive = request.alive}));
  Cardinality out;
  out.total_series = counted.total_series;
  out.total_label_value_pairs = counted.total_label_value_pairs;
  out.series_count_by_metric_name =
      Entries(std::move(counted.series_count_by_metric_name));
  out.series_count_by_label_name =
      Entries(std::move(counted.series_count_by_label_name));
  out.series_count_by_focus_label_value =
      Entries(std::move(counted.series_count_by_focus_label_value));
  out.series_count_by_label_value_pair =
      Entries(std::move(counted.series_count_by_label_value_pair));
  out.label_value_count_by_label_name =
      Entries(std::move(counted.label_value_count_by_label_name));
  out.value_hashes = std::move(counted.value_hashes);
  return out;
}

absl::StatusOr<std::vector<SlotDigest>> EngineImpl::SlotDigests(
    const CardinalityRequest& request) {
  RETURN_IF_ERROR(CheckRunning());
  const auto days = DaysOf(
      request.range,
      OldestReadableMs(retention_rule(), options_.clock->NowMs()));
  if (!days) return std::vector<SlotDigest>();
  ASSIGN_OR_RETURN(const std::vector<IndexSlotDigest> found,
                   index_->SlotDigests({.tenant = request.tenant,
                                        .groups = request.matcher_groups,
                                        .days = *days,
                                        .alive = request.alive}));
  std::vector<SlotDigest> out;
  out.reserve(found.size());
  for (const IndexSlotDigest& one : found) {
    out.push_back({one.slot, one.count, one.sum});
  }
  return out;
}

absl::StatusOr<std::vector<model::TenantId>> EngineImpl::Tenants(
    const model::TimeRange& range) {
  RETURN_IF_ERROR(CheckRunning());
  const auto days = DaysOf(
      range, OldestReadableMs(retention_rule(), options_.clock->NowMs()));
  if (!days) return std::vector<model::TenantId>();
  return index_->Tenants(*days);
}

EngineStats EngineImpl::Stats() const {
  EngineStats out;
  out.rows_received = rows_received_;
  out.rows_too_old = rows_too_old_;
  out.rows_too_new = rows_too_new_;
  out.rows_deleted = rows_deleted_;
  out.deletes = deletes_;
  out.series_deleted = series_deleted_;
  out.tombstones = static_cast<int64_t>(tombstones_.list()->size());
  out.series_created = series_created_;
  out.series_active_hour = active_series_.in_hour(options_.clock->NowMs());
  out.series_active_day = active_series_.in_day(options_.clock->NowMs());
  out.rows_over_hourly_limit =
      active_series_.dropped(model::Refusal::kHourlyLimit);
  out.rows_over_daily_limit =
      active_series_.dropped(model::Refusal::kDailyLimit);
  const HeadStats head = head_->Stats();
  out.head_series = head.series;
  out.head_samples = head.samples;
  out.head_bytes = head.bytes + kind_head_->bytes();
  out.head_tail_bytes = head.tail_bytes;
  out.head_late_samples = head.late_samples;
  out.metadata_bytes = metadata_.bytes();
  out.metadata_bytes_max = metadata_.bytes_max();
  out.metadata_evictions = metadata_.evictions();
  const WalStats wal = wal_->stats();
  out.wal_bytes = wal.bytes;
  out.fsyncs = wal.fsyncs;
  out.fsync_seconds = wal.fsync_seconds;
  out.data_bytes = data_->TotalBytes();
  for (const auto& [day, state] : Blocks()->days) out.data_rows += state.rows;
  out.search_bytes = search_memory_.used_bytes();
  out.search_bytes_max = search_memory_.bytes_max();
  out.repair_bytes = repair_memory_.used_bytes();
  out.repair_bytes_max = repair_memory_.bytes_max();
  out.head_bytes_max = head_bytes_max_;
  out.label_page_bytes_max = options_.label_page_bytes;
  const IndexStats index = index_->stats();
  out.index_bytes = index.disk_bytes;
  out.index_rows = index.disk_rows;
  out.index_series = index.series;
  out.series_forgotten = series_forgotten_;
  if (name_usage_ != nullptr) out.name_usage_bytes = name_usage_->bytes();
  out.index_series_in_ram = index.series_in_ram;
  out.index_ram_bytes = index.ram_bytes;
  out.label_page_bytes = index.page_cache_bytes;
  out.hash_collisions = index.hash_collisions;
  out.free_disk_bytes = disk_.free_bytes();
  out.read_only = disk_.read_only() || wal.failed;
  out.log_failed = wal.failed;
  out.unclean_shutdown = unclean_shutdown_;
  out.snapshots = snapshots_->count();
  out.corrupt_blocks = corrupt_blocks_ + wal.corrupt_regions +
                       data_->damaged_files() + index_db_->damaged_files();
  out.dedup_rows = dedup_rows_;
  out.flushes = flushes_;
  out.flush_triggers = triggers_->counts();
  out.searches_without_blocks = searches_without_blocks_;
  out.running_compactions =
      data_->running_compactions() + index_db_->running_compactions();
  out.cache_bytes = cache_->used_bytes();
  out.cache_bytes_max = cache_->bytes_max();
  return out;
}

}  // namespace varve::storage
