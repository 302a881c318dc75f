// parts.json: what a snapshot holds, and under which names.
//
// A backup tool tells files apart by path and size, never by content, except
// files of this name, which it always copies. So every other file of a
// snapshot has a name that says its content: tables by RocksDB's unique id,
// small files by their hash, log segments by position and a random number;
// this file alone says what they are called in the directory of a node.
//
// Errors:  DataLoss for text that is not of this format or was changed.
// Threads: free functions without state.
// Format:  docs/formats/snapshot.md.
#ifndef VARVE_STORAGE_SNAPSHOT_PARTS_FILE_H_
#define VARVE_STORAGE_SNAPSHOT_PARTS_FILE_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace varve::storage {

// Below a snapshot, and below a directory that was restored from one.
inline constexpr std::string_view kRestoreDir = "restore";
inline constexpr std::string_view kPartsFileName = "parts.json";

struct SnapshotPart {
  std::string path;    // in a node's directory: "data/000012.sst"
  std::string stored;  // below restore/: "data/8f….sst"
  uint64_t bytes = 0;
};

struct SnapshotParts {
  std::string snapshot;  // its name
  int64_t created_ms = 0;
  uint64_t node_id = 0;
  std::vector<SnapshotPart> files;
};

std::string PartsText(const SnapshotParts& parts);
absl::StatusOr<SnapshotParts> ParseParts(std::string_view text);

}  // namespace varve::storage

#endif  // VARVE_STORAGE_SNAPSHOT_PARTS_FILE_H_
