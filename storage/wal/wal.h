// The write-ahead log: records of bytes, appended, made durable in groups,
// replayed in order after a crash.
//
// A position counts the bytes of all records since the log's birth (segment
// headers are not counted); it only grows. A record lies at [begin, end).
//
// Durability: Append puts the record into the file (the page cache): it
//             survives the process. WaitDurable(end) returns when an fsync
//             covers it: it survives the machine. Waiters share fsyncs: one of
//             them runs it, the others wait for it.
// Errors:     ResourceExhausted: the disk is full; the record is not in the
//             log, later ones may be tried. Unavailable: an fsync failed once;
//             the log takes nothing more until it is opened anew (a retried
//             fsync proves nothing). InvalidArgument: type 0, or larger than
//             kRecordBytesMax.
// Threads:    all members from any thread. Append keeps a lock for one write.
// Format:     docs/formats/wal.md, storage/wal/record.h.
#ifndef VARVE_STORAGE_WAL_WAL_H_
#define VARVE_STORAGE_WAL_WAL_H_

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "lib/base/mutex.h"
#include "storage/fs/file_system.h"
#include "storage/wal/record.h"

namespace varve::storage {

struct WalOptions {
  // A segment is closed when it reaches this; replay reads one at a time.
  int64_t segment_bytes = 32 << 20;
  // LZ4 for payloads that it makes smaller.
  bool compress = true;
};

// A record as replay hands it over; UnpackPayload gives what was logged.
struct WalRecord {
  uint64_t begin = 0;
  uint64_t end = 0;
  RecordType type = RecordType::kData;
  StoredPayload payload;  // valid during the call
};

// Who takes in the log at start. All calls come from Open, in order of
// position.
class WalReplay {
 public:
  virtual ~WalReplay() = default;
  // Half a megabyte of records for each CPU. An error stops the replay and is
  // returned by Open.
  virtual absl::Status Replay(std::span<const WalRecord> records) = 0;
  // What was logged here was durable and cannot be read any more.
  virtual void Lost(uint64_t begin, uint64_t end) = 0;
};

struct WalStats {
  int64_t bytes = 0;             // of all kept segments
  int64_t segments = 0;
  int64_t records_appended = 0;
  int64_t fsyncs = 0;
  double fsync_seconds = 0;
  int64_t corrupt_regions = 0;   // damaged places skipped by replay
  int64_t torn_tail_bytes = 0;   // cut at the end by Open
  bool failed = false;           // by an fsync: nothing more is taken
};

class Wal {
 public:
  // Opens or creates the log in `dir` and replays the records that end after
  // `replay_from`. A torn tail is cut and said in the log. A damaged place
  // with valid records after it is skipped, counted, logged loudly, and its
  // segment is copied to <segment>.corrupt; replay goes on after it.
  // New records go to a new segment; their positions are never below
  // `replay_from`, even when the directory was wiped.
  static absl::StatusOr<std::unique_ptr<Wal>> Open(FileSystem& fs,
                                                   std::string dir,
                                                   const WalOptions& options,
                                                   uint64_t replay_from,
                                                   WalReplay& replay);
  // Does not sync.
  ~Wal();

  // The end of the record: what WaitDurable wants.
  absl::StatusOr<uint64_t> Append(RecordType type, std::string_view payload);
  // As it is, for callers that have the payload compressed already.
  absl::StatusOr<uint64_t> AppendStored(RecordType type,
                                        const StoredPayload& payload);
  // REQUIRES: `end` was returned by Append.
  absl::Status WaitDurable(uint64_t end);
  // Everything appended so far.
  absl::Status Sync() { return WaitDurable(end()); }

  // Closes the open segment (durably) and starts a new one; nothing to do
  // while the open one is empty.
  absl::Status Rotate();
  // Removes closed segments all of whose records end at or below `position`.
  // Rotate first to let go of everything.
  absl::Status CutBelow(uint64_t position);

  // Hands over the records of one segment from `from` on, which is begin() or
  // an answer of this; where they end. Damage is told as in a replay, but not
  // judged: a hole that a crash left is told too. Beside it the segment must
  // not be cut.
  absl::StatusOr<uint64_t> ReadSegment(uint64_t from, WalReplay& reader) const;

  // The first kept record begins here; begin() == end() when there is none.
  uint64_t begin() const;
  uint64_t end() const;
  uint64_t durable_end() const;
  // Bytes of all kept segments on disk.
  int64_t bytes() const;
  WalStats stats() const;
  // Paths of closed segments, oldest first: what a snapshot links.
  std::vector<std::string> ClosedSegments() const;

 private:
  struct Segment {
    std::string path;
    uint64_t begin = 0;
    uint64_t end = 0;
    uint64_t file_bytes = 0;
    // The end of what records here say was durable, and a hole above it.
    uint64_t proven_end = 0;
    bool has_hole = false;
  };
  // Bytes of a segment that are no record.
  struct Gap {
    uint64_t begin = 0;
    uint64_t end = 0;
  };

  Wal(FileSystem& fs, std::string dir, const WalOptions& options);
  absl::Status ReplayAll(uint64_t replay_from, WalReplay& replay);
  absl::StatusOr<std::vector<Segment>> ListSegments() const;
  // `next` is null for the last segment.
  absl::Status ReplaySegment(Segment& segment, const Segment* next,
                             uint64_t replay_from, WalReplay& replay);
  absl::StatusOr<std::vector<Gap>> ReplayRecords(Segment& segment, bool last,
                                                 std::string_view records,
                                                 uint64_t replay_from,
                                                 WalReplay& replay);
  bool FollowsHole(const Segment& segment) const;
  void TellLost(const Gap& gap, uint64_t replay_from, WalReplay& replay);
  void Quarantine(const Segment& segment, std::string_view content);
  absl::Status StartSegment(uint64_t begin, bool after_hole) REQUIRES_LOCK(mutex_);
  absl::Status RotateLocked(base::MutexLock& lock) REQUIRES_LOCK(mutex_);
  absl::Status SyncLocked(base::MutexLock& lock, uint64_t end)
      REQUIRES_LOCK(mutex_);
  absl::Status WriteLocked(std::string_view bytes) REQUIRES_LOCK(mutex_);
  absl::Status Fail(const absl::Status& cause) REQUIRES_LOCK(mutex_);

  FileSystem& fs_;
  const std::string dir_;
  const WalOptions options_;

  mutable base::Mutex mutex_;
  base::CondVar synced_;
  std::vector<Segment> closed_ GUARDED_BY(mutex_);
  Segment open_ GUARDED_BY(mutex_);
  std::shared_ptr<AppendFile> file_ GUARDED_BY(mutex_);
  uint64_t durable_end_ GUARDED_BY(mutex_) = 0;
  bool syncing_ GUARDED_BY(mutex_) = false;
  absl::Status failed_ GUARDED_BY(mutex_);
  WalStats stats_ GUARDED_BY(mutex_);
  std::string scratch_ GUARDED_BY(mutex_);
};

}  // namespace varve::storage

#endif  // VARVE_STORAGE_WAL_WAL_H_
