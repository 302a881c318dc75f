// One message of a SEARCH answer: series with their samples, or the end.
//
//   batch  := kind:u8 body
//             (0 series, 1 end, 2 series of all kinds, 3 with start timestamps)
//   series := { hash:16B labels:varint-prefixed n:varint
//               [ shared:u8 [ ts:varint-prefixed ]* ]
//               [ values:varint-prefixed ]* }*
//   series of kind 2 have behind their values:
//             histograms m:varint { ts:zigzag value:f64
//                                   labels:varint-prefixed }*
//   those of kind 3 also, at their end:
//             r:varint { gap:varint length:varint start:zigzag }*
//   end    := proto Coverage
//
// histograms are lib/encoding/histogram_chunk.h's columns, the m rows
// exemplars, the r rows runs of start timestamps (lib/model/start_run.h), in
// order; gap is from the end of the one before, of the first from 0. A message
// of kind 2 goes only to who asked for all_kinds, of kind 3 for starts as well.
//
// hash is the high, then the low half, little endian. With n > 0: shared 0 is
// followed by the timestamp column, shared 1 means the column last sent in
// this message. Columns are lib/encoding/sample_chunk.h in runs of 65,535
// samples and a last one of the rest. A series is never split over messages.
//
// Errors:  DataLoss for damage; ResourceExhausted for more samples than
//          kBatchSamplesMax; decoders never read outside the message.
// Threads: a writer belongs to one thread; decoding is free of state.
#ifndef VARVE_LIB_WIRE_SERIES_BATCH_H_
#define VARVE_LIB_WIRE_SERIES_BATCH_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "lib/encoding/sample_chunk.h"
#include "lib/model/exemplar.h"
#include "lib/model/histogram.h"
#include "lib/model/label.h"
#include "lib/model/sample.h"
#include "lib/model/start_run.h"
#include "proto/varve_rpc.pb.h"

namespace varve::wire {

// A few bytes can stand for 65,535 equal samples: this bounds what a decoder
// allocates. Above the 30 million of -search.maxSamplesPerSeries.
inline constexpr size_t kBatchSamplesMax = size_t{1} << 25;
// Of native histograms their buckets and what each has beside them: 512 MiB.
inline constexpr size_t kBatchCountsMax = size_t{1} << 26;

// When a sender should close a batch: large enough that calls do not matter,
// small enough that the reader's memory does not.
inline constexpr size_t kBatchBytesUsual = 128 << 10;
inline constexpr size_t kBatchSamplesUsual = 128 << 10;

class SeriesBatchWriter {
 public:
  // `all_kinds`: the reader takes batches of kind 2; `starts`: those of kind 3.
  explicit SeriesBatchWriter(bool all_kinds = false, bool starts = false)
      : all_kinds_(all_kinds || starts), starts_(starts) {}

  // REQUIRES: at most kBatchSamplesMax samples in one batch; histograms and
  // exemplars only with all_kinds, starts only with starts: joined, none
  // before 1970.
  void Add(const model::SeriesHash& hash, std::string_view labels,
           const model::SampleColumns& samples,
           const model::HistogramColumns& histograms = {},
           const std::vector<model::Exemplar>& exemplars = {},
           const model::StartRuns& starts = {});
  size_t bytes() const { return out_.size(); }
  size_t samples() const { return samples_; }
  bool empty() const { return out_.size() <= 1; }
  // By kBatchBytesUsual and kBatchSamplesUsual.
  bool full() const {
    return bytes() >= kBatchBytesUsual || samples() >= kBatchSamplesUsual;
  }
  // The message; the writer is ready for the next one.
  std::string Finish();

 private:
  void Begin();
  void AddSamples(const model::SampleColumns& samples);
  void AddStarts(const model::StartRuns& starts);
  void UseHintsOf(std::string_view labels);

  const bool all_kinds_;
  const bool starts_;
  std::string out_;
  std::string column_;
  std::vector<int64_t> last_timestamps_ms_;
  std::string hinted_;  // the first label of the series that hints_ are of
  encoding::ValueHints hints_;
  size_t samples_ = 0;
};

std::string EncodeSearchEnd(const proto::Coverage& coverage);
// True for what EncodeSearchEnd made.
bool IsSearchEnd(std::string_view message);

struct WireSeries {
  model::SeriesHash hash;
  std::string labels;  // canonical bytes
  model::SampleColumns samples;
  model::HistogramColumns histograms;
  std::vector<model::Exemplar> exemplars;
  model::StartRuns starts;
};
struct SeriesBatch {
  bool is_end = false;
  proto::Coverage coverage;  // of the end
  std::vector<WireSeries> series;
};
absl::StatusOr<SeriesBatch> DecodeSeriesBatch(std::string_view message);

}  // namespace varve::wire

#endif  // VARVE_LIB_WIRE_SERIES_BATCH_H_
