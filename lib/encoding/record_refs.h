// The refs of a data record: what they reach to, and the same rows under other
// refs. For hints, whose refs are of a dictionary of their own until the node
// that the rows are for says what it calls the series.
//
// Errors:  DataLoss as data_record.h, also for a section of a kind it does not
//          know: nobody could say which bytes of it are refs.
// Threads: free functions without state.
#ifndef VARVE_LIB_ENCODING_RECORD_REFS_H_
#define VARVE_LIB_ENCODING_RECORD_REFS_H_

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace varve::encoding {

struct RecordRefs {
  uint64_t end = 0;   // above all refs
  int64_t rows = 0;   // floats and histograms
};
// Decodes all of `record`.
absl::StatusOr<RecordRefs> CheckRefs(std::string_view record);

struct MappedRecord {
  std::string bytes;
  int64_t rows = 0;      // floats and histograms in `bytes`
  int64_t left_out = 0;  // likewise, of series without a ref
};
// Ref r becomes refs[r]; rows of series whose ref is 0 or beyond `refs` are
// left out. Without such rows the columns are copied, not decoded.
absl::Status MapRefs(std::string_view record, std::span<const uint64_t> refs,
                     MappedRecord& out);

}  // namespace varve::encoding

#endif  // VARVE_LIB_ENCODING_RECORD_REFS_H_
