#include <cmath>
#include <random>

#include "lib/base/byte_coding.h"
#include "lib/protocol/test_otlp.h"

namespace varve::protocol {
namespace {

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

template <typename Point>
void AddRandomAttributes(std::mt19937_64& random, Point& point) {
  const std::vector<std::string> keys = {
      "a", "b.c", "le", "quantile", "job", "instance", "__name__", "", "_x"};
  for (uint64_t left = random() % 6; left > 0; --left) {
    otlp::KeyValue& attribute = *point.add_attributes();
    attribute.set_key(keys[random() % keys.size()]);
    otlp::AnyValue& value = *attribute.mutable_value();
    switch (random() % 8) {
      case 0:
        value.set_int_value(7);
        break;
      case 1:
        AddText(value.mutable_kvlist_value()->mutable_values(), "in", "map");
        break;
      case 2:
        value.set_string_value("");
        break;
      default:
        value.set_string_value(std::to_string(random() % 3));
    }
  }
}

TEST_CASE("attributes as they came make the labels of those that are read",
          "[otlp]") {
  std::mt19937_64 random(11);
  for (int round = 0; round < 200; ++round) {
    otlp::ExportMetricsServiceRequest request;
    auto& gauge = Timed(
        *AddMetric(request, "g").mutable_gauge()->add_data_points());
    gauge.set_as_int(1);
    AddRandomAttributes(random, gauge);
    auto& histogram = Timed(
        *AddMetric(request, "h").mutable_histogram()->add_data_points());
    AddRandomAttributes(random, histogram);
    auto& summary = Timed(
        *AddMetric(request, "s").mutable_summary()->add_data_points());
    summary.add_quantile_values()->set_quantile(0.5);
    AddRandomAttributes(random, summary);
    AddRandomAttributes(
        random, *request.mutable_resource_metrics(0)->mutable_resource());
    OtlpOptions prometheus;
    prometheus.prometheus = true;
    for (const OtlpOptions& options : {OtlpOptions(), prometheus}) {
      RunBoth(request, options);
    }
  }
}

std::vector<std::string> IdentitiesOf(std::string_view body) {
  std::vector<std::string> identities;
  SampleBatch batch;
  const OtlpOptions options;
  OtlpMapper mapper(
      &options, kNowMs, 100, &batch,
      [&](const SampleBatch& part, const std::vector<uint32_t>&, bool) {
        for (const BatchSeries& series : part.series) {
          identities.emplace_back(series.identity);
        }
        return absl::OkStatus();
      });
  REQUIRE(ReadOtlpProtobuf(body, mapper).ok());
  return identities;
}

TEST_CASE("a series has the same identity while its labels are the same",
          "[otlp]") {
  const auto identity = [](const std::string& service, const std::string& name,
                           const std::string& value, uint64_t time_ns) {
    otlp::ExportMetricsServiceRequest request;
    auto& point = *AddMetric(request, name).mutable_gauge()->add_data_points();
    point.set_time_unix_nano(time_ns);
    point.set_as_double(static_cast<double>(time_ns));
    AddText(point.mutable_attributes(), "k", value);
    AddText(request.mutable_resource_metrics(0)
                ->mutable_resource()->mutable_attributes(),
            "service.name", service);
    return IdentitiesOf(request.SerializeAsString()).at(0);
  };
  const std::string one = identity("s", "m", "v", kTimeNs);
  CHECK(identity("s", "m", "v", kStartNs) == one);
  CHECK(identity("t", "m", "v", kTimeNs) != one);
  CHECK(identity("s", "n", "v", kTimeNs) != one);
  CHECK(identity("s", "m", "w", kTimeNs) != one);
}

TEST_CASE("attributes with other fields between them are all labels",
          "[otlp]") {
  otlp::NumberDataPoint first, second;
  AddText(first.mutable_attributes(), "a", "1");
  AddText(first.mutable_attributes(), "b", "1");
  second.set_as_int(5);
  second.set_time_unix_nano(kTimeNs);
  AddText(second.mutable_attributes(), "b", "2");
  AddText(second.mutable_attributes(), "c", "3");
  // Parts of one message may follow one another, and so become one.
  std::string gauge, metric, scope, resource, body;
  const auto put = [](std::string& out, char tag, std::string_view bytes) {
    out.push_back(tag);
    base::PutLengthPrefixed(out, bytes);
  };
  put(gauge, '\x0a', first.SerializeAsString() + second.SerializeAsString());
  put(metric, '\x0a', "m");
  put(metric, '\x2a', gauge);
  put(scope, '\x12', metric);
  put(resource, '\x12', scope);
  put(body, '\x0a', resource);
  const Result result = Run(body, {}, ReadOtlpProtobuf);
  CHECK(result.Value("m{a=\"1\",b=\"2\",c=\"3\"}") == 5);
}

}  // namespace
}  // namespace varve::protocol
