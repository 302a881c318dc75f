// One record of the log as bytes.
//
//    magic    type  flags  size     raw_size  unsynced  check     payload
//   +--------+-----+------+--------+---------+---------+--------+----------+
//   | 57 56  | u8  | u8   | u32 LE | u32 LE  | u32 LE  | u32 LE | size     |
//   +--------+-----+------+--------+---------+---------+--------+----------+
//   then xxh3-64 of all of it, u64 LE
//
// Flag 1: the payload is an LZ4 block of raw_size bytes; raw_size is 0 without
// it. `unsynced` says how many bytes before the record no fsync had covered
// when it was written: what is damaged below that place was acknowledged, what
// is damaged above it may be the work of a power cut. `check` is the low half
// of xxh3-64 of the 16 bytes before it, so that a search for the next record
// seldom hashes a payload in vain. Both hashes are seeded with the record's
// position: a copy of a record at another place is not one.
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

// What the payload is; opaque here. Other values from 1 to 255 are read and
// handed over as they are: whoever replays them says what they mean.
enum class RecordType : uint8_t {
  kData = 1,    // lib/encoding/data_record.h
  kDefine = 2,  // series ids and labels
  kState = 3,   // rings and other small state
  kMissed = 4,
  kDelete = 5,
};

// Twice the largest frame of the wire.
inline constexpr uint32_t kRecordBytesMax = 128 << 20;
inline constexpr size_t kRecordHeaderBytes = 20;
inline constexpr size_t kRecordChecksumBytes = 8;
// Payloads below this are not worth a try at compression.
inline constexpr size_t kCompressBytesMin = 128;

// The payload as an LZ4 block, or "" when that would not be smaller.
// REQUIRES: payload.size() <= kRecordBytesMax.
std::string PackPayload(std::string_view payload);

// A payload as it lies in the file: `raw_size` 0, or `bytes` is one LZ4 block
// that makes so many.
struct StoredPayload {
  std::string_view bytes;
  uint32_t raw_size = 0;
};

// Appends the record for position `position` to `out`; the log is durable up
// to `durable_end` <= position.
void AppendRecord(std::string& out, RecordType type,
                  const StoredPayload& payload, uint64_t position,
                  uint64_t durable_end);

struct ParsedRecord {
  RecordType type = RecordType::kData;
  StoredPayload payload;
  uint64_t durable_end = 0;
  size_t bytes = 0;  // of the whole record
};

// The record at the start of `bytes`, checksum verified.
absl::StatusOr<ParsedRecord> ParseRecord(std::string_view bytes,
                                         uint64_t position);

// The bytes that were logged: `payload`'s, or `scratch` after decompression
// into it.
absl::StatusOr<std::string_view> UnpackPayload(const StoredPayload& payload,
                                               std::string& scratch);

// The offset of the first valid record at or after `from`, if there is one.
std::optional<size_t> FindRecord(std::string_view bytes, size_t from,
                                 uint64_t position_of_bytes);

// Segments begin with this header: "VARVEWAL", version u32 LE, flags u32 LE,
// first position u64 LE, incarnation u64 LE, xxh3-64 of all before it. Flag 1:
// the segment before has a hole that a crash left, of bytes no fsync covered.
inline constexpr size_t kSegmentHeaderBytes = 40;
inline constexpr uint32_t kSegmentVersion = 2;
struct WalSegmentHeader {
  uint64_t position = 0;
  uint64_t incarnation = 0;
  bool after_hole = false;
};
std::string SegmentHeaderBytes(const WalSegmentHeader& header);
absl::StatusOr<WalSegmentHeader> ParseSegmentHeader(std::string_view bytes);

// "<position, 16 hex digits>-<incarnation, 16 hex digits>.wal"
std::string SegmentFileName(const WalSegmentHeader& header);
std::optional<WalSegmentHeader> ParseSegmentFileName(std::string_view name);

}  // namespace varve::storage

#endif  // VARVE_STORAGE_WAL_RECORD_H_
