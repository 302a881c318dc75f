// What the encoder has learned of each series, from flush to flush.
//
// Four bytes a series, in pages: ids count up from 1 and are dense. Lost at a
// restart, which costs the next flush some time and nothing else.
//
// Threads: one at a time.
#ifndef VARVE_STORAGE_ENGINE_VALUE_HINT_TABLE_H_
#define VARVE_STORAGE_ENGINE_VALUE_HINT_TABLE_H_

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "lib/encoding/sample_chunk.h"

namespace varve::storage {

class ValueHintTable {
 public:
  encoding::ValueHints& At(uint64_t series_id) {
    const size_t page = series_id / kPageIds;
    if (page >= pages_.size()) pages_.resize(page + 1);
    if (pages_[page] == nullptr) pages_[page] = std::make_unique<Page>();
    return (*pages_[page])[series_id % kPageIds];
  }

 private:
  static constexpr uint64_t kPageIds = 4096;
  using Page = std::array<encoding::ValueHints, kPageIds>;
  std::vector<std::unique_ptr<Page>> pages_;
};

}  // namespace varve::storage

#endif  // VARVE_STORAGE_ENGINE_VALUE_HINT_TABLE_H_
