// The engine's parts and their locks; one file for each idea:
//
//   open.cc         directory, databases
//   log_replay.cc   the log back into index and head
//   append.cc       Define, Append
//   kept_state.cc   PutState, DropState, ListState
//   delete.cc       deletes, and the rules that reads and rewrites apply
//   flush.cc        head to blocks, log cut
//   kinds.cc        native histograms, exemplars, metadata
//   search.cc       Search
//   label_search.cc label names and values, cardinality, tenants, Stats
//   name_usage.cc   which metric names searches read
//   snapshots.cc    copies for backup tools
//   damage.cc       what is made of damaged tables
//   forget.cc       series of days that are gone leave the index
//   maintenance.cc  the background thread: flushes, retention, disk
//   compaction.cc   the other one: moves and rewrites of days that are over
//
// Locks, outermost first: compaction_.running (one compaction at a time),
// flush_mutex_ (one flush, retention or part of a rewrite), define_mutex_ (an
// id is logged before a second caller gets it), gate_ (a cut falls between
// records), state_mutex_, blocks_mutex_. The last two are never held across
// I/O.
#ifndef VARVE_STORAGE_ENGINE_ENGINE_IMPL_H_
#define VARVE_STORAGE_ENGINE_ENGINE_IMPL_H_

#include <atomic>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "lib/base/mutex.h"
#include "lib/encoding/data_record.h"
#include "storage/block/block_key.h"
#include "storage/compaction/day_rewrite.h"
#include "storage/engine/active_series.h"
#include "storage/engine/cut_gate.h"
#include "storage/engine/data_families.h"
#include "storage/engine/engine.h"
#include "storage/engine/flush_triggers.h"
#include "storage/engine/hints.h"
#include "storage/engine/history_changes.h"
#include "storage/engine/kind_rows.h"
#include "storage/engine/metadata_store.h"
#include "storage/engine/rule_book.h"
#include "storage/engine/search_memory.h"
#include "storage/engine/series_registry.h"
#include "storage/engine/tombstone.h"
#include "storage/engine/value_hint_table.h"
#include "storage/fs/file_system.h"
#include "storage/head/head.h"
#include "storage/head/kind_head.h"
#include "storage/index/index.h"
#include "storage/index/name_usage.h"
#include "storage/kv/kv.h"
#include "storage/retention/retention.h"
#include "storage/snapshot/snapshot_store.h"
#include "storage/wal/wal.h"

namespace varve::storage {

// Days within this of today have families of their own; older and later ones
// go to `closed`, so that a backfill of years makes no hundreds of families
// (creating one costs 23 ms at 100 families).
inline constexpr int32_t kOpenDays = 2;

// Above twice EngineOptions::wal_bytes_max: the log is cut by whole segments.
inline constexpr int64_t kLogBytesSlack = 64 << 20;
// "" when there is none.
std::string MetricNameOf(std::string_view canonical);

struct FlushFiles;

class EngineImpl final : public Engine {
 public:
  explicit EngineImpl(const EngineOptions& options);
  ~EngineImpl() override;

  // open.cc
  absl::Status Start();
  absl::Status Close() override;
  uint64_t node_id() const override { return node_id_; }
  uint64_t ref_epoch() const override { return index_->ref_epoch(); }
  uint64_t coverage_version() const override { return coverage_version_; }
  bool MayLack(const model::TimeRange& range) const override;

  // append.cc
  absl::Status Define(std::span<const SeriesDefinition> definitions,
                      std::vector<uint64_t>& ids,
                      std::vector<model::Refusal>* refused) override;
  using Engine::Append;
  absl::StatusOr<AppendResult> Append(std::string_view record,
                                      std::string_view packed,
                                      AckLevel ack) override;

  // kept_state.cc
  absl::Status PutState(std::string_view key, std::string_view value) override;
  absl::Status DropState(std::string_view key) override;
  absl::StatusOr<std::vector<std::pair<std::string, std::string>>> ListState(
      std::string_view key_prefix) const override;

  Hints& hints() const override { return *hints_; }

  // history.cc
  History HistoryOf(const model::TenantId& tenant,
                    const model::TimeRange& range) const override;

  // kinds.cc
  absl::StatusOr<std::vector<model::StoredMetadata>> Metadata(
      const MetadataRequest& request) override;
  // delete.cc
  absl::StatusOr<int64_t> Delete(const DeleteRequest& request) override;
  int64_t newest_delete_ms() const override {
    return tombstones_.newest_accept_ms();
  }

  // search.cc
  absl::StatusOr<std::vector<std::unique_ptr<SeriesCursor>>> SearchParts(
      const SearchRequest& request, size_t parts) override;
  absl::StatusOr<std::unique_ptr<SeriesCursor>> Search(
      const SearchRequest& request) override;

  // label_search.cc
  absl::StatusOr<std::vector<std::string>> LabelNames(
      const LabelRequest& request) override;
  absl::StatusOr<std::vector<std::string>> LabelValues(
      const LabelRequest& request, std::string_view label) override;
  absl::StatusOr<Cardinality> Status(
      const CardinalityRequest& request) override;
  absl::StatusOr<std::vector<SlotDigest>> SlotDigests(
      const CardinalityRequest& request) override;
  absl::StatusOr<std::vector<model::TenantId>> Tenants(
      const model::TimeRange& range) override;
  EngineStats Stats() const override;

  // name_usage.cc
  absl::StatusOr<NameStatistics> NameUsageOf(
      const model::TenantId& tenant) override;
  absl::Status ResetNameUsage() override;
  // A query reads series of these.
  void CountNames(const model::TenantId& tenant,
                  std::span<const std::string> names);

  // flush.cc
  absl::Status Flush() override;

  // maintenance.cc
  absl::Status ApplyRetention() override;
  // forget.cc
  absl::Status ForgetUnused(bool days_dropped) REQUIRES_LOCK(flush_mutex_);

  // snapshots.cc
  absl::StatusOr<std::string> CreateSnapshot() override;
  absl::StatusOr<std::vector<std::string>> ListSnapshots() const override;
  absl::Status DeleteSnapshot(const std::string& name) override;

  // compaction.cc
  absl::Status CompactDays() override;
  absl::Status ForceMerge(std::string_view partition_prefix) override;

 private:
  friend class LogReplay;
  friend class SearchCursor;

  // One record, decoded.
  struct DecodedRecord {
    std::vector<encoding::FloatSection> sections;
    size_t used = 0;  // sections[0 .. used) are this record's
    KindRows kinds;
    int64_t accept_ms = 0;
    int64_t rows = 0;
  };

  std::string PathOf(std::string_view name) const;
  RetentionRule retention_rule() const;
  bool running() const { return state_ == State::kRunning; }
  absl::Status CheckRunning() const;
  // Running, and the range is not one to be refused.
  absl::Status CheckReadable(const model::TimeRange& range) const;

  absl::Status PrepareDirectory();
  absl::Status BuildRestoredDirectory();
  absl::Status FinishRestoredDirectory();
  absl::Status OpenDatabases();
  absl::Status OpenHints();
  absl::Status LoadMeta(uint64_t& replay_from, uint64_t& next_generation);
  absl::Status LoadMetaRow(std::string_view key, std::string_view row,
                           BlockFamilies& blocks);
  // How the last process ended; `clean_end` is where it left the log, or 0.
  absl::Status ReadShutdownMarker(uint64_t& clean_end);
  absl::Status ReplayLog(uint64_t replay_from, uint64_t clean_end);
  absl::Status KeepLost(uint64_t position, const model::TimeRange& span);

  static absl::Status DecodeRecord(std::string_view record,
                                   DecodedRecord& decoded);
  absl::Status LoadTenant(const model::TenantId& tenant);
  absl::StatusOr<int64_t> CountUnknown(const DecodedRecord& decoded);
  absl::StatusOr<int64_t> CountUnknown(const model::TenantId& tenant,
                                       const std::vector<uint64_t>& refs);
  // Of tenants that are loaded.
  int64_t CountUnknownHere(const DecodedRecord& decoded) const;
  // The span of what is left, or more.
  static model::TimeRange DropOutside(const model::TimeRange& range,
                                      encoding::FloatSection& section,
                                      AppendResult& result);
  // The rows of every `parts`-th head shard, from `part` on.
  // The share of one of `parts` threads; see Head::AppendPart.
  void AppendToHead(const encoding::FloatSection& section, size_t part,
                    size_t parts);
  absl::Status DefineLocked(std::span<const IndexDefinition> wanted,
                            std::vector<IndexDefined>& defined)
      REQUIRES_LOCK(define_mutex_);
  void AppendKinds(const KindRows& rows, int64_t accept_ms);
  void MarkOpened(const model::TenantId& tenant,
                  std::vector<SeriesDay>& opened);
  // delete.cc. A search pins the rules before anything else; a rewrite holds
  // flush_mutex_ from pinning them to telling that they were applied.
  std::shared_ptr<const EngineRuleBook> Rules() const;
  // Once they are in the head.
  void NoteLateRows(const model::TenantId& tenant, const model::TimeRange& span,
                    int64_t now_ms);
  void NoteLateRows(const KindSection& section, int64_t now_ms);
  // `days` may hold what it hides, and those where its series are active.
  absl::Status ApplyDelete(Tombstone tombstone, uint64_t position,
                           std::set<int32_t> days);
  absl::Status ReplayDelete(std::string_view payload, uint64_t position);
  absl::Status LoadTombstone(std::string_view key, std::string_view row);
  // Which of the series the delete takes late copies of. Labels that cannot be
  // read leave theirs unmarked: rather too many samples than too few.
  std::vector<bool> MarkLate(const Tombstone& tombstone,
                             std::span<const uint64_t> refs) const;
  void DropLateCopies(int64_t accept_ms, encoding::FloatSection& section,
                      AppendResult& result);
  void DropLateCopies(int64_t accept_ms, KindRows& rows, AppendResult& result);
  void NoteAccepted(int64_t accept_ms);
  // kept_state.cc; an empty value drops the key.
  void SetState(std::string_view key, std::string_view value)
      REQUIRES_LOCK(state_mutex_);
  absl::Status RulesApplied(int32_t day, const EngineRuleBook& rules)
      REQUIRES_LOCK(flush_mutex_);
  absl::Status ExpireTombstones(int32_t first_kept_day)
      REQUIRES_LOCK(flush_mutex_);
  absl::Status LogPending() REQUIRES_LOCK(define_mutex_);
  absl::Status WaitForRoom();
  absl::Status CheckLogRoom();
  int64_t HeadBytes() const {
    return head_->Stats().bytes + kind_head_->bytes();
  }

  struct FrozenHead {
    uint64_t position = 0;  // records below it are in the generation
    std::shared_ptr<const HeadGeneration> generation;
    std::shared_ptr<const KindGeneration> kinds;
    MetadataStore::Changes metadata;
    std::vector<int32_t> days;  // of its samples
    std::map<std::string, std::string> state;
    std::set<std::string, std::less<>> dropped_state;
    std::vector<Tombstones::Row> tombstones;
  };
  // The rules of a rewrite. Pinned anew whenever flush_mutex_ was free in
  // between: what was flushed then may be behind deletes that an older book
  // lacks, and their marks would be lost in the joined segment.
  struct RulePin {
    std::shared_ptr<const EngineRuleBook> first;
    std::shared_ptr<const EngineRuleBook> book;
  };
  void PinRules(RulePin& rules) const REQUIRES_LOCK(flush_mutex_);
  absl::StatusOr<bool> RulesOfSeries(const RulePin& rules, const SeriesKey& key,
                                     SeriesRules& out) const;
  FrozenHead CutHead() REQUIRES_LOCK(flush_mutex_);
  absl::Status FlushLocked() REQUIRES_LOCK(flush_mutex_);
  absl::Status CutLog() REQUIRES_LOCK(flush_mutex_);
  // Each series is read once, for its blocks and for the tail.
  absl::Status WriteBlocks(const FrozenHead& frozen, FlushFiles& files,
                           HeadTailBuilder& tail)
      REQUIRES_LOCK(flush_mutex_);
  absl::Status WriteDays(const FrozenHead& frozen,
                         std::span<const SeriesKey> keys,
                         std::span<const int32_t> days, FlushFiles& files,
                         HeadTailBuilder& tail)
      REQUIRES_LOCK(flush_mutex_);
  // Tables of their own beside those of the floats.
  absl::Status WriteKinds(const FrozenHead& frozen, FlushFiles& files);
  // Rows of meta that a flush has left empty or put no more.
  absl::Status DeleteDropped(const FrozenHead& frozen);
  absl::Status WriteMeta(const FrozenHead& frozen, FlushFiles& files);
  absl::StatusOr<std::vector<SeriesKey>> KeysInOrder(
      const std::vector<uint64_t>& all_ids) const;
  absl::StatusOr<KvFamilyRef> FamilyForDay(int32_t day);
  bool Stopped(FlushStep step) const;

  std::shared_ptr<const BlockFamilies> Blocks() const;
  void ReplaceBlocks(std::shared_ptr<const BlockFamilies> blocks);

  void RunMaintenance();
  void MaintainOnce(int64_t now_steady_ms, int64_t& retention_at_ms);
  std::optional<FlushReason> FlushDue(int64_t now_steady_ms) const;
  void ObserveDisk();

  void RunCompaction();
  void StopCompaction();
  absl::Status MergeNow(const std::string& partition_prefix);
  std::vector<int32_t> DaysToRewrite(int64_t now_ms)
      REQUIRES_LOCK(compaction_.running);
  // Whether rules (deletes, downsampling) ask for a rewrite of a closed day.
  bool RewriteWanted(int32_t day, const DayState& state, int64_t now_ms) const;
  DayRewriteOptions RewriteOptionsOf(int32_t day, const KvFamilyRef& source,
                                     std::shared_ptr<RulePin> rules);
  absl::Status ClearCompactionDir();
  absl::Status PutDay(int32_t day, const DayState& state)
      REQUIRES_LOCK(flush_mutex_);
  absl::Status IngestRewrite(int32_t day, const DayState& state,
                             std::vector<std::string> files)
      REQUIRES_LOCK(flush_mutex_);
  bool CompactionStopped(CompactionStep step) const;
  absl::Status Throttle(int64_t bytes);
  absl::Status MoveDay(const DayFamily& day)
      REQUIRES_LOCK(compaction_.running);
  absl::Status RewriteClosedDay(int32_t day)
      REQUIRES_LOCK(compaction_.running);

  void ExpireSnapshots();

  // damage.cc
  void HealDatabases();
  void RebuildIndex();
  absl::Status TakeGone(std::span<const IndexTenantIds> gone);
  absl::Status VisitBlocks(
      const DayRange& days,
      const std::function<void(const model::TenantId&, int32_t day,
                               uint64_t id)>& series) const;
  // Whether damage of tables may have taken samples of `range`.
  bool TablesMayLack(const model::TimeRange& range) const;
  absl::Status RebuildDays(const KvFamilyRef& closed,
                           std::map<int32_t, DayState>& days);
  absl::Status CheckIndexSequence(uint64_t at_last_flush);

  const EngineOptions options_;
  FileSystem& fs_;
  const int64_t head_bytes_max_;

  enum class State : uint8_t { kOpening, kRunning, kStopping };
  std::atomic<State> state_{State::kOpening};
  std::unique_ptr<FileLock> lock_;
  uint64_t node_id_ = 0;
  bool first_start_ = false;
  bool unclean_shutdown_ = false;
  std::atomic<uint64_t> coverage_version_{0};
  HistoryChanges history_;

  std::shared_ptr<KvCache> cache_;
  std::unique_ptr<KvDb> data_;
  std::unique_ptr<KvDb> index_db_;
  std::unique_ptr<Index> index_;
  std::unique_ptr<NameUsage> name_usage_;  // null: not tracked
  KvFamilyRef meta_;
  std::unique_ptr<Head> head_;
  std::unique_ptr<KindHead> kind_head_;  // cut together with head_
  MetadataStore metadata_;
  // Of histograms and exemplars; a search from here on reads blocks.
  std::atomic<int64_t> newest_kind_in_blocks_ms_{INT64_MIN};
  std::unique_ptr<Wal> wal_;
  SeriesRegistry registry_;
  ActiveSeries active_series_{options_.series_limits};
  Tombstones tombstones_;
  // Null without retention filters and downsampling.
  const std::shared_ptr<const SeriesRetention> series_retention_;
  DiskGuard disk_;
  SearchMemory search_memory_;  // of queries
  SearchMemory repair_memory_;
  std::unique_ptr<Hints> hints_;
  std::unique_ptr<SnapshotStore> snapshots_;
  // Of the backup that this start builds on.
  std::optional<SnapshotParts> restored_;

  base::Mutex flush_mutex_;
  uint64_t next_generation_ GUARDED_BY(flush_mutex_) = 1;
  uint64_t flushed_position_ GUARDED_BY(flush_mutex_) = 0;
  // Cut, not yet in blocks; kept over a failed flush for the next one.
  FrozenHead frozen_ GUARDED_BY(flush_mutex_);
  ValueHintTable value_hints_ GUARDED_BY(flush_mutex_);
  std::unique_ptr<FlushTriggers> triggers_;
  // INT64_MAX: blocks were written by who did not tell.
  std::atomic<int64_t> newest_in_blocks_ms_{INT64_MIN};

  base::Mutex define_mutex_;
  // DEFINE records whose ids the index has and the log has not.
  std::string pending_definitions_ GUARDED_BY(define_mutex_);
  uint64_t definitions_end_ GUARDED_BY(define_mutex_) = 0;

  CutGate gate_;

  mutable base::Mutex state_mutex_;
  std::map<std::string, std::string, std::less<>> kept_state_
      GUARDED_BY(state_mutex_);
  // Keys whose rows in meta, if there are any, wait for the next flush.
  std::set<std::string, std::less<>> dropped_state_ GUARDED_BY(state_mutex_);
  // Days of the rows in the active generation.
  std::set<int32_t> active_days_ GUARDED_BY(state_mutex_);

  mutable base::Mutex blocks_mutex_;
  std::shared_ptr<const BlockFamilies> blocks_ GUARDED_BY(blocks_mutex_);

  mutable base::Mutex maintenance_mutex_;
  base::CondVar maintenance_wake_;
  base::CondVar flushed_;
  // Wakes the thread; triggers_ knows why.
  bool flush_wanted_ GUARDED_BY(maintenance_mutex_) = false;
  bool stopping_ GUARDED_BY(maintenance_mutex_) = false;
  std::thread maintenance_;

  static constexpr std::string_view kCompactionDir = "tmp-compaction";
  struct LateRows {
    int64_t rows = -1;
    int64_t since_ms = 0;
  };
  struct Compaction {
    base::Mutex running;
    std::map<int32_t, LateRows> late GUARDED_BY(running);
    base::Mutex mutex;
    base::CondVar wake;
    bool stopping GUARDED_BY(mutex) = false;
    std::set<std::string> wanted GUARDED_BY(mutex);  // prefixes to merge
    std::thread thread;
  };
  Compaction compaction_;

  std::atomic<int64_t> rows_received_{0};
  std::atomic<int64_t> rows_too_old_{0};
  std::atomic<int64_t> rows_too_new_{0};
  std::atomic<int64_t> rows_deleted_{0};
  std::atomic<int64_t> deletes_{0};
  std::atomic<int64_t> series_deleted_{0};
  // Of the records appended so far: a delete is accepted after all of them.
  std::atomic<int64_t> newest_row_ms_{INT64_MIN};
  std::atomic<int64_t> series_created_{0};
  std::atomic<int64_t> corrupt_blocks_{0};
  std::atomic<int64_t> damaged_files_{0};
  int64_t rebuild_at_ms_ = INT64_MIN;  // steady; of the maintenance thread
  std::atomic<int64_t> dedup_rows_{0};
  std::atomic<int64_t> flushes_{0};
  std::atomic<int64_t> searches_without_blocks_{0};
  std::atomic<int64_t> series_forgotten_{0};
  // A start may come after a crash between the drop of days and this.
  bool forget_due_ GUARDED_BY(flush_mutex_) = true;
  int64_t forget_looked_at_ GUARDED_BY(flush_mutex_) = -1;  // flushes_
  std::atomic<int64_t> rows_since_room_check_{0};
};

}  // namespace varve::storage

#endif  // VARVE_STORAGE_ENGINE_ENGINE_IMPL_H_
