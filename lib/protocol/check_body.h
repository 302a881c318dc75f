// A body is stored whole or not at all: one that is stored in parts is looked
// through before its first part is.
//
// A Reader has `kForm`, the IdentityForm of its series; a constructor from the
// decompressed body; and
//
//   absl::StatusOr<bool> Next(SampleBatch& batch, size_t rows_max);
//
// which appends series to `batch` until it has `rows_max` rows or series, or
// the body ends: false. REQUIRES: batch.form is kForm.
#ifndef VARVE_LIB_PROTOCOL_CHECK_BODY_H_
#define VARVE_LIB_PROTOCOL_CHECK_BODY_H_

#include <string_view>

#include "absl/status/status.h"
#include "lib/base/status.h"
#include "lib/protocol/sample_batch.h"

namespace varve::protocol {

// OK when a Reader can read all of `body`. What reading leaves to its caller,
// a Reader may check in a static CheckSeries(const BatchSeries&).
template <typename Reader>
absl::Status CheckBody(std::string_view body) {
  constexpr size_t kBatchRows = 4096;  // keeps the scratch columns in cache
  Reader reader(body);
  SampleBatch batch;
  for (bool more = true; more;) {
    batch.Clear();
    batch.form = Reader::kForm;
    ASSIGN_OR_RETURN(more, reader.Next(batch, kBatchRows));
    if constexpr (requires(const BatchSeries& series) {
                    Reader::CheckSeries(series);
                  }) {
      for (const BatchSeries& series : batch.series) {
        RETURN_IF_ERROR(Reader::CheckSeries(series));
      }
    }
  }
  return absl::OkStatus();
}

}  // namespace varve::protocol

#endif  // VARVE_LIB_PROTOCOL_CHECK_BODY_H_
