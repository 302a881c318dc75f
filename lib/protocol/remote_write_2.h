// Prometheus remote write 2.0: walks the protobuf bytes of an
// io.prometheus.write.v2.Request.
//
// In:      a Request, decompressed:
//            Request    { string symbols = 4; TimeSeries timeseries = 5; }
//            TimeSeries { uint32 labels_refs = 1; Sample samples = 2;
//                         Histogram histograms = 3; Exemplar exemplars = 4;
//                         Metadata metadata = 5; int64 created_timestamp = 6; }
//            Sample     { double value = 1; int64 timestamp = 2;
//                         int64 start_timestamp = 3; }
//            Exemplar   { uint32 labels_refs = 1; double value = 2;
//                         int64 timestamp = 3; }
//            Metadata   { uint32 type = 1; uint32 help_ref = 3;
//                         uint32 unit_ref = 4; }
//          all but the symbols' and the scalars repeated. Histogram is that of
//          remote_write_kinds.h, and start_timestamp = 17. A reference is an
//          index into symbols; labels are pairs of them, name and value.
// Out:     as lib/protocol/remote_write.h, but that a series is named by its
//          references: no label is copied. Starts of samples: their own, else
//          the series' created_timestamp; none of samples outside of
//          [0, kTimestampMaxMs]. An exemplar without a time has that
//          of its series' last sample. Metadata is the metric's: _bucket,
//          _count and _sum of histograms and summaries are left off.
// Errors:  InvalidArgument for broken framing, a reference to no symbol, half
//          a pair of labels, and what is over a limit below. Reads never leave
//          `body`.
// Threads: a walker belongs to one thread.
// Source:  "Prometheus Remote-Write 2.0 specification"; created_timestamp is
//          of the message as first released, start_timestamp as it is now.
#ifndef VARVE_LIB_PROTOCOL_REMOTE_WRITE_2_H_
#define VARVE_LIB_PROTOCOL_REMOTE_WRITE_2_H_

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "lib/model/label.h"
#include "lib/protocol/sample_batch.h"

namespace varve::protocol {

// A symbol takes two bytes on the wire and 16 here.
inline constexpr size_t kSymbolsMax = 1 << 21;
// References are short and symbols long: what a request of a given size could
// make of them is bounded for a series and for all of them.
inline constexpr size_t kSymbolizedLabelBytesMax = 1 << 20;
inline constexpr size_t kRequestLabelBytesMax = size_t{1} << 30;
// Exemplars of one series in one message; senders send some.
inline constexpr size_t kSeriesExemplarBytesMax = 1 << 20;

class RemoteWrite2Walker {
 public:
  static constexpr IdentityForm kForm = IdentityForm::kSymbolRefs;

  // Keeps a view of `body`.
  explicit RemoteWrite2Walker(std::string_view body);

  // Appends series to `batch` until it has `rows_max` rows or series, or the
  // body ends. False at the end. The batch's symbols live as long as the
  // walker. REQUIRES: batch.form is kSymbolRefs.
  absl::StatusOr<bool> Next(SampleBatch& batch, size_t rows_max);

 private:
  struct MetadataRefs {
    uint64_t type = 0;
    uint64_t help = 0;
    uint64_t unit = 0;
    friend bool operator==(const MetadataRefs&, const MetadataRefs&) = default;
  };
  // What of a series is known only when all of it has been walked.
  struct Open {
    BatchSeries series;
    int64_t created_ms = 0;
    size_t exemplar_bytes = 0;  // in memory
    bool any_start = false;
    bool has_metadata = false;
    MetadataRefs metadata;
  };

  absl::Status ReadSymbols();
  absl::Status WalkSeries(std::string_view message, SampleBatch& batch);
  absl::Status WalkField(uint32_t number, std::string_view bytes, Open& open,
                         SampleBatch& batch);
  absl::Status AddSample(std::string_view message, Open& open,
                         SampleBatch& batch);
  absl::Status AddHistogram(std::string_view message, Open& open,
                            SampleBatch& batch);
  absl::Status AddExemplar(std::string_view message, Open& open,
                           SampleBatch& batch);
  absl::Status AddMetadata(const MetadataRefs& refs, SampleBatch& batch);
  // Adds labels to those of the whole request, which are bounded.
  absl::Status Charge(size_t label_bytes);
  // The references, checked.
  absl::Status MakeIdentity(SampleBatch& batch, std::string_view& identity);
  // The value of the label __name__ of the series under way.
  std::string_view MetricName() const;
  static void AddStarts(const Open& open, std::span<const int64_t> times_ms,
                        std::span<const int64_t> starts_ms,
                        SampleBatch& batch);

  const std::string_view body_;
  absl::Status status_;  // of reading the symbols
  size_t position_ = 0;
  std::vector<std::string_view> symbols_;
  size_t label_bytes_ = 0;
  // Of metrics whose metadata was given, what it was.
  absl::flat_hash_map<std::string, MetadataRefs> told_;
  // Of the series under way.
  std::vector<uint32_t> refs_;
  std::vector<int64_t> sample_starts_ms_;
  std::vector<int64_t> histogram_starts_ms_;
};

// The labels of a series' references into `symbols`, in their order, repeated
// and empty ones included. Replaces `out`. InvalidArgument for those to none.
absl::Status ReadSymbolLabels(std::span<const std::string_view> symbols,
                              std::string_view refs,
                              std::vector<model::Label>& out);

}  // namespace varve::protocol

#endif  // VARVE_LIB_PROTOCOL_REMOTE_WRITE_2_H_
