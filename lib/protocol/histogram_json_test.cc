#include "lib/protocol/histogram_json.h"

#include <catch2/catch.hpp>

#include <bit>
#include <random>

#include "lib/base/strings.h"
#include "lib/protocol/json_lines.h"

namespace varve::protocol {
namespace {

model::Histogram Random(std::mt19937_64& random) {
  model::Histogram h;
  h.layout.float_counts = random() % 2 == 0;
  h.layout.schema = static_cast<int32_t>(random() % 13) - 4;
  h.layout.zero_threshold = 1e-128;
  h.layout.positive = {{-2, static_cast<uint32_t>(random() % 3)}, {1, 2}};
  h.layout.negative = {{7, static_cast<uint32_t>(random() % 3)}};
  h.reset = static_cast<model::CounterReset>(random() % 4);
  h.sum = std::bit_cast<double>(random());
  if (random() % 4 == 0) h.sum = model::StaleNan();
  if (random() % 4 == 0) h.sum = -0.0;
  h.zero_count = random() % 100;
  h.count = h.zero_count;
  for (size_t i = h.layout.buckets(); i > 0; --i) {
    h.buckets.push_back(random() >> (20 + random() % 40));
    h.count += h.buckets.back();
  }
  if (!h.layout.float_counts) return h;
  h.count = random();
  h.zero_count = model::kNormalNanBits;
  for (uint64_t& bucket : h.buckets) bucket = random();
  return h;
}

TEST_CASE("a histogram's JSON reads back bit for bit", "[protocol]") {
  std::mt19937_64 random(3);
  for (int i = 0; i < 500; ++i) {
    const model::Histogram histogram = Random(random);
    std::string line = R"({"metric":{"__name__":"h"},"histograms":[[1234,)";
    AppendHistogramJson(line, histogram);
    line += "]]}";
    CAPTURE(line);
    JsonLinesReader reader(line);
    SampleBatch batch;
    CHECK_FALSE(reader.Next(batch, 10));
    INFO(reader.first_error());
    REQUIRE(batch.series.size() == 1);
    REQUIRE(batch.Histograms(batch.series[0]).size() == 1);
    CHECK(batch.histogram_timestamps_ms[0] == 1234);
    CHECK(*model::ParseHistogramBytes(batch.histograms[0]) == histogram);
  }
}

TEST_CASE("custom bounds are read; the text is what the header shows",
          "[protocol]") {
  model::Histogram h;
  h.layout.schema = model::kSchemaCustom;
  h.layout.custom_bounds = {0.5, 2};
  h.layout.positive = {{0, 3}};
  h.buckets = {3, 0, 4};
  h.count = 7;
  h.sum = 2.5;
  std::string text;
  AppendHistogramJson(text, h);
  CHECK(text ==
        R"({"schema":-53,"count":7,"sum":2.5,"zero_threshold":0,)"
        R"("zero_count":0,"positive_spans":[[0,3]],)"
        R"("positive_buckets":[3,0,4],"negative_spans":[],)"
        R"("negative_buckets":[],"custom_bounds":[0.5,2]})");
}

TEST_CASE("lines with bad histograms are bad lines", "[protocol]") {
  for (const char* member :
       {R"("histograms":{})", R"("histograms":[1])", R"("histograms":[[1,2]])",
        R"("histograms":[[1.5,{}]])", R"("histograms":[[1,{"schema":99}]])",
        R"("histograms":[[1,{"count":-1}]])",
        R"("histograms":[[1,{"sum":"NaN:0"}]])",
        R"("histograms":[[1,{"positive_buckets":[1]}]])"}) {
    CAPTURE(member);
    const std::string line =
        base::StrCat(R"({"metric":{"a":"b"},"values":[1],"timestamps":[1],)",
                     member, "}");
    JsonLinesReader reader(line);
    SampleBatch batch;
    reader.Next(batch, 10);
    CHECK(reader.bad_lines() == 1);
    CHECK(batch.series.empty());
    CHECK(batch.values.empty());
    CHECK(batch.histograms.empty());
  }
}

}  // namespace
}  // namespace varve::protocol
