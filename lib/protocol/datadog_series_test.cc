#include "lib/protocol/datadog_series.h"

#include <catch2/catch.hpp>

#include "lib/base/status.h"
#include "lib/protocol/read_lines.h"
#include "proto/datadog_metrics.pb.h"

namespace varve::protocol {
namespace {

constexpr DatadogOptions kOptions = {.now_ms = 1'700'000'123'456};

ReadResult Read(std::string_view body, size_t rows_max = SIZE_MAX) {
  return ReadAll(DatadogSeriesReader(body, kOptions), rows_max);
}

bool IsGood(std::string_view body) {
  return DatadogSeriesReader(body, kOptions).Check().ok();
}

// As the agent sends its own metrics.
datadog::MetricPayload Payload() {
  datadog::MetricPayload payload;
  auto& load = *payload.add_series();
  load.set_metric("system.load.1");
  auto& host = *load.add_resources();
  host.set_type("host");
  host.set_name("web01");
  load.add_tags("env:prod");
  load.add_tags("host:t");
  load.add_tags("bare");
  load.set_type(3);
  load.set_unit("process");
  load.set_source_type_name("System");
  load.set_interval(15);
  for (const int64_t seconds : {1'636'629'071, 0}) {
    auto& point = *load.add_points();
    point.set_timestamp(seconds);
    point.set_value(0.7);
  }
  auto& other = *payload.add_series();
  other.set_metric("a - b");
  auto& point = *other.add_points();
  point.set_timestamp(5);
  return payload;
}

TEST_CASE("datadog: series of the agent's protobuf", "[protocol]") {
  const std::string body = Payload().SerializeAsString();
  const std::string labels =
      "system.load.1{bare=\"no_label_value\", env=\"prod\", "
      "exported_host=\"t\", host=\"web01\", source_type_name=\"System\"} ";
  const Rows rows = {labels + "1636629071000 0.7",
                     labels + "1700000123000 0.7", "a_b 5000 0"};
  CHECK(Read(body).rows == rows);
  CHECK(Read(body, 1).rows == rows);
  CHECK(IsGood(body));
  CHECK(IsGood(""));
}

TEST_CASE("datadog: cut or mistyped protobuf is refused whole", "[protocol]") {
  const std::string body = Payload().SerializeAsString();
  datadog::MetricPayload cut;
  for (size_t keep = 0; keep < body.size(); ++keep) {
    CAPTURE(keep);
    const std::string part = body.substr(0, keep);
    CHECK(IsGood(part) == cut.ParseFromString(part));
  }
  const std::string mistyped[] = {"\x08\x01", std::string("\x0a\x02\x10\x01"),
                                  std::string("\x0a\x04\x22\x02\x08\x01"),
                                  std::string("\x0a\x04\x0a\x02\x08\x01"),
                                  "{}"};
  for (const std::string& bad : mistyped) CHECK_FALSE(IsGood(bad));
}

TEST_CASE("datadog: series without a metric and wild times are counted",
          "[protocol]") {
  datadog::MetricPayload payload = Payload();
  payload.mutable_series(0)->clear_metric();
  payload.mutable_series(1)->mutable_points(0)->set_timestamp(INT64_MAX);
  const ReadResult r = Read(payload.SerializeAsString());
  CHECK(r.rows.empty());
  CHECK(r.bad == 2);
  CHECK(r.error == "series 1: no metric");
  payload = Payload();
  payload.mutable_series(0)->add_tags(std::string(kDatadogLabelBytesMax, 'x'));
  CHECK(Read(payload.SerializeAsString()).error ==
        "series 1: its labels exceed 262144 bytes");
}

}  // namespace
}  // namespace varve::protocol
