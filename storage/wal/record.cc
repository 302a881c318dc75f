#include "storage/wal/record.h"

#include <algorithm>

#include "lib/base/byte_coding.h"
#include "lib/base/hash.h"
#include "lib/base/status.h"
#include "lib/compress/compress.h"

namespace varve::storage {
namespace {

constexpr std::string_view kRecordMagic = "WV";
constexpr std::string_view kSegmentMagic = "VARVEWAL";
constexpr uint8_t kFlagLz4 = 1;
// What `check` covers, and itself.
constexpr size_t kCheckedBytes = 16;
static_assert(kCheckedBytes + sizeof(uint32_t) == kRecordHeaderBytes);
constexpr uint32_t kFlagAfterHole = 1;
// Hex digits of one u64 in a segment's name.
constexpr size_t kHexDigits = 16;
struct RecordHeader {
  uint8_t type = 0;
  StoredPayload payload;  // without its bytes
  uint32_t size = 0;
  uint32_t unsynced = 0;
  size_t record_bytes = 0;
};

uint32_t HeaderCheck(std::string_view header, uint64_t position) {
  return static_cast<uint32_t>(
      base::Hash64Of(header.substr(0, kCheckedBytes), position));
}

absl::StatusOr<RecordHeader> ParseHeader(std::string_view bytes,
                                         uint64_t position) {
  if (bytes.size() < kRecordHeaderBytes) {
    return base::DataLoss("log record cut in its header");
  }
  if (bytes.substr(0, 2) != kRecordMagic) {
    return base::DataLoss("log record without its magic");
  }
  if (base::LoadLe<uint32_t>(bytes.data() + kCheckedBytes) !=
      HeaderCheck(bytes, position)) {
    return base::DataLoss("log record at ", position, " has a damaged header");
  }
  RecordHeader header;
  header.type = static_cast<uint8_t>(bytes[2]);
  const auto flags = static_cast<uint8_t>(bytes[3]);
  header.size = base::LoadLe<uint32_t>(bytes.data() + 4);
  header.payload.raw_size = base::LoadLe<uint32_t>(bytes.data() + 8);
  header.unsynced = base::LoadLe<uint32_t>(bytes.data() + 12);
  if (header.type == 0 || (flags & ~kFlagLz4) != 0 ||
      (flags == kFlagLz4) != (header.payload.raw_size != 0) ||
      header.size > kRecordBytesMax ||
      header.payload.raw_size > kRecordBytesMax) {
    return base::DataLoss("log record of type ", int{header.type}, " flags ",
                          int{flags}, " size ", header.size, " raw size ",
                          header.payload.raw_size);
  }
  header.record_bytes =
      kRecordHeaderBytes + header.size + kRecordChecksumBytes;
  return header;
}

void AppendHex(std::string& out, uint64_t value) {
  static constexpr char kDigits[] = "0123456789abcdef";
  for (int shift = 60; shift >= 0; shift -= 4) {
    out.push_back(kDigits[value >> shift & 15]);
  }
}

std::optional<uint64_t> ParseHex(std::string_view text) {
  uint64_t value = 0;
  for (const char c : text) {
    if (c >= '0' && c <= '9') {
      value = value << 4 | static_cast<uint64_t>(c - '0');
    } else if (c >= 'a' && c <= 'f') {
      value = value << 4 | static_cast<uint64_t>(c - 'a' + 10);
    } else {
      return std::nullopt;
    }
  }
  return value;
}

}  // namespace

std::string PackPayload(std::string_view payload) {
  std::string packed;
  if (payload.size() < kCompressBytesMin) return packed;
  compress::Lz4Compress(payload, packed);
  if (packed.size() >= payload.size()) packed.clear();
  return packed;
}

void AppendRecord(std::string& out, RecordType type,
                  const StoredPayload& payload, uint64_t position,
                  uint64_t durable_end) {
  const size_t begin = out.size();
  out.reserve(begin + kRecordHeaderBytes + payload.bytes.size() +
              kRecordChecksumBytes);
  out.append(kRecordMagic);
  out.push_back(static_cast<char>(type));
  out.push_back(static_cast<char>(payload.raw_size != 0 ? kFlagLz4 : 0));
  base::PutFixedLe<uint32_t>(out, static_cast<uint32_t>(payload.bytes.size()));
  base::PutFixedLe<uint32_t>(out, payload.raw_size);
  base::PutFixedLe<uint32_t>(
      out, static_cast<uint32_t>(std::min<uint64_t>(position - durable_end,
                                                    UINT32_MAX)));
  base::PutFixedLe<uint32_t>(
      out, HeaderCheck(std::string_view(out).substr(begin), position));
  out.append(payload.bytes);
  base::PutFixedLe<uint64_t>(
      out, base::Hash64Of(std::string_view(out).substr(begin), position));
}

absl::StatusOr<ParsedRecord> ParseRecord(std::string_view bytes,
                                         uint64_t position) {
  ASSIGN_OR_RETURN(const RecordHeader header, ParseHeader(bytes, position));
  if (bytes.size() < header.record_bytes) {
    return base::DataLoss("log record at ", position, " of ",
                          header.record_bytes, " bytes is cut at ",
                          bytes.size());
  }
  const size_t covered = header.record_bytes - kRecordChecksumBytes;
  if (base::Hash64Of(bytes.substr(0, covered), position) !=
      base::LoadLe<uint64_t>(bytes.data() + covered)) {
    return base::DataLoss("log record at ", position, " has a wrong checksum");
  }
  ParsedRecord record;
  record.type = static_cast<RecordType>(header.type);
  record.payload = header.payload;
  record.payload.bytes = bytes.substr(kRecordHeaderBytes, header.size);
  record.durable_end = position - header.unsynced;
  record.bytes = header.record_bytes;
  return record;
}

absl::StatusOr<std::string_view> UnpackPayload(const StoredPayload& payload,
                                               std::string& scratch) {
  if (payload.raw_size == 0) return payload.bytes;
  const absl::Status status =
      compress::Lz4Decompress(payload.bytes, payload.raw_size, scratch);
  if (!status.ok()) {
    return base::DataLoss("log record: ", base::Message(status));
  }
  return std::string_view(scratch);
}

std::optional<size_t> FindRecord(std::string_view bytes, size_t from,
                                 uint64_t position_of_bytes) {
  for (size_t at = bytes.find(kRecordMagic, from);
       at != std::string_view::npos; at = bytes.find(kRecordMagic, at + 1)) {
    if (ParseRecord(bytes.substr(at), position_of_bytes + at).ok()) return at;
  }
  return std::nullopt;
}

std::string SegmentHeaderBytes(const WalSegmentHeader& header) {
  std::string out(kSegmentMagic);
  base::PutFixedLe<uint32_t>(out, kSegmentVersion);
  base::PutFixedLe<uint32_t>(out, header.after_hole ? kFlagAfterHole : 0);
  base::PutFixedLe<uint64_t>(out, header.position);
  base::PutFixedLe<uint64_t>(out, header.incarnation);
  base::PutFixedLe<uint64_t>(out, base::Checksum(out));
  return out;
}

absl::StatusOr<WalSegmentHeader> ParseSegmentHeader(std::string_view bytes) {
  base::ByteReader reader(bytes);
  const std::string_view magic = reader.Bytes(kSegmentMagic.size());
  const auto version = reader.FixedLe<uint32_t>();
  const auto flags = reader.FixedLe<uint32_t>();
  WalSegmentHeader header;
  header.after_hole = (flags & kFlagAfterHole) != 0;
  header.position = reader.FixedLe<uint64_t>();
  header.incarnation = reader.FixedLe<uint64_t>();
  const auto checksum = reader.FixedLe<uint64_t>();
  if (!reader.ok()) return base::DataLoss("log segment cut in its header");
  if (magic != kSegmentMagic ||
      checksum != base::Checksum(bytes.substr(
                      0, kSegmentHeaderBytes - kRecordChecksumBytes))) {
    return base::DataLoss("log segment with a damaged header");
  }
  if (version != kSegmentVersion || (flags & ~kFlagAfterHole) != 0) {
    return base::FailedPrecondition("log segment of version ", version,
                                    " with flags ", flags,
                                    "; this release reads version ",
                                    kSegmentVersion);
  }
  return header;
}

std::string SegmentFileName(const WalSegmentHeader& header) {
  std::string name;
  AppendHex(name, header.position);
  name.push_back('-');
  AppendHex(name, header.incarnation);
  name.append(".wal");
  return name;
}

std::optional<WalSegmentHeader> ParseSegmentFileName(std::string_view name) {
  constexpr size_t kDash = kHexDigits;
  constexpr size_t kDot = 2 * kHexDigits + 1;
  if (name.size() != kDot + 4 || name[kDash] != '-' ||
      name.substr(kDot) != ".wal") {
    return std::nullopt;
  }
  const auto position = ParseHex(name.substr(0, kHexDigits));
  const auto incarnation = ParseHex(name.substr(kDash + 1, kHexDigits));
  if (!position || !incarnation) return std::nullopt;
  return WalSegmentHeader{.position = *position,
                          .incarnation = *incarnation};
}

}  // namespace varve::storage
