// Days that are over: their move into `closed` and later rewrites there.
//
// A thread of its own, because a large day takes minutes and flushes must not
// wait for it. Steps of a move, each durable before the next:
//
//   1  the day is marked closing: flushes write it to `closed` from now on,
//      and its family does not change any more
//   2  all of it is rewritten into tables, without any lock
//   3  one ingest: the tables, and the day marked closed
//   4  the family is dropped
//
// A crash before 3 starts the move over, one before 4 drops the family at the
// next start. A rewrite in place holds flush_mutex_ for kSliceBytes at a time:
// no late sample comes between the reading of a key and its new value.
#include <algorithm>

#include "absl/strings/str_format.h"
#include "absl/time/civil_time.h"
#include "lib/base/log.h"
#include "lib/base/status.h"
#include "storage/compaction/day_rewrite.h"
#include "storage/engine/engine_impl.h"

namespace varve::storage {
namespace {

constexpr absl::Duration kTick = absl::Seconds(10);
constexpr int64_t kCheckIntervalMs = 60'000;
// About a third of a second of work.
constexpr int64_t kSliceBytes = 16 << 20;
// Columns of one move; above, timestamps stand inline.
constexpr uint64_t kMoveColumns = 1 << 20;
// A backfill is over when nothing has come for so long.
constexpr int64_t kLateQuietMs = 3'600'000;
// Fewer late samples cost a search less than a rewrite.
constexpr int64_t kLateRowsMin = 10'000;

// "2026_11_20"; a month is what it begins with, as the peers' partitions are.
std::string PartitionOf(int32_t day) {
  const absl::CivilDay civil = absl::CivilDay(1970, 1, 1) + day;
  return absl::StrFormat("%04d_%02d_%02d", civil.year(), civil.month(),
                         civil.day());
}

}  // namespace

void EngineImpl::RunCompaction() {
  int64_t check_at_ms = options_.clock->SteadyMs() + kCheckIntervalMs;
  while (true) {
    std::optional<std::string> merge;
    {
      base::MutexLock lock(compaction_.mutex);
      if (!compaction_.stopping && compaction_.wanted.empty()) {
        (void)compaction_.wake.WaitFor(lock, kTick);  // both are fine
      }
      if (compaction_.stopping) return;
      if (!compaction_.wanted.empty()) {
        merge = *compaction_.wanted.begin();
        compaction_.wanted.erase(compaction_.wanted.begin());
      }
    }
    if (!merge && options_.clock->SteadyMs() < check_at_ms) continue;
    check_at_ms = options_.clock->SteadyMs() + kCheckIntervalMs;
    const absl::Status status = merge ? MergeNow(*merge) : CompactDays();
    if (!status.ok() && !absl::IsUnavailable(status)) {
      static base::LogEvery every(60'000);
      if (every.Due()) base::LogError("compaction: ", base::Message(status));
    }
  }
}

void EngineImpl::StopCompaction() {
  {
    base::MutexLock lock(compaction_.mutex);
    compaction_.stopping = true;
    compaction_.wake.NotifyAll();
  }
  if (data_ != nullptr) data_->StopCompactions();
  if (compaction_.thread.joinable()) compaction_.thread.join();
}

absl::Status EngineImpl::ForceMerge(std::string_view partition_prefix) {
  RETURN_IF_ERROR(CheckRunning());
  base::MutexLock lock(compaction_.mutex);
  // Another prefix waits as well; one that is waiting is not waited for twice.
  compaction_.wanted.emplace(partition_prefix);
  compaction_.wake.NotifyAll();
  return absl::OkStatus();
}

absl::Status EngineImpl::MergeNow(const std::string& partition_prefix) {
  base::MutexLock running_lock(compaction_.running);
  const std::shared_ptr<const BlockFamilies> blocks = Blocks();
  for (const DayFamily& open : blocks->open_days) {
    if (!PartitionOf(open.day).starts_with(partition_prefix)) continue;
    RETURN_IF_ERROR(CheckRunning());
    RETURN_IF_ERROR(data_->CompactRange(*open.family, "", ""));
  }
  for (const auto& [day, state] : blocks->days) {
    if (!state.in_closed || state.phase == DayPhase::kClosing ||
        !PartitionOf(day).starts_with(partition_prefix)) {
      continue;
    }
    RETURN_IF_ERROR(CheckRunning());
    RETURN_IF_ERROR(RewriteClosedDay(day));
  }
  base::LogInfo("merged the partitions \"", partition_prefix, "*\"");
  return absl::OkStatus();
}

absl::Status EngineImpl::CompactDays() {
  RETURN_IF_ERROR(CheckRunning());
  base::MutexLock running_lock(compaction_.running);
  const int64_t now_ms = options_.clock->NowMs();
  const int32_t today = model::DayOf(now_ms);
  absl::Status first_error;  // one bad day does not keep the others
  const std::shared_ptr<const BlockFamilies> blocks = Blocks();
  for (const DayFamily& open : blocks->open_days) {
    if (open.day >= today - kOpenDays) break;
    RETURN_IF_ERROR(CheckRunning());
    absl::Status status = MoveDay(open);
    if (first_error.ok()) first_error = std::move(status);
  }
  for (const int32_t day : DaysToRewrite(now_ms)) {
    RETURN_IF_ERROR(CheckRunning());
    absl::Status status = RewriteClosedDay(day);
    if (first_error.ok()) first_error = std::move(status);
  }
  return first_error;
}

std::vector<int32_t> EngineImpl::DaysToRewrite(int64_t now_ms) {
  std::vector<int32_t> days;
  const std::shared_ptr<const BlockFamilies> blocks = Blocks();
  for (const auto& [day, state] : blocks->days) {
    // Samples that a family of its own will join anyway are not late here.
    if (!state.in_closed || state.phase == DayPhase::kClosing) continue;
    const bool ruled = RewriteWanted(day, state, now_ms);
    LateRows& seen = compaction_.late[day];
    if (seen.rows != state.late_rows) seen = {state.late_rows, now_ms};
    const bool piled_up = state.late_rows >= kLateRowsMin ||
                          state.late_rows * 10 >= state.rows;
    const bool quiet = now_ms - seen.since_ms >= kLateQuietMs;
    if (ruled || (state.late_rows > 0 && piled_up && quiet)) {
      days.push_back(day);
    }
  }
  std::erase_if(compaction_.late, [&](const auto& one) {
    return !blocks->days.contains(one.first);
  });
  return days;
}

DayRewriteOptions EngineImpl::RewriteOptionsOf(
    int32_t day, const KvFamilyRef& source, std::shared_ptr<RulePin> rules) {
  DayRewriteOptions options;
  options.db = data_.get();
  options.source = source;
  options.closed = Blocks()->closed;
  options.day = day;
  // On disk only byte-equal samples collapse, unless an interval is set.
  options.dedup = options_.dedup.interval_ms > 0
                      ? options_.dedup
                      : model::DedupRule{.interval_ms = 0, .keep_all = true};
  options.now_ms = options_.clock->NowMs();
  options.rules_of = [this, rules = std::move(rules)](
                         const SeriesKey& key, SeriesRules& out) {
    return RulesOfSeries(*rules, key, out);
  };
  const auto number = std::make_shared<int>(0);
  options.next_path = [this, number] {
    return JoinPath(PathOf(kCompactionDir),
                    absl::StrFormat("%06d.sst", (*number)++));
  };
  return options;
}

absl::Status EngineImpl::ClearCompactionDir() {
  RETURN_IF_ERROR(fs_.RemoveTree(PathOf(kCompactionDir)));
  return fs_.CreateDirs(PathOf(kCompactionDir));
}

absl::Status EngineImpl::PutDay(int32_t day, const DayState& state) {
  KvBatch batch;
  batch.Put(*meta_, DayRowKey(day), DayRowValue(state));
  RETURN_IF_ERROR(data_->Write(batch, true));
  auto after = std::make_shared<BlockFamilies>(*Blocks());
  after->days[day] = state;
  ReplaceBlocks(std::move(after));
  return absl::OkStatus();
}

absl::Status EngineImpl::IngestRewrite(int32_t day, const DayState& state,
                                       std::vector<std::string> files) {
  const std::string meta = JoinPath(PathOf(kCompactionDir), "meta.sst");
  ASSIGN_OR_RETURN(const std::unique_ptr<KvSstWriter> writer,
                   data_->NewSst(*meta_, meta));
  RETURN_IF_ERROR(writer->Put(DayRowKey(day), DayRowValue(state)));
  RETURN_IF_ERROR(writer->Finish());
  std::vector<KvIngest> ingests = {{meta_, {meta}}};
  if (!files.empty()) {
    // A search that began before may read a moved day twice: equal samples
    // collapse.
    ingests.push_back({Blocks()->closed, std::move(files),
                       /*in_old_snapshots=*/true});
  }
  return data_->Ingest(ingests);
}

bool EngineImpl::CompactionStopped(CompactionStep step) const {
  return options_.compaction_hook != nullptr && !options_.compaction_hook(step);
}

// Waits as long as writing so many bytes may take at least.
absl::Status EngineImpl::Throttle(int64_t bytes) {
  const int64_t rate = options_.compaction_bytes_per_second;
  if (rate > 0) {
    base::MutexLock lock(compaction_.mutex);
    if (!compaction_.stopping) {
      // A wanted merge wakes it too early: no harm.
      (void)compaction_.wake.WaitFor(
          lock, absl::Milliseconds(bytes * 1000 / rate));
    }
  }
  return CheckRunning();
}

absl::Status EngineImpl::MoveDay(const DayFamily& day) {
  const auto rules = std::make_shared<RulePin>();
  DayRewriteOptions options = RewriteOptionsOf(day.day, day.family, rules);
  bool whole = false;
  uint64_t rewrite_generation = 0;
  {
    base::MutexLock lock(flush_mutex_);
    const std::shared_ptr<const BlockFamilies> blocks = Blocks();
    const auto found = blocks->days.find(day.day);
    DayState state = found == blocks->days.end() ? DayState{} : found->second;
    state.phase = DayPhase::kClosing;
    options.next_column = state.next_column;
    state.next_column += kMoveColumns;
    options.column_end = state.next_column;
    rewrite_generation = next_generation_;
    PinRules(*rules);
    // Late samples in `closed` are not rewritten with the family.
    whole = !state.in_closed;
    RETURN_IF_ERROR(PutDay(day.day, state));
  }
  if (CompactionStopped(CompactionStep::kClosing)) {
    return absl::AbortedError("compaction_hook");
  }
  RETURN_IF_ERROR(ClearCompactionDir());
  const int64_t now_ms = options.now_ms;
  DayRewrite rewrite(std::move(options));
  while (!rewrite.done()) {
    RETURN_IF_ERROR(rewrite.Run(kSliceBytes));
    RETURN_IF_ERROR(Throttle(kSliceBytes));
  }
  {
    base::MutexLock lock(flush_mutex_);
    const std::shared_ptr<const BlockFamilies> blocks = Blocks();
    const auto found = blocks->days.find(day.day);
    if (found == blocks->days.end()) return absl::OkStatus();  // out of retention
    DayState state = found->second;
    state.phase = DayPhase::kClosed;
    state.in_closed = true;
    state.rewritten_generation = rewrite_generation;
    state.rewritten_ms = now_ms;
    RETURN_IF_ERROR(IngestRewrite(day.day, state, rewrite.TakeFiles()));
    if (CompactionStopped(CompactionStep::kMoved)) {
      return absl::AbortedError("compaction_hook");
    }
    auto after = std::make_shared<BlockFamilies>(*blocks);
    after->days[day.day] = state;
    std::erase_if(after->open_days,
                  [&](const DayFamily& one) { return one.day == day.day; });
    ReplaceBlocks(std::move(after));
    if (whole) RETURN_IF_ERROR(RulesApplied(day.day, *rules->first));
  }
  RETURN_IF_ERROR(data_->Drop(DayFamilyName(day.day)));
  const DayRewriteStats& stats = rewrite.stats();
  base::LogInfo("moved the day ", DayFamilyName(day.day), " of ", stats.series,
                " series and ", stats.samples_out, " samples (",
                stats.samples_in - stats.samples_out,
                " fewer than before) to the closed ones");
  if (stats.damaged > 0) {
    corrupt_blocks_ += stats.damaged;
    base::LogError(stats.damaged, " damaged series of that day are kept as "
                   "they are");
  }
  return absl::OkStatus();
}

absl::Status EngineImpl::RewriteClosedDay(int32_t day) {
  const auto rules = std::make_shared<RulePin>();
  DayRewriteOptions options =
      RewriteOptionsOf(day, Blocks()->closed, rules);
  const int64_t now_ms = options.now_ms;
  int64_t late_before = 0;
  uint64_t rewrite_generation = 0;
  {
    base::MutexLock lock(flush_mutex_);
    const std::shared_ptr<const BlockFamilies> blocks = Blocks();
    const auto found = blocks->days.find(day);
    if (found == blocks->days.end()) return absl::OkStatus();
    options.next_column = found->second.next_column;
    late_before = found->second.late_rows;
    rewrite_generation = next_generation_;
  }
  DayRewrite rewrite(std::move(options));
  while (!rewrite.done()) {
    RETURN_IF_ERROR(ClearCompactionDir());
    {
      base::MutexLock lock(flush_mutex_);
      const std::shared_ptr<const BlockFamilies> blocks = Blocks();
      const auto found = blocks->days.find(day);
      if (found == blocks->days.end()) return absl::OkStatus();
      DayState state = found->second;
      rewrite.set_next_column(state.next_column);
      PinRules(*rules);
      RETURN_IF_ERROR(rewrite.Run(kSliceBytes));
      state.next_column = rewrite.next_column();
      if (rewrite.done()) {
        state.late_rows -= late_before;
        state.rewritten_generation = rewrite_generation;
        state.rewritten_ms = now_ms;
      }
      RETURN_IF_ERROR(IngestRewrite(day, state, rewrite.TakeFiles()));
      auto after = std::make_shared<BlockFamilies>(*blocks);
      after->days[day] = state;
      ReplaceBlocks(std::move(after));
      if (rewrite.done()) RETURN_IF_ERROR(RulesApplied(day, *rules->first));
    }
    if (CompactionStopped(CompactionStep::kRewritten)) {
      return absl::AbortedError("compaction_hook");
    }
    RETURN_IF_ERROR(Throttle(kSliceBytes));
  }
  const DayRewriteStats& stats = rewrite.stats();
  base::LogInfo("rewrote ", stats.changed, " of ", stats.series,
                " series of the closed day ", DayFamilyName(day), ": ",
                stats.samples_in, " samples before, ", stats.samples_out,
                " after");
  return absl::OkStatus();
}

}  // namespace varve::storage
