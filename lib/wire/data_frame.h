// Payload of a DATA call: how to acknowledge, then a data record, maybe LZ4.
//
//   frame := ack:u8 coding:u8 ref_epoch:u64 size:u32 bytes
//   coding 0: bytes are the record; 1: an LZ4 block; `size` is the record's
//   size in either. Integers are little endian.
//
// Errors:  DataLoss for damage, ResourceExhausted for size over 64 MiB.
// Threads: free functions without state.
#ifndef VARVE_LIB_WIRE_DATA_FRAME_H_
#define VARVE_LIB_WIRE_DATA_FRAME_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace varve::wire {

// As net/rpc's payloads: a record is sent in one message.
inline constexpr uint32_t kRecordBytesMax = 64 << 20;

// `ack` as storage::AckLevel: 0 durable, 1 written, 2 memory. With `compress`
// the record goes as LZ4 where that makes it smaller.
std::string EncodeDataFrame(std::string_view record, uint8_t ack,
                            uint64_t ref_epoch, bool compress);

struct DataFrame {
  uint8_t ack = 0;
  uint64_t ref_epoch = 0;
  std::string_view plain;   // one of these two is empty;
  std::string_view packed;  // both are views of the payload
  std::string unpacked;     // what `packed` makes, or a changed record
  std::string_view record() const {
    return unpacked.empty() ? plain : std::string_view(unpacked);
  }
};
absl::StatusOr<DataFrame> DecodeDataFrame(std::string_view payload);

// Makes the record's accept_ms at least `accept_ms`; `packed` is then empty if
// it was less.
void RaiseAcceptMs(DataFrame& frame, int64_t accept_ms);

}  // namespace varve::wire

#endif  // VARVE_LIB_WIRE_DATA_FRAME_H_
