// Where a flush puts its rows: one synced batch when they are few, table files
// ingested at once when they are many. A batch of 100,000 series would go
// through RocksDB's log and memtable: 25 MiB more memory and every byte
// written twice more.
//
// Atomic:  all rows are visible and durable when Commit returns OK, or none.
// Threads: one.
#ifndef VARVE_STORAGE_INDEX_ROW_SINK_H_
#define VARVE_STORAGE_INDEX_ROW_SINK_H_

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "storage/kv/kv.h"

namespace varve::storage {

class RowSink {
 public:
  virtual ~RowSink() = default;
  // REQUIRES: the rows of a family follow one another, keys ascending.
  virtual absl::Status Put(const KvFamilyRef& family, std::string_view key,
                           std::string_view value) = 0;
  virtual absl::Status Commit() = 0;
};

std::unique_ptr<RowSink> MakeBatchSink(KvDb& db);
std::unique_ptr<RowSink> MakeTableSink(KvDb& db);

}  // namespace varve::storage

#endif  // VARVE_STORAGE_INDEX_ROW_SINK_H_
