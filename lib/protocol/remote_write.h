// Prometheus remote write 1.0: walks the protobuf bytes of a WriteRequest.
//
// In:      a WriteRequest, decompressed:
//            WriteRequest { repeated TimeSeries timeseries = 1;
//                           repeated MetricMetadata metadata = 3; }
//            TimeSeries   { repeated Label labels = 1; repeated Sample samples
//                           = 2; repeated Exemplar exemplars = 3;
//                           repeated Histogram histograms = 4; }
//            Label { bytes name = 1; bytes value = 2; }
//            Sample { double value = 1; int64 timestamp = 2; }
// Out:     columns of samples and the label fields as they came. Labels are
//          not decoded here: the caller looks their bytes up and parses only
//          those it does not know (ParseRawLabels). Histograms, exemplars and
//          metadata: lib/protocol/remote_write_kinds.h.
// Errors:  InvalidArgument for broken framing, a series of more than
//          kSeriesRowsMax samples, and a remote write 2.0 body
//          (lib/protocol/remote_write_2.h), which would look empty.
//          Reads never leave `body`.
// Threads: a walker belongs to one thread.
// Source:  "Prometheus Remote-Write 1.0 specification"; "Protocol Buffers
//          encoding". Fields unknown here are skipped, of a repeated scalar
//          the last one counts, as the protobuf library does.
#ifndef VARVE_LIB_PROTOCOL_REMOTE_WRITE_H_
#define VARVE_LIB_PROTOCOL_REMOTE_WRITE_H_

#include <cstdint>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "lib/model/label.h"
#include "lib/protocol/sample_batch.h"

namespace varve::protocol {

class RemoteWriteWalker {
 public:
  static constexpr IdentityForm kForm = IdentityForm::kRemoteWriteLabels;

  // Keeps a view of `body`.
  explicit RemoteWriteWalker(std::string_view body);

  // Appends series to `batch` until it has `rows_max` rows or series, or the
  // body ends. False at the end. REQUIRES: batch.form is kRemoteWriteLabels.
  absl::StatusOr<bool> Next(SampleBatch& batch, size_t rows_max);

  // OK when the labels, which Next passes on as they came, are framed well.
  static absl::Status CheckSeries(const BatchSeries& series);

 private:
  absl::Status WalkSeries(std::string_view message, SampleBatch& batch);

  std::string_view body_;
  size_t position_ = 0;
};

// The labels of a series' raw label bytes in their order, repeated and empty
// ones included. Replaces `out`. InvalidArgument for broken framing.
absl::Status ParseRawLabels(std::string_view raw,
                            std::vector<model::Label>& out);

}  // namespace varve::protocol

#endif  // VARVE_LIB_PROTOCOL_REMOTE_WRITE_H_
