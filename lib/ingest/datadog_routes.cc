#include "lib/ingest/datadog_routes.h"

#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "lib/base/status.h"
#include "lib/base/strings.h"
#include "lib/protocol/datadog_json.h"
#include "lib/protocol/datadog_series.h"
#include "lib/protocol/datadog_sketches.h"

namespace varve::ingest {
namespace {

constexpr std::string_view kJson = "application/json";
constexpr std::string_view kTaken = R"({"status":"ok"})";
constexpr const char* kRequestFlag = "-datadog.maxInsertRequestSize";

bool IsProtobuf(const http::Request& request) {
  const std::string_view type = request.Header("content-type");
  return absl::EqualsIgnoreCase(
      absl::StripAsciiWhitespace(
          base::ToAbsl(type.substr(0, type.find(';')))),
      "application/x-protobuf");
}

template <typename Reader>
absl::Status Store(InsertDoor* door, const InsertRequest& request,
                   Reader reader, const InsertFormat& format) {
  RETURN_IF_ERROR(reader.Check());
  return door->StoreLines(request, reader, format);
}

InsertEndpoint MakeEndpoint(const char* suffix) {
  InsertEndpoint endpoint;
  endpoint.suffix = suffix;
  endpoint.label = suffix;
  endpoint.protocol = "datadog";
  // In protobuf no bytes are no series; in JSON they are an error.
  endpoint.takes_empty_body = true;
  return endpoint;
}

InsertEndpoint AnswerOnly(const char* suffix, int code, std::string_view text) {
  InsertEndpoint endpoint = MakeEndpoint(suffix);
  endpoint.take = [code, text](const InsertRequest&,
                               http::ResponseWriter& response) {
    response.Send(code, kJson, text);
    return absl::OkStatus();
  };
  return endpoint;
}

}  // namespace

DatadogRoutes::DatadogRoutes(InsertDoor* door)
    : door_(door),
      options_(door->options().lines),
      v1_(door->AddFormat("datadogv1")),
      v2_(door->AddFormat("datadogv2")),
      sketches_(door->AddFormat("datadogsketches")) {}

protocol::DatadogOptions DatadogRoutes::ReaderOptions() const {
  return {.sanitize_names = options_.datadog_sanitize_names,
          .now_ms = door_->options().clock->NowMs()};
}

absl::Status DatadogRoutes::TakeSeries1(const InsertRequest& request) {
  ASSIGN_OR_RETURN(const std::string body, door_->Body(request));
  return Store(door_, request,
               protocol::DatadogJsonReader(body, protocol::DatadogVersion::k1,
                                           ReaderOptions()),
               v1_);
}

absl::Status DatadogRoutes::TakeSeries2(const InsertRequest& request) {
  ASSIGN_OR_RETURN(const std::string body, door_->Body(request));
  if (IsProtobuf(request.http)) {
    return Store(door_, request,
                 protocol::DatadogSeriesReader(body, ReaderOptions()), v2_);
  }
  return Store(door_, request,
               protocol::DatadogJsonReader(body, protocol::DatadogVersion::k2,
                                           ReaderOptions()),
               v2_);
}

absl::Status DatadogRoutes::TakeSketches(const InsertRequest& request) {
  ASSIGN_OR_RETURN(const std::string body, door_->Body(request));
  return Store(door_, request,
               protocol::DatadogSketchReader(body, ReaderOptions()), sketches_);
}

std::vector<InsertEndpoint> DatadogRoutes::Endpoints() {
  using Take = absl::Status (DatadogRoutes::*)(const InsertRequest&);
  const auto stored = [this](const char* suffix, Take take) {
    InsertEndpoint endpoint = MakeEndpoint(suffix);
    endpoint.limit = {options_.datadog_request_bytes_max, kRequestFlag};
    endpoint.take = [this, take](const InsertRequest& request,
                                 http::ResponseWriter& response) {
      RETURN_IF_ERROR((this->*take)(request));
      response.Send(202, kJson, kTaken);
      return absl::OkStatus();
    };
    return endpoint;
  };
  return {stored("/datadog/api/v1/series", &DatadogRoutes::TakeSeries1),
          stored("/datadog/api/v2/series", &DatadogRoutes::TakeSeries2),
          stored("/datadog/api/beta/sketches", &DatadogRoutes::TakeSketches),
          AnswerOnly("/datadog/api/v1/validate", 200, R"({"valid":true})"),
          AnswerOnly("/datadog/api/v1/check_run", 202, kTaken),
          AnswerOnly("/datadog/api/v1/metadata", 200, "{}"),
          AnswerOnly("/datadog/intake", 200, "{}")};
}

}  // namespace varve::ingest
