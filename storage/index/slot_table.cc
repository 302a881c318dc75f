#include "storage/index/slot_table.h"

namespace varve::storage {

using base::ReaderLock;
using base::WriterLock;

void SlotTable::Find(std::span<const uint64_t> ids,
                     std::vector<int32_t>& slots) const {
  slots.resize(ids.size());
  ReaderLock lock(mutex_);
  const Chunk* chunk = nullptr;
  uint64_t number = UINT64_MAX;
  for (size_t i = 0; i < ids.size(); ++i) {
    if (ids[i] / kChunkIds != number) {
      number = ids[i] / kChunkIds;
      const auto it = chunks_.find(number);
      chunk = it == chunks_.end() ? nullptr : it->second.get();
    }
    const size_t at = ids[i] % kChunkIds;
    slots[i] = chunk != nullptr && chunk->known[at] ? chunk->slots[at]
                                                    : kUnknown;
  }
}

void SlotTable::Put(std::span<const uint64_t> ids,
                    std::span<const int32_t> slots) {
  WriterLock lock(mutex_);
  for (size_t i = 0; i < ids.size(); ++i) {
    if (slots[i] == kUnknown) continue;
    const uint64_t number = ids[i] / kChunkIds;
    auto it = chunks_.find(number);
    if (it == chunks_.end()) {
      if (BytesOf(chunks_.size() + 1) > bytes_max_) chunks_.clear();
      it = chunks_.emplace(number, std::make_unique<Chunk>()).first;
    }
    const size_t at = ids[i] % kChunkIds;
    it->second->slots[at] = static_cast<uint16_t>(slots[i]);
    it->second->known[at] = true;
  }
}

int64_t SlotTable::bytes() const {
  ReaderLock lock(mutex_);
  return BytesOf(chunks_.size());
}

}  // namespace varve::storage
