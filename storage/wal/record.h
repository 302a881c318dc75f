// One record of the log as bytes.
//
//    magic    type  flags  size     raw_size      payload      checksum
//   +--------+-----+------+--------+-------------+------------+-----------+
//   | 57 56  | u8  | u8   | u32 LE | u32 LE, if  | size bytes | xxh3-64   |
//   |        |     |      |        | flags & 1   |            | u64 LE    |
//   +--------+-----+------+--------+-------------+------------+-----------+
//
// The checksum covers everything before it and is seeded with the record's
// position, so that a copy of a record at another place is not one. Flag 1:
// the payload is an LZ4 block of raw_size bytes.
//
// In:      untrusted bytes; a reader never looks outside them.
// Errors:  DataLoss.
// Threads: free functions without state.
#ifndef VARVE_STORAGE_WAL_RECORD_H_
#define VARVE_STORAGE_WAL_RECORD_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace varve::storage {

// What the payload is; opaque here. Other values from 1 to 255 are kept and
// handed over as they are: a newer release may know them.
enum class RecordType : uint8_t {
  kData = 1,    // lib/encoding/data_record.h
  kDefine = 2,  // series ids and labels
  kState = 3,   // rings and other small state
  kMissed = 4,
  kDelete = 5,
};

// Twice the largest frame of the wire.
inline constexpr uint32_t kRecordBytesMax = 128 << 20;
inline constexpr size_t kRecordHeaderBytes = 8;
inline constexpr size_t kRecordChecksumBytes = 8;
// Payloads below this are not worth a try at compression.
inline constexpr size_t kCompressBytesMin = 128;

// The payload as an LZ4 block, or "" when that would not be smaller.
// REQUIRES: payload.size() <= kRecordBytesMax.
std::string PackPayload(std::string_view payload);

// Appends the record for position `position` to `out`. `stored` is the
// payload and `raw_size` 0, or `stored` is PackPayload's answer and
// `raw_size` the size of the payload.
void AppendRecord(std::string& out, RecordType type, std::string_view stored,
                  uint32_t raw_size, uint64_t position);

struct ParsedRecord {
  RecordType type = RecordType::kData;
  uint8_t flags = 0;
  uint32_t raw_size = 0;
  std::string_view stored;  // as it lies in the file
  size_t bytes = 0;         // of the whole record
};

// The record at the start of `bytes`, checksum verified.
absl::StatusOr<ParsedRecord> ParseRecord(std::string_view bytes,
                                         uint64_t position);

// The payload: `record.stored`, or `scratch` after decompression into it.
absl::StatusOr<std::string_view> RecordPayload(const ParsedRecord& record,
                                               std::string& scratch);

// The offset of the first valid record at or after `from`; nothing when there
// is none, or after hashing 4 times the size of `bytes` in false starts.
std::optional<size_t> FindRecord(std::string_view bytes, size_t from,
                                 uint64_t position_of_bytes);

// Segments begin with this header: "VARVEWAL", version u32 LE, first position
// u64 LE, incarnation u64 LE, xxh3-64 of all before it.
inline constexpr size_t kSegmentHeaderBytes = 36;
inline constexpr uint32_t kSegmentVersion = 1;
struct WalSegmentHeader {
  uint64_t position = 0;
  uint64_t incarnation = 0;
};
std::string SegmentHeaderBytes(const WalSegmentHeader& header);
absl::StatusOr<WalSegmentHeader> ParseSegmentHeader(std::string_view bytes);

// "<position, 16 hex digits>-<incarnation, 16 hex digits>.wal"
std::string SegmentFileName(const WalSegmentHeader& header);
std::optional<WalSegmentHeader> ParseSegmentFileName(std::string_view name);

}  // namespace varve::storage

#endif  // VARVE_STORAGE_WAL_RECORD_H_
