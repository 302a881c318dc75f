// A set of slots (the top 16 bits of series hashes): which series of a node a
// request is about.
//
// Out:     Bytes() is a bitmap of 8 KiB, bit i % 8 of byte i / 8 is slot i.
// Threads: a value.
#ifndef VARVE_LIB_MODEL_SLOT_SET_H_
#define VARVE_LIB_MODEL_SLOT_SET_H_

#include <bit>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace varve::model {

class SlotSet {
 public:
  static constexpr size_t kSlots = 1 << 16;

  SlotSet() : bits_(kSlots / 8, '\0') {}
  // Nothing for bytes that are no set.
  static std::optional<SlotSet> FromBytes(std::string_view bytes) {
    if (bytes.size() != kSlots / 8) return std::nullopt;
    SlotSet set;
    set.bits_ = bytes;
    set.empty_ = set.Count() == 0;
    return set;
  }

  void Add(uint16_t slot) {
    bits_[slot / 8] = static_cast<char>(bits_[slot / 8] | 1 << slot % 8);
    empty_ = false;
  }
  void AddAll(const SlotSet& other) {
    if (other.empty_) return;
    for (size_t i = 0; i < bits_.size(); ++i) {
      bits_[i] = static_cast<char>(bits_[i] | other.bits_[i]);
    }
    empty_ = false;
  }
  size_t Count() const {
    size_t count = 0;
    for (const char byte : bits_) {
      count += static_cast<size_t>(
          std::popcount(static_cast<unsigned char>(byte)));
    }
    return count;
  }
  bool Has(uint16_t slot) const { return bits_[slot / 8] >> slot % 8 & 1; }
  bool HasAll(const SlotSet& other) const {
    for (size_t i = 0; i < bits_.size(); ++i) {
      if ((other.bits_[i] & ~bits_[i]) != 0) return false;
    }
    return true;
  }
  bool empty() const { return empty_; }
  const std::string& Bytes() const { return bits_; }

 private:
  std::string bits_;
  bool empty_ = true;
};

}  // namespace varve::model

#endif  // VARVE_LIB_MODEL_SLOT_SET_H_
