#include "lib/ingest/influx_routes.h"

#include "lib/base/json_text.h"
#include "lib/base/status.h"
#include "lib/base/strings.h"
#include "lib/protocol/influx_lines.h"

namespace varve::ingest {
namespace {

constexpr std::string_view kJson = "application/json";
constexpr const char* kRequestFlag = "-influx.maxRequestSize";

// Some clients write only to what looks like an InfluxDB 1.x.
void SetVersion(http::ResponseWriter& response) {
  response.SetHeader("X-Influxdb-Version", "1.8.0");
}

// The answer to SHOW DATABASES.
std::string DatabasesJson(const std::vector<std::string>& names) {
  std::string values;
  const auto add = [&values](std::string_view name) {
    values += values.empty() ? "[" : ",[";
    values += base::JsonText(name);
    values += ']';
  };
  if (names.empty()) add("_internal");
  for (const std::string& name : names) add(name);
  return base::StrCat(
      R"({"results":[{"statement_id":0,"series":[{"name":"databases",)",
      R"("columns":["name"],"values":[)", values, "]}]}]}");
}

}  // namespace

InfluxRoutes::InfluxRoutes(InsertDoor* door)
    : door_(door),
      options_(door->options().lines),
      format_(door->AddFormat("influx")),
      databases_(DatabasesJson(options_.influx_databases)) {}

absl::Status InfluxRoutes::TakeWrite(const InsertRequest& request,
                                     http::ResponseWriter& response) {
  SetVersion(response);
  const bool stream_mode =
      options_.influx_stream_mode || request.http.Header("stream-mode") == "1";
  ASSIGN_OR_RETURN(const std::string body, door_->Body(request));
  protocol::InfluxLinesReader reader(
      body, options_.influx,
      protocol::ParseInfluxPrecision(request.http.Argument("precision")),
      request.http.Argument("db"), door_->options().clock->NowMs(),
      stream_mode ? options_.influx_line_bytes_max
                  : options_.influx_request_bytes_max);
  RETURN_IF_ERROR(door_->StoreLines(request, reader, format_));
  if (reader.bad_lines() > 0 && !stream_mode) {
    // InfluxDB's words, which Telegraf looks for.
    const std::string why =
        base::StrCat("partial write: ", reader.bad_lines(),
                     " bad lines are not stored, the others are; the first: ",
                     reader.first_error());
    response.Send(400, kJson,
                  base::StrCat(R"({"error":)", base::JsonText(why), "}\n"));
  } else {
    response.Send(204, "", "");
  }
  return absl::OkStatus();
}

std::vector<InsertEndpoint> InfluxRoutes::Endpoints() {
  const auto endpoint = [this](const char* suffix, const char* label,
                               std::vector<std::string> single_paths) {
    InsertEndpoint made{.suffix = suffix,
                        .label = label,
                        .protocol = "influx",
                        .take = nullptr};
    made.limit = {options_.influx_request_bytes_max, kRequestFlag};
    made.single_process_paths = std::move(single_paths);
    return made;
  };
  const TakeRequest write = [this](const InsertRequest& request,
                                   http::ResponseWriter& response) {
    return TakeWrite(request, response);
  };
  std::vector<InsertEndpoint> endpoints;
  endpoints.push_back(
      endpoint("/influx/write", "/influx/write", {"/influx/write", "/write"}));
  endpoints.back().take = write;
  // Mimir's path, below no tenant.
  endpoints.back().mimir_paths = {"/api/v1/push/influx/write"};
  endpoints.push_back(endpoint("/influx/api/v2/write", "/influx/write",
                               {"/influx/api/v2/write", "/api/v2/write"}));
  endpoints.back().take = write;
  endpoints.push_back(
      endpoint("/influx/query", "/influx/query", {"/influx/query", "/query"}));
  endpoints.back().takes_empty_body = true;
  endpoints.back().take = [this](const InsertRequest&,
                                 http::ResponseWriter& response) {
    SetVersion(response);
    response.Send(200, kJson, databases_);
    return absl::OkStatus();
  };
  endpoints.push_back(
      endpoint("/influx/health", "/influx/health", {"/influx/health"}));
  endpoints.back().takes_empty_body = true;
  endpoints.back().take = [](const InsertRequest&,
                             http::ResponseWriter& response) {
    response.Send(200, kJson,
                  R"({"name":"influxdb","message":"ready for queries and )"
                  R"(writes","status":"pass","checks":[]})");
    return absl::OkStatus();
  };
  return endpoints;
}

}  // namespace varve::ingest
