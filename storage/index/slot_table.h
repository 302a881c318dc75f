// The slots of series by id, so that a search for some slots does not read the
// labels of all others. Ids are never given twice and a series' slot never
// changes: what is in the table stays true.
//
// Bounded: `bytes_max`; at the bound all is forgotten and learned again.
// Takes:   2.1 bytes a series, in chunks of 4096 neighbouring ids.
// Threads: any thread.
#ifndef VARVE_STORAGE_INDEX_SLOT_TABLE_H_
#define VARVE_STORAGE_INDEX_SLOT_TABLE_H_

#include <array>
#include <bitset>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "lib/base/mutex.h"

namespace varve::storage {

class SlotTable {
 public:
  static constexpr int32_t kUnknown = -1;

  explicit SlotTable(int64_t bytes_max) : bytes_max_(bytes_max) {}

  // slots[i] is that of ids[i], or kUnknown. Quick with ascending ids.
  void Find(std::span<const uint64_t> ids, std::vector<int32_t>& slots) const;
  // kUnknown ones are left out.
  void Put(std::span<const uint64_t> ids, std::span<const int32_t> slots);

  int64_t bytes() const;

 private:
  static constexpr size_t kChunkIds = 4096;
  struct Chunk {
    std::array<uint16_t, kChunkIds> slots;
    std::bitset<kChunkIds> known;
  };

  static int64_t BytesOf(size_t chunks) {
    return static_cast<int64_t>(chunks * sizeof(Chunk));
  }

  const int64_t bytes_max_;
  mutable base::SharedMutex mutex_;
  // By id / kChunkIds.
  absl::flat_hash_map<uint64_t, std::unique_ptr<Chunk>> chunks_
      GUARDED_BY(mutex_);
};

}  // namespace varve::storage

#endif  // VARVE_STORAGE_INDEX_SLOT_TABLE_H_
