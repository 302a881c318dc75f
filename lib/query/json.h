// JSON by appending, and an answer that is streamed when it is large.
//
// Threads: an Answer belongs to the handler's thread.
#ifndef VARVE_LIB_QUERY_JSON_H_
#define VARVE_LIB_QUERY_JSON_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "lib/histogram/float_histogram.h"
#include "lib/model/label.h"
#include "net/http/server.h"

namespace varve::query {

// In quotes, escaped; bytes that are not UTF-8 become U+FFFD.
void AppendJsonString(std::string& out, std::string_view text);
// {"__name__":"up","job":"x"}
void AppendJsonLabels(std::string& out, const model::LabelSet& labels);
// Milliseconds as seconds: 1700000000, else three decimals: 1700000000.250.
void AppendJsonTime(std::string& out, int64_t timestamp_ms);
// [1700000000,"1.5"]
void AppendJsonSample(std::string& out, int64_t timestamp_ms, double value);
// [1700000000,{"count":"3","sum":"5","buckets":[[0,"1","2","3"]]}]: the
// non-empty buckets with the number of their bounds' kind (BoundaryRule).
void AppendJsonHistogram(std::string& out, int64_t timestamp_ms,
                         const histogram::FloatHistogram& histogram);

// Collects an answer with status 200; above kAnswerPieceBytes it is sent in
// chunks, so that its size does not matter for memory.
inline constexpr size_t kAnswerPieceBytes = 64 << 10;

class Answer {
 public:
  // `writer` outlives this.
  Answer(http::ResponseWriter& writer, std::string_view content_type)
      : writer_(writer), content_type_(content_type) {}

  // What is to be appended to; call Flush now and then.
  std::string& text() { return text_; }
  // Sends what is there when it is enough; Cancelled when the client has
  // gone.
  absl::Status Flush();
  // Sends the rest.
  absl::Status Finish();
  // True once bytes were sent: an error can then only cut the connection.
  bool begun() const { return begun_; }

 private:
  http::ResponseWriter& writer_;
  const std::string content_type_;
  std::string text_;
  bool begun_ = false;
};

}  // namespace varve::query

#endif  // VARVE_LIB_QUERY_JSON_H_
