#include "lib/ingest/line_listeners.h"

#include <utility>

#include "lib/base/log.h"
#include "lib/base/status.h"
#include "lib/protocol/graphite_lines.h"
#include "lib/protocol/influx_lines.h"
#include "lib/protocol/opentsdb_lines.h"

namespace varve::ingest {
namespace {

// As VictoriaMetrics has it; no sample is that long.
constexpr int64_t kLineBytesMax = 256 << 10;

}  // namespace

LineListeners::LineListeners(InsertDoor* door, InsertGate* gate,
                             net::Transport* transport)
    : door_(door),
      gate_(gate),
      transport_(transport),
      options_(door->options().lines) {}

absl::StatusOr<std::unique_ptr<LineListeners>> LineListeners::Start(
    InsertDoor* door, InsertGate* gate, net::Transport* transport,
    http::ServerOptions http, std::vector<http::Route> http_routes) {
  std::unique_ptr<LineListeners> listeners(
      new LineListeners(door, gate, transport));
  RETURN_IF_ERROR(
      listeners->StartHttp(std::move(http), std::move(http_routes)));
  RETURN_IF_ERROR(listeners->StartLines());
  return listeners;
}

absl::Status LineListeners::StartHttp(http::ServerOptions http,
                                      std::vector<http::Route> routes) {
  const std::string& address = options_.opentsdb_http_address;
  if (address.empty() && options_.opentsdb_address.empty()) {
    return absl::OkStatus();
  }
  http.transport = transport_;
  http.addresses.clear();
  http.proxy_headers = {options_.opentsdb_http_proxied};
  if (!address.empty()) http.addresses.push_back(address);
  ASSIGN_OR_RETURN(http_,
                   http::Server::Start(std::move(http), std::move(routes)));
  for (const std::string& bound : http_->addresses()) {
    base::LogInfo("started HTTP OpenTSDB server at \"", bound, "\"");
  }
  return absl::OkStatus();
}

template <typename MakeReader>
std::function<absl::Status(const net::LineBlock&)> LineListeners::Sink(
    const InsertFormat& format, MakeReader make_reader) {
  return [this, format, make_reader](const net::LineBlock& block) {
    InsertGate::Pass pass(*gate_);
    if (!pass.granted()) {
      return base::Unavailable("no place within -insert.maxQueueDuration");
    }
    http::Request request;
    request.remote_addr = block.peer;
    auto reader = make_reader(block);
    return door_->StoreLines(
        {.http = request,
         .limit = {},
         .tenant = {.tenant = {}, .in_labels = true},
         .extra_labels = {}},
        reader, format);
  };
}

absl::StatusOr<std::string> LineListeners::Listen(
    net::LineServerOptions options) {
  options.metrics = door_->options().metrics;
  telemetry::Counter* const invalid = door_->AddFormat(options.type).invalid;
  options.on_long_line = [invalid] { invalid->Increment(); };
  ASSIGN_OR_RETURN(auto server,
                   net::LineServer::Start(transport_, std::move(options)));
  lines_.push_back(std::move(server));
  return lines_.back()->address();
}

absl::Status LineListeners::StartLines() {
  if (!options_.graphite_address.empty()) {
    net::LineServerOptions server;
    server.address = options_.graphite_address;
    server.type = "graphite";
    server.proxy_header = options_.graphite_proxied;
    server.line_bytes_max = kLineBytesMax;
    server.sink = Sink(
        door_->AddFormat(server.type), [this](const net::LineBlock& block) {
          return protocol::GraphiteLinesReader(
              block.lines, options_.graphite, block.received_ms, kLineBytesMax);
        });
    ASSIGN_OR_RETURN(const std::string at, Listen(std::move(server)));
    base::LogInfo("started TCP Graphite server at \"", at, "\"");
  }
  if (!options_.influx_address.empty()) {
    net::LineServerOptions server;
    server.address = options_.influx_address;
    server.type = "influx";
    server.proxy_header = options_.influx_proxied;
    server.line_bytes_max = options_.influx_line_bytes_max;
    server.sink = Sink(door_->AddFormat(server.type),
                       [this](const net::LineBlock& block) {
                         return protocol::InfluxLinesReader(
                             block.lines, options_.influx,
                             protocol::InfluxPrecision::kDetected, "",
                             block.received_ms, options_.influx_line_bytes_max);
                       });
    ASSIGN_OR_RETURN(const std::string at, Listen(std::move(server)));
    base::LogInfo("started TCP InfluxDB server at \"", at, "\"");
  }
  if (!options_.opentsdb_address.empty()) {
    net::LineServerOptions server;
    server.address = options_.opentsdb_address;
    server.type = "opentsdb";
    server.proxy_header = options_.opentsdb_proxied;
    server.line_bytes_max = kLineBytesMax;
    server.sink = Sink(door_->AddFormat(server.type),
                       [this](const net::LineBlock& block) {
                         return protocol::OpenTsdbLinesReader(
                             block.lines, options_.opentsdb_trim_ms,
                             block.received_ms, kLineBytesMax);
                       });
    // Methods of HTTP are in upper case, commands of telnet in lower case.
    server.is_other = [](char first) { return first >= 'A' && first <= 'Z'; };
    server.take_other = [this](std::unique_ptr<net::Stream> stream) {
      http_->Serve(std::move(stream));
    };
    ASSIGN_OR_RETURN(const std::string at, Listen(std::move(server)));
    base::LogInfo("started TCP OpenTSDB collector at \"", at, "\"");
  }
  return absl::OkStatus();
}

void LineListeners::Stop(absl::Duration grace) {
  for (const auto& server : lines_) server->Stop(grace);
  if (http_) http_->Stop(grace);
}

}  // namespace varve::ingest
