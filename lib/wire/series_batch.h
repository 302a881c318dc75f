// One message of a SEARCH answer: series with their samples, or the end.
//
//   batch  := kind:u8 (0 series, 1 end) body
//   series := { hash:16B labels:varint-prefixed n:varint
//               [ ts:varint-prefixed | the previous series' column ]
//               values:varint-prefixed }*
//   end    := proto Coverage
//
// Columns are lib/encoding/sample_chunk.h; runs over 65,535 samples are cut
// into several. A column equal to the previous series' is sent as one byte.
//
// Errors:  DataLoss for damage; decoders never read outside the message.
// Threads: a writer or reader belongs to one thread.
#ifndef VARVE_LIB_WIRE_SERIES_BATCH_H_
#define VARVE_LIB_WIRE_SERIES_BATCH_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "lib/model/label.h"
#include "lib/model/sample.h"
#include "proto/varve_rpc.pb.h"

namespace varve::wire {

class SeriesBatchWriter {
 public:
  void Add(const model::SeriesHash& hash, std::string_view labels,
           const model::SampleColumns& samples);
  size_t bytes() const { return out_.size(); }
  bool empty() const { return out_.size() <= 1; }
  // The message; the writer is ready for the next one.
  std::string Finish();

 private:
  std::string out_;
  std::vector<int64_t> last_timestamps_ms_;
};

std::string EncodeSearchEnd(const proto::Coverage& coverage);

struct WireSeries {
  model::SeriesHash hash;
  std::string labels;  // canonical bytes
  model::SampleColumns samples;
};
struct SeriesBatch {
  bool is_end = false;
  proto::Coverage coverage;  // of the end
  std::vector<WireSeries> series;
};
absl::StatusOr<SeriesBatch> DecodeSeriesBatch(std::string_view message);

}  // namespace varve::wire

#endif  // VARVE_LIB_WIRE_SERIES_BATCH_H_
