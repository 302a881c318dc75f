#include "lib/ingest/opentsdb_routes.h"

#include "lib/base/status.h"
#include "lib/protocol/opentsdb_json.h"

namespace varve::ingest {
namespace {

constexpr const char* kRequestFlag = "-opentsdbhttp.maxInsertRequestSize";

}  // namespace

OpenTsdbRoutes::OpenTsdbRoutes(InsertDoor* door)
    : door_(door),
      options_(door->options().lines),
      format_(door->AddFormat("opentsdbhttp")) {}

absl::Status OpenTsdbRoutes::TakePut(const InsertRequest& request,
                                     http::ResponseWriter& response) {
  ASSIGN_OR_RETURN(const std::string body, door_->Body(request));
  protocol::OpenTsdbJsonReader reader(body, options_.opentsdb_http_trim_ms,
                                      door_->options().clock->NowMs());
  RETURN_IF_ERROR(reader.Check());
  RETURN_IF_ERROR(door_->StoreLines(request, reader, format_));
  response.Send(204, "", "");
  return absl::OkStatus();
}

InsertEndpoint OpenTsdbRoutes::Endpoint(const char* suffix) {
  InsertEndpoint endpoint{.suffix = suffix,
                          .label = "/opentsdb/api/put",
                          .protocol = "opentsdbhttp",
                          .take = [this](const InsertRequest& request,
                                         http::ResponseWriter& response) {
                            return TakePut(request, response);
                          }};
  endpoint.limit = {options_.opentsdb_request_bytes_max, kRequestFlag};
  return endpoint;
}

std::vector<InsertEndpoint> OpenTsdbRoutes::Endpoints() {
  return {Endpoint("/opentsdb/api/put")};
}

std::vector<InsertEndpoint> OpenTsdbRoutes::PortEndpoints() {
  std::vector<InsertEndpoint> endpoints = {Endpoint("/opentsdb/api/put"),
                                           Endpoint("/api/put")};
  for (InsertEndpoint& endpoint : endpoints) {
    endpoint.root_paths = {endpoint.suffix};
  }
  return endpoints;
}

}  // namespace varve::ingest
