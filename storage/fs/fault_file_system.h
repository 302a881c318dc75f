// A file system for tests that forgets what was not synced.
//
// It works on real files below a temporary directory. Crash() leaves the disk
// as the worst power cut would: files end where they were last synced,
// creations and renames whose directory was not synced are undone (a removal
// is kept: nothing here relies on a removed file coming back). Files open
// across a Crash fail from then on.
//
// Threads: any thread.
#ifndef VARVE_STORAGE_FS_FAULT_FILE_SYSTEM_H_
#define VARVE_STORAGE_FS_FAULT_FILE_SYSTEM_H_

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "lib/base/mutex.h"
#include "storage/fs/file_system.h"

namespace varve::storage {

class FaultFileSystem final : public FileSystem {
 public:
  explicit FaultFileSystem(FileSystem& below = RealFileSystem())
      : below_(below) {}

  // Call between lives: after it, open everything anew.
  void Crash();
  // The next `count` calls of Sync or SyncDir fail and make nothing durable.
  void FailSyncs(int count);
  // Appends beyond this many more bytes fail as a full disk does, after
  // writing what fits; negative: no bound.
  void LimitBytes(int64_t bytes);
  // The next RemoveTree ends after the first name in it, as a crash would.
  void InterruptRemoval();
  int64_t syncs() const;

  absl::StatusOr<std::unique_ptr<AppendFile>> Create(
      const std::string& path) override;
  absl::StatusOr<std::unique_ptr<ReadFile>> OpenRead(
      const std::string& path) const override;
  absl::Status WriteFileDurably(const std::string& path,
                                std::string_view content) override;
  absl::Status Rename(const std::string& from, const std::string& to) override;
  absl::Status Remove(const std::string& path) override;
  absl::Status RemoveTree(const std::string& path) override;
  absl::Status Link(const std::string& from, const std::string& to) override;
  absl::Status Truncate(const std::string& path, uint64_t size) override;
  absl::Status CreateDirs(const std::string& path) override;
  absl::Status SyncDir(const std::string& path) override;
  absl::StatusOr<std::vector<std::string>> List(
      const std::string& dir) const override;
  bool Exists(const std::string& path) const override;
  absl::StatusOr<uint64_t> FileSize(const std::string& path) const override;
  absl::StatusOr<std::unique_ptr<FileLock>> Lock(
      const std::string& path) override;
  absl::StatusOr<uint64_t> FreeBytes(const std::string& path) const override;

 private:
  friend class FaultAppendFile;
  struct FileState {
    uint64_t synced_size = 0;
    bool name_synced = false;  // survives a crash under this name
    std::string renamed_from;  // the durable name before, if any
  };
  // False when this sync is to fail.
  bool TakeSync();

  FileSystem& below_;
  mutable base::Mutex mutex_;
  std::map<std::string, FileState> files_ GUARDED_BY(mutex_);
  int64_t life_ GUARDED_BY(mutex_) = 0;
  int fail_syncs_ GUARDED_BY(mutex_) = 0;
  int64_t bytes_left_ GUARDED_BY(mutex_) = -1;
  int64_t syncs_ GUARDED_BY(mutex_) = 0;
  bool interrupt_removal_ GUARDED_BY(mutex_) = false;
};

}  // namespace varve::storage

#endif  // VARVE_STORAGE_FS_FAULT_FILE_SYSTEM_H_
