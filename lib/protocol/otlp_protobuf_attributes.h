// Attributes of OTLP in protobuf: KeyValue and AnyValue.
//
// Errors:  InvalidArgument for broken framing, too many values and too deep
//          ones (otlp_data.h).
// Threads: a reader belongs to one thread.
// Source:  opentelemetry-proto, common.proto v1.
#ifndef VARVE_LIB_PROTOCOL_OTLP_PROTOBUF_ATTRIBUTES_H_
#define VARVE_LIB_PROTOCOL_OTLP_PROTOBUF_ATTRIBUTES_H_

#include <cstddef>
#include <string_view>

#include "absl/status/status.h"
#include "lib/protocol/otlp_data.h"

namespace varve::protocol {

class OtlpAttributeReader {
 public:
  // What is read from now on is of another data point, scope or resource.
  void Start() { values_ = 0; }

  // Appends the KeyValue `message`.
  absl::Status Read(std::string_view message, OtlpAttributes& attributes) {
    return ReadKeyValue(message, 0, attributes);
  }
  // Adds it to the point, as it came when that can be: `field` is the message
  // with its tag and size.
  absl::Status ReadOfPoint(std::string_view field, std::string_view message,
                           OtlpPoint& point);

 private:
  absl::Status ReadKeyValue(std::string_view message, int depth,
                            OtlpAttributes& attributes);
  absl::Status ReadValue(std::string_view message, int depth,
                         OtlpValue& value);
  absl::Status ReadValues(std::string_view message, int depth, bool keys,
                          OtlpAttributes& children);
  absl::Status Count();

  size_t values_ = 0;  // since Start
};

// Appends those of OtlpPoint::plain_attributes.
void ReadPlainAttributes(std::string_view fields, OtlpAttributes& attributes);

}  // namespace varve::protocol

#endif  // VARVE_LIB_PROTOCOL_OTLP_PROTOBUF_ATTRIBUTES_H_
