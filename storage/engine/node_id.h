// The id of a node, in its directory: made at the first start, kept twice, so
// that one damaged file does not make another node of it.
//
// Files:   node_id and node_id.copy, each 16 hex digits of the id, a space, 16
//          of the digits' checksum, a line break.
// Errors:  DataLoss when both are damaged; the file system's.
// Threads: free functions; one at a time for a directory.
#ifndef VARVE_STORAGE_ENGINE_NODE_ID_H_
#define VARVE_STORAGE_ENGINE_NODE_ID_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "storage/fs/file_system.h"

namespace varve::storage {

// The kept id, or a new one when there is none. A damaged file is moved to
// <name>.damaged and written anew from the other.
absl::StatusOr<uint64_t> LoadNodeId(FileSystem& fs, const std::string& path,
                                    uint64_t id_if_none);
absl::Status StoreNodeId(FileSystem& fs, const std::string& path, uint64_t id);

}  // namespace varve::storage

#endif  // VARVE_STORAGE_ENGINE_NODE_ID_H_
