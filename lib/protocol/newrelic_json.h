// Events of New Relic's infrastructure agent.
//
// In:      [{"Events":[{"eventType":"SystemSample","entityKey":"web01",
//          "timestamp":1690286061,"cpuPercent":25.1},…]},…]; the timestamp in
//          seconds or, from 32 bits on, in milliseconds; `default_ms` without.
// Out:     a series a number, named as its attribute; the event's strings are
//          its labels. In canonical form.
// Errors:  Check: InvalidArgument for what is no JSON array of such objects.
//          Bad events are skipped and counted.
// Threads: a reader belongs to one thread.
// Source:  docs.newrelic.com, "Infrastructure events"; series as
//          VictoriaMetrics has them.
#ifndef VARVE_LIB_PROTOCOL_NEWRELIC_JSON_H_
#define VARVE_LIB_PROTOCOL_NEWRELIC_JSON_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "lib/protocol/import_reader.h"
#include "lib/protocol/json_items.h"
#include "lib/protocol/line_labels.h"

namespace varve::protocol {

class NewRelicReader final : public SkippingReader {
 public:
  // Keeps a view of `body`.
  NewRelicReader(std::string_view body, int64_t default_ms)
      : body_(body), default_ms_(default_ms), posts_(body), events_("") {}

  // Reads all of the body, so that a broken one can be refused as a whole.
  absl::Status Check();

  bool Next(SampleBatch& batch, size_t rows_max) override;

 private:
  struct Sample {
    std::string_view name;
    double value;
  };

  bool NextEvent(std::string_view& event);
  // What is wrong with an event; "" when it was appended.
  std::string_view ReadEvent(std::string_view text, SampleBatch& batch);

  const std::string_view body_;
  const int64_t default_ms_;
  JsonItems posts_;
  JsonItems events_;  // of the post
  int64_t number_ = 0;
  JsonItemReader reader_;
  LineLabels labels_;
  std::vector<Sample> samples_;
  std::string canonical_;
};

}  // namespace varve::protocol

#endif  // VARVE_LIB_PROTOCOL_NEWRELIC_JSON_H_
