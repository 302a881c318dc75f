#include "lib/protocol/datadog_sketches.h"

#include <catch2/catch.hpp>
#include <cmath>

#include "lib/base/status.h"
#include "lib/protocol/read_lines.h"
#include "proto/datadog_metrics.pb.h"

namespace varve::protocol {
namespace {

constexpr DatadogOptions kOptions = {.now_ms = 1'700'000'123'456};

ReadResult Read(std::string_view body, size_t rows_max = SIZE_MAX) {
  return ReadAll(DatadogSketchReader(body, kOptions), rows_max);
}

bool IsGood(std::string_view body) {
  return DatadogSketchReader(body, kOptions).Check().ok();
}

// Latencies between 8 and 20.
DatadogSketch Latencies() {
  return {.seconds = 1'700'000'000,
          .count = 17,
          .min = 8,
          .max = 20,
          .sum = 200,
          .keys = {0, 1472, 1473, 1479, 1480, 1503, 1504, 1512, 1513, 1514,
                   1515, 1531, 1532},
          .counts = {0, 0, 1, 0, 1, 4, 6, 1, 2, 0, 1, 0, 1}};
}

datadog::SketchPayload PayloadOf(const DatadogSketch& sketch) {
  datadog::SketchPayload payload;
  auto& metric = *payload.add_sketches();
  metric.set_metric("request..time_");
  metric.set_host("web01");
  metric.add_tags("env:prod");
  auto& dog = *metric.add_dogsketches();
  dog.set_ts(sketch.seconds);
  dog.set_cnt(sketch.count);
  dog.set_min(sketch.min);
  dog.set_max(sketch.max);
  dog.set_sum(sketch.sum);
  for (const int32_t key : sketch.keys) dog.add_k(key);
  for (const uint32_t count : sketch.counts) dog.add_n(count);
  return payload;
}

// What VictoriaMetrics 1.145 stores of the same sketches.
TEST_CASE("datadog: quantiles of a sketch", "[protocol]") {
  const DatadogSketch sketch = Latencies();
  CHECK(sketch.Quantile(0.5) == Approx(13.1824945876));
  CHECK(sketch.Quantile(0.75) == Approx(14.84597013823));
  CHECK(sketch.Quantile(0.9) == Approx(15.195734815559));
  CHECK(sketch.Quantile(0.95) == Approx(15.552805134626));
  CHECK(sketch.Quantile(0.99) == Approx(20.243063425422));
  const DatadogSketch both = {.count = 10,
                              .min = -7,
                              .max = 9,
                              .keys = {-1500, -1472, 0, 1300, 32767},
                              .counts = {2, 2, 2, 2, 2}};
  CHECK(both.Quantile(0.5) == 0);
  CHECK(both.Quantile(0.75) == Approx(0.559127946208));
  CHECK(both.Quantile(0.99) == INFINITY);
  CHECK(DatadogSketch{}.Quantile(0.5) == 0);
  CHECK(DatadogSketch{.count = 3, .max = 4}.Quantile(0.5) == 4);
}

TEST_CASE("datadog: a sketch is a summary of nine series", "[protocol]") {
  DatadogSketch one;
  one.seconds = 60;
  one.count = 1;
  one.min = one.max = one.sum = 5;
  one.keys = {1442};
  one.counts = {1};
  const std::string body = PayloadOf(one).SerializeAsString();
  const std::string name = "request..time_";
  const std::string labels = "{env=\"prod\", host=\"web01\"} 60000 ";
  Rows rows;
  for (const char* q : {"0.5", "0.75", "0.9", "0.95", "0.99"}) {
    rows.push_back(name + "{env=\"prod\", host=\"web01\", quantile=\"" + q +
                   "\"} 60000 5");
  }
  rows.push_back(name + ".sum" + labels + "5");
  rows.push_back(name + ".count" + labels + "1");
  rows.push_back(name + ".min" + labels + "5");
  rows.push_back(name + ".max" + labels + "5");
  CHECK(Read(body).rows == rows);
  CHECK(Read(body, 1).rows == rows);
  CHECK(IsGood(body));
  CHECK(IsGood(""));
}

TEST_CASE("datadog: bins may come packed or one by one", "[protocol]") {
  const std::string dog = PayloadOf(Latencies()).sketches(0).dogsketches(0)
                              .SerializeAsString();
  std::string single;
  datadog::SketchPayload::Sketch::Dogsketch head;
  REQUIRE(head.ParseFromString(dog));
  head.clear_k();
  head.clear_n();
  single = head.SerializeAsString();
  for (const int32_t key : Latencies().keys) {
    single += '\x38';
    for (uint32_t left = static_cast<uint32_t>(key) << 1;; left >>= 7) {
      single += static_cast<char>((left & 0x7f) | (left > 0x7f ? 0x80 : 0));
      if (left <= 0x7f) break;
    }
  }
  for (const uint32_t count : Latencies().counts) {
    single += '\x40';
    single += static_cast<char>(count);
  }
  const auto wrapped = [](const std::string& message) {
    std::string metric = "\x0a\x01m\x3a";
    metric += static_cast<char>(message.size());
    metric += message;
    return std::string("\x0a") + static_cast<char>(metric.size()) + metric;
  };
  REQUIRE(single.size() < 120);
  const ReadResult r = Read(wrapped(single));
  CHECK(r.bad == 0);
  CHECK(r.rows == Read(wrapped(dog)).rows);
  CHECK(r.rows.size() == 9);
}

TEST_CASE("datadog: cut or mistyped sketches are refused whole", "[protocol]") {
  const std::string body = PayloadOf(Latencies()).SerializeAsString();
  datadog::SketchPayload cut;
  for (size_t keep = 0; keep < body.size(); ++keep) {
    CAPTURE(keep);
    const std::string part = body.substr(0, keep);
    CHECK(IsGood(part) == cut.ParseFromString(part));
  }
  for (const char* bad :
       {"\x08\x01", "\x0a\x02\x08\x01", "\x0a\x04\x3a\x02\x18\x01", "{}"}) {
    CHECK_FALSE(IsGood(bad));
  }
}

TEST_CASE("datadog: sketches that contradict themselves are counted",
          "[protocol]") {
  std::vector<DatadogSketch> bad(6, Latencies());
  bad[0].counts.pop_back();
  bad[1].count = -1;
  bad[2].seconds = INT64_MAX;
  bad[3].keys.assign(kDatadogBinsMax + 1, 1);
  bad[3].counts.assign(kDatadogBinsMax + 1, 1);
  bad[4].seconds = 0;
  bad[5].seconds = -1;
  for (const DatadogSketch& sketch : bad) {
    const std::string body = PayloadOf(sketch).SerializeAsString();
    CHECK(IsGood(body));
    CHECK(Read(body).rows.empty());
    CHECK(Read(body).bad == 1);
  }
  datadog::SketchPayload payload = PayloadOf(Latencies());
  payload.mutable_sketches(0)->clear_metric();
  CHECK(Read(payload.SerializeAsString()).error == "sketch 1: no metric");
  payload = PayloadOf(Latencies());
  payload.mutable_sketches(0)->add_tags("t:" + std::string(256 << 10, 'x'));
  CHECK(Read(payload.SerializeAsString()).error ==
        "sketch 1: its labels exceed 262144 bytes");
}

TEST_CASE("datadog: labels are copied in proportion to the sketches",
          "[protocol]") {
  constexpr int kSketches = 40'000;
  constexpr size_t kTagBytes = 200 << 10;
  datadog::SketchPayload payload;
  auto& metric = *payload.add_sketches();
  metric.set_metric("m");
  metric.add_tags("t:" + std::string(kTagBytes, 'x'));
  for (int i = 0; i < kSketches; ++i) metric.add_dogsketches()->set_ts(60);
  const std::string body = payload.SerializeAsString();
  DatadogSketchReader reader(body, kOptions);
  SampleBatch batch;
  size_t rows = 0;
  size_t copied = 0;
  for (bool more = true; more;) {
    batch.Clear();
    more = reader.Next(batch, 1'000);
    rows += batch.values.size();
    copied += batch.arena.bytes();
  }
  CHECK(rows == 9 * kSketches);
  CHECK(copied < 64 * kSketches + 10 * kTagBytes);
}

}  // namespace
}  // namespace varve::protocol
