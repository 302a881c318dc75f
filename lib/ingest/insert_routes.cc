#include "lib/ingest/insert_routes.h"

namespace varve::ingest {
namespace {

// Types whose series dashboards and alerts want from the start.
constexpr const char* kTypes[] = {
    "clusternative", "csvimport",       "datadogsketches", "datadogv1",
    "datadogv2",     "graphite",        "influx",          "native",
    "newrelic",      "opentelemetry",   "opentsdb",        "opentsdbhttp",
    "prometheus",    "promremotewrite", "vmimport",        "zabbixconnector"};

}  // namespace

InsertRoutes::InsertRoutes(Inserter* inserter, InsertGate* gate,
                           const InsertRouteOptions& options)
    : door_(inserter, gate, options),
      remote_write_(&door_),
      import_(&door_),
      otlp_(&door_),
      influx_(&door_),
      opentsdb_(&door_),
      agents_(&door_),
      datadog_(&door_) {
  for (const char* type : kTypes) door_.AddFormat(type);
}

std::vector<http::Route> InsertRoutes::Routes() {
  std::vector<http::Route> routes;
  const auto add = [&](const std::vector<InsertEndpoint>& endpoints) {
    for (const InsertEndpoint& endpoint : endpoints) {
      door_.AddRoutes(endpoint, routes);
    }
  };
  add(remote_write_.Endpoints());
  add(import_.Endpoints());
  add(otlp_.Endpoints());
  add(influx_.Endpoints());
  add(opentsdb_.Endpoints());
  add(agents_.Endpoints());
  add(datadog_.Endpoints());
  return routes;
}

std::vector<http::Route> InsertRoutes::OpenTsdbPortRoutes() {
  std::vector<http::Route> routes;
  for (const InsertEndpoint& endpoint : opentsdb_.PortEndpoints()) {
    door_.AddRoutes(endpoint, routes);
  }
  return routes;
}

}  // namespace varve::ingest
