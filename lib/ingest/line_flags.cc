#include "lib/ingest/line_flags.h"

#include "absl/time/time.h"
#include "lib/base/status.h"
#include "lib/base/strings.h"

namespace varve::ingest {
namespace {

const base::BoolFlag& ProxyFlag(base::FlagSet& flags, const char* address) {
  return flags.Bool(
      base::StrCat(address, ".useProxyProtocol"), false,
      base::StrCat("Connections to -", address,
                   " come through a proxy and begin with a PROXY header"));
}

}  // namespace

LineFlags::LineFlags(base::FlagSet& flags)
    : graphite_address_(flags.String(
          "graphiteListenAddr", "",
          "TCP and UDP address for Graphite plaintext; usually :2003")),
      graphite_proxied_(ProxyFlag(flags, "graphiteListenAddr")),
      graphite_trim_(flags.Duration(
          "graphiteTrimTimestamp", "1s",
          "Timestamps of Graphite lines are cut to multiples of this")),
      graphite_sanitize_(flags.Bool(
          "graphite.sanitizeMetricName", false,
          "Leave one of several dots in Graphite names, and put an underscore "
          "for what is none of a-zA-Z0-9:_.")),
      influx_address_(flags.String(
          "influxListenAddr", "",
          "TCP and UDP address for InfluxDB line protocol; usually :8089. HTTP "
          "needs none")),
      influx_proxied_(ProxyFlag(flags, "influxListenAddr")),
      influx_separator_(flags.String(
          "influxMeasurementFieldSeparator", "_",
          "What stands between measurement and field in metric names")),
      influx_skip_single_field_(flags.Bool(
          "influxSkipSingleField", false,
          "The measurement alone names the only field of a line")),
      influx_skip_measurement_(flags.Bool("influxSkipMeasurement", false,
                                          "The field alone is the name")),
      influx_db_label_(flags.String("influxDBLabel", "db",
                                    "The label that ?db= becomes")),
      influx_trim_(flags.Duration(
          "influxTrimTimestamp", "1ms",
          "Timestamps of InfluxDB lines are cut to multiples of this")),
      influx_databases_(flags.List(
          "influx.databaseNames", "",
          "Database names that /influx/query answers; repeated or separated by "
          "commas")),
      influx_request_bytes_max_(flags.Bytes(
          "influx.maxRequestSize", "64MiB",
          "The largest InfluxDB request, measured after decompression")),
      influx_line_bytes_max_(flags.Bytes(
          "influx.maxLineSize", "256KiB",
          "The longest InfluxDB line of listeners and of stream mode")),
      influx_stream_mode_(flags.Bool(
          "influx.forceStreamMode", false,
          "Answer 204 to InfluxDB requests with bad lines, as to those with "
          "the header Stream-Mode: 1")),
      opentsdb_address_(flags.String(
          "opentsdbListenAddr", "",
          "TCP and UDP address for OpenTSDB telnet put and, on TCP, HTTP "
          "/api/put; usually :4242")),
      opentsdb_proxied_(ProxyFlag(flags, "opentsdbListenAddr")),
      opentsdb_http_address_(
          flags.String("opentsdbHTTPListenAddr", "",
                       "TCP address for OpenTSDB HTTP put; usually :4242")),
      opentsdb_http_proxied_(ProxyFlag(flags, "opentsdbHTTPListenAddr")),
      opentsdb_trim_(flags.Duration(
          "opentsdbTrimTimestamp", "1s",
          "Timestamps of OpenTSDB telnet lines are cut to multiples of this")),
      opentsdb_http_trim_(flags.Duration(
          "opentsdbhttpTrimTimestamp", "1ms",
          "Timestamps of OpenTSDB HTTP puts are cut to multiples of this")),
      opentsdb_request_bytes_max_(flags.Bytes(
          "opentsdbhttp.maxInsertRequestSize", "32MiB",
          "The largest OpenTSDB HTTP put, measured after decompression")),
      newrelic_request_bytes_max_(flags.Bytes(
          "newrelic.maxInsertRequestSize", "64MiB",
          "The largest request of New Relic's agent, after decompression")),
      zabbix_groups_value_(flags.String(
          "zabbixconnector.addGroupsValue", "",
          "Value of a label group_<name> for each host group of a Zabbix item; "
          "none of them when empty")),
      zabbix_empty_tags_value_(flags.String(
          "zabbixconnector.addEmptyTagsValue", "",
          "Value of the label of a Zabbix tag without one; left out when "
          "empty")),
      zabbix_duplicate_separator_(flags.String(
          "zabbixconnector.addDuplicateTagsSeparator", "",
          "Between the values of a Zabbix tag that is there several times; "
          "when empty the last one counts")),
      zabbix_line_bytes_max_(
          flags.Bytes("zabbixconnector.maxLineLen", "32MiB",
                      "The longest line that Zabbix' connector may send")),
      datadog_sanitize_names_(flags.Bool(
          "datadog.sanitizeMetricName", true,
          "Make names of DataDog's metrics such as DataDog stores")),
      datadog_request_bytes_max_(
          flags.Bytes("datadog.maxInsertRequestSize", "64MiB",
                      "The largest DataDog request, after decompression")) {}

absl::Status LineFlags::Validate() const {
  for (const base::BytesFlag* flag :
       {&influx_request_bytes_max_, &influx_line_bytes_max_,
        &opentsdb_request_bytes_max_, &newrelic_request_bytes_max_,
        &zabbix_line_bytes_max_, &datadog_request_bytes_max_}) {
    if (flag->value() <= 0) {
      return base::InvalidArgument("-", flag->name(), " must be above 0");
    }
  }
  return absl::OkStatus();
}

void LineFlags::Fill(LineOptions& options) const {
  const auto ms = [](const base::DurationFlag& flag) {
    return absl::ToInt64Milliseconds(flag.value());
  };
  options.graphite_address = graphite_address_.value();
  options.graphite_proxied = graphite_proxied_.value();
  options.graphite = {.trim_ms = ms(graphite_trim_),
                      .sanitize = graphite_sanitize_.value()};
  options.influx_address = influx_address_.value();
  options.influx_proxied = influx_proxied_.value();
  options.influx = {.separator = influx_separator_.value(),
                    .skip_single_field = influx_skip_single_field_.value(),
                    .skip_measurement = influx_skip_measurement_.value(),
                    .db_label = influx_db_label_.value(),
                    .trim_ms = ms(influx_trim_)};
  options.influx_databases = influx_databases_.value();
  options.influx_request_bytes_max = influx_request_bytes_max_.value();
  options.influx_line_bytes_max = influx_line_bytes_max_.value();
  options.influx_stream_mode = influx_stream_mode_.value();
  options.opentsdb_address = opentsdb_address_.value();
  options.opentsdb_proxied = opentsdb_proxied_.value();
  options.opentsdb_http_address = opentsdb_http_address_.value();
  options.opentsdb_http_proxied = opentsdb_http_proxied_.value();
  options.opentsdb_trim_ms = ms(opentsdb_trim_);
  options.opentsdb_http_trim_ms = ms(opentsdb_http_trim_);
  options.opentsdb_request_bytes_max = opentsdb_request_bytes_max_.value();
  options.newrelic_request_bytes_max = newrelic_request_bytes_max_.value();
  options.zabbix = {.groups_value = zabbix_groups_value_.value(),
                    .empty_tags_value = zabbix_empty_tags_value_.value(),
                    .duplicate_separator = zabbix_duplicate_separator_.value(),
                    .line_bytes_max = zabbix_line_bytes_max_.value()};
  options.datadog_sanitize_names = datadog_sanitize_names_.value();
  options.datadog_request_bytes_max = datadog_request_bytes_max_.value();
}

}  // namespace varve::ingest
