// From what vmrestore put into a directory to the directory of a node.
//
// A restored directory has restore/parts.json and the files it names. Build
// makes data/, index/ and wal/ of them, anew each time: what a newer life of
// the node left there goes. Only Finish takes restore/ away, so a crash at any
// step in between starts over.
//
// Errors:  DataLoss when files are missing or changed: the text names one and
//          the way out; the file system's.
// Threads: one, before the databases are open, under the directory's lock.
#ifndef VARVE_STORAGE_SNAPSHOT_RESTORE_H_
#define VARVE_STORAGE_SNAPSHOT_RESTORE_H_

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "storage/fs/file_system.h"
#include "storage/snapshot/parts_file.h"

namespace varve::storage {

// Nothing when there is nothing to restore. Afterwards data/, index/ and wal/
// are as at the snapshot; the node id is in the result.
absl::StatusOr<std::optional<SnapshotParts>> BuildRestored(
    FileSystem& fs, const std::string& path);

// After all that follows from a restore is durable. Also takes away what a
// crash left of an earlier Finish.
absl::Status FinishRestore(FileSystem& fs, const std::string& path);

// Each file of restore/ is there, of its size, and what carries its hash in
// its name has it.
absl::Status CheckRestoreFiles(const FileSystem& fs, const std::string& path,
                               const SnapshotParts& parts);

}  // namespace varve::storage

#endif  // VARVE_STORAGE_SNAPSHOT_RESTORE_H_
