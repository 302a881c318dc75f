// All hints that a node keeps for others: <dir>/<owner>-<log>/ for each log
// (hint_log.h) and <dir>/done, the logs that were replayed to their end.
//
// An owner has one log that takes rows, made with its first hint, and maybe
// older ones that do not any more. A log that is drained is put on the list of
// done logs, then its directory goes; one that is not whole only goes, by way
// of the name <owner>-<log>.ended.
//
// Errors:  ResourceExhausted over bytes_max, naming the flag, series_max or
//          logs_max; those of storage/wal, but Unavailable for a full disk.
// Threads: all members from any thread. Making and ending logs writes files
//          under a lock of their own.
#ifndef VARVE_STORAGE_HINTS_HINT_STORE_H_
#define VARVE_STORAGE_HINTS_HINT_STORE_H_

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "lib/base/mutex.h"
#include "storage/fs/file_system.h"
#include "storage/hints/done_list.h"
#include "storage/hints/hint_log.h"

namespace varve::storage {

struct HintOptions {
  int64_t bytes_max = 4LL << 30;  // of all logs; 0: no hints are taken
  int64_t series_max = 1 << 20;   // of all dictionaries: 40 bytes of memory each
  size_t logs_max = 1'000;        // each has two files open
};

enum class HintState : uint8_t {
  kUnknown = 0,  // never here, or not whole
  kPending = 1,
  kDone = 2,
};

class HintStore {
 public:
  static absl::StatusOr<std::unique_ptr<HintStore>> Open(
      FileSystem& fs, std::string dir, const HintOptions& options,
      int64_t now_ms);

  // Refs of `series` in the owner's log, whose number is returned.
  absl::StatusOr<uint64_t> Define(uint64_t owner,
                                  std::span<const HintedSeries> series,
                                  std::vector<uint64_t>& refs, int64_t now_ms);
  // False: define again.
  absl::StatusOr<bool> Append(const HintLogId& id, const StoredPayload& record,
                              uint64_t refs_end, bool durable);
  HintState StateOf(const HintLogId& id) const;

  struct Pending {
    HintLogId id;
    std::shared_ptr<HintLog> log;
  };
  // Oldest first.
  std::vector<Pending> Logs() const;
  // Ends a log without rows; false: rows came meanwhile.
  absl::StatusOr<bool> Finish(const HintLogId& id);
  int64_t bytes() const;
  absl::Status Close();

 private:
  HintStore(FileSystem& fs, std::string dir, const HintOptions& options,
            DoneList done)
      : fs_(fs), dir_(std::move(dir)), options_(options),
        done_(std::move(done)) {}
  absl::Status OpenLogs(int64_t now_ms);
  void RemoveEnded(const std::string& path);
  absl::Status CheckRoom(int64_t bytes) const;
  std::shared_ptr<HintLog> Find(const HintLogId& id) const;
  // The owner's log that takes rows, made if there is none.
  absl::StatusOr<Pending> OpenLogOf(uint64_t owner, int64_t now_ms);
  Pending FindOpen(uint64_t owner) const;  // its log may be null
  std::string PathOf(const HintLogId& id) const;

  FileSystem& fs_;
  const std::string dir_;
  const HintOptions options_;

  base::Mutex change_mutex_;  // outside mutex_
  mutable base::Mutex mutex_;
  std::map<HintLogId, std::shared_ptr<HintLog>> logs_ GUARDED_BY(mutex_);
  DoneList done_ GUARDED_BY(mutex_);
};

}  // namespace varve::storage

#endif  // VARVE_STORAGE_HINTS_HINT_STORE_H_
