#include "lib/protocol/otlp_names.h"

#include <catch2/catch.hpp>

namespace varve::protocol {
namespace {

std::string Name(std::string_view name, std::string_view unit, OtlpKind kind,
                 OtlpNameForm form, bool monotonic = false) {
  OtlpMetric metric;
  metric.name = name;
  metric.unit = unit;
  metric.kind = kind;
  metric.monotonic = monotonic;
  return PrometheusMetricName(metric, form);
}

TEST_CASE("metric names end in their unit and kind", "[otlp]") {
  const auto form =
      GENERATE(OtlpNameForm::kVictoriaMetrics, OtlpNameForm::kPrometheus);
  const auto gauge = [form](std::string_view name, std::string_view unit) {
    return Name(name, unit, OtlpKind::kGauge, form);
  };
  CHECK(gauge("http.server.duration", "ms") ==
        "http_server_duration_milliseconds");
  CHECK(gauge("disk.io_bytes", "By") == "disk_io_bytes");
  CHECK(gauge("a", "By/s") == "a_bytes_per_second");
  CHECK(gauge("a", "{packets}/s") == "a_per_second");
  CHECK(gauge("a", "{packets}") == "a");
  CHECK(gauge("hit-ratio of x", "1") == "hit_of_x_ratio");
  CHECK(gauge("a", "foo") == "a_foo");
  CHECK(gauge("", "") == "");
  CHECK(Name("a.total.b", "1", OtlpKind::kSum, form, true) == "a_b_total");
  CHECK(Name("h", "s", OtlpKind::kHistogram, form) == "h_seconds");
}

TEST_CASE("the two forms of names differ where their databases do",
          "[otlp]") {
  constexpr auto kVm = OtlpNameForm::kVictoriaMetrics;
  constexpr auto kProm = OtlpNameForm::kPrometheus;
  CHECK(Name("a:b", "", OtlpKind::kGauge, kVm) == "a_b");
  CHECK(Name("a:b", "", OtlpKind::kGauge, kProm) == "a:b");
  CHECK(Name("a$b", "", OtlpKind::kGauge, kVm) == "a$b");
  CHECK(Name("a$b", "", OtlpKind::kGauge, kProm) == "a_b");
  CHECK(Name("2x", "", OtlpKind::kGauge, kVm) == "2x");
  CHECK(Name("2x", "", OtlpKind::kGauge, kProm) == "_2x");
  CHECK(Name("a", "1", OtlpKind::kSum, kVm) == "a_ratio");
  CHECK(Name("a", "1", OtlpKind::kSum, kProm) == "a");
}

TEST_CASE("units are written out", "[otlp]") {
  CHECK(PrometheusUnit("By") == "bytes");
  CHECK(PrometheusUnit("m/s") == "meters_per_second");
  CHECK(PrometheusUnit("1/s") == "per_second");
  CHECK(PrometheusUnit("{x}") == "");
  CHECK(PrometheusUnit("") == "");
}

TEST_CASE("label names have letters, digits and underscores", "[otlp]") {
  CHECK(PrometheusLabelName("service.name", true) == "service_name");
  CHECK(PrometheusLabelName("1st", true) == "key_1st");
  CHECK(PrometheusLabelName("_x", true) == "key_x");
  CHECK(PrometheusLabelName("_x", false) == "_x");
  CHECK(PrometheusLabelName("__x", true) == "__x");
  CHECK(PrometheusLabelName("a\xc3\xa9z", true) == "a_z");
  CHECK(PrometheusLabelName(".x", true) == "key_x");
  CHECK(PrometheusLabelName("\x80", true) == "_");
}

}  // namespace
}  // namespace varve::protocol
