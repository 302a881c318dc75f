// Second copies of RocksDB's own files: MANIFEST-* and *.log.
//
// A MANIFEST says which tables make up the database, in what order and with
// what sequence numbers; a log has the rows that no table has yet. Tables do
// not tell either: one taken in by Ingest has no sequence number of its own,
// and one that is left over looks like any other. So each byte that RocksDB
// appends to such a file is appended to a copy beside it as well, synced with
// it, and deleted with it:
//
//   <name>.copy   frame*                          little endian
//   frame := length:u32 xxh3-64(bytes):u64 bytes  one for each append
//
// Opening compares the two. The copy's frames tell up to where it can be
// trusted; a file that does not begin with these bytes is damaged, cut or
// gone: it is moved to quarantine/ and written anew, these bytes first, then
// what the file has behind them. What is longer is right: the file is written
// before its copy, nothing relies on an append before both are synced, and
// RocksDB's records have checksums of their own.
//
// Of this folder; nobody else includes it.
#ifndef VARVE_STORAGE_KV_KV_COPIES_H_
#define VARVE_STORAGE_KV_KV_COPIES_H_

#include <rocksdb/env.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace varve::storage {

// The machine's files; those of `dir` are written twice where the above says.
std::unique_ptr<rocksdb::Env> MakeCopyingEnv(const std::string& dir);

// Paths of the files of `dir` that their copies show to be damaged or lost.
std::vector<std::string> FindDamagedOwnFiles(const std::string& dir);

// Writes `path`, one of these, anew; what there was goes to `quarantine`.
// False: the copy is damaged as well, and the file has nothing where it is.
// REQUIRES: no database is open in the directory.
absl::StatusOr<bool> RestoreFromCopy(const std::string& path,
                                     const std::string& quarantine);

}  // namespace varve::storage

#endif  // VARVE_STORAGE_KV_KV_COPIES_H_
