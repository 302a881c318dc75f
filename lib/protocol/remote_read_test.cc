#include "lib/protocol/remote_read.h"

#include <catch2/catch.hpp>

#include "lib/base/byte_coding.h"
#include "lib/base/status.h"
#include "lib/compress/compress.h"
#include "lib/protocol/prometheus_chunk.h"
#include "proto/remote_write_v1.pb.h"

namespace varve::protocol {
namespace {

namespace v1 = varve::remote_write_v1;

std::string Snappy(const std::string& text) {
  std::string out;
  compress::SnappyCompress(text, out);
  return out;
}

std::string Hex(std::string_view bytes) {
  std::string out;
  for (const char c : bytes) {
    constexpr char kDigits[] = "0123456789abcdef";
    out.push_back(kDigits[static_cast<uint8_t>(c) >> 4]);
    out.push_back(kDigits[static_cast<uint8_t>(c) & 15]);
  }
  return out;
}

v1::ReadRequest Request() {
  v1::ReadRequest request;
  v1::ReadQuery& query = *request.add_queries();
  query.set_start_timestamp_ms(10);
  query.set_end_timestamp_ms(20);
  v1::LabelMatcher& matcher = *query.add_matchers();
  matcher.set_type(2);
  matcher.set_name("job");
  matcher.set_value("a.*");
  return request;
}

TEST_CASE("a remote read tells matchers, range and what answer it takes",
          "[protocol]") {
  v1::ReadRequest message = Request();
  auto request = ParseRemoteRead(Snappy(message.SerializeAsString()), 1 << 20);
  REQUIRE(request.ok());
  REQUIRE(request->queries.size() == 1);
  CHECK(request->queries[0].range.start_ms == 10);
  CHECK(request->queries[0].range.end_ms == 20);
  CHECK(request->queries[0].matchers ==
        model::Matchers{{model::MatchType::kRegex, "job", "a.*"}});
  CHECK_FALSE(request->chunks);
  message.add_accepted_response_types(1);
  message.add_accepted_response_types(0);
  request = ParseRemoteRead(Snappy(message.SerializeAsString()), 1 << 20);
  REQUIRE(request.ok());
  CHECK(request->chunks);
}

TEST_CASE("all time, which is the ends of int64, is all that samples have",
          "[protocol]") {
  v1::ReadRequest message = Request();
  message.mutable_queries(0)->set_start_timestamp_ms(INT64_MIN);
  message.mutable_queries(0)->set_end_timestamp_ms(INT64_MAX);
  auto request = ParseRemoteRead(Snappy(message.SerializeAsString()), 1 << 20);
  REQUIRE(request.ok());
  // Later sums with durations and steps stay within int64.
  CHECK(request->queries[0].range.start_ms == -model::kTimestampMaxMs);
  CHECK(request->queries[0].range.end_ms == model::kTimestampMaxMs);
  message.mutable_queries(0)->set_start_timestamp_ms(INT64_MAX);
  request = ParseRemoteRead(Snappy(message.SerializeAsString()), 1 << 20);
  REQUIRE(request.ok());
  CHECK(request->queries[0].range.start_ms == model::kTimestampMaxMs);
}

TEST_CASE("what is no remote read is refused", "[protocol]") {
  const auto refused = [](const std::string& body) {
    return absl::IsInvalidArgument(ParseRemoteRead(body, 1 << 10).status());
  };
  const std::string good = Snappy(Request().SerializeAsString());
  for (size_t keep = 0; keep < good.size(); ++keep) {
    CAPTURE(keep);
    CHECK((keep == 0 || refused(good.substr(0, keep))));
  }
  CHECK(refused("garbage"));
  CHECK(refused(Snappy("\xFF\xFF")));
  CHECK(refused(Snappy(std::string(2 << 10, 'x'))));
  v1::ReadRequest message = Request();
  message.mutable_queries(0)->clear_matchers();
  CHECK(refused(Snappy(message.SerializeAsString())));
  message = Request();
  message.mutable_queries(0)->set_start_timestamp_ms(21);
  CHECK(refused(Snappy(message.SerializeAsString())));
  message = Request();
  message.mutable_queries(0)->mutable_matchers(0)->set_type(4);
  CHECK(refused(Snappy(message.SerializeAsString())));
  message = Request();
  message.add_accepted_response_types(9);
  CHECK(refused(Snappy(message.SerializeAsString())));
}

TEST_CASE("samples are a snappy message of series", "[protocol]") {
  model::SampleColumns samples;
  samples.push_back(1000, 1.5);
  model::HistogramColumns histograms;
  model::Histogram histogram;
  histogram.layout.positive = {{-1, 2}};
  histogram.count = 5;
  histogram.buckets = {3, 2};
  histograms.push_back(2000, histogram);
  const std::string body = EncodeReadResponse(
      {{EncodeTimeSeries({{"__name__", "up"}}, samples, histograms)}, {}});
  std::string opened;
  REQUIRE(compress::SnappyDecompress(body, 1 << 20, opened).ok());
  v1::ReadResponse response;
  REQUIRE(response.ParseFromString(opened));
  REQUIRE(response.results_size() == 2);
  REQUIRE(response.results(0).timeseries_size() == 1);
  const v1::TimeSeries& series = response.results(0).timeseries(0);
  CHECK(series.labels(0).value() == "up");
  CHECK(series.samples(0).value() == 1.5);
  CHECK(series.histograms(0).positive_deltas(1) == -1);
  CHECK(series.histograms(0).count_int() == 5);
  CHECK(response.results(1).timeseries_size() == 0);
}

TEST_CASE("chunks stand in frames with a checksum, in order of time",
          "[protocol]") {
  model::SampleColumns samples;
  for (int i = 0; i < 300; ++i) samples.push_back(i * 1000, i);
  model::HistogramColumns histograms;
  histograms.push_back(150'500, model::Histogram());
  std::string out;
  AppendChunkFrames(out, 3, {{"__name__", "up"}}, samples, histograms);
  base::ByteReader reader(out);
  const uint64_t size = reader.Varint();
  // What crc32c gives for these very bytes is seen by the real reader of
  // tests/compat/remote_read_test.py.
  REQUIRE(out.size() > size + 4);
  v1::ChunkedReadResponse response;
  REQUIRE(response.ParseFromString(out.substr(out.size() - size)));
  CHECK(response.query_index() == 3);
  REQUIRE(response.chunked_series_size() == 1);
  const auto& chunks = response.chunked_series(0).chunks();
  REQUIRE(chunks.size() == 5);  // 120 + 31, the histogram, 120 + 29
  int64_t last_ms = -1;
  for (const v1::Chunk& chunk : chunks) {
    CHECK(chunk.min_time_ms() > last_ms);
    last_ms = chunk.max_time_ms();
  }
  CHECK(chunks[2].type() == 2);
  CHECK(last_ms == 299'000);
}

// Worked out by hand from the format's description.
TEST_CASE("an XOR chunk has Prometheus' bits", "[protocol]") {
  const int64_t times[] = {0, 1, 2, 4};
  const double values[] = {0, 0, 0, 0};
  std::string out;
  AppendXorChunk(out, std::span(times).first(1), std::span(values).first(1));
  CHECK(Hex(out) == "0001" "00" "0000000000000000");
  out.clear();
  AppendXorChunk(out, times, values);
  // 2nd: delta 1 as a varint, value bit 0. 3rd: bits 0, 0. 4th: step 1 more:
  // 10 and 14 bits, value bit 0.
  CHECK(Hex(out) == "0004" "00" "0000000000000000" "01" "1000" "20");
}

TEST_CASE("a histogram chunk has Prometheus' bits", "[protocol]") {
  model::Histogram histogram;
  histogram.reset = model::CounterReset::kGauge;
  histogram.count = 1;
  std::string out;
  AppendHistogramChunk(out, 0, histogram);
  // Gauge; threshold 0; then the bits: schema 0, no spans twice, time 0,
  // count 10 001, zero count 0, and the sum's 64.
  CHECK(Hex(out) == "0001" "c0" "00" "0880" "0000000000000000");
}

}  // namespace
}  // namespace varve::protocol
