#include "lib/ingest/otlp_flags.h"

#include "lib/base/status.h"

namespace varve::ingest {

OtlpFlags::OtlpFlags(base::FlagSet& flags)
    : use_prometheus_naming_(flags.Bool(
          "opentelemetry.usePrometheusNaming", false,
          "Make names of OpenTelemetry metrics and labels such as Prometheus "
          "has, with unit and kind at the end of the metric's")),
      convert_metric_names_(flags.Bool(
          "opentelemetry.convertMetricNamesToPrometheus", false,
          "As -opentelemetry.usePrometheusNaming, of metrics only")),
      label_name_underscore_(flags.Bool(
          "opentelemetry.labelNameUnderscoreSanitization", true,
          "With -opentelemetry.usePrometheusNaming, put key before labels that "
          "begin with a single underscore")),
      promote_all_(flags.Bool(
          "opentelemetry.promoteAllResourceAttributes", true,
          "Make labels of all resource attributes but those of "
          "-opentelemetry.ignoreResourceAttributes")),
      promoted_(flags.List(
          "opentelemetry.promoteResourceAttributes", "",
          "Resource attributes to make labels of, with "
          "-opentelemetry.promoteAllResourceAttributes=false; repeated or "
          "separated by commas")),
      ignored_(flags.List(
          "opentelemetry.ignoreResourceAttributes", "",
          "Resource attributes to make no labels of; repeated or separated by "
          "commas")),
      promote_scope_(flags.Bool(
          "opentelemetry.promoteScopeMetadata", true,
          "Make labels of name, version and attributes of OpenTelemetry "
          "scopes")),
      bytes_max_(flags.Bytes(
          "opentelemetry.maxRequestSize", "64MiB",
          "The largest OpenTelemetry request taken, measured after "
          "decompression")) {}

absl::Status OtlpFlags::Validate() const {
  if (promote_all_.value() && !promoted_.value().empty()) {
    return base::InvalidArgument(
        "-opentelemetry.promoteResourceAttributes needs "
        "-opentelemetry.promoteAllResourceAttributes=false");
  }
  if (!promote_all_.value() && !ignored_.value().empty()) {
    return base::InvalidArgument(
        "-opentelemetry.ignoreResourceAttributes needs "
        "-opentelemetry.promoteAllResourceAttributes");
  }
  if (bytes_max_.value() <= 0) {
    return base::InvalidArgument(
        "-opentelemetry.maxRequestSize must be above 0");
  }
  return absl::OkStatus();
}

void OtlpFlags::Fill(InsertRouteOptions& options) const {
  options.otlp_bytes_max = bytes_max_.value();
  protocol::OtlpOptions& otlp = options.otlp;
  otlp.use_prometheus_naming = use_prometheus_naming_.value();
  otlp.convert_metric_names = convert_metric_names_.value();
  otlp.key_before_underscore = label_name_underscore_.value();
  otlp.promote_all_resource_attributes = promote_all_.value();
  otlp.promoted_resource_attributes = promoted_.value();
  otlp.ignored_resource_attributes = ignored_.value();
  otlp.promote_scope_metadata = promote_scope_.value();
}

}  // namespace varve::ingest
