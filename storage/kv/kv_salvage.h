// The rows of a damaged table that can be read.
//
// They are found with seeks: behind a block that fails its checksum, keys
// further and further on are tried, then nearer ones. Operands stay operands
// and values stay values, which hide what older tables have. What the lost
// values of a merging family may have hidden is deleted in their stead, or
// samples that were deleted would come back. Single deletions are not seen this
// way and are lost; who needs them to last writes an empty value. Families that
// do not merge are rebuilt by their owners, who want all rows that are left,
// old ones as well.
//
// Of this folder; nobody else includes it.
#ifndef VARVE_STORAGE_KV_KV_SALVAGE_H_
#define VARVE_STORAGE_KV_KV_SALVAGE_H_

#include <rocksdb/options.h>
#include <rocksdb/status.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace varve::storage {

struct DamagedTable {
  std::string from;
  std::string to;     // the new table
  std::string first;  // its keys, both included
  std::string last;
  std::vector<std::string> others;  // tables of its family that share keys
};

struct Salvaged {
  int64_t rows = 0;
  bool has_table = false;  // `to` was written
  // Between these keys nothing could be read; "" as the first: from the start.
  std::vector<std::pair<std::string, std::string>> gaps;
};

// An error: the table could not even be opened, or the new one not written.
rocksdb::Status SalvageTable(const rocksdb::Options& options,
                             const DamagedTable& table, Salvaged& out);

// Whether the first and the last block of the table can be read.
bool TableEndsRead(const rocksdb::Options& options, const std::string& path);

}  // namespace varve::storage

#endif  // VARVE_STORAGE_KV_KV_SALVAGE_H_
