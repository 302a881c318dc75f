#include "lib/ingest/import_routes.h"

#include <charconv>

#include "lib/base/status.h"
#include "lib/protocol/json_lines.h"
#include "lib/protocol/prometheus_text.h"

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
      json_(door->AddFormat("vmimport")) {}

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

std::vector<InsertEndpoint> ImportRoutes::Endpoints() {
  const char* const kText = "/prometheus/api/v1/import/prometheus";
  const char* const kJson = "/prometheus/api/v1/import";
  std::vector<InsertEndpoint> endpoints;
  endpoints.push_back({.suffix = kText,
                       .label = kText,
                       .protocol = "prometheusimport",
                       .take = [this](const InsertRequest& request,
                                      http::ResponseWriter& response) {
                         return TakeText(request, response);
                       }});
  endpoints.push_back({.suffix = kJson,
                       .label = kJson,
                       .protocol = "vmimport",
                       .take = [this](const InsertRequest& request,
                                      http::ResponseWriter& response) {
                         return TakeJson(request, response);
                       }});
  return endpoints;
}

}  // namespace varve::ingest
