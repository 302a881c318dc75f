// Files as the storage layers need them: append, read at a place, sync,
// rename, lock. The one owner of open, fsync, rename and flock.
//
// Durability: bytes are safe after Sync of the file, names (create, rename,
//             remove) after SyncDir of their directory. WriteFileDurably does
//             all of it.
// Errors:     NotFound; ResourceExhausted (ENOSPC, EDQUOT); FailedPrecondition
//             (locked elsewhere, exists already); Unavailable for every other
//             failure of the machine. Texts name the call, the path and errno.
// Threads:    a FileSystem and a ReadFile from any thread; an AppendFile from
//             one at a time, but Sync beside Append.
#ifndef VARVE_STORAGE_FS_FILE_SYSTEM_H_
#define VARVE_STORAGE_FS_FILE_SYSTEM_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace varve::storage {

class AppendFile {
 public:
  // Closes; what was not synced may be lost later.
  virtual ~AppendFile() = default;
  // All of `bytes`, or an error after which size() says how far the file
  // reaches: callers that go on must TruncateTo a place they know.
  virtual absl::Status Append(std::string_view bytes) = 0;
  // Durable up to what Append had written when this was called.
  virtual absl::Status Sync() = 0;
  virtual absl::Status TruncateTo(uint64_t size) = 0;
  virtual uint64_t size() const = 0;
};

class ReadFile {
 public:
  virtual ~ReadFile() = default;
  // Replaces `out` by up to `size` bytes from `offset`; fewer at the end.
  virtual absl::Status ReadAt(uint64_t offset, size_t size,
                              std::string& out) const = 0;
  virtual uint64_t size() const = 0;
};

// Held until destroyed; the kernel lets go of it when the process dies.
class FileLock {
 public:
  virtual ~FileLock() = default;
};

class FileSystem {
 public:
  virtual ~FileSystem() = default;

  // The file must not exist yet.
  virtual absl::StatusOr<std::unique_ptr<AppendFile>> Create(
      const std::string& path) = 0;
  virtual absl::StatusOr<std::unique_ptr<ReadFile>> OpenRead(
      const std::string& path) const = 0;
  // The whole file; ResourceExhausted above `bytes_max`.
  virtual absl::StatusOr<std::string> ReadWhole(const std::string& path,
                                                uint64_t bytes_max) const;
  // Old content or new, never a mixture: temporary file, sync, rename, sync
  // of the directory.
  virtual absl::Status WriteFileDurably(const std::string& path,
                                        std::string_view content) = 0;

  virtual absl::Status Rename(const std::string& from,
                              const std::string& to) = 0;
  // OK when there is nothing.
  virtual absl::Status Remove(const std::string& path) = 0;
  virtual absl::Status RemoveTree(const std::string& path) = 0;
  virtual absl::Status Link(const std::string& from,
                            const std::string& to) = 0;
  // Cuts a closed file and syncs it.
  virtual absl::Status Truncate(const std::string& path, uint64_t size) = 0;
  virtual absl::Status CreateDirs(const std::string& path) = 0;
  virtual absl::Status SyncDir(const std::string& path) = 0;
  // Names without "." and "..", sorted.
  virtual absl::StatusOr<std::vector<std::string>> List(
      const std::string& dir) const = 0;
  virtual bool Exists(const std::string& path) const = 0;
  virtual absl::StatusOr<uint64_t> FileSize(const std::string& path) const = 0;
  // FailedPrecondition when another process (or this one) holds it.
  virtual absl::StatusOr<std::unique_ptr<FileLock>> Lock(
      const std::string& path) = 0;
  // Bytes an unprivileged process may still write below `path`.
  virtual absl::StatusOr<uint64_t> FreeBytes(const std::string& path) const = 0;
};

// The machine's own; lives for ever.
FileSystem& RealFileSystem();

// "dir/name".
std::string JoinPath(std::string_view dir, std::string_view name);
// "dir" of "dir/name"; "." without a slash.
std::string ParentDir(std::string_view path);

}  // namespace varve::storage

#endif  // VARVE_STORAGE_FS_FILE_SYSTEM_H_
