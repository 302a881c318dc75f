#include "lib/ingest/import_routes.h"

#include <charconv>

#include "lib/base/status.h"
#include "lib/protocol/json_lines.h"
#include "lib/protocol/prometheus_text.h"
#include "lib/protocol/vm_native_reader.h"

namespace varve::ingest {
namespace {

// ?timestamp= in milliseconds, of samples without one; `now_ms` without it.
absl::StatusOr<int64_t> DefaultTimestamp(const http::Request& request,
                                         int64_t now_ms) {
  const std::string_view text = request.Argument("timestamp");
  if (text.empty()) return now_ms;
  int64_t timestamp_ms = 0;
  const char* const end = text.data() + text.size();
  const auto [ptr, ec] = std::from_chars(text.data(), end, timestamp_ms);
  if (ec != std::errc() || ptr != end) {
    return base::InvalidArgument("timestamp=", text.substr(0, 40),
                                 " is not a number of milliseconds");
  }
  return timestamp_ms;
}

}  // namespace

ImportRoutes::ImportRoutes(InsertDoor* door)
    : door_(door),
      text_(door->AddFormat("prometheus")),
      json_(door->AddFormat("vmimport")),
      native_(door->AddFormat("native")) {}

absl::Status ImportRoutes::TakeText(const InsertRequest& request,
                                    http::ResponseWriter& response) {
  const InsertRouteOptions& options = door_->options();
  ASSIGN_OR_RETURN(const int64_t default_ms,
                   DefaultTimestamp(request.http, options.clock->NowMs()));
  ASSIGN_OR_RETURN(const std::string body, door_->Body(request));
  protocol::PrometheusTextReader reader(body, default_ms,
                                        options.line_bytes_max);
  RETURN_IF_ERROR(door_->StoreLines(request, reader, text_));
  response.Send(204, "", "");
  return absl::OkStatus();
}

absl::Status ImportRoutes::TakeJson(const InsertRequest& request,
                                    http::ResponseWriter& response) {
  ASSIGN_OR_RETURN(const std::string body, door_->Body(request));
  protocol::JsonLinesReader reader(body, door_->options().line_bytes_max);
  RETURN_IF_ERROR(door_->StoreLines(request, reader, json_));
  response.Send(204, "", "");
  return absl::OkStatus();
}

absl::Status ImportRoutes::TakeNative(const InsertRequest& request,
                                      http::ResponseWriter& response) {
  ASSIGN_OR_RETURN(const std::string body, door_->Body(request));
  InsertOutcome outcome;
  RETURN_IF_ERROR(door_->StoreBody<protocol::VmNativeReader>(request, body,
                                                             outcome));
  door_->Count(native_, request.tenant, outcome);
  response.Send(204, "", "");
  return absl::OkStatus();
}

std::vector<InsertEndpoint> ImportRoutes::Endpoints() {
  using Method = absl::Status (ImportRoutes::*)(const InsertRequest&,
                                                http::ResponseWriter&);
  std::vector<InsertEndpoint> endpoints;
  const auto add = [&](const char* path, const char* protocol, Method method) {
    const std::string suffix = base::StrCat("/prometheus/api/v1/import", path);
    InsertEndpoint& endpoint = endpoints.emplace_back();
    endpoint.suffix = suffix;
    endpoint.label = suffix;
    endpoint.protocol = protocol;
    endpoint.take = [this, method](const InsertRequest& request,
                                   http::ResponseWriter& response) {
      return (this->*method)(request, response);
    };
  };
  add("", "vmimport", &ImportRoutes::TakeJson);
  add("/prometheus", "prometheusimport", &ImportRoutes::TakeText);
  add("/native", "nativeimport", &ImportRoutes::TakeNative);
  return endpoints;
}

}  // namespace varve::ingest
