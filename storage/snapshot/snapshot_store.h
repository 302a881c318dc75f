// The snapshots of one node: made, listed, deleted.
//
//   ASSIGN_OR_RETURN(auto draft, store.Begin(now_ms));
//   ... checkpoint into draft->CheckpointDir("data"), draft->LinkLog(...) ...
//   ASSIGN_OR_RETURN(name, draft->Commit(node_id));
//
// A draft is a directory <name>.tmp, which backup tools and List leave out; it
// gets its name when everything in it is durable. One that is not committed
// goes with its draft, or at the next start.
//
// Errors:  NotFound for an unknown name; InvalidArgument for what is no name;
//          the file system's.
// Threads: a SnapshotStore from any thread; a draft belongs to one.
// Format:  docs/formats/snapshot.md.
#ifndef VARVE_STORAGE_SNAPSHOT_SNAPSHOT_STORE_H_
#define VARVE_STORAGE_SNAPSHOT_SNAPSHOT_STORE_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "lib/base/mutex.h"
#include "storage/fs/file_system.h"
#include "storage/snapshot/parts_file.h"

namespace varve::storage {

// "20261120093600-18E9B726BB3D5D6E": UTC time, 16 upper-case hex digits.
bool IsSnapshotName(std::string_view name);
// Its time; REQUIRES: IsSnapshotName.
int64_t SnapshotTimeMs(std::string_view name);

class SnapshotStore;

class SnapshotDraft {
 public:
  ~SnapshotDraft();
  SnapshotDraft(const SnapshotDraft&) = delete;
  SnapshotDraft& operator=(const SnapshotDraft&) = delete;

  // Where to put a database's checkpoint; does not exist yet.
  std::string CheckpointDir(std::string_view database) const;
  // Closed segments of the log.
  absl::Status LinkLog(std::span<const std::string> segments);
  // Names the files by their content and makes the snapshot visible.
  absl::StatusOr<std::string> Commit(std::span<const std::string_view> databases,
                                     uint64_t node_id);

 private:
  friend class SnapshotStore;
  SnapshotDraft(SnapshotStore* store, std::string name, int64_t created_ms);
  absl::Status AddDatabase(std::string_view database);
  absl::StatusOr<std::string> StoreTable(const std::string& from,
                                         std::string_view database);
  absl::StatusOr<std::string> StoreSmall(const std::string& from,
                                         std::string_view database);
  std::string Dir() const;

  SnapshotStore* const store_;
  const std::string name_;
  SnapshotParts parts_;
  bool committed_ = false;
};

class SnapshotStore {
 public:
  // Takes what a crash left half made out of `dir`.
  static absl::StatusOr<std::unique_ptr<SnapshotStore>> Open(FileSystem& fs,
                                                             std::string dir);

  // REQUIRES: the store outlives it.
  absl::StatusOr<std::unique_ptr<SnapshotDraft>> Begin(int64_t now_ms);
  // In order of creation.
  absl::StatusOr<std::vector<std::string>> List() const;
  absl::Status Delete(const std::string& name);
  // Those made before `created_ms`.
  absl::Status DeleteOlder(int64_t created_ms);
  int64_t count() const { return count_.load(std::memory_order_relaxed); }

 private:
  friend class SnapshotDraft;
  SnapshotStore(FileSystem& fs, std::string dir)
      : fs_(fs), dir_(std::move(dir)) {}
  std::string NextName(int64_t now_ms) REQUIRES_LOCK(mutex_);

  FileSystem& fs_;
  const std::string dir_;
  std::atomic<int64_t> count_{0};
  mutable base::Mutex mutex_;
  std::string last_name_ GUARDED_BY(mutex_);
};

}  // namespace varve::storage

#endif  // VARVE_STORAGE_SNAPSHOT_SNAPSHOT_STORE_H_
