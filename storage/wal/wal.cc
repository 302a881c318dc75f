#include "storage/wal/wal.h"

#include <algorithm>
#include <chrono>
#include <random>

#include "lib/base/log.h"
#include "lib/base/machine.h"
#include "lib/base/status.h"

namespace varve::storage {
namespace {

using base::LogError;
using base::LogWarn;
using base::MutexLock;

// A file of the log that is larger than this was not written by us: the
// largest segment is one record past its bound.
constexpr uint64_t kSegmentFileBytesMax = uint64_t{4} << 30;

// What is unpacked at once in a replay, for each CPU: nine times as much in
// columns, which are to be in a cache still when they go to the head.
constexpr size_t kBatchBytesPerCpu = 512 << 10;
constexpr size_t kBatchBytesMax = 8 << 20;

// The buffer for one record is let go when a large one made it larger.
constexpr size_t kScratchBytesKept = 1 << 20;

uint64_t RandomIncarnation() {
  std::random_device device;
  return uint64_t{device()} << 32 | device();
}

double SecondsSince(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() -
                                       start)
      .count();
}

}  // namespace

Wal::Wal(FileSystem& fs, std::string dir, const WalOptions& options)
    : fs_(fs), dir_(std::move(dir)), options_(options) {}

Wal::~Wal() = default;

absl::StatusOr<std::unique_ptr<Wal>> Wal::Open(FileSystem& fs, std::string dir,
                                               const WalOptions& options,
                                               uint64_t replay_from,
                                               WalReplay& replay) {
  RETURN_IF_ERROR(fs.CreateDirs(dir));
  std::unique_ptr<Wal> wal(new Wal(fs, std::move(dir), options));
  RETURN_IF_ERROR(wal->ReplayAll(replay_from, replay));
  MutexLock lock(wal->mutex_);
  const bool empty = wal->closed_.empty();
  const uint64_t end = empty ? 0 : wal->closed_.back().end;
  RETURN_IF_ERROR(wal->StartSegment(std::max(end, replay_from),
                                    !empty && wal->closed_.back().has_hole));
  return wal;
}

absl::StatusOr<std::vector<Wal::Segment>> Wal::ListSegments() const {
  std::vector<Segment> segments;
  ASSIGN_OR_RETURN(const std::vector<std::string> names, fs_.List(dir_));
  for (const std::string& name : names) {  // sorted: by position
    const auto header = ParseSegmentFileName(name);
    if (!header) continue;
    Segment segment;
    segment.path = JoinPath(dir_, name);
    segment.begin = segment.end = header->position;
    segments.push_back(std::move(segment));
  }
  return segments;
}

absl::Status Wal::ReplayAll(uint64_t replay_from, WalReplay& replay) {
  ASSIGN_OR_RETURN(std::vector<Segment> segments, ListSegments());
  uint64_t end = replay_from;
  for (size_t i = 0; i < segments.size(); ++i) {
    Segment& segment = segments[i];
    // Positions go on without gaps from segment to segment, also after a torn
    // tail: somebody took a file away.
    if (segment.begin > end) TellLost({end, segment.begin}, replay_from, replay);
    const bool last = i + 1 == segments.size();
    RETURN_IF_ERROR(ReplaySegment(segment, last ? nullptr : &segments[i + 1],
                                  replay_from, replay));
    end = std::max(segment.end, replay_from);
    if (segment.begin == segment.end) {  // started, then never written
      RETURN_IF_ERROR(fs_.Remove(segment.path));
      continue;
    }
    if (last) {
      // The process that wrote it may have died before its fsync.
      RETURN_IF_ERROR(fs_.Truncate(segment.path, segment.file_bytes));
    }
    MutexLock lock(mutex_);
    stats_.bytes += static_cast<int64_t>(segment.file_bytes);
    closed_.push_back(std::move(segment));
  }
  return absl::OkStatus();
}

absl::Status Wal::ReplaySegment(Segment& segment, const Segment* next,
                                uint64_t replay_from, WalReplay& replay) {
  ASSIGN_OR_RETURN(const std::string content,
                   fs_.ReadWhole(segment.path, kSegmentFileBytesMax));
  const auto header = ParseSegmentHeader(content);
  if (header.ok() ? header->position != segment.begin
                  : !absl::IsDataLoss(header.status())) {
    return header.ok() ? base::DataLoss(segment.path, " begins at ",
                                        header->position)
                       : base::Annotate(header.status(), segment.path);
  }
  if (content.size() <= kSegmentHeaderBytes) {
    if (!header.ok()) {
      LogWarn("log segment ", segment.path, " has no whole header: the crash ",
              "came before its first record; removed");
    }
    return absl::OkStatus();
  }
  // A damaged header with records behind it: the name has the position.
  ASSIGN_OR_RETURN(
      const std::vector<Gap> gaps,
      ReplayRecords(segment, next == nullptr,
                    std::string_view(content).substr(kSegmentHeaderBytes),
                    replay_from, replay));
  if (gaps.empty()) return absl::OkStatus();
  Quarantine(segment, content);
  const bool synced = next != nullptr && !FollowsHole(*next);
  for (const Gap& gap : gaps) {
    if (synced || gap.begin < segment.proven_end) {
      TellLost(gap, replay_from, replay);
      continue;
    }
    segment.has_hole = true;
    LogWarn("log segment ", segment.path, ": ", gap.end - gap.begin,
            " bytes at position ", gap.begin, " did not reach the disk before ",
            "a crash; no fsync had covered them");
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<Wal::Gap>> Wal::ReplayRecords(
    Segment& segment, bool last, std::string_view records,
    uint64_t replay_from, WalReplay& replay) {
  std::vector<Gap> gaps;
  std::vector<WalRecord> batch;
  size_t batch_bytes = 0;
  const size_t batch_bytes_max = std::min(
      kBatchBytesMax,
      kBatchBytesPerCpu * static_cast<size_t>(std::max(1, base::CpuThreads())));
  size_t at = 0;
  while (at < records.size()) {
    const uint64_t begin = segment.begin + at;
    const auto record = ParseRecord(records.substr(at), begin);
    if (record.ok()) {
      at += record->bytes;
      segment.proven_end = std::max(segment.proven_end, record->durable_end);
      const uint64_t end = segment.begin + at;
      if (end <= replay_from) continue;
      batch.push_back({begin, end, record->type, record->payload});
      batch_bytes += std::max<size_t>(record->bytes, record->payload.raw_size);
      if (batch_bytes < batch_bytes_max) continue;
      RETURN_IF_ERROR(replay.Replay(batch));
      batch.clear();
      batch_bytes = 0;
      continue;
    }
    const auto found = FindRecord(records, at + 1, segment.begin);
    if (!found && last) {
      LogWarn("log segment ", segment.path, ": torn tail of ",
              records.size() - at, " bytes cut at position ", begin, " (",
              base::Message(record.status()), ")");
      MutexLock lock(mutex_);
      stats_.torn_tail_bytes += static_cast<int64_t>(records.size() - at);
      break;
    }
    const size_t resume = found.value_or(records.size());
    LogError("log segment ", segment.path, ": ", resume - at,
             " damaged bytes at position ", begin, " skipped: ",
             base::Message(record.status()));
    gaps.push_back({begin, segment.begin + resume});
    at = resume;
  }
  if (!batch.empty()) RETURN_IF_ERROR(replay.Replay(batch));
  segment.end = segment.begin + at;
  segment.file_bytes = kSegmentHeaderBytes + at;
  return gaps;
}

bool Wal::FollowsHole(const Segment& segment) const {
  const auto file = fs_.OpenRead(segment.path);
  std::string bytes;
  if (!file.ok() || !(*file)->ReadAt(0, kSegmentHeaderBytes, bytes).ok()) {
    return false;
  }
  const auto header = ParseSegmentHeader(bytes);
  return header.ok() && header->after_hole;
}

void Wal::TellLost(const Gap& gap, uint64_t replay_from, WalReplay& replay) {
  LogError("log ", dir_, ": what was logged from position ", gap.begin, " to ",
           gap.end, " is lost");
  {
    MutexLock lock(mutex_);
    ++stats_.corrupt_regions;
  }
  // Below the watermark it is in the blocks.
  if (gap.end > replay_from) replay.Lost(gap.begin, gap.end);
}

void Wal::Quarantine(const Segment& segment, std::string_view content) {
  const std::string copy = segment.path + ".corrupt";
  if (fs_.Exists(copy)) return;
  const absl::Status status = fs_.WriteFileDurably(copy, content);
  // The good records matter more than the copy: a full disk must not keep the
  // node from starting.
  if (!status.ok()) {
    LogError("no copy of a damaged segment: ", base::Message(status));
  }
}

absl::Status Wal::StartSegment(uint64_t begin, bool after_hole) {
  const WalSegmentHeader header{.position = begin,
                                .incarnation = RandomIncarnation(),
                                .after_hole = after_hole};
  Segment segment;
  segment.path = JoinPath(dir_, SegmentFileName(header));
  segment.begin = segment.end = begin;
  segment.file_bytes = kSegmentHeaderBytes;
  ASSIGN_OR_RETURN(std::unique_ptr<AppendFile> file, fs_.Create(segment.path));
  absl::Status status = file->Append(SegmentHeaderBytes(header));
  // The name must be durable before any record in it can be called so.
  if (status.ok()) status = fs_.SyncDir(dir_);
  if (!status.ok()) {
    (void)fs_.Remove(segment.path);  // the first error is the one to tell
    return status;
  }
  open_ = std::move(segment);
  file_ = std::move(file);
  durable_end_ = std::max(durable_end_, begin);
  stats_.bytes += kSegmentHeaderBytes;
  return absl::OkStatus();
}

absl::Status Wal::Fail(const absl::Status& cause) {
  if (failed_.ok()) {
    failed_ = base::Unavailable("log ", dir_, " takes no more records until ",
                                "a restart: ", base::Message(cause));
    LogError(base::Message(failed_));
  }
  synced_.NotifyAll();
  return failed_;
}

absl::Status Wal::WriteLocked(std::string_view bytes) {
  const uint64_t size_before = file_->size();
  const absl::Status status = file_->Append(bytes);
  if (status.ok()) return status;
  // Half a record in the middle would hide what comes after it.
  const absl::Status cut = file_->TruncateTo(size_before);
  if (!cut.ok()) return Fail(cut);
  return status;
}

absl::StatusOr<uint64_t> Wal::Append(RecordType type,
                                     std::string_view payload) {
  if (!options_.compress || payload.size() > kRecordBytesMax) {
    return AppendStored(type, {.bytes = payload});
  }
  const std::string packed = PackPayload(payload);
  if (packed.empty()) return AppendStored(type, {.bytes = payload});
  return AppendStored(type,
                      {.bytes = packed,
                       .raw_size = static_cast<uint32_t>(payload.size())});
}

absl::StatusOr<uint64_t> Wal::AppendStored(RecordType type,
                                           const StoredPayload& payload) {
  if (static_cast<uint8_t>(type) == 0 ||
      payload.bytes.size() > kRecordBytesMax ||
      payload.raw_size > kRecordBytesMax) {
    return base::InvalidArgument("log record of type ",
                                 int{static_cast<uint8_t>(type)}, " and ",
                                 payload.bytes.size(), " bytes; at most ",
                                 kRecordBytesMax);
  }
  MutexLock lock(mutex_);
  if (!failed_.ok()) return failed_;
  if (open_.file_bytes >= static_cast<uint64_t>(options_.segment_bytes)) {
    RETURN_IF_ERROR(RotateLocked(lock));
  }
  scratch_.clear();
  AppendRecord(scratch_, type, payload, open_.end,
               std::min(durable_end_, open_.end));
  RETURN_IF_ERROR(WriteLocked(scratch_));
  open_.end += scratch_.size();
  open_.file_bytes += scratch_.size();
  stats_.bytes += static_cast<int64_t>(scratch_.size());
  ++stats_.records_appended;
  if (scratch_.capacity() > kScratchBytesKept) std::string().swap(scratch_);
  return open_.end;
}

absl::Status Wal::WaitDurable(uint64_t end) {
  MutexLock lock(mutex_);
  return SyncLocked(lock, end);
}

absl::Status Wal::SyncLocked(MutexLock& lock, uint64_t end) {
  while (durable_end_ < end) {
    if (!failed_.ok()) return failed_;
    if (syncing_) {
      synced_.Wait(lock);
      continue;
    }
    // This caller leads: one fsync for everybody who appended so far.
    syncing_ = true;
    const uint64_t written = open_.end;
    const std::shared_ptr<AppendFile> file = file_;
    lock.Unlock();
    const auto start = std::chrono::steady_clock::now();
    const absl::Status status = file->Sync();
    const double seconds = SecondsSince(start);
    lock.Lock();
    syncing_ = false;
    ++stats_.fsyncs;
    stats_.fsync_seconds += seconds;
    if (!status.ok()) return Fail(status);
    durable_end_ = std::max(durable_end_, written);
    synced_.NotifyAll();
  }
  return absl::OkStatus();
}

absl::Status Wal::Rotate() {
  MutexLock lock(mutex_);
  if (!failed_.ok()) return failed_;
  return RotateLocked(lock);
}

absl::Status Wal::RotateLocked(MutexLock& lock) {
  const uint64_t begin = open_.begin;
  // Most of the segment is synced without the lock; others may append to it
  // meanwhile, or rotate it themselves.
  RETURN_IF_ERROR(SyncLocked(lock, open_.end));
  // The kernel tells an error to one of two fsyncs at a time, and a fsync
  // after a failed one proves nothing.
  while (syncing_) synced_.Wait(lock);
  if (!failed_.ok()) return failed_;
  if (open_.begin != begin || open_.begin == open_.end) {
    return absl::OkStatus();
  }
  if (durable_end_ < open_.end) {
    // What came in during that fsync is little: sync it under the lock, or a
    // busy log would never get to its next segment.
    const absl::Status status = file_->Sync();
    ++stats_.fsyncs;
    if (!status.ok()) return Fail(status);
    durable_end_ = open_.end;
    synced_.NotifyAll();
  }
  Segment old = open_;
  const absl::Status started = StartSegment(old.end, false);
  // A full disk may have room again; a directory that did not sync has lost
  // its word as a file would have.
  if (absl::IsUnavailable(started)) return Fail(started);
  RETURN_IF_ERROR(started);
  closed_.push_back(std::move(old));
  return absl::OkStatus();
}

absl::Status Wal::CutBelow(uint64_t position) {
  std::vector<Segment> cut;
  {
    MutexLock lock(mutex_);
    auto keep = closed_.begin();
    while (keep != closed_.end() && keep->end <= position) ++keep;
    cut.assign(std::make_move_iterator(closed_.begin()),
               std::make_move_iterator(keep));
    closed_.erase(closed_.begin(), keep);
    for (const Segment& segment : cut) {
      stats_.bytes -= static_cast<int64_t>(segment.file_bytes);
    }
  }
  // Oldest first: a crash in between leaves no gap.
  for (const Segment& segment : cut) {
    RETURN_IF_ERROR(fs_.Remove(segment.path));
  }
  return cut.empty() ? absl::OkStatus() : fs_.SyncDir(dir_);
}

absl::StatusOr<uint64_t> Wal::ReadSegment(uint64_t from,
                                          WalReplay& reader) const {
  Segment segment;
  {
    MutexLock lock(mutex_);
    segment = open_;
    for (const Segment& one : closed_) {
      if (one.begin <= from && from < one.end) segment = one;
    }
  }
  ASSIGN_OR_RETURN(const std::string content,
                   fs_.ReadWhole(segment.path, kSegmentFileBytesMax));
  // More may have come since.
  const auto records = std::string_view(content).substr(
      std::min(content.size(), kSegmentHeaderBytes),
      segment.end - segment.begin);
  std::vector<WalRecord> batch;
  size_t at = from - segment.begin;
  while (at < records.size()) {
    const uint64_t begin = segment.begin + at;
    const auto record = ParseRecord(records.substr(at), begin);
    if (record.ok()) {
      at += record->bytes;
      batch.push_back(
          {begin, segment.begin + at, record->type, record->payload});
      continue;
    }
    at = FindRecord(records, at + 1, segment.begin).value_or(records.size());
    LogError("log segment ", segment.path, ": ", segment.begin + at - begin,
             " damaged bytes at position ", begin, ": ",
             base::Message(record.status()));
    reader.Lost(begin, segment.begin + at);
  }
  RETURN_IF_ERROR(reader.Replay(batch));
  if (records.size() < segment.end - segment.begin) {  // the file is cut
    reader.Lost(segment.begin + records.size(), segment.end);
  }
  return segment.end;
}

uint64_t Wal::begin() const {
  MutexLock lock(mutex_);
  return closed_.empty() ? open_.begin : closed_.front().begin;
}

uint64_t Wal::end() const {
  MutexLock lock(mutex_);
  return open_.end;
}

uint64_t Wal::durable_end() const {
  MutexLock lock(mutex_);
  return durable_end_;
}

int64_t Wal::bytes() const {
  MutexLock lock(mutex_);
  return stats_.bytes;
}

WalStats Wal::stats() const {
  MutexLock lock(mutex_);
  WalStats stats = stats_;
  stats.segments = static_cast<int64_t>(closed_.size()) + 1;
  stats.failed = !failed_.ok();
  return stats;
}

std::vector<std::string> Wal::ClosedSegments() const {
  MutexLock lock(mutex_);
  std::vector<std::string> paths;
  for (const Segment& segment : closed_) paths.push_back(segment.path);
  return paths;
}

}  // namespace varve::storage
