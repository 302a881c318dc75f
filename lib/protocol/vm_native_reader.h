// The binary format of VictoriaMetrics' /api/v1/import/native, read.
//
// In:      a body, decompressed, whole or in parts that end with a block; the
//          format is drawn in lib/protocol/vm_native_writer.h.
// Out:     a series a block, in canonical form, with the samples within the
//          head's time range.
// Errors:  InvalidArgument for a body that is cut or whose numbers disagree:
//          sizes, rows, encodings, precision, timestamps out of order or
//          outside of their block's range. A block has at most
//          kVmBlockRowsReadMax rows, a name and a block kVmRecordBytesMax
//          bytes. Reads never leave `body`.
// Threads: a reader belongs to one thread.
#ifndef VARVE_LIB_PROTOCOL_VM_NATIVE_READER_H_
#define VARVE_LIB_PROTOCOL_VM_NATIVE_READER_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "lib/base/byte_coding.h"
#include "lib/model/time_range.h"
#include "lib/protocol/sample_batch.h"
#include "lib/protocol/vm_native_writer.h"

namespace varve::protocol {

inline constexpr size_t kVmBlockRowsReadMax = 2 * kVmBlockRowsMax;
inline constexpr size_t kVmRecordBytesMax = 1 << 20;
// Of the head, and of a name and a block with their sizes.
inline constexpr size_t kVmHeadBytes = 16;
inline constexpr size_t kVmPairBytesMax = 2 * (4 + kVmRecordBytesMax);

class VmNativeReader {
 public:
  static constexpr IdentityForm kForm = IdentityForm::kCanonical;

  // Keeps a view of `body`.
  explicit VmNativeReader(std::string_view body);

  // The records that follow, when those before have been read; keeps a view.
  void Feed(std::string_view records) { rest_ = base::ByteReader(records); }

  // How many bytes of `bytes` are whole names with their blocks; with `first`,
  // behind the head. All, when there is a size that Next refuses.
  static size_t WholeBytes(std::string_view bytes, bool first);

  // Appends series to `batch` until it has `rows_max` rows or series, or the
  // body ends. False at the end.
  absl::StatusOr<bool> Next(SampleBatch& batch, size_t rows_max);

 private:
  absl::Status ReadName(std::string_view name);
  absl::Status ReadBlock(std::string_view block, SampleBatch& batch);
  // Replaces `out` by `rows` numbers.
  absl::Status Decode(uint8_t encoding, std::string_view bytes, int64_t first,
                      size_t rows, std::vector<int64_t>& out);

  base::ByteReader rest_;
  bool has_range_ = false;
  model::TimeRange range_;
  std::string name_;  // as it came, of canonical_
  std::string canonical_;
  std::string plain_;
  std::vector<int64_t> timestamps_ms_;
  std::vector<int64_t> decimals_;
};

}  // namespace varve::protocol

#endif  // VARVE_LIB_PROTOCOL_VM_NATIVE_READER_H_
