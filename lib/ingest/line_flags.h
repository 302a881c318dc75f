// Flags of the protocols that come as lines or as events of agents.
//
// Lifetime: lives as long as the FlagSet it registers with.
// Threads:  read-only after parsing.
#ifndef VARVE_LIB_INGEST_LINE_FLAGS_H_
#define VARVE_LIB_INGEST_LINE_FLAGS_H_

#include "absl/status/status.h"
#include "lib/base/flags.h"
#include "lib/ingest/line_options.h"

namespace varve::ingest {

class LineFlags {
 public:
  explicit LineFlags(base::FlagSet& flags);

  // InvalidArgument names the flag.
  absl::Status Validate() const;
  // REQUIRES: Validate was OK.
  void Fill(LineOptions& options) const;

 private:
  const base::StringFlag& graphite_address_;
  const base::BoolFlag& graphite_proxied_;
  const base::DurationFlag& graphite_trim_;
  const base::BoolFlag& graphite_sanitize_;
  const base::StringFlag& influx_address_;
  const base::BoolFlag& influx_proxied_;
  const base::StringFlag& influx_separator_;
  const base::BoolFlag& influx_skip_single_field_;
  const base::BoolFlag& influx_skip_measurement_;
  const base::StringFlag& influx_db_label_;
  const base::DurationFlag& influx_trim_;
  const base::ListFlag& influx_databases_;
  const base::BytesFlag& influx_request_bytes_max_;
  const base::BytesFlag& influx_line_bytes_max_;
  const base::BoolFlag& influx_stream_mode_;
  const base::StringFlag& opentsdb_address_;
  const base::BoolFlag& opentsdb_proxied_;
  const base::StringFlag& opentsdb_http_address_;
  const base::BoolFlag& opentsdb_http_proxied_;
  const base::DurationFlag& opentsdb_trim_;
  const base::DurationFlag& opentsdb_http_trim_;
  const base::BytesFlag& opentsdb_request_bytes_max_;
  const base::BytesFlag& newrelic_request_bytes_max_;
  const base::StringFlag& zabbix_groups_value_;
  const base::StringFlag& zabbix_empty_tags_value_;
  const base::StringFlag& zabbix_duplicate_separator_;
  const base::BytesFlag& zabbix_line_bytes_max_;
  const base::BoolFlag& datadog_sanitize_names_;
  const base::BytesFlag& datadog_request_bytes_max_;
};

}  // namespace varve::ingest

#endif  // VARVE_LIB_INGEST_LINE_FLAGS_H_
