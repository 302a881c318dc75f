#include "net/rpc/frame.h"

#include <algorithm>

#include "lib/base/byte_coding.h"
#include "lib/base/hash.h"
#include "lib/base/status.h"
#include "lib/base/strings.h"
#include "net/rpc/rpc.h"

namespace varve::rpc {
namespace {

constexpr char kFirstByte = 'V';
constexpr size_t kSummedBytes = 16;
// An error text that tells more helps nobody.
constexpr size_t kStatusTextBytesMax = 64 << 10;
constexpr uint32_t kStatusCodeMax = 16;  // absl::StatusCode::kUnauthenticated

uint64_t HeaderHash(std::string_view header) {
  return base::Hash64Of(header.substr(0, kSummedBytes));
}

}  // namespace

std::array<char, kHeaderBytes> EncodeHeader(FrameKind kind, uint8_t method,
                                            uint64_t call,
                                            std::string_view payload) {
  std::string bytes;
  bytes.reserve(kHeaderBytes);
  bytes.push_back(kFirstByte);
  bytes.push_back(static_cast<char>(kind));
  bytes.push_back(static_cast<char>(method));
  bytes.push_back(0);
  base::PutFixedLe<uint32_t>(bytes, static_cast<uint32_t>(payload.size()));
  base::PutFixedLe<uint64_t>(bytes, call);
  const uint64_t hash = HeaderHash(bytes);
  base::PutFixedLe<uint32_t>(bytes, static_cast<uint32_t>(hash));
  base::PutFixedLe<uint64_t>(bytes, base::Hash64Of(payload, hash));
  std::array<char, kHeaderBytes> header;
  std::copy(bytes.begin(), bytes.end(), header.begin());
  return header;
}

absl::Status FrameParser::ReadHeader() {
  base::ByteReader reader(header_);
  const auto first = reader.FixedLe<char>();
  const auto kind = reader.FixedLe<uint8_t>();
  frame_ = Frame();
  frame_.method = reader.FixedLe<uint8_t>();
  const auto reserved = reader.FixedLe<uint8_t>();
  size_ = reader.FixedLe<uint32_t>();
  frame_.call = reader.FixedLe<uint64_t>();
  const auto header_sum = reader.FixedLe<uint32_t>();
  checksum_ = reader.FixedLe<uint64_t>();
  header_hash_ = HeaderHash(header_);
  if (first != kFirstByte) {
    return base::DataLoss("this is no frame: it begins with byte ",
                          int{static_cast<uint8_t>(first)});
  }
  if (header_sum != static_cast<uint32_t>(header_hash_)) {
    return base::DataLoss("a frame's header with a bad checksum");
  }
  if (kind < static_cast<uint8_t>(FrameKind::kHello) ||
      kind > static_cast<uint8_t>(FrameKind::kPong) || reserved != 0) {
    return base::DataLoss("frame of unknown kind ", int{kind}, ", flags ",
                          int{reserved});
  }
  if (size_ > kPayloadBytesMax) {
    return base::DataLoss("frame of ", size_, " bytes, over the limit of ",
                          kPayloadBytesMax);
  }
  frame_.kind = static_cast<FrameKind>(kind);
  frame_.payload.reserve(std::min<size_t>(size_, kReserveBytesMax));
  return absl::OkStatus();
}

absl::StatusOr<bool> FrameParser::Feed(std::string_view& bytes, Frame& frame) {
  if (!in_payload_) {
    const size_t take = std::min(bytes.size(), kHeaderBytes - header_.size());
    header_ += bytes.substr(0, take);
    bytes.remove_prefix(take);
    if (header_.size() < kHeaderBytes) return false;
    RETURN_IF_ERROR(ReadHeader());
    in_payload_ = true;
  }
  const size_t take =
      std::min(bytes.size(), size_ - frame_.payload.size());
  frame_.payload += bytes.substr(0, take);
  bytes.remove_prefix(take);
  if (frame_.payload.size() < size_) return false;
  if (base::Hash64Of(frame_.payload, header_hash_) != checksum_) {
    return base::DataLoss("frame of ", size_, " bytes with a bad checksum");
  }
  frame = std::move(frame_);
  in_payload_ = false;
  header_.clear();
  return true;
}

std::string EncodeStatus(const absl::Status& status) {
  std::string payload;
  base::PutFixedLe<uint32_t>(payload, static_cast<uint32_t>(status.code()));
  payload += base::Message(status).substr(0, kStatusTextBytesMax);
  return payload;
}

absl::Status DecodeStatus(std::string_view payload) {
  base::ByteReader reader(payload);
  const auto code = reader.FixedLe<uint32_t>();
  if (!reader.ok() || code > kStatusCodeMax) {
    return base::DataLoss("a status that cannot be read");
  }
  return absl::Status(static_cast<absl::StatusCode>(code),
                      base::ToAbsl(reader.rest()));
}

}  // namespace varve::rpc
