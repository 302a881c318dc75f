// Series of DataDog's API in JSON, versions 1 and 2.
//
// In:      1: {"series":[{"metric":"system.load.1","host":"a","device":"sda",
//          "points":[[1636629071,0.7]],"tags":["env:test"]}]}
//          2: {"series":[{"metric":"system.load.1","points":[
//          {"timestamp":1636629071,"value":0.7}],"resources":[
//          {"type":"host","name":"a"}],"source_type_name":"s",
//          "tags":["env:test"]}]}; timestamps in seconds, missing or 0: now.
// Out:     a series each; host, device and source_type_name are labels, a
//          resource is one named as its type, tags see datadog_labels.h. Kind,
//          unit and interval are not kept. In canonical form.
// Errors:  Check: InvalidArgument for what is no JSON object with such an
//          array, and for members above 1 MiB but strings and the arrays above,
//          whose items count for themselves. Bad series and points are skipped
//          and counted, so are points with strings as numbers.
// Threads: a reader belongs to one thread.
// Source:  docs.datadoghq.com/api/latest/metrics, "Submit metrics"; device is
//          what DataDog's agent makes of a tag of that name.
#ifndef VARVE_LIB_PROTOCOL_DATADOG_JSON_H_
#define VARVE_LIB_PROTOCOL_DATADOG_JSON_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "lib/protocol/datadog_labels.h"
#include "lib/protocol/import_reader.h"
#include "lib/protocol/json_items.h"
#include "lib/protocol/line_labels.h"

namespace varve::protocol {

enum class DatadogVersion : uint8_t { k1, k2 };

class DatadogJsonReader final : public SkippingReader {
 public:
  // Keeps a view of `body`.
  DatadogJsonReader(std::string_view body, DatadogVersion version,
                    const DatadogOptions& options)
      : body_(body),
        version_(version),
        options_(options),
        members_(body),
        series_(""),
        points_("") {}

  // Reads all of the body, so that a broken one can be refused as a whole.
  absl::Status Check();

  bool Next(SampleBatch& batch, size_t rows_max) override;

  // After Next was false: it was the body's end, and not broken JSON.
  bool at_end() const { return members_.complete(); }

 private:
  // The parts of a series as they stand in the body; "" where missing.
  struct Parts {
    std::string_view metric, host, device, source_type_name;
    std::string_view points, resources, tags;
  };
  static Parts PartsOf(std::string_view series);

  // False where the text is no JSON, or longer than is read at once.
  bool IsJson(std::string_view text);
  // Of a series; arrays that may be long are read by items.
  bool IsJsonMember(std::string_view key, std::string_view value);
  bool CheckSeries(std::string_view series);

  bool NextSeries(std::string_view& series);
  // Sets canonical_ and points_; what is wrong, or "".
  std::string_view StartSeries(std::string_view series);
  std::string_view AddResources(std::string_view resources);
  std::string_view AddTags(std::string_view tags);
  // The text of a JSON string; false for what is none. Lives as texts_.
  bool TakeString(std::string_view json, std::string_view& text);
  // The same of one that may be missing or null: "".
  bool TakeOptional(std::string_view json, std::string_view& text);
  // The next good point of the series; false at its end.
  bool NextPoint(int64_t& ms, double& value);
  // What is wrong with the point, or "".
  std::string_view ReadPoint(std::string_view text, int64_t& ms, double& value);

  const std::string_view body_;
  const DatadogVersion version_;
  const DatadogOptions options_;
  JsonItems members_;
  JsonItems series_;
  JsonItems points_;  // of the series that is read
  bool in_series_ = false;
  int64_t number_ = 0;  // of the series
  JsonItemReader reader_;
  Arena texts_;  // strings with escapes, of one series
  LineLabels labels_;
  std::string canonical_;
};

}  // namespace varve::protocol

#endif  // VARVE_LIB_PROTOCOL_DATADOG_JSON_H_
