// The rows of one write: the body of a DATA frame and, byte for byte, of a
// DATA record in the write-ahead log. Each record decodes alone.
//
//   record  := ring:u64 accept_ms:i64 section*
//   section := kind:u8 tenant_kind:u8 tenant_id:u64 size:u32 body[size]
//   kind 0 floats; 1 native histograms, 2 exemplars, 3 metadata, 4 start
//   timestamps are lib/encoding/data_record_kinds.h's. HELLO's features say
//   what a reader knows.
//
// The floats' body is drawn in data_record.cc, with real numbers in
// docs/formats/data_record.md: refs as zigzag deltas, one timestamp run per
// change, values as decimal varints or raw bits, never losing a bit.
//
// Errors:  DataLoss for missing, surplus or impossible bytes; a decoder never
//          reads outside `bytes` and allocates no more than 36 bytes a row of
//          at most kRowsMax rows.
// Threads: a builder belongs to one thread; decoding is free of state.
#ifndef VARVE_LIB_ENCODING_DATA_RECORD_H_
#define VARVE_LIB_ENCODING_DATA_RECORD_H_

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "lib/encoding/data_record_kinds.h"
#include "lib/encoding/decimal.h"

namespace varve::encoding {

enum class SectionKind : uint8_t {
  kFloats = 0,
  kHistograms = 1,
  kExemplars = 2,
  kMetadata = 3,
  kStarts = 4,
};

// Rows of one section; also of one record: callers split larger writes.
inline constexpr uint32_t kRowsMax = 1 << 20;

// Columns of one floats section. Series i has counts[i] rows; rows of all
// series follow one another in timestamps_ms and values.
struct FloatSection {
  uint8_t tenant_kind = 0;
  uint64_t tenant_id = 0;
  std::vector<uint64_t> refs;
  std::vector<uint32_t> counts;
  std::vector<int64_t> timestamps_ms;
  std::vector<ScaledValue> values;
  void clear();
};

class DataRecordBuilder {
 public:
  void Start(uint64_t ring, int64_t accept_ms);
  // Rows of one series. Consecutive calls for one tenant share a section.
  void Add(uint8_t tenant_kind, uint64_t tenant_id, uint64_t ref,
           std::span<const int64_t> timestamps_ms,
           std::span<const double> values);
  // What stands behind the floats.
  KindSections& kinds() { return kinds_; }
  uint32_t rows() const { return rows_ + kinds_.rows(); }
  // The finished record; the builder is ready for Start again.
  std::string Finish();

 private:
  void CloseSection();
  std::string out_;
  FloatSection open_;
  KindSections kinds_;
  uint32_t rows_ = 0;
};

// Makes the record's accept_ms at least `accept_ms`.
void RaiseAcceptMs(std::string& record, int64_t accept_ms);

class DataRecordReader {
 public:
  // Keeps a view of `record`.
  explicit DataRecordReader(std::string_view record);

  uint64_t ring() const { return ring_; }
  int64_t accept_ms() const { return accept_ms_; }

  // Advances to the next section; false at the end.
  absl::StatusOr<bool> Next();
  SectionKind kind() const { return kind_; }
  uint8_t tenant_kind() const { return tenant_kind_; }
  uint64_t tenant_id() const { return tenant_id_; }
  // For the decoders of lib/encoding/data_record_kinds.h.
  std::string_view body() const { return body_; }
  // REQUIRES: kind() == kFloats. Reuses the vectors of `out`.
  absl::Status DecodeFloats(FloatSection& out) const;

 private:
  absl::Status status_;
  uint64_t ring_ = 0;
  int64_t accept_ms_ = 0;
  std::string_view rest_;
  SectionKind kind_ = SectionKind::kFloats;
  uint8_t tenant_kind_ = 0;
  uint64_t tenant_id_ = 0;
  std::string_view body_;
};

}  // namespace varve::encoding

#endif  // VARVE_LIB_ENCODING_DATA_RECORD_H_
