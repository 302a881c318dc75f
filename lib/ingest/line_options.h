// How samples that come as lines or as events of agents are read.
#ifndef VARVE_LIB_INGEST_LINE_OPTIONS_H_
#define VARVE_LIB_INGEST_LINE_OPTIONS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "lib/protocol/graphite_lines.h"
#include "lib/protocol/influx_lines.h"
#include "lib/protocol/zabbix_lines.h"

namespace varve::ingest {

struct LineOptions {
  std::string graphite_address;  // -graphiteListenAddr; "": no listener
  bool graphite_proxied = false;  // -graphiteListenAddr.useProxyProtocol
  protocol::GraphiteOptions graphite;

  std::string influx_address;  // -influxListenAddr
  bool influx_proxied = false;
  protocol::InfluxNaming influx;
  std::vector<std::string> influx_databases;   // -influx.databaseNames
  int64_t influx_request_bytes_max = 64 << 20;  // -influx.maxRequestSize
  int64_t influx_line_bytes_max = 256 << 10;    // -influx.maxLineSize
  bool influx_stream_mode = false;              // -influx.forceStreamMode

  std::string opentsdb_address;  // -opentsdbListenAddr
  bool opentsdb_proxied = false;
  std::string opentsdb_http_address;  // -opentsdbHTTPListenAddr
  bool opentsdb_http_proxied = false;
  int64_t opentsdb_trim_ms = 1'000;   // -opentsdbTrimTimestamp
  int64_t opentsdb_http_trim_ms = 1;  // -opentsdbhttpTrimTimestamp
  int64_t opentsdb_request_bytes_max = 32 << 20;  // …http.maxInsertRequestSize

  int64_t newrelic_request_bytes_max = 64 << 20;  // …maxInsertRequestSize
  protocol::ZabbixOptions zabbix;

  bool datadog_sanitize_names = true;            // -datadog.sanitizeMetricName
  int64_t datadog_request_bytes_max = 64 << 20;  // …maxInsertRequestSize
};

}  // namespace varve::ingest

#endif  // VARVE_LIB_INGEST_LINE_OPTIONS_H_
