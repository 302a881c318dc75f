#include <random>

#include "lib/protocol/otlp_labels.h"
#include "lib/protocol/test_otlp.h"

namespace varve::protocol {
namespace {

TEST_CASE("broken JSON and fields of other types are errors", "[otlp]") {
  const auto message = [](std::string_view json) {
    return std::string(base::Message(RunJson(json).status));
  };
  CHECK(RunJson("{}").status.ok());
  CHECK_THAT(message("{"), Catch::StartsWith("OTLP: broken JSON: "));
  CHECK_THAT(message("[]"), Catch::Contains("no JSON object"));
  CHECK_THAT(message(std::string(100, '[')), Catch::Contains("broken JSON"));
  CHECK_THAT(message(R"({"resourceMetrics":{}})"),
             Catch::Contains("resourceMetrics is of another type"));
  const auto point = [&](std::string_view text) {
    return message(base::StrCat(
        R"({"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"name":"a",)"
        R"("gauge":{"dataPoints":[)", text, "]}}]}]}]}"));
  };
  CHECK(point(R"({"asInt":"1"})") == "");
  CHECK_THAT(point(R"({"asInt":"1x"})"), Catch::Contains("asInt is no integer"));
  CHECK_THAT(point(R"({"asInt":1.5})"), Catch::Contains("no integer"));
  CHECK_THAT(point(R"({"timeUnixNano":-1})"), Catch::Contains("no integer"));
  CHECK_THAT(point(R"({"timeUnixNano":-1.0})"),
             Catch::Contains("no integer"));
  CHECK_THAT(point(R"({"asDouble":true})"), Catch::Contains("another type"));
  std::string nested = R"({"stringValue":"x"})";
  for (int i = 0; i <= kOtlpDepthMax; ++i) {
    nested = base::StrCat(R"({"arrayValue":{"values":[)", nested, "]}}");
  }
  CHECK(message(base::StrCat(
            R"({"resourceMetrics":[{"resource":{"attributes":[{"key":"k",)"
            R"("value":)", nested, "}]}}]}")) != "");
}

TEST_CASE("what is out of proportion is refused", "[otlp]") {
  otlp::ExportMetricsServiceRequest request;
  auto* exponential = AddMetric(request, "e").mutable_exponential_histogram();
  auto& point = Timed(*exponential->add_data_points());
  const auto message = [&request] {
    return std::string(base::Message(RunBoth(request).status));
  };
  SECTION("buckets") {
    for (size_t i = 0; i <= kOtlpBucketsMax; ++i) {
      point.mutable_positive()->add_bucket_counts(0);
    }
    const Result result =
        Run(request.SerializeAsString(), {}, ReadOtlpProtobuf);
    CHECK_THAT(std::string(base::Message(result.status)),
               Catch::Contains("more than 65536 buckets"));
  }
  SECTION("attributes") {
    for (size_t i = 0; i <= kOtlpAttributesMax; ++i) point.add_attributes();
    CHECK_THAT(message(), Catch::Contains("more than 4096 attributes"));
  }
  SECTION("series of one point") {
    auto& histogram = Timed(
        *AddMetric(request, "h").mutable_histogram()->add_data_points());
    AddText(histogram.mutable_attributes(), "k", std::string(1 << 20, 'x'));
    histogram.add_bucket_counts(0);
    for (int i = 0; i < 20; ++i) {
      histogram.add_bucket_counts(0);
      histogram.add_explicit_bounds(i);
    }
    const Result result = RunBoth(request);
    CHECK(result.rejected == 1);
    CHECK_THAT(result.error, Catch::Contains("23 series of a data point"));
  }
}

TEST_CASE("points that would cost far more than their size are refused",
          "[otlp]") {
  otlp::ExportMetricsServiceRequest request;
  SECTION("a long name in many series") {
    auto& histogram = Timed(*AddMetric(request, std::string(60'000, 'h'))
                                 .mutable_histogram()->add_data_points());
    histogram.add_bucket_counts(0);
    for (int i = 0; i < 300; ++i) {
      histogram.add_bucket_counts(0);
      histogram.add_explicit_bounds(i);
    }
    const Result result = RunBoth(request);
    CHECK(result.rejected == 1);
    CHECK_THAT(result.error, Catch::Contains("303 series of a data point"));
  }
  SECTION("names and units") {
    for (const bool unit : {false, true}) {
      auto& metric = AddMetric(request, unit ? "u" : std::string(70'000, 'n'));
      if (unit) metric.set_unit(std::string(70'000, 'u'));
      Timed(*metric.mutable_gauge()->add_data_points()).set_as_int(1);
    }
    const Result result = RunBoth(request);
    CHECK(result.rejected == 2);
    CHECK_THAT(result.error, Catch::Contains("name or unit has more than"));
    CHECK(result.metadata.empty());
  }
  SECTION("keys of maps") {
    auto& gauge = Timed(
        *AddMetric(request, "g").mutable_gauge()->add_data_points());
    gauge.set_as_int(1);
    auto& map = *gauge.add_attributes();
    map.set_key(std::string(1'000, 'k'));
    for (int i = 0; i < 1'100; ++i) {
      AddText(map.mutable_value()->mutable_kvlist_value()->mutable_values(),
              std::to_string(i), "v");
    }
    const Result result = RunBoth(request);
    CHECK(result.rejected == 1);
    CHECK_THAT(result.error, Catch::Contains("keys of maps"));
  }
  SECTION("labels of refused points") {
    auto& gauge = *AddMetric(request, "g").mutable_gauge();
    AddText(request.mutable_resource_metrics(0)
                ->mutable_resource()->mutable_attributes(),
            "k", std::string(4 << 20, 'x'));
    for (int i = 0; i < 300; ++i) gauge.add_data_points();
    const Result result =
        Run(request.SerializeAsString(), {}, ReadOtlpProtobuf);
    CHECK_THAT(std::string(base::Message(result.status)),
               Catch::Contains("labels of all series of the request"));
  }
}

TEST_CASE("keys that become one name are joined in linear memory", "[otlp]") {
  OtlpOptions options;
  options.prometheus = true;
  OtlpLabels labels(&options);
  const std::string text(10'000, 'x');
  OtlpAttributes attributes(1'000);
  for (OtlpAttribute& one : attributes) {
    one.key = "k";
    one.value.kind = OtlpValue::Kind::kString;
    one.value.text = text;
  }
  labels.SetPoint(attributes, "");
  CHECK(labels.point_bytes() > 10'000'000);
  CHECK(labels.point_text_bytes() < 11'000'000);
}

TEST_CASE("metadata without points is stored in parts", "[otlp]") {
  otlp::ExportMetricsServiceRequest request;
  for (int i = 0; i < 10; ++i) {
    AddMetric(request, base::StrCat("m", i)).mutable_gauge();
  }
  SampleBatch batch;
  const OtlpOptions options;
  size_t parts = 0;
  OtlpMapper mapper(
      &options, kNowMs, 4, &batch,
      [&](const SampleBatch& part, const std::vector<uint32_t>&, bool) {
        CHECK(part.metadata.size() <= 4);
        ++parts;
        return absl::OkStatus();
      });
  REQUIRE(ReadOtlpProtobuf(request.SerializeAsString(), mapper).ok());
  CHECK(parts == 3);
}

TEST_CASE("points far apart give few samples of target_info", "[otlp]") {
  otlp::ExportMetricsServiceRequest request;
  for (int i = 0; i < 10; ++i) {
    auto& resource = *request.add_resource_metrics();
    auto* attributes = resource.mutable_resource()->mutable_attributes();
    AddText(attributes, "service.name", std::to_string(i));
    AddText(attributes, "host.name", "h");
    auto& metric = *resource.add_scope_metrics()->add_metrics();
    metric.set_name("m");
    for (const uint64_t time_ns : {kStartNs, kTimeNs}) {
      auto& point = *metric.mutable_gauge()->add_data_points();
      point.set_as_int(1);
      point.set_time_unix_nano(time_ns);
    }
  }
  SampleBatch batch;
  OtlpOptions options;
  options.prometheus = true;
  size_t rows = 0;
  size_t series = 0;
  OtlpMapper mapper(
      &options, kNowMs, 1'000'000, &batch,
      [&](const SampleBatch& part, const std::vector<uint32_t>&, bool) {
        rows += part.values.size();
        series += part.series.size();
        return absl::OkStatus();
      });
  REQUIRE(ReadOtlpProtobuf(request.SerializeAsString(), mapper).ok());
  CHECK(series == 30);
  CHECK(rows <= 20 + 20 + 1'000 + 10);
}

TEST_CASE("a request cut at any byte or with flipped bits is read safely",
          "[otlp]") {
  otlp::ExportMetricsServiceRequest request;
  auto* exponential = AddMetric(request, "e").mutable_exponential_histogram();
  auto& point = Timed(*exponential->add_data_points());
  point.set_scale(20);
  point.set_count(3);
  point.mutable_positive()->set_offset(-5);
  point.mutable_positive()->add_bucket_counts(3);
  AddText(point.mutable_attributes(), "k", "v");
  auto& gauge = Timed(*AddMetric(request, "g").mutable_gauge()
                           ->add_data_points());
  gauge.set_as_double(1);
  const std::string body = request.SerializeAsString();
  for (size_t keep = 0; keep < body.size(); ++keep) {
    (void)Run(body.substr(0, keep), {}, ReadOtlpProtobuf);
  }
  std::mt19937_64 random(7);
  for (int i = 0; i < 2000; ++i) {
    std::string flipped = body;
    flipped[random() % body.size()] ^= static_cast<char>(1 << random() % 8);
    (void)Run(flipped, {}, ReadOtlpProtobuf);
  }
}

}  // namespace
}  // namespace varve::protocol
