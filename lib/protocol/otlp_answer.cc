#include "lib/protocol/otlp_answer.h"

#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "lib/base/status.h"
#include "proto/otlp_metrics.pb.h"

namespace varve::protocol {
namespace {

using JsonWriter = rapidjson::Writer<rapidjson::StringBuffer>;

void Write(const char* key, std::string_view value, JsonWriter& writer) {
  writer.Key(key);
  writer.String(value.data(), static_cast<rapidjson::SizeType>(value.size()));
}

}  // namespace

absl::StatusOr<OtlpEncoding> OtlpEncodingOf(std::string_view content_type) {
  const absl::string_view type = absl::StripAsciiWhitespace(
      base::ToAbsl(content_type.substr(0, content_type.find(';'))));
  if (absl::EqualsIgnoreCase(type, "application/json")) {
    return OtlpEncoding::kJson;
  }
  if (type.empty() || absl::EqualsIgnoreCase(type, "application/x-protobuf") ||
      absl::EqualsIgnoreCase(type, "application/protobuf")) {
    return OtlpEncoding::kProtobuf;
  }
  return base::Unimplemented("OTLP of the Content-Type ", type.substr(0, 100),
                             " is not supported; application/x-protobuf and "
                             "application/json are");
}

std::string_view OtlpContentType(OtlpEncoding encoding) {
  return encoding == OtlpEncoding::kJson ? "application/json"
                                         : "application/x-protobuf";
}

std::string OtlpResponse(OtlpEncoding encoding, int64_t rejected,
                         std::string_view error) {
  const bool partial = rejected > 0 || !error.empty();
  if (encoding == OtlpEncoding::kProtobuf) {
    otlp::ExportMetricsServiceResponse response;
    if (partial) {
      response.mutable_partial_success()->set_rejected_data_points(rejected);
      response.mutable_partial_success()->set_error_message(
          std::string(error));
    }
    return response.SerializeAsString();
  }
  if (!partial) return "{}";
  rapidjson::StringBuffer buffer;
  JsonWriter writer(buffer);
  writer.StartObject();
  writer.Key("partialSuccess");
  writer.StartObject();
  // 64-bit integers are strings in protobuf's JSON.
  Write("rejectedDataPoints", base::StrCat(rejected), writer);
  Write("errorMessage", error, writer);
  writer.EndObject();
  writer.EndObject();
  return buffer.GetString();
}

std::string OtlpStatus(OtlpEncoding encoding, const absl::Status& status) {
  // The codes are google.rpc's.
  const int code = static_cast<int>(status.code());
  if (encoding == OtlpEncoding::kProtobuf) {
    otlp::Status message;
    message.set_code(code);
    message.set_message(std::string(base::Message(status)));
    return message.SerializeAsString();
  }
  rapidjson::StringBuffer buffer;
  JsonWriter writer(buffer);
  writer.StartObject();
  writer.Key("code");
  writer.Int(code);
  Write("message", base::Message(status), writer);
  writer.EndObject();
  return buffer.GetString();
}

}  // namespace varve::protocol
