// RocksDB's files from outside a database.
#ifndef VARVE_STORAGE_KV_KV_FILES_H_
#define VARVE_STORAGE_KV_KV_FILES_H_

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace varve::storage {

// 32 hex digits that no other table has, made of the id of the database, of
// its session and of the file's first number: a number alone comes back with
// other content after a restore. DataLoss for a table that cannot be opened.
absl::StatusOr<std::string> KvTableId(const std::string& path);

// Paths of RocksDB's own files (MANIFEST, logs) in `dir` that are damaged or
// lost by what their copies say.
std::vector<std::string> KvDamagedOwnFiles(const std::string& dir);

// Every block of the table against its checksum.
absl::Status KvCheckTable(const std::string& path);

// All rows in order, operands of one key joined; `family` is set before the
// first. Ends at damage.
absl::Status KvReadTable(
    const std::string& path, std::string& family,
    const std::function<void(std::string_view key, std::string_view value)>&
        row);

}  // namespace varve::storage

#endif  // VARVE_STORAGE_KV_KV_FILES_H_
