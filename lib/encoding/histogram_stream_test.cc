#include "lib/encoding/histogram_stream.h"

#include <catch2/catch.hpp>

#include <bit>
#include <random>

namespace varve::encoding {
namespace {

TEST_CASE("a stream of histograms reads back bit for bit", "[encoding]") {
  std::mt19937_64 random(5);
  model::HistogramColumns columns;
  std::string stream;
  model::Histogram last;
  int64_t last_ms = 0;
  for (int i = 0; i < 2000; ++i) {
    model::Histogram next = last;
    if (i % 7 == 0) {
      next.layout.float_counts = random() % 2 == 0;
      next.layout.positive = {{0, static_cast<uint32_t>(random() % 5)}};
      next.layout.custom_bounds.assign(random() % 3, 0.5);
      next.buckets.resize(next.layout.buckets());
    }
    for (uint64_t& bucket : next.buckets) {
      bucket = i % 3 == 0 ? random() : bucket + random() % 4;
    }
    next.count += random() % 9;
    next.zero_count = random() >> (random() % 64);
    next.sum = std::bit_cast<double>(random());
    next.reset = static_cast<model::CounterReset>(random() % 4);
    const int64_t at_ms =
        i % 5 == 0 ? static_cast<int64_t>(random()) : last_ms + 15'000;
    AppendHistogramStep(last_ms, last, at_ms, next, stream);
    columns.push_back(at_ms, next);
    last = next;
    last_ms = at_ms;
  }
  model::HistogramColumns back;
  REQUIRE(ReadHistogramSteps(stream, back).ok());
  CHECK(back.timestamps_ms == columns.timestamps_ms);
  CHECK(back.histograms == columns.histograms);
  for (int i = 0; i < 2000; ++i) {
    std::string bytes = stream.substr(0, 1 + random() % 300);
    bytes[random() % bytes.size()] = static_cast<char>(random());
    model::HistogramColumns any;
    (void)ReadHistogramSteps(bytes, any);  // any status; no over-read
  }
}

}  // namespace
}  // namespace varve::encoding
