#include <catch2/catch.hpp>
#include <cmath>
#include <random>
#include <utility>

#include "google/protobuf/util/json_util.h"
#include "lib/base/status.h"
#include "lib/model/label.h"
#include "lib/model/sample.h"
#include "lib/protocol/otlp_json.h"
#include "lib/protocol/otlp_protobuf.h"
#include "proto/otlp_metrics.pb.h"

namespace varve::protocol {
namespace {

constexpr int64_t kNowMs = 1'700'000'000'000;
constexpr uint64_t kTimeNs = 1'700'000'123'456'789'000;
constexpr int64_t kTimeMs = 1'700'000'123'456;
constexpr uint64_t kStartNs = 1'600'000'000'000'000'000;

// Everything that a request became, series by series.
struct Stored {
  std::string labels;
  int64_t timestamp_ms = 0;
  double value = 0;
  std::string histogram;
  std::vector<std::pair<std::string, double>> exemplars;
  int64_t start_ms = 0;
  uint32_t point = 0;

  friend bool operator==(const Stored& a, const Stored& b) {
    return a.labels == b.labels && a.timestamp_ms == b.timestamp_ms &&
           model::SameBits(a.value, b.value) && a.histogram == b.histogram &&
           a.exemplars == b.exemplars && a.start_ms == b.start_ms &&
           a.point == b.point;
  }
};

struct Result {
  absl::Status status;
  std::vector<Stored> series;
  std::vector<model::MetricMetadata> metadata;
  int64_t rejected = 0;
  std::string error;

  const Stored* Find(std::string_view labels) const {
    for (const Stored& one : series) {
      if (one.labels == labels) return &one;
    }
    return nullptr;
  }
  double Value(std::string_view labels) const {
    const Stored* found = Find(labels);
    if (found == nullptr) UNSCOPED_INFO("no series " << labels);
    return found == nullptr ? -1e300 : found->value;
  }
};

// up{a="b",c="d"}, without escapes.
std::string Text(std::string_view canonical) {
  const auto labels = model::ParseCanonicalBytes(canonical);
  REQUIRE(labels.ok());
  std::string text;
  for (const model::Label& label : *labels) {
    if (label.name == model::kMetricName) continue;
    base::StrAppend(&text, text.empty() ? "{" : ",", label.name, "=\"",
                    label.value, "\"");
  }
  return base::StrCat(labels->Get(model::kMetricName), text,
                      text.empty() ? "" : "}");
}

Stored StoredOf(const SampleBatch& batch, const BatchSeries& series) {
  Stored stored;
  stored.labels = Text(series.identity);
  REQUIRE(series.rows + series.histograms >= 1);
  if (series.rows > 0) {
    stored.timestamp_ms = batch.Timestamps(series).back();
    stored.value = batch.Values(series).back();
  } else {
    stored.timestamp_ms = batch.HistogramTimestamps(series).back();
    stored.histogram = batch.Histograms(series).back();
  }
  for (const model::ExemplarView& one : batch.Exemplars(series)) {
    stored.exemplars.emplace_back(Text(one.labels), one.value);
  }
  if (series.starts > 0) stored.start_ms = batch.Starts(series)[0].start_ms;
  return stored;
}

template <typename Read>
Result Run(std::string_view body, const OtlpOptions& options, Read read,
           size_t rows_max = 4) {
  Result result;
  SampleBatch batch;
  OtlpMapper mapper(
      &options, kNowMs, rows_max, &batch,
      [&](const SampleBatch& filled, const std::vector<uint32_t>& points,
          bool) {
        REQUIRE(points.size() == filled.series.size());
        for (size_t i = 0; i < points.size(); ++i) {
          result.series.push_back(StoredOf(filled, filled.series[i]));
          result.series.back().point = points[i];
        }
        for (const auto& one : filled.metadata) result.metadata.push_back(one);
        return absl::OkStatus();
      });
  result.status = read(body, mapper);
  result.rejected = mapper.rejected();
  result.error = mapper.first_error();
  return result;
}

Result RunJson(std::string_view json, const OtlpOptions& options = {}) {
  return Run(json, options, ReadOtlpJson);
}

// Both encodings of one message, which must become the same.
Result RunBoth(const otlp::ExportMetricsServiceRequest& request,
               const OtlpOptions& options = {}) {
  const Result result =
      Run(request.SerializeAsString(), options, ReadOtlpProtobuf);
  std::string json;
  REQUIRE(
      google::protobuf::util::MessageToJsonString(request, &json).ok());
  // Of ids OTLP has hex digits where protobuf's JSON has base64.
  const auto replace = [&json](std::string_view from, std::string_view to) {
    for (size_t at = 0; (at = json.find(from, at)) != std::string::npos;) {
      json.replace(at, from.size(), to);
    }
  };
  replace("\"AQIDBAUGBwgBAgMEBQYHCA==\"",
          "\"01020304050607080102030405060708\"");
  replace("\"AQIDBAUGBwg=\"", "\"0102030405060708\"");
  const Result from_json = RunJson(json, options);
  INFO(json);
  CHECK(base::Message(from_json.status) == base::Message(result.status));
  CHECK(from_json.series == result.series);
  CHECK(from_json.metadata == result.metadata);
  CHECK(from_json.rejected == result.rejected);
  return result;
}

otlp::Metric& AddMetric(otlp::ExportMetricsServiceRequest& request,
                        std::string_view name) {
  if (request.resource_metrics_size() == 0) {
    request.add_resource_metrics()->add_scope_metrics();
  }
  otlp::Metric& metric =
      *request.mutable_resource_metrics(0)->mutable_scope_metrics(0)
           ->add_metrics();
  metric.set_name(std::string(name));
  return metric;
}

template <typename Owner>
void AddText(Owner* attributes, const std::string& key,
             const std::string& text) {
  otlp::KeyValue& attribute = *attributes->Add();
  attribute.set_key(key);
  attribute.mutable_value()->set_string_value(text);
}

template <typename Point>
Point& Timed(Point& point) {
  point.set_time_unix_nano(kTimeNs);
  point.set_start_time_unix_nano(kStartNs);
  return point;
}

TEST_CASE("a gauge is a series of its name and all attributes", "[otlp]") {
  otlp::ExportMetricsServiceRequest request;
  otlp::Metric& metric = AddMetric(request, "room.temperature");
  metric.set_description("how warm");
  metric.set_unit("Cel");
  otlp::NumberDataPoint& point = Timed(*metric.mutable_gauge()->add_data_points());
  point.set_as_double(21.5);
  AddText(point.mutable_attributes(), "room", "lab");
  AddText(point.mutable_attributes(), "host", "point wins");
  AddText(point.mutable_attributes(), "empty", "");
  otlp::ResourceMetrics& resource = *request.mutable_resource_metrics(0);
  AddText(resource.mutable_resource()->mutable_attributes(), "service.name",
          "svc");
  AddText(resource.mutable_resource()->mutable_attributes(), "host", "h");
  auto* scope = resource.mutable_scope_metrics(0)->mutable_scope();
  scope->set_name("lib");
  AddText(scope->mutable_attributes(), "a", "b");
  const Result result = RunBoth(request);
  REQUIRE(result.status.ok());
  REQUIRE(result.series.size() == 1);
  CHECK(result.series[0].labels ==
        R"(room.temperature{host="point wins",room="lab",)"
        R"(scope.attributes.a="b",scope.name="lib",scope.version="unknown",)"
        R"(service.name="svc"})");
  CHECK(result.series[0].timestamp_ms == kTimeMs);
  CHECK(result.series[0].value == 21.5);
  CHECK(result.series[0].start_ms == 0);  // nothing is counted
  REQUIRE(result.metadata.size() == 1);
  CHECK(result.metadata[0] == model::MetricMetadata{
                                  "room.temperature", model::MetricType::kGauge,
                                  "how warm", "Cel"});
}

TEST_CASE("values of every kind become labels", "[otlp]") {
  otlp::ExportMetricsServiceRequest request;
  auto& point = Timed(
      *AddMetric(request, "m").mutable_gauge()->add_data_points());
  point.set_as_int(-3);
  const auto add = [&](const char* key) {
    point.add_attributes()->set_key(key);
    return point.mutable_attributes(point.attributes_size() - 1)
        ->mutable_value();
  };
  add("b")->set_bool_value(true);
  add("i")->set_int_value(-5);
  add("d")->set_double_value(1e6);
  add("y")->set_bytes_value(std::string("\x01\xff", 2));
  auto* array = add("a")->mutable_array_value();
  array->add_values()->set_string_value("x\"");
  array->add_values()->set_int_value(1);
  array->add_values()->set_double_value(2.5);
  array->add_values();
  AddText(array->add_values()->mutable_kvlist_value()->mutable_values(), "k",
          "v");
  auto* map = add("m")->mutable_kvlist_value();
  AddText(map->mutable_values(), "p", "q");
  auto* inner = map->add_values();
  inner->set_key("n");
  inner->mutable_value()->mutable_kvlist_value()->add_values()->set_key("u");
  AddText(inner->mutable_value()->mutable_kvlist_value()->mutable_values(),
          "v", "w");
  add("none");
  const Result result = RunBoth(request);
  REQUIRE(result.series.size() == 1);
  CHECK(result.series[0].value == -3);
  CHECK(result.series[0].labels ==
        R"(m{a="["x\"",1,2.5,null,{"k":"v"}]",b="true",d="1000000",)"
        R"(i="-5",m.n.v="w",m.p="q",y="Af8="})");
}

TEST_CASE("sums have their starts; deltas are stored as they come", "[otlp]") {
  otlp::ExportMetricsServiceRequest request;
  auto* total = AddMetric(request, "total").mutable_sum();
  total->set_is_monotonic(true);
  total->set_aggregation_temporality(otlp::AGGREGATION_TEMPORALITY_CUMULATIVE);
  Timed(*total->add_data_points()).set_as_int(7);
  auto* delta = AddMetric(request, "delta").mutable_sum();
  delta->set_aggregation_temporality(otlp::AGGREGATION_TEMPORALITY_DELTA);
  Timed(*delta->add_data_points()).set_as_int(2);
  auto* updown = AddMetric(request, "updown").mutable_sum();
  updown->set_aggregation_temporality(otlp::AGGREGATION_TEMPORALITY_CUMULATIVE);
  Timed(*updown->add_data_points()).set_as_double(-1);
  const Result result = RunBoth(request);
  REQUIRE(result.series.size() == 3);
  CHECK(result.Value("total") == 7);
  CHECK(result.Find("total")->start_ms == kStartNs / 1'000'000);
  CHECK(result.Value("delta") == 2);
  CHECK(result.Find("delta")->start_ms == kStartNs / 1'000'000);
  CHECK(result.Value("updown") == -1);
  CHECK(result.Find("updown")->start_ms == 0);
  CHECK(result.metadata[0].type == model::MetricType::kCounter);
  CHECK(result.metadata[2].type == model::MetricType::kGauge);
}

TEST_CASE("a histogram has buckets, sum and count; exemplars at their buckets",
          "[otlp]") {
  otlp::ExportMetricsServiceRequest request;
  auto& point = Timed(
      *AddMetric(request, "h").mutable_histogram()->add_data_points());
  point.set_count(6);
  point.set_sum(12.5);
  for (const uint64_t count : {1, 2, 3}) point.add_bucket_counts(count);
  point.add_explicit_bounds(0.5);
  point.add_explicit_bounds(1e6);
  AddText(point.mutable_attributes(), "le", "not mine");
  AddText(point.mutable_attributes(), "zone", "a");
  for (const double value : {1e7, 0.5, 0.6}) {
    auto* exemplar = point.add_exemplars();
    exemplar->set_as_double(value);
    exemplar->set_trace_id("\1\2\3\4\5\6\7\10\1\2\3\4\5\6\7\10");
    exemplar->set_span_id("\1\2\3\4\5\6\7\10");
    AddText(exemplar->mutable_filtered_attributes(), "user", "u");
  }
  const Result result = RunBoth(request);
  REQUIRE(result.series.size() == 5);
  CHECK(result.Value(R"(h_count{zone="a"})") == 6);
  CHECK(result.Value(R"(h_sum{zone="a"})") == 12.5);
  CHECK(result.Value(R"(h_bucket{le="0.5",zone="a"})") == 1);
  CHECK(result.Value(R"(h_bucket{le="1000000",zone="a"})") == 3);
  CHECK(result.Value(R"(h_bucket{le="+Inf",zone="a"})") == 6);
  const std::string ids =
      R"({span_id="0102030405060708",trace_id="01020304050607080102030405060708",user="u"})";
  using Exemplars = std::vector<std::pair<std::string, double>>;
  CHECK(result.Find(R"(h_bucket{le="0.5",zone="a"})")->exemplars ==
        Exemplars{{ids, 0.5}});
  CHECK(result.Find(R"(h_bucket{le="1000000",zone="a"})")->exemplars ==
        Exemplars{{ids, 0.6}});
  CHECK(result.Find(R"(h_bucket{le="+Inf",zone="a"})")->exemplars ==
        Exemplars{{ids, 1e7}});
  for (const Stored& one : result.series) {
    CHECK(one.start_ms == kStartNs / 1'000'000);
  }
}

TEST_CASE("a histogram without buckets keeps its count and sum", "[otlp]") {
  otlp::ExportMetricsServiceRequest request;
  auto* histogram = AddMetric(request, "h").mutable_histogram();
  auto& point = Timed(*histogram->add_data_points());
  point.set_count(3);
  point.set_sum(6.5);
  SECTION("none at all") {}
  SECTION("one without bounds") { point.add_bucket_counts(3); }
  const Result result = RunBoth(request);
  CHECK(result.rejected == 0);
  CHECK(result.series.size() == 3);
  CHECK(result.Value("h_count") == 3);
  CHECK(result.Value("h_sum") == 6.5);
  CHECK(result.Value(R"(h_bucket{le="+Inf"})") == 3);
}

TEST_CASE("points that cannot be stored are told of, others are stored",
          "[otlp]") {
  otlp::ExportMetricsServiceRequest request;
  auto& bad = Timed(
      *AddMetric(request, "h").mutable_histogram()->add_data_points());
  bad.add_bucket_counts(1);
  bad.add_bucket_counts(1);
  bad.set_count(2);
  auto* coarse = AddMetric(request, "e").mutable_exponential_histogram();
  Timed(*coarse->add_data_points()).set_scale(-5);
  Timed(*AddMetric(request, "novalue").mutable_gauge()->add_data_points());
  auto& unnamed = AddMetric(request, "");
  Timed(*unnamed.mutable_gauge()->add_data_points()).set_as_int(1);
  Timed(*AddMetric(request, "good").mutable_gauge()->add_data_points())
      .set_as_int(1);
  const Result result = RunBoth(request);
  REQUIRE(result.status.ok());
  CHECK(result.rejected == 4);
  CHECK(result.error == "a histogram has 2 buckets and 0 bounds: metric h");
  REQUIRE(result.series.size() == 1);
  CHECK(result.series[0].labels == "good");
  CHECK(result.series[0].point == 5);
}

TEST_CASE("summaries have quantiles", "[otlp]") {
  otlp::ExportMetricsServiceRequest request;
  auto& point =
      Timed(*AddMetric(request, "s").mutable_summary()->add_data_points());
  point.set_count(10);
  point.set_sum(5);
  for (const double q : {0.0, 0.99, 1.0}) {
    point.add_quantile_values()->set_quantile(q);
    point.mutable_quantile_values(point.quantile_values_size() - 1)
        ->set_value(q * 2);
  }
  const Result result = RunBoth(request);
  CHECK(result.series.size() == 5);
  CHECK(result.Value("s_count") == 10);
  CHECK(result.Value("s_sum") == 5);
  CHECK(result.Value(R"(s{quantile="0"})") == 0);
  CHECK(result.Value(R"(s{quantile="0.99"})") == 1.98);
  CHECK(result.Value(R"(s{quantile="1"})") == 2);
}

TEST_CASE("a point without a recorded value ends each of its series",
          "[otlp]") {
  otlp::ExportMetricsServiceRequest request;
  Timed(*AddMetric(request, "g").mutable_gauge()->add_data_points())
      .set_flags(1);
  auto& histogram = Timed(
      *AddMetric(request, "h").mutable_histogram()->add_data_points());
  histogram.set_flags(1);
  Timed(*AddMetric(request, "e").mutable_exponential_histogram()
             ->add_data_points())
      .set_flags(1);
  const Result result = RunBoth(request);
  REQUIRE(result.series.size() == 5);
  CHECK(result.rejected == 0);
  for (const char* labels : {"g", "h_count", "h_sum"}) {
    CHECK(model::IsStaleNan(result.Value(labels)));
  }
  const auto stale = model::ParseHistogramBytes(result.Find("e")->histogram);
  REQUIRE(stale.ok());
  CHECK(stale->stale());
}

TEST_CASE("a point without a time has that of the request", "[otlp]") {
  otlp::ExportMetricsServiceRequest request;
  AddMetric(request, "g").mutable_gauge()->add_data_points()->set_as_int(1);
  CHECK(RunBoth(request).series.at(0).timestamp_ms == kNowMs);
}

TEST_CASE("Prometheus' form has job, instance and target_info", "[otlp]") {
  otlp::ExportMetricsServiceRequest request;
  auto& metric = AddMetric(request, "http.requests");
  metric.set_unit("By");
  metric.mutable_sum()->set_is_monotonic(true);
  metric.mutable_sum()->set_aggregation_temporality(
      otlp::AGGREGATION_TEMPORALITY_CUMULATIVE);
  auto& point = Timed(*metric.mutable_sum()->add_data_points());
  point.set_as_int(1);
  AddText(point.mutable_attributes(), "http.code", "200");
  AddText(point.mutable_attributes(), "http_code", "x");
  AddText(point.mutable_attributes(), "1st", "y");
  AddText(point.mutable_attributes(), "job", "not mine");
  auto* attributes = request.mutable_resource_metrics(0)
                         ->mutable_resource()->mutable_attributes();
  AddText(attributes, "service.name", "svc");
  AddText(attributes, "service.namespace", "ns");
  AddText(attributes, "service.instance.id", "i1");
  AddText(attributes, "host.name", "h");
  OtlpOptions options;
  options.prometheus = true;
  Result result = RunBoth(request, options);
  REQUIRE(result.series.size() == 2);
  CHECK(result.series[0].labels ==
        R"(http_requests_bytes_total{http_code="200;x",instance="i1",)"
        R"(job="ns/svc",key_1st="y"})");
  CHECK(result.series[1].labels ==
        R"(target_info{host_name="h",instance="i1",job="ns/svc"})");
  CHECK(result.series[1].value == 1);
  CHECK(result.series[1].timestamp_ms == kTimeMs);
  CHECK(result.metadata[0].unit == "bytes");
  options.promoted_resource_attributes = {"host.name"};
  result = RunBoth(request, options);
  CHECK(result.series[0].labels.find("host_name=\"h\"") != std::string::npos);
}

TEST_CASE("flags choose which attributes of resources and scopes are labels",
          "[otlp]") {
  otlp::ExportMetricsServiceRequest request;
  auto& metric = AddMetric(request, "a.b");
  metric.set_unit("ms");
  Timed(*metric.mutable_gauge()->add_data_points()).set_as_int(1);
  auto* resource = request.mutable_resource_metrics(0);
  AddText(resource->mutable_resource()->mutable_attributes(), "x.y", "1");
  AddText(resource->mutable_resource()->mutable_attributes(), "z", "2");
  resource->mutable_scope_metrics(0)->mutable_scope()->set_name("s");
  const auto labels = [&request](const OtlpOptions& options) {
    return RunBoth(request, options).series.at(0).labels;
  };
  OtlpOptions options;
  options.promote_scope_metadata = false;
  CHECK(labels(options) == R"(a.b{x.y="1",z="2"})");
  options.ignored_resource_attributes = {"z"};
  CHECK(labels(options) == R"(a.b{x.y="1"})");
  options.promote_all_resource_attributes = false;
  CHECK(labels(options) == "a.b");
  options.promoted_resource_attributes = {"x.y"};
  CHECK(labels(options) == R"(a.b{x.y="1"})");
  options.convert_metric_names = true;
  CHECK(labels(options) == R"(a_b_milliseconds{x.y="1"})");
  options.use_prometheus_naming = true;
  CHECK(labels(options) == R"(a_b_milliseconds{x_y="1"})");
}

TEST_CASE("integers come as strings, enums as names, floats as words in JSON",
          "[otlp]") {
  const Result result = RunJson(
      R"({"resourceMetrics":[{"x":1,"scopeMetrics":[{"metrics":[)"
      R"({"name":"a","sum":{"aggregationTemporality":2,"isMonotonic":true,)"
      R"("dataPoints":[{"asInt":"9007199254740993","timeUnixNano":1700000123456789000}]}},)"
      R"({"name":"b","gauge":{"dataPoints":[{"asDouble":"-Infinity","timeUnixNano":"1700000123456789000"},)"
      R"({"asDouble":"1.5","attributes":null,"timeUnixNano":"1700000123456789000"}]}}]}]}]})");
  REQUIRE(result.status.ok());
  REQUIRE(result.series.size() == 3);
  CHECK(result.series[0].value == 9007199254740992.0);
  CHECK(result.series[0].timestamp_ms == kTimeMs);
  CHECK(result.series[1].value == -HUGE_VAL);
  CHECK(result.series[2].value == 1.5);
}

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
