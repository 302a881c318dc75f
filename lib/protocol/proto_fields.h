// Walks the fields of a protobuf message by hand.
//
// Errors:  false for broken framing; reads never leave the message.
// Threads: a walker belongs to one.
// Source:  "Protocol Buffers encoding".
#ifndef VARVE_LIB_PROTOCOL_PROTO_FIELDS_H_
#define VARVE_LIB_PROTOCOL_PROTO_FIELDS_H_

#include <cstdint>
#include <string_view>

#include "lib/base/byte_coding.h"

namespace varve::protocol {

// Of the encoding's types those that messages here have.
enum WireType : uint32_t {
  kVarint = 0,
  kFixed64 = 1,
  kBytes = 2,
  kFixed32 = 5,
};

// One field: its number and type; of kBytes the content, else the scalar.
struct Field {
  uint32_t number = 0;
  uint32_t type = 0;
  uint64_t scalar = 0;
  std::string_view bytes;
};

// Walks the fields of one message; never past its end.
class Fields {
 public:
  explicit Fields(std::string_view message)
      : begin_(message.data()),
        next_(message.data()),
        end_(message.data() + message.size()) {}

  bool done() const { return next_ == end_; }
  const char* position() const { return next_; }
  // The field read last, with its tag.
  std::string_view last() const {
    return {field_, static_cast<size_t>(next_ - field_)};
  }
  size_t offset() const { return static_cast<size_t>(next_ - begin_); }

  // False for broken framing.
  bool Next(Field& field) {
    uint64_t tag = 0;
    field_ = next_;
    if (!Varint(tag) || tag > UINT32_MAX || tag >> 3 == 0) return false;
    field.number = static_cast<uint32_t>(tag >> 3);
    field.type = tag & 7;
    switch (field.type) {
      case kVarint:
        return Varint(field.scalar);
      case kFixed64:
        return Fixed<uint64_t>(field.scalar);
      case kFixed32:
        return Fixed<uint32_t>(field.scalar);
      case kBytes: {
        uint64_t size = 0;
        if (!Varint(size) || size > static_cast<size_t>(end_ - next_)) {
          return false;
        }
        field.bytes = {next_, static_cast<size_t>(size)};
        next_ += size;
        return true;
      }
      default:  // groups are in no version of these messages
        return false;
    }
  }

  // Passes the fields that follow and have this one-byte tag of type kBytes
  // and less than 128 bytes, without reading them.
  void SkipShort(char tag) {
    while (end_ - next_ >= 2 && next_[0] == tag &&
           static_cast<uint8_t>(next_[1]) < 0x80 &&
           next_[1] <= end_ - next_ - 2) {
      next_ += 2 + next_[1];
    }
  }

  // One varint, as packed fields hold them.
  bool Varint(uint64_t& value) {
    if (next_ != end_ && static_cast<uint8_t>(*next_) < 0x80) {
      value = static_cast<uint8_t>(*next_++);
      return true;
    }
    value = 0;
    for (int shift = 0; shift < 70 && next_ != end_; shift += 7) {
      const auto byte = static_cast<uint8_t>(*next_++);
      if (shift < 64) value |= static_cast<uint64_t>(byte & 0x7f) << shift;
      if (byte < 0x80) return true;
    }
    return false;
  }

 private:
  template <typename Int>
  bool Fixed(uint64_t& value) {
    if (static_cast<size_t>(end_ - next_) < sizeof(Int)) return false;
    value = base::LoadLe<Int>(next_);
    next_ += sizeof(Int);
    return true;
  }

  const char* begin_;
  const char* next_;
  const char* field_ = nullptr;
  const char* end_;
};

}  // namespace varve::protocol

#endif  // VARVE_LIB_PROTOCOL_PROTO_FIELDS_H_
