// Opening: the directory's lock and identity, the databases, the log.
#include <algorithm>
#include <random>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_format.h"
#include "lib/base/byte_coding.h"
#include "lib/base/log.h"
#include "lib/base/machine.h"
#include "lib/base/status.h"
#include "storage/block/block_key.h"
#include "storage/engine/engine_impl.h"
#include "storage/engine/log_record.h"
#include "storage/engine/log_replay.h"
#include "storage/engine/lost_spans.h"
#include "storage/engine/node_id.h"
#include "storage/index/index_repair.h"
#include "storage/snapshot/restore.h"

namespace varve::storage {
namespace {

// Shares of the memory limit when no flag decides. The whole node is to stay
// below -memory.allowedPercent (60): a quarter for the head (two generations
// during a flush), a sixteenth for blocks; the rest is the index's, the
// searches' and the allocator's.
int64_t HeadBytesMax(const EngineOptions& options) {
  if (options.head_bytes_max > 0) return options.head_bytes_max;
  return std::max<int64_t>(16 << 20, base::MemoryLimitBytes() / 8);
}
int64_t BlockCacheBytes(const EngineOptions& options) {
  if (options.block_cache_bytes > 0) return options.block_cache_bytes;
  return std::clamp<int64_t>(base::MemoryLimitBytes() / 16, 8 << 20, 4LL << 30);
}
int64_t SearchBytesMax(const EngineOptions& options) {
  if (options.search_bytes_max > 0) return options.search_bytes_max;
  return std::max<int64_t>(32 << 20, base::MemoryLimitBytes() / 8);
}

// A few searches at a time, each of some ten megabytes and 16 bytes a series.
int64_t RepairBytesMax(const EngineOptions& options) {
  return std::max<int64_t>(64 << 20, SearchBytesMax(options) / 2);
}

// Of the memory limit, from where on a flush may give memory back before the
// kernel takes the process.
constexpr int64_t kMemoryTwentieths = 17;

// Written by Close, removed by Start: the log's end, decimal.
constexpr std::string_view kShutdownMarker = "clean_shutdown";

std::shared_ptr<const SeriesRetention> MakeSeriesRetention(
    const EngineOptions& options) {
  if (options.retention_filters.empty() && options.downsampling.empty()) {
    return nullptr;
  }
  return std::make_shared<const SeriesRetention>(options.retention_filters,
                                                 options.downsampling);
}

uint64_t RandomId() {
  std::random_device device;
  const uint64_t id = uint64_t{device()} << 32 | device();
  return id == 0 ? 1 : id;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Engine>> Engine::Open(
    const EngineOptions& options) {
  auto engine = std::make_unique<EngineImpl>(options);
  RETURN_IF_ERROR(engine->Start());
  return engine;
}

EngineImpl::EngineImpl(const EngineOptions& options)
    : options_(options),
      fs_(options.file_system != nullptr ? *options.file_system
                                         : RealFileSystem()),
      head_bytes_max_(HeadBytesMax(options)),
      metadata_(options.metadata_bytes_max),
      series_retention_(MakeSeriesRetention(options)),
      disk_(options.free_disk_bytes_min),
      search_memory_(SearchBytesMax(options), "-search.maxStorageMemory"),
      repair_memory_(RepairBytesMax(options),
                     "half of -search.maxStorageMemory") {}

EngineImpl::~EngineImpl() {
  // A destructor has nobody to tell; callers who care call Close.
  (void)Close();
}

std::string EngineImpl::PathOf(std::string_view name) const {
  return JoinPath(options_.path, name);
}

RetentionRule EngineImpl::retention_rule() const {
  return {.retention_ms = options_.retention_ms,
          .future_retention_ms = options_.future_retention_ms,
          .max_backfill_age_ms = options_.max_backfill_age_ms};
}

absl::Status EngineImpl::CheckRunning() const {
  switch (state_.load()) {
    case State::kRunning:
      return absl::OkStatus();
    case State::kOpening:
      return base::Unavailable("the storage is replaying its log");
    case State::kStopping:
      break;
  }
  return base::Unavailable("the storage is stopping");
}

absl::Status EngineImpl::CheckReadable(const model::TimeRange& range) const {
  RETURN_IF_ERROR(CheckRunning());
  if (!options_.deny_outside_retention) return absl::OkStatus();
  const int64_t now_ms = options_.clock->NowMs();
  RetentionRule rule = retention_rule();
  rule.max_backfill_age_ms = 0;
  const model::TimeRange kept = AcceptedRange(rule, now_ms);
  if (kept.start_ms <= range.start_ms && range.end_ms <= kept.end_ms) {
    return absl::OkStatus();
  }
  return base::Unavailable(
      "the time range [", range.start_ms, ", ", range.end_ms,
      "] ms is not within -retentionPeriod and -futureRetention, [",
      kept.start_ms, ", ", kept.end_ms,
      "] ms; refused because of -denyQueriesOutsideRetention");
}

absl::Status EngineImpl::Start() {
  RETURN_IF_ERROR(PrepareDirectory());
  RETURN_IF_ERROR(BuildRestoredDirectory());
  first_start_ = !fs_.Exists(PathOf("node_id"));
  ASSIGN_OR_RETURN(node_id_, LoadNodeId(fs_, options_.path, RandomId()));
  triggers_ = std::make_unique<FlushTriggers>(
      FlushLimits{.interval_ms = options_.flush_interval_ms,
                  .node_id = node_id_,
                  .head_bytes_max = head_bytes_max_,
                  .log_bytes_max = options_.wal_bytes_max,
                  .memory_bytes_max = base::MemoryLimitBytes() / 20 *
                                      kMemoryTwentieths});
  RETURN_IF_ERROR(OpenDatabases());
  RETURN_IF_ERROR(OpenHints());
  ASSIGN_OR_RETURN(snapshots_, SnapshotStore::Open(fs_, PathOf("snapshots")));
  coverage_version_ = RandomId();
  uint64_t replay_from = 0;
  uint64_t next_generation = 1;
  RETURN_IF_ERROR(LoadMeta(replay_from, next_generation));
  {
    base::MutexLock lock(flush_mutex_);
    next_generation_ = next_generation;
    flushed_position_ = replay_from;
  }
  const int64_t newest_ms = newest_in_blocks_ms_;
  head_ = std::make_unique<Head>(
      HeadOptions{.tail_bytes_max = head_bytes_max_ / 8}, next_generation,
      newest_ms == INT64_MIN || newest_ms == INT64_MAX ? newest_ms
                                                       : newest_ms + 1);
  kind_head_ = std::make_unique<KindHead>(
      KindHeadOptions{.exemplars_per_series_max =
                          options_.exemplars_per_series_max},
      next_generation);
  uint64_t clean_end = 0;
  RETURN_IF_ERROR(ReadShutdownMarker(clean_end));
  RETURN_IF_ERROR(ReplayLog(replay_from, clean_end));
  // Gone for good before anything is taken in that it does not know of.
  RETURN_IF_ERROR(fs_.Remove(PathOf(kShutdownMarker)));
  RETURN_IF_ERROR(fs_.SyncDir(options_.path));
  ObserveDisk();
  state_ = State::kRunning;
  RETURN_IF_ERROR(FinishRestoredDirectory());
  maintenance_ = std::thread([this] { RunMaintenance(); });
  compaction_.thread = std::thread([this] { RunCompaction(); });
  return absl::OkStatus();
}

absl::Status EngineImpl::PrepareDirectory() {
  RETURN_IF_ERROR(fs_.CreateDirs(options_.path));
  ASSIGN_OR_RETURN(lock_, fs_.Lock(PathOf("flock.lock")));
  if (fs_.Exists(PathOf("restore-in-progress"))) {
    return base::FailedPrecondition(
        "a restore into ", options_.path,
        " was not finished: restore-in-progress exists; run the restore again "
        "until it succeeds");
  }
  for (const std::string_view name : {"wal", "data", "index", "snapshots",
                                      "hints"}) {
    RETURN_IF_ERROR(fs_.CreateDirs(PathOf(name)));
  }
  // Nothing in them is durable before their own names are.
  RETURN_IF_ERROR(fs_.SyncDir(options_.path));
  (void)fs_.SyncDir(ParentDir(options_.path));  // may not be ours to read
  // Tables of a flush that did not finish.
  RETURN_IF_ERROR(fs_.RemoveTree(PathOf("tmp")));
  RETURN_IF_ERROR(fs_.RemoveTree(PathOf(kCompactionDir)));
  return fs_.CreateDirs(PathOf("tmp"));
}

// The id of the backup is kept: a restored node is the one that was backed up.
absl::Status EngineImpl::BuildRestoredDirectory() {
  ASSIGN_OR_RETURN(restored_, BuildRestored(fs_, options_.path));
  if (!restored_) return absl::OkStatus();
  return StoreNodeId(fs_, options_.path, restored_->node_id);
}

// Ids given out after the snapshot are unknown here and will be given out
// again: what others remember of them must not be used.
absl::Status EngineImpl::FinishRestoredDirectory() {
  if (restored_) {
    RETURN_IF_ERROR(index_->RenewRefEpoch());
    if (options_.on_restored) RETURN_IF_ERROR(options_.on_restored(*this));
  }
  return FinishRestore(fs_, options_.path);
}

absl::Status EngineImpl::OpenDatabases() {
  cache_ = std::make_shared<KvCache>(BlockCacheBytes(options_));
  KvOptions data;
  data.path = PathOf("data");
  data.cache = cache_;
  data.family_options = DataFamilyOptions;
  data.families = {std::string(kMetaFamily), std::string(kClosedFamily)};
  data.background_threads = std::min(2, base::CpuThreads());
  data.background_bytes_per_second = options_.compaction_bytes_per_second;
  ASSIGN_OR_RETURN(data_, KvDb::Open(data));
  meta_ = data_->Find(kMetaFamily);

  KvOptions index;
  index.path = PathOf("index");
  index.cache = cache_;
  index.family_options = Index::FamilyOptions;
  index.families = Index::FamilyNames();
  index.background_threads = data.background_threads;
  ASSIGN_OR_RETURN(index_db_, KvDb::Open(index));
  RETURN_IF_ERROR(RepairIndexMeta(*index_db_));
  ASSIGN_OR_RETURN(index_, Index::Open(*index_db_, {.page_cache_bytes =
                                                    options_.label_page_bytes}));
  if (options_.name_usage_bytes_max > 0) {
    name_usage_ = std::make_unique<NameUsage>(*index_db_,
                                              options_.name_usage_bytes_max);
    RETURN_IF_ERROR(name_usage_->Load(options_.clock->NowMs() / 1000));
  }
  return absl::OkStatus();
}

absl::Status EngineImpl::OpenHints() {
  ASSIGN_OR_RETURN(
      auto store,
      HintStore::Open(fs_, PathOf("hints"),
                      {.bytes_max = options_.hint_bytes_max,
                       .series_max = options_.hint_series_max},
                      options_.clock->NowMs()));
  hints_ = std::make_unique<Hints>(std::move(store), &disk_, options_.clock);
  return absl::OkStatus();
}

absl::Status EngineImpl::LoadMetaRow(std::string_view key,
                                     std::string_view row,
                                     BlockFamilies& blocks) {
  base::ByteReader value(row);
  if (key == kIndexSequenceKey) {
    return CheckIndexSequence(value.FixedLe<uint64_t>());
  }
  if (key == kNewestKindKey) {
    newest_kind_in_blocks_ms_ = value.FixedLe<int64_t>();
    if (!value.AtEnd()) return base::DataLoss("bad newest row in data/");
  } else if (key.starts_with(kRowsPrefix)) {
    int32_t day = 0;
    DayState state;
    RETURN_IF_ERROR(ParseDayRow(key, row, day, state));
    blocks.days[day] = state;
  } else if (key.starts_with(kMetadataPrefix)) {
    return metadata_.Load(key, row);
  } else if (key.starts_with(kDeletePrefix)) {
    return LoadTombstone(key, row);
  } else if (key.starts_with(kStatePrefix)) {
    base::MutexLock lock(state_mutex_);
    SetState(key.substr(kStatePrefix.size()), row);
  }
  return absl::OkStatus();
}

absl::Status EngineImpl::LoadMeta(uint64_t& replay_from,
                                  uint64_t& next_generation) {
  std::optional<int64_t> newest_ms;
  auto blocks = std::make_shared<BlockFamilies>();
  blocks->closed = data_->Find(kClosedFamily);
  for (const std::string& name : data_->Families()) {
    const absl::StatusOr<int32_t> day = ParseDayFamilyName(name);
    if (!day.ok()) continue;  // meta and closed
    blocks->open_days.push_back({*day, data_->Find(name)});
  }
  std::sort(blocks->open_days.begin(), blocks->open_days.end(),
            [](const auto& a, const auto& b) { return a.day < b.day; });
  const std::unique_ptr<KvIterator> it = data_->Scan(meta_, KvScan{});
  for (it->SeekToFirst(); it->Valid(); it->Next()) {
    if (it->key() == kNewestKey) {
      base::ByteReader value(it->value());
      newest_ms = value.FixedLe<int64_t>();
      if (!value.AtEnd()) return base::DataLoss("bad newest row in data/");
    } else if (it->key() == kWatermarkKey) {
      base::ByteReader value(it->value());
      replay_from = value.FixedLe<uint64_t>();
      next_generation = value.FixedLe<uint64_t>();
      if (!value.AtEnd()) return base::DataLoss("bad watermark in data/");
    } else {
      RETURN_IF_ERROR(LoadMetaRow(it->key(), it->value(), *blocks));
    }
  }
  RETURN_IF_ERROR(it->status());
  if (data_->MayLack(*meta_, "", "")) {
    RETURN_IF_ERROR(RebuildDays(blocks->closed, blocks->days));
    // Above what any head was numbered; flushes are not that many.
    next_generation = std::max<uint64_t>(
        next_generation, static_cast<uint64_t>(options_.clock->NowMs()));
    newest_in_blocks_ms_ = INT64_MAX;  // not known any more
  }
  for (auto it = blocks->open_days.begin(); it != blocks->open_days.end();) {
    const auto state = blocks->days.find(it->day);
    if (state == blocks->days.end() ||
        state->second.phase != DayPhase::kClosed) {
      ++it;
      continue;
    }
    // Moved, and stopped before the family went.
    RETURN_IF_ERROR(data_->Drop(DayFamilyName(it->day)));
    it = blocks->open_days.erase(it);
  }
  // New series would be given the ids, and so the samples, of old ones.
  if (!blocks->days.empty() && index_->stats().series == 0) {
    return base::FailedPrecondition(
        PathOf("data"), " has samples of series that ", PathOf("index"),
        "/ does not know: restore index/, or move data/ away too");
  }
  newest_in_blocks_ms_ =
      newest_ms.value_or(blocks->days.empty() ? INT64_MIN : INT64_MAX);
  ReplaceBlocks(std::move(blocks));
  return absl::OkStatus();
}

absl::Status EngineImpl::ReadShutdownMarker(uint64_t& clean_end) {
  const std::string path = PathOf(kShutdownMarker);
  unclean_shutdown_ = !first_start_ && !fs_.Exists(path);
  if (unclean_shutdown_) {
    base::LogWarn("the storage at ", options_.path,
                  " was not closed by its last process");
  }
  if (!fs_.Exists(path)) return absl::OkStatus();
  ASSIGN_OR_RETURN(const std::string text, fs_.ReadWhole(path, 64));
  if (!absl::SimpleAtoi(absl::StripAsciiWhitespace(text), &clean_end)) {
    base::LogWarn(path, " has no log position: \"", text, "\"");
  }
  return absl::OkStatus();
}

absl::Status EngineImpl::ReplayLog(uint64_t replay_from, uint64_t clean_end) {
  const int64_t begin_ms = options_.clock->SteadyMs();
  LogReplay replay(*this);
  ASSIGN_OR_RETURN(
      wal_, Wal::Open(fs_, PathOf("wal"), WalOptions{}, replay_from, replay));
  // A torn tail is no loss but behind what a closed node had synced.
  if (clean_end > wal_->end()) {
    base::LogError("the log ends at ", wal_->end(), " and was closed at ",
                   clean_end);
    ++corrupt_blocks_;
    replay.Lost(wal_->end(), clean_end);
  }
  RETURN_IF_ERROR(replay.Finish());
  const int64_t now_ms = options_.clock->SteadyMs();
  base::LogInfo("replayed ", replay.rows(), " rows in ", replay.records(),
                " log records in ", now_ms - begin_ms, " ms");
  // The log's age goes on from where it was, or a node that is restarted each
  // half hour would never flush by age.
  const int64_t age_ms =
      replay.rows() == 0
          ? 0
          : std::clamp<int64_t>(
                options_.clock->NowMs() - replay.oldest_accept_ms(), 0,
                options_.flush_interval_ms);
  triggers_->Start(now_ms - age_ms);
  return absl::OkStatus();
}

absl::Status EngineImpl::KeepLost(uint64_t position,
                                  const model::TimeRange& span) {
  const std::string key = LostStateKey(position);
  const std::string value = LostStateValue(span);
  {
    base::MutexLock lock(state_mutex_);
    kept_state_[key] = value;
  }
  const absl::StatusOr<uint64_t> end =
      wal_->Append(RecordType::kState, StateRecord(key, value));
  const absl::Status status =
      end.ok() ? wal_->WaitDurable(*end) : end.status();
  // The damage itself tells it at the next start, and the flush that cuts the
  // log keeps the span: a full disk must not keep the node from serving.
  if (!status.ok()) {
    base::LogError("keeping what is lost: ", base::Message(status));
  }
  return absl::OkStatus();
}

bool EngineImpl::MayLack(const model::TimeRange& range) const {
  if (TablesMayLack(range)) return true;
  base::MutexLock lock(state_mutex_);
  return AnyLost(kept_state_, range);
}

absl::Status EngineImpl::Close() {
  const State before = state_.exchange(State::kStopping);
  if (before == State::kStopping) return absl::OkStatus();
  {
    base::MutexLock lock(maintenance_mutex_);
    stopping_ = true;
    maintenance_wake_.NotifyAll();
    flushed_.NotifyAll();
  }
  StopCompaction();
  if (maintenance_.joinable()) maintenance_.join();
  if (name_usage_ != nullptr) (void)name_usage_->Save();  // statistics only
  if (wal_ == nullptr) return absl::OkStatus();
  if (const auto status = hints_->Close(); !status.ok()) {
    base::LogError("hints: ", base::Message(status));
  }
  RETURN_IF_ERROR(wal_->Sync());
  if (before != State::kRunning) return absl::OkStatus();
  return fs_.WriteFileDurably(PathOf(kShutdownMarker),
                              base::StrCat(wal_->end(), "\n"));
}

}  // namespace varve::storage
