// Sets of series ids: as CRoaring bitmaps in memory, as bytes in RocksDB, and
// as short delta lists for series that are not flushed yet.
//
//   value := 0:u8 count:varint first:varint (difference:varint)*   few ids
//          | 1:u8 roaring                                          many ids
//
// `roaring` is CRoaring's portable serialization.
//
// Errors:  DataLoss for bytes that are not a set.
// Threads: no shared state.
#ifndef VARVE_STORAGE_INDEX_POSTING_H_
#define VARVE_STORAGE_INDEX_POSTING_H_

#include <cstdint>
#include <roaring/roaring.hh>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"

// Newer releases of CRoaring have a namespace, Debian 12's has none.
namespace roaring {}

namespace varve::storage {

namespace internal {
using namespace ::roaring;  // NOLINT
using RoaringSet = Roaring;
}  // namespace internal

using IdSet = internal::RoaringSet;

// Adds `more` to `ids`; what an empty set takes over is not copied.
void Unite(IdSet more, IdSet& ids);

// Ascending.
std::vector<uint64_t> ToIds(const IdSet& ids);

void AppendIdSet(std::string& out, IdSet& ids);  // run-optimizes `ids`
// Adds the ids of `bytes` to `ids`.
absl::Status AddIdSet(std::string_view bytes, IdSet& ids);

// Ids as varint differences: one or two bytes each for ids in creation order,
// and no allocation for the first few.
class DeltaList {
 public:
  // A repeated id is left out. Ascending ids cost nothing much, others a
  // rewrite of the list.
  void Add(uint32_t id);
  uint32_t count() const { return count_; }
  void AddTo(IdSet& ids) const;
  size_t heap_bytes() const {
    return deltas_.capacity() > kInline ? deltas_.capacity() : 0;
  }

 private:
  static constexpr size_t kInline = 15;  // of libstdc++'s std::string
  std::string deltas_;
  uint32_t last_ = 0;
  uint32_t count_ = 0;
};

}  // namespace varve::storage

#endif  // VARVE_STORAGE_INDEX_POSTING_H_
