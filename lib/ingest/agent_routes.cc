#include "lib/ingest/agent_routes.h"

#include "lib/base/json_text.h"
#include "lib/base/status.h"
#include "lib/base/strings.h"
#include "lib/protocol/newrelic_json.h"
#include "lib/protocol/zabbix_lines.h"

namespace varve::ingest {
namespace {

constexpr std::string_view kJson = "application/json";
constexpr const char* kNewRelicFlag = "-newrelic.maxInsertRequestSize";

}  // namespace

AgentRoutes::AgentRoutes(InsertDoor* door)
    : door_(door),
      options_(door->options().lines),
      newrelic_(door->AddFormat("newrelic")),
      zabbix_(door->AddFormat("zabbixconnector")) {}

absl::Status AgentRoutes::TakeEvents(const InsertRequest& request,
                                     http::ResponseWriter& response) {
  ASSIGN_OR_RETURN(const std::string body, door_->Body(request));
  protocol::NewRelicReader reader(body, door_->options().clock->NowMs());
  RETURN_IF_ERROR(reader.Check());
  RETURN_IF_ERROR(door_->StoreLines(request, reader, newrelic_));
  response.Send(202, kJson, R"({"status":"ok"})");
  return absl::OkStatus();
}

absl::Status AgentRoutes::TakeHistory(const InsertRequest& request,
                                      http::ResponseWriter& response) {
  ASSIGN_OR_RETURN(const std::string body, door_->Body(request));
  protocol::ZabbixLinesReader reader(body, options_.zabbix);
  RETURN_IF_ERROR(door_->StoreLines(request, reader, zabbix_));
  response.Send(200, "", "");
  return absl::OkStatus();
}

void AgentRoutes::AddNewRelic(std::vector<InsertEndpoint>& endpoints) {
  // The agent asks whether its licence is good and sends its inventory; it
  // wants these words.
  const auto answer = [&endpoints](const char* suffix, const char* text) {
    endpoints.push_back(
        {.suffix = suffix,
         .label = suffix,
         .protocol = "newrelic",
         .take = [text](const InsertRequest&, http::ResponseWriter& response) {
           response.Send(202, kJson, text);
           return absl::OkStatus();
         }});
    endpoints.back().takes_empty_body = true;
    endpoints.back().single_process_paths = {suffix};
  };
  answer("/newrelic", R"({"status":"ok"})");
  answer("/newrelic/inventory/deltas",
         R"({"payload":{"version":1,"state":{},"reset":"false"}})");
  answer("/newrelic/infra/v2/metrics/events/bulk", "");
  InsertEndpoint& events = endpoints.back();
  events.take = [this](const InsertRequest& request,
                       http::ResponseWriter& response) {
    return TakeEvents(request, response);
  };
  events.takes_empty_body = false;
  events.limit = {options_.newrelic_request_bytes_max, kNewRelicFlag};
}

void AgentRoutes::AddZabbix(std::vector<InsertEndpoint>& endpoints) {
  const char* const path = "/zabbixconnector/api/v1/history";
  endpoints.push_back({.suffix = path,
                       .label = path,
                       .protocol = "zabbixconnector",
                       .take = [this](const InsertRequest& request,
                                      http::ResponseWriter& response) {
                         return TakeHistory(request, response);
                       }});
  endpoints.back().single_process_paths = {path};
  endpoints.back().send_error = [](const http::Request&,
                                   const absl::Status& status,
                                   http::ResponseWriter& response) {
    SendError(status, kJson,
              base::StrCat(R"({"error":)",
                           base::JsonText(base::Message(status)), "}\n"),
              response);
  };
}

std::vector<InsertEndpoint> AgentRoutes::Endpoints() {
  std::vector<InsertEndpoint> endpoints;
  AddNewRelic(endpoints);
  AddZabbix(endpoints);
  return endpoints;
}

}  // namespace varve::ingest
