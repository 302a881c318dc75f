// OTLP metrics in JSON: the messages of otlp_protobuf.h, names in lowerCamelCase,
// 64-bit integers as numbers or strings, enums as numbers or names, bytes as
// base64, trace and span ids as hex digits. Unknown fields are passed over.
//
// Errors:  InvalidArgument for broken JSON, a field of another type, what is
//          over a limit of otlp_data.h, and the mapper's.
// Memory:  at most some 13 times the body, which is not needed any more.
// Threads: any number may read one.
// Source:  "OTLP Specification", JSON Protobuf Encoding.
#ifndef VARVE_LIB_PROTOCOL_OTLP_JSON_H_
#define VARVE_LIB_PROTOCOL_OTLP_JSON_H_

#include <memory>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "lib/protocol/otlp_mapper.h"

namespace varve::protocol {

// A parsed request; copies are the same one.
class OtlpJson {
 public:
  static absl::StatusOr<OtlpJson> Parse(std::string_view body);

  // Hands all of it to `mapper`, up to Finish. The texts are its own.
  absl::Status Read(OtlpMapper& mapper) const;

 private:
  struct Parsed;
  explicit OtlpJson(std::shared_ptr<const Parsed> parsed)
      : parsed_(std::move(parsed)) {}

  std::shared_ptr<const Parsed> parsed_;
};

}  // namespace varve::protocol

#endif  // VARVE_LIB_PROTOCOL_OTLP_JSON_H_
