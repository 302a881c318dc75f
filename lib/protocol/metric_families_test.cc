#include "lib/protocol/metric_families.h"

#include <bit>
#include <catch2/catch.hpp>
#include <vector>

#include "lib/base/byte_coding.h"
#include "proto/metric_families.pb.h"

namespace varve::protocol {
namespace {

namespace pb = varve::metric_families;

// The one message of `bytes`.
pb::MetricFamily Parsed(std::string_view bytes) {
  base::ByteReader reader(bytes);
  const uint64_t size = reader.Varint();
  REQUIRE(size == reader.rest().size());
  pb::MetricFamily family;
  REQUIRE(family.ParseFromArray(reader.rest().data(), static_cast<int>(size)));
  return family;
}

pb::MetricFamily Written(const std::vector<LatestSample>& samples) {
  std::string out;
  AppendMetricFamily(out, samples);
  return Parsed(out);
}

model::Histogram Integers() {
  model::Histogram histogram;
  histogram.layout.schema = 3;
  histogram.layout.zero_threshold = 0.5;
  histogram.layout.positive = {{-1, 2}, {3, 1}};
  histogram.layout.negative = {{2, 1}};
  histogram.zero_count = 1;
  histogram.count = 16;
  histogram.sum = 2.5;
  histogram.buckets = {5, 2, 4, 4};
  return histogram;
}

TEST_CASE("floats are untyped, with labels but the name", "[protocol]") {
  const auto family = Written({{{{"__name__", "up"}, {"job", "a"}}, 1000, 1},
                               {{{"__name__", "up"}, {"job", "b"}}, 2000, 2}});
  CHECK(family.name() == "up");
  CHECK(family.type() == pb::UNTYPED);
  REQUIRE(family.metric_size() == 2);
  const pb::Metric& metric = family.metric(1);
  REQUIRE(metric.label_size() == 1);
  CHECK(metric.label(0).name() == "job");
  CHECK(metric.label(0).value() == "b");
  CHECK(metric.untyped().value() == 2);
  CHECK(metric.timestamp_ms() == 2000);
  CHECK_FALSE(metric.has_histogram());
}

TEST_CASE("integer histograms have differences of buckets", "[protocol]") {
  const auto family =
      Written({{{{"__name__", "h"}}, 1000, 0, Integers()}});
  CHECK(family.type() == pb::HISTOGRAM);
  const pb::Histogram& written = family.metric(0).histogram();
  CHECK(written.schema() == 3);
  CHECK(written.sample_count() == 16);
  CHECK(written.sample_sum() == 2.5);
  CHECK(written.zero_threshold() == 0.5);
  CHECK(written.zero_count() == 1);
  REQUIRE(written.positive_span_size() == 2);
  CHECK(written.positive_span(0).offset() == -1);
  CHECK(written.positive_span(1).length() == 1);
  REQUIRE(written.positive_delta_size() == 3);
  CHECK(written.positive_delta(0) == 5);
  CHECK(written.positive_delta(1) == -3);
  CHECK(written.positive_delta(2) == 2);
  REQUIRE(written.negative_delta_size() == 1);
  CHECK(written.negative_delta(0) == 4);
  CHECK_FALSE(written.has_sample_count_float());
}

TEST_CASE("float histograms have counts, gauges a type", "[protocol]") {
  model::Histogram histogram;
  histogram.layout.float_counts = true;
  histogram.layout.positive = {{0, 1}};
  histogram.count = std::bit_cast<uint64_t>(1.5);
  histogram.buckets = {std::bit_cast<uint64_t>(1.5)};
  histogram.reset = model::CounterReset::kGauge;
  const auto family =
      Written({{{{"__name__", "h"}}, 1000, 0, histogram}});
  CHECK(family.type() == pb::GAUGE_HISTOGRAM);
  const pb::Histogram& written = family.metric(0).histogram();
  CHECK(written.sample_count_float() == 1.5);
  CHECK(written.positive_count(0) == 1.5);
  CHECK(written.positive_delta_size() == 0);
}

TEST_CASE("an empty histogram is still marked as native", "[protocol]") {
  const auto family =
      Written({{{{"__name__", "h"}}, 1000, 0, model::Histogram()}});
  CHECK(family.metric(0).histogram().positive_span_size() == 1);
}

TEST_CASE("a family has one name and one kind", "[protocol]") {
  const LatestSample value{{{"__name__", "a"}, {"x", "1"}}, 1, 1};
  CHECK(SameFamily(value, {{{"__name__", "a"}, {"x", "2"}}, 5, 2}));
  CHECK_FALSE(SameFamily(value, {{{"__name__", "b"}}, 1, 1}));
  LatestSample histogram{{{"__name__", "a"}}, 1, 0, Integers()};
  CHECK_FALSE(SameFamily(value, histogram));
  LatestSample gauge = histogram;
  gauge.histogram->reset = model::CounterReset::kGauge;
  CHECK_FALSE(SameFamily(histogram, gauge));
}

}  // namespace
}  // namespace varve::protocol
