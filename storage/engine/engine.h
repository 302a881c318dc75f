// One storage node's data: log, head, blocks and index behind one façade.
//
// Directory:  flock.lock, node_id, clean_shutdown, wal/, data/, index/,
//             snapshots/, hints/ below `path`; what vmrestore put there (restore/) is
//             built into it at Open; refuses to open while flock.lock is held
//             elsewhere or
//             restore-in-progress exists.
// Durability: Define returns after its record is fsynced. Append returns when
//             its rows are in the log as `ack` asks and visible to Search.
// Errors:     Unavailable (replaying, stopping), ResourceExhausted (disk full,
//             limits), DataLoss (checksums), InvalidArgument (a bad record; no
//             part of it was stored).
// Threads:    all members from any thread.
#ifndef VARVE_STORAGE_ENGINE_ENGINE_H_
#define VARVE_STORAGE_ENGINE_ENGINE_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "lib/base/alive.h"
#include "lib/base/clock.h"
#include "lib/model/exemplar.h"
#include "lib/model/histogram.h"
#include "lib/model/downsampling.h"
#include "lib/model/label.h"
#include "lib/model/matcher.h"
#include "lib/model/metadata.h"
#include "lib/model/refusal.h"
#include "lib/model/sample.h"
#include "lib/model/series_filter.h"
#include "lib/model/slot_set.h"
#include "lib/model/start_run.h"
#include "lib/model/tenant.h"
#include "lib/model/time_range.h"
#include "storage/engine/flush_reason.h"
#include "storage/engine/active_series.h"

namespace varve::storage {

class FileSystem;
class Hints;

// State keys with these prefixes say what nodes lack, which rings owned what
// and how far copies were compared: putting or dropping a MISSED record,
// putting a new ring and putting what was compared change coverage_version().
inline constexpr std::string_view kMissedStatePrefix = "missed/";
inline constexpr std::string_view kRingStatePrefix = "ring/";
inline constexpr std::string_view kCoverageStatePrefix = "coverage/";

// How far a flush has come; each step is durable before the next begins.
enum class FlushStep : uint8_t {
  kCut = 0,       // nothing written yet
  kIndexed = 1,   // index rows of its series and days
  kIngested = 2,  // segments and watermark
  kDropped = 3,   // the old generation is out of memory; the log is next
};

// How far the compaction of a day has come; as FlushStep.
enum class CompactionStep : uint8_t {
  kClosing = 0,    // marked: flushes pass its family by
  kMoved = 1,      // in `closed`, its family still there
  kRewritten = 2,  // a part of a closed day
};

// When Append answers; all else is the same, and so is what a later failure
// of the log does. kMemory is kWritten: the write into the page cache costs a
// nanosecond a sample, and an answer before it would save no more.
enum class AckLevel : uint8_t { kDurable = 0, kWritten = 1, kMemory = 2 };

class Engine;

struct EngineOptions {
  std::string path;
  int64_t retention_ms = 31 * model::kDayMs;
  int64_t future_retention_ms = 2 * model::kDayMs;
  int64_t max_backfill_age_ms = 0;  // 0: retention decides
  // Shorter retention and thinning for some series.
  std::vector<model::RetentionFilter> retention_filters;
  model::DownsampleRules downsampling;
  // Reads of a range beyond these are refused (Unavailable), not cut.
  bool deny_outside_retention = false;
  model::DedupRule dedup;
  int64_t flush_interval_ms = 3'600'000;   // age of a head generation
  int64_t head_bytes_max = 0;              // 0: from the memory limit
  // Starts a flush; at twice as much (and kLogBytesSlack) writes are refused.
  int64_t wal_bytes_max = 4LL << 30;
  int64_t hint_bytes_max = 4LL << 30;      // -storage.maxHintsBytes
  int64_t hint_series_max = 1 << 20;       // 40 bytes of memory each
  int64_t block_cache_bytes = 0;           // 0: from the memory limit
  int64_t label_page_bytes = 8 << 20;      // decoded label pages kept
  int64_t unique_series_max = 0;           // -search.maxUniqueTimeseries
  SeriesLimits series_limits;              // -storage.maxHourlySeries, …
  // -search.maxStorageMemory: held by all searches; 0: from the memory limit.
  int64_t search_bytes_max = 0;
  // Of compactions in the background; 0: unlimited.
  int64_t compaction_bytes_per_second = 64 << 20;
  int64_t exemplars_per_series_max = 100;  // of a head generation
  int64_t metadata_bytes_max = 16 << 20;   // -storage.maxMetadataStorageSize
  // Memory for the usage of metric names; 0: it is not tracked.
  int64_t name_usage_bytes_max = 8 << 20;
  int64_t free_disk_bytes_min = 100 << 20; // below: read-only
  int64_t snapshots_age_max_ms = 0;        // 0: snapshots stay
  const base::Clock* clock = &base::SystemClock();
  FileSystem* file_system = nullptr;       // null: the machine's own
  // Asked before each record of a replay; true ends Open with Cancelled.
  std::function<bool()> stop_requested;
  // Called by Open when it has built the directory from a restored backup:
  // what arrived since that may be missing. An error ends Open; the next one
  // starts the restore over.
  std::function<absl::Status(Engine& engine)> on_restored;
  // Asked after each step of a flush; false ends it there, as a crash would.
  // For tests.
  std::function<bool(FlushStep)> flush_hook;
  std::function<bool(CompactionStep)> compaction_hook;  // likewise
};

struct SeriesDefinition {
  model::TenantId tenant;
  std::string_view labels;  // canonical bytes, see lib/model/label.h
  int64_t rows = 0;  // that wait for the answer: counted when it is a refusal
};

// What became of the rows of one record.
struct AppendResult {
  int64_t rows = 0;        // stored
  int64_t too_old = 0;     // out of retention: dropped, counted
  int64_t too_new = 0;     // beyond -futureRetention: dropped, counted
  int64_t deleted = 0;     // accepted before a delete that was here first
  int64_t unknown_ref = 0; // the sender must DEFINE again; nothing was stored
};

struct DeleteRequest {
  model::TenantId tenant;
  std::vector<model::Matchers> matcher_groups;  // or-ed; at least one
  model::TimeRange range = {0, model::kTimestampMaxMs};
  // When the cluster took the request, by the clock of the node that did.
  int64_t accept_ms = 0;
  int64_t series_max = 0;  // 0: no limit
};

struct SearchRequest {
  model::TenantId tenant;
  std::vector<model::Matchers> matcher_groups;  // or-ed; each and-ed inside
  model::TimeRange range;
  int64_t series_max = 0;  // 0: EngineOptions::unique_series_max
  bool labels_only = false;
  // Only series of these; null: all. Outlives the cursors.
  const model::SlotSet* slots = nullptr;
  bool hashes = true;  // fill SearchSeries::hash
  // All distinct samples of a timestamp, where no dedup interval is set.
  bool keep_all = false;
  // Exemplars instead of samples.
  bool exemplars = false;
  // Start timestamps beside samples.
  bool starts = false;
  // Somebody's query: the metric names count as read (NameUsageOf), what was
  // read is kept in the caches. Others have a bound of memory of their own.
  bool of_query = true;
  // Asked all along, by the cursor too, which it outlives; null: always.
  const base::Alive* alive = nullptr;
};

struct SearchSeries {
  uint64_t id = 0;
  model::SeriesHash hash;  // with SearchRequest::hashes
  std::string labels;  // canonical bytes
  model::SampleColumns samples;  // sorted, deduplicated by EngineOptions
  model::HistogramColumns histograms;  // likewise
  std::vector<model::Exemplar> exemplars;  // sorted
  model::StartRuns starts;                 // joined; of samples in the range
};

struct MetadataRequest {
  model::TenantId tenant;
  std::string metric;  // "": all
  int64_t limit = 0;   // 0: none
};

// What a search did so far.
struct SearchCost {
  int64_t series_matched = 0;  // by the index
  int64_t blocks = 0;          // segments looked at
  int64_t block_bytes = 0;     // of the values they lie in, compressed
};

// One search's series, in (metric, id) order where blocks are read, else by
// id. Pins what it reads.
// REQUIRES: the engine outlives it; one thread.
class SeriesCursor {
 public:
  virtual ~SeriesCursor() = default;
  // Fills `series`, reusing its memory; false at the end. Series without
  // samples in the range are left out.
  virtual absl::StatusOr<bool> Next(SearchSeries& series) = 0;
  // False when a damaged block was left out of what was read so far.
  virtual bool complete() const = 0;
  virtual SearchCost cost() const { return {}; }
};

// What may be kept of an answer about `range`; see HistoryOf.
struct History {
  uint64_t changes = 0;
  model::TimeRange settled;
};

struct LabelRequest {
  model::TenantId tenant;
  std::vector<model::Matchers> matcher_groups;  // none: everything
  model::TimeRange range;
  int64_t limit = 0;  // 0: none
  const base::Alive* alive = nullptr;
};

struct TopEntry {
  std::string name;
  int64_t count = 0;
};
// Queries that read series of a metric name here.
struct NameQueries {
  std::string name;
  int64_t queries = 0;
  int64_t last_s = 0;  // Unix time; 0: never
};
struct NameStatistics {
  int64_t since_s = 0;
  std::vector<NameQueries> names;  // all of the tenant, sorted
};
// Shapes of /api/v1/status/tsdb; each list has at most top_n entries.
struct CardinalityRequest {
  model::TenantId tenant;
  std::vector<model::Matchers> matcher_groups;
  model::TimeRange range;
  std::string focus_label;
  int64_t top_n = 10;
  const model::SlotSet* slots = nullptr;  // only series of these; null: all
  bool value_hashes = false;
  const base::Alive* alive = nullptr;
};
struct Cardinality {
  int64_t total_series = 0;
  int64_t total_label_value_pairs = 0;
  std::vector<TopEntry> series_count_by_metric_name;
  std::vector<TopEntry> series_count_by_label_name;
  std::vector<TopEntry> series_count_by_focus_label_value;
  std::vector<TopEntry> series_count_by_label_value_pair;
  std::vector<TopEntry> label_value_count_by_label_name;
  // If asked for: hashes of all values by label, the largest labels left out.
  std::vector<std::pair<std::string, std::vector<uint64_t>>> value_hashes;
};
// A slot's series: equal counts and sums of hashes are equal series.
struct SlotDigest {
  uint16_t slot = 0;
  uint32_t count = 0;
  uint64_t sum = 0;
};

// Read by /metrics; values since start unless named otherwise.
struct EngineStats {
  int64_t rows_received = 0;
  int64_t rows_too_old = 0;
  int64_t rows_too_new = 0;
  int64_t rows_deleted = 0;      // late copies of what was deleted: dropped
  int64_t deletes = 0;
  int64_t series_deleted = 0;    // summed over deletes
  int64_t tombstones = 0;
  int64_t series_created = 0;
  int64_t series_active_hour = 0;
  int64_t series_active_day = 0;  // 0 when no daily limit asks for it
  // Rows of series that a limit refused.
  int64_t rows_over_hourly_limit = 0;
  int64_t rows_over_daily_limit = 0;
  int64_t head_series = 0;
  int64_t head_samples = 0;      // not yet in blocks
  int64_t head_bytes = 0;        // with head_tail_bytes
  int64_t head_tail_bytes = 0;   // of what is in blocks too
  int64_t head_late_samples = 0;
  int64_t wal_bytes = 0;
  int64_t fsyncs = 0;
  double fsync_seconds = 0;
  int64_t data_bytes = 0;
  int64_t data_rows = 0;
  int64_t index_bytes = 0;
  int64_t index_rows = 0;
  int64_t index_series = 0;  // all that have ids here
  int64_t series_forgotten = 0;
  int64_t name_usage_bytes = 0;
  int64_t index_series_in_ram = 0;
  int64_t index_ram_bytes = 0;
  int64_t free_disk_bytes = 0;
  bool read_only = false;        // full disk, or a failed log
  bool log_failed = false;       // an fsync failed: no writes until a restart
  bool unclean_shutdown = false; // before this start
  int64_t snapshots = 0;
  int64_t corrupt_blocks = 0;
  int64_t dedup_rows = 0;
  int64_t hash_collisions = 0;   // definitions refused
  int64_t flushes = 0;
  FlushCounts flush_triggers{};  // by FlushReason; asked-for ones are not here
  int64_t searches_without_blocks = 0;
  int64_t running_compactions = 0;
  int64_t search_bytes = 0;      // held by searches of queries
  int64_t search_bytes_max = 0;
  int64_t repair_bytes = 0;      // by all others
  int64_t repair_bytes_max = 0;
  int64_t metadata_bytes = 0;
  int64_t metadata_bytes_max = 0;
  int64_t metadata_evictions = 0;
  int64_t head_bytes_max = 0;    // of one generation; two live in a flush
  int64_t label_page_bytes = 0;
  int64_t label_page_bytes_max = 0;
  int64_t cache_bytes = 0;       // of blocks, data and index
  int64_t cache_bytes_max = 0;
};

class Engine {
 public:
  // Opens, replays the log, and is ready when it returns.
  static absl::StatusOr<std::unique_ptr<Engine>> Open(
      const EngineOptions& options);
  virtual ~Engine() = default;

  // Random, made at the first start, kept in the directory.
  virtual uint64_t node_id() const = 0;
  // Changes only when ids may have been lost; refs are valid within one.
  virtual uint64_t ref_epoch() const = 0;
  // Changes whenever what the node is complete for may have changed.
  virtual uint64_t coverage_version() const = 0;
  // Rows of this time were acknowledged here and lost by damage.
  virtual bool MayLack(const model::TimeRange& range) const = 0;

  // ids[i] is the persistent id of definitions[i], new or known, or 0 when
  // refused[i] says why there is none: bad labels, different labels under one
  // hash, a limit of options.series_limits. With no `refused` to tell, any
  // refusal is InvalidArgument.
  virtual absl::Status Define(
      std::span<const SeriesDefinition> definitions,
      std::vector<uint64_t>& ids,
      std::vector<model::Refusal>* refused = nullptr) = 0;

  // Of a tenant's rows in a range. As long as coverage_version() and `changes`
  // stay equal, what is both in the range and in `settled` reads the same:
  // `settled` ends where ordinary rows may still arrive and begins where
  // retention or downsampling have something to say.
  virtual History HistoryOf(const model::TenantId& tenant,
                            const model::TimeRange& range) const = 0;

  // `record` is a lib/encoding/data_record.h record; it is logged verbatim, or
  // as `packed`, if that is not empty: the LZ4 block the record came in.
  virtual absl::StatusOr<AppendResult> Append(std::string_view record,
                                              std::string_view packed,
                                              AckLevel ack) = 0;
  absl::StatusOr<AppendResult> Append(std::string_view record, AckLevel ack) {
    return Append(record, {}, ack);
  }

  // Deletes the samples in the range of all series that match now, however
  // they were made; what is accepted later is new. Hidden from every later
  // read, and logged durably, when it returns; blocks are rewritten later.
  // Returns how many series matched. ResourceExhausted over series_max and
  // while too many deletes wait for their blocks.
  virtual absl::StatusOr<int64_t> Delete(const DeleteRequest& request) = 0;
  // accept_ms of the latest delete; INT64_MIN before any. A record that is
  // appended with an older one loses the rows that the delete matches: a
  // caller whose sender still waits for the acknowledgement raises it first.
  virtual int64_t newest_delete_ms() const = 0;

  // Rings and MISSED records of lib/wire: opaque here, logged and kept until
  // dropped. `key` identifies one for replacing.
  virtual absl::Status PutState(std::string_view key,
                                std::string_view value) = 0;
  // Durably gone when it returns. OK when there is none.
  virtual absl::Status DropState(std::string_view key) = 0;
  virtual absl::StatusOr<std::vector<std::pair<std::string, std::string>>>
  ListState(std::string_view key_prefix) const = 0;

  // Rows that this node keeps for others: storage/engine/hints.h. No part of
  // snapshots.
  virtual Hints& hints() const = 0;

  // What Search gives, in up to `parts` disjoint cursors to be read side by
  // side; most of the work is done by their first Next.
  virtual absl::StatusOr<std::vector<std::unique_ptr<SeriesCursor>>>
  SearchParts(const SearchRequest& request, size_t parts) = 0;
  virtual absl::StatusOr<std::unique_ptr<SeriesCursor>> Search(
      const SearchRequest& request) = 0;
  // By metric.
  virtual absl::StatusOr<std::vector<model::StoredMetadata>> Metadata(
      const MetadataRequest& request) = 0;
  // Sorted, without repeats.
  virtual absl::StatusOr<std::vector<std::string>> LabelNames(
      const LabelRequest& request) = 0;
  virtual absl::StatusOr<std::vector<std::string>> LabelValues(
      const LabelRequest& request, std::string_view label) = 0;
  virtual absl::StatusOr<Cardinality> Status(
      const CardinalityRequest& request) = 0;
  // Slots that have series, ascending.
  virtual absl::StatusOr<std::vector<SlotDigest>> SlotDigests(
      const CardinalityRequest& request) = 0;
  virtual absl::StatusOr<NameStatistics> NameUsageOf(
      const model::TenantId& tenant) = 0;
  virtual absl::Status ResetNameUsage() = 0;
  virtual absl::StatusOr<std::vector<model::TenantId>> Tenants(
      const model::TimeRange& range) = 0;

  // Writes the head to blocks and cuts the log (index rows first,
  // then segments with the watermark, then the log).
  virtual absl::Status Flush() = 0;
  // Drops whole days out of retention; run by the engine itself every minute.
  virtual absl::Status ApplyRetention() = 0;
  // Moves days that are over to their final place, joined and deduplicated,
  // and rewrites those there that need it; run by the engine itself every
  // minute. Blocks neither flushes nor searches for long.
  virtual absl::Status CompactDays() = 0;
  // Rewrites the blocks of all days whose name ("2026_11_20") begins so, in
  // the background.
  virtual absl::Status ForceMerge(std::string_view partition_prefix) = 0;
  virtual EngineStats Stats() const = 0;

  // A copy of hard links of everything acknowledged, below snapshots/; its
  // name. docs/formats/snapshot.md
  virtual absl::StatusOr<std::string> CreateSnapshot() = 0;
  // In order of creation.
  virtual absl::StatusOr<std::vector<std::string>> ListSnapshots() const = 0;
  // NotFound for an unknown one, InvalidArgument for what is no name.
  virtual absl::Status DeleteSnapshot(const std::string& name) = 0;
  // Flushes nothing: the log has everything. Stops threads, closes files.
  virtual absl::Status Close() = 0;
};

}  // namespace varve::storage

#endif  // VARVE_STORAGE_ENGINE_ENGINE_H_
