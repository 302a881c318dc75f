// The rows that one node lacks, kept by another until it is back: a dictionary
// of series and a log of data records whose refs point into it.
//
//   <dir>/series/  a log: STATE "created" (Unix milliseconds as text), then
//                  DEFINE records; an id is the series' ref, dense from 0
//   <dir>/rows/    a log of DATA records, as they came
//   <dir>/damaged  something of it is lost: it is replayed, but never done
//   <dir>/unsynced rows were taken without an fsync; when it is still there
//                  after a restart, some of them may be lost
//
// Records are opaque here but for the payload of DEFINE, which is that of a
// node's own log. docs/formats/storage_directory.md.
//
// Series are told apart by a keyed 128-bit hash of tenant and labels, which
// nobody outside can make collide; labels are on disk only.
//
// Errors:  those of storage/wal.
// Threads: Define and Append from any thread; the members for the replay from
//          one. A lock is held over one write of a log.
#ifndef VARVE_STORAGE_HINTS_HINT_LOG_H_
#define VARVE_STORAGE_HINTS_HINT_LOG_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "lib/base/hash.h"
#include "lib/base/mutex.h"
#include "storage/fs/file_system.h"
#include "storage/wal/wal.h"

namespace varve::storage {

struct HintedSeries {
  uint8_t tenant_kind = 0;
  uint64_t tenant_id = 0;
  std::string_view labels;  // canonical bytes
};

class HintLog {
 public:
  // Opens the log in `dir`, or makes it. `now_ms`: when a new one was made.
  static absl::StatusOr<std::unique_ptr<HintLog>> Open(FileSystem& fs,
                                                       std::string dir,
                                                       int64_t now_ms);

  // Durable when it returns. False: the log takes nothing more.
  absl::StatusOr<bool> Define(std::span<const HintedSeries> series,
                              std::vector<uint64_t>& refs);
  // False: the log takes nothing more, or its dictionary ends below
  // `refs_end`; nothing was stored.
  absl::StatusOr<bool> Append(const StoredPayload& record, uint64_t refs_end,
                              bool durable);
  // Everything is durable then; nothing more is taken.
  absl::Status Close();

  uint64_t series() const { return series_.load(); }
  uint64_t rows_end() const { return rows_->end(); }  // a position
  int64_t bytes() const { return dictionary_->bytes() + rows_->bytes(); }
  int64_t created_ms() const { return created_ms_; }
  // False once something of it is lost or left out.
  bool whole() const { return !damaged_.load(); }
  // Rows will not get to the owner: kept over restarts. The log takes nothing
  // more.
  void LeaveOut();
  // The same of what was lost, which is logged.
  void SetDamaged();
  // False: it takes nothing more.
  bool open() const;

  // The replay: NextRows chooses the oldest rows that are kept, a segment of
  // them, and is false when none begin below the position `end`; then the
  // series they may point to are those below series(). ReadRows hands them
  // over, CutRows lets them go.
  absl::StatusOr<bool> NextRows(uint64_t end = UINT64_MAX);
  absl::Status ReadRows(
      const std::function<absl::Status(const StoredPayload&)>& visit);
  absl::Status CutRows();
  // In the order of refs, from `from` on; what is damaged is left out.
  absl::Status ReadSeries(
      uint64_t from,
      const std::function<absl::Status(uint64_t ref, const HintedSeries&)>&
          visit);
  // True when no rows are left; it takes no more then.
  bool CloseIfDrained();
  // Since the last call that brought series or rows.
  int64_t quiet_ms() const;

 private:
  class DictionaryReplay;
  class RowsReader;

  HintLog(FileSystem& fs, std::string dir) : fs_(fs), dir_(std::move(dir)) {}
  absl::Status OpenLogs(int64_t now_ms);
  absl::Status NoteUnsynced() REQUIRES_LOCK(mutex_);
  absl::Status MarkDamaged();
  base::Hash128 KeyOf(const HintedSeries& series) const;

  FileSystem& fs_;
  const std::string dir_;
  const base::SecretHash hash_;
  int64_t created_ms_ = 0;
  std::unique_ptr<Wal> dictionary_;
  std::unique_ptr<Wal> rows_;
  std::atomic<uint64_t> series_{0};
  std::atomic<bool> damaged_{false};
  std::atomic<bool> loss_told_{false};
  std::atomic<int64_t> taken_steady_ms_{0};

  mutable base::Mutex mutex_;
  bool closed_ GUARDED_BY(mutex_) = false;
  bool unsynced_ GUARDED_BY(mutex_) = false;
  absl::flat_hash_map<base::Hash128, uint64_t> refs_ GUARDED_BY(mutex_);

  bool marked_ = false;    // of the replay: `damaged` is there
  uint64_t chosen_ = 0;    // where its segment begins
  uint64_t read_end_ = 0;  // and where what was handed over ends
};

}  // namespace varve::storage

#endif  // VARVE_STORAGE_HINTS_HINT_LOG_H_
