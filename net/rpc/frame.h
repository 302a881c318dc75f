// Frames of the wire: a header of 28 bytes, then the payload.
//
//    0      1      2       3     4          8          16       20        28
//   +------+------+--------+-----+----------+----------+--------+---------+
//   | 'V'  | kind | method | 0   | size u32 | call u64 | hsum   | sum u64 |
//   +------+------+--------+-----+----------+----------+--------+---------+
//   | payload: `size` bytes, at most kPayloadBytesMax                     |
//   +---------------------------------------------------------------------+
//
// Little endian. hsum is the low half of xxh3-64 of the first 16 bytes: a size
// that was damaged would be waited for. sum is xxh3-64 of the payload, seeded
// by all of that hash. docs/formats/wire.md says what each kind holds.
//
// Errors:  DataLoss for a bad first byte, kind, reserved byte, size or sums;
//          a parser that has failed stays so. A size alone allocates at most
//          kReserveBytesMax.
// Threads: a parser belongs to one thread; the rest is free of state.
#ifndef VARVE_NET_RPC_FRAME_H_
#define VARVE_NET_RPC_FRAME_H_

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace varve::rpc {

inline constexpr size_t kHeaderBytes = 28;
inline constexpr size_t kReserveBytesMax = 4 << 20;

enum class FrameKind : uint8_t {
  kHello = 1,    // both ways, the first frame: an opaque greeting
  kRefuse = 2,   // server, instead of its HELLO: a status; then it closes
  kRequest = 3,  // client: begins a call
  kAnswer = 4,   // server: one message of a call
  kEnd = 5,      // server: a status; the call is over
  kCancel = 6,   // client: wants no more of a call
  kCredit = 7,   // client: u32, bytes of answers consumed
  kPing = 8,     // client; the payload comes back in
  kPong = 9,     // server
};

struct Frame {
  FrameKind kind = FrameKind::kPing;
  uint8_t method = 0;
  uint64_t call = 0;
  std::string payload;
};

// REQUIRES: a payload of at most kPayloadBytesMax bytes.
std::array<char, kHeaderBytes> EncodeHeader(FrameKind kind, uint8_t method,
                                            uint64_t call,
                                            std::string_view payload);

class FrameParser {
 public:
  // Takes bytes from the front of `bytes`; true when `frame` is complete,
  // false when more are needed.
  absl::StatusOr<bool> Feed(std::string_view& bytes, Frame& frame);

 private:
  absl::Status ReadHeader();

  std::string header_;
  Frame frame_;
  uint32_t size_ = 0;
  uint64_t header_hash_ = 0;
  uint64_t checksum_ = 0;  // of the payload
  bool in_payload_ = false;
};

// A status as payload of END and REFUSE: code u32, then the text.
std::string EncodeStatus(const absl::Status& status);
// Never fails: what cannot be read is DataLoss, as a status.
absl::Status DecodeStatus(std::string_view payload);

}  // namespace varve::rpc

#endif  // VARVE_NET_RPC_FRAME_H_
