#include "lib/protocol/otlp_exponential.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <limits>
#include <map>
#include <random>

#include "lib/base/status.h"

namespace varve::protocol {
namespace {

using model::HistogramSpan;

OtlpPoint Point(int32_t scale, int32_t offset, std::vector<uint64_t> counts) {
  OtlpPoint point;
  point.scale = scale;
  point.positive = {offset, std::move(counts)};
  point.has_sum = true;
  for (const uint64_t count : point.positive.counts) point.count += count;
  return point;
}

// Counts by index of one side.
std::map<int64_t, uint64_t> Filled(const model::Histogram& histogram) {
  std::map<int64_t, uint64_t> filled;
  int64_t index = 0;
  size_t bucket = 0;
  for (const HistogramSpan& span : histogram.layout.positive) {
    index += span.offset;
    for (uint32_t i = 0; i < span.length; ++i, ++index, ++bucket) {
      if (histogram.buckets[bucket] != 0) {
        filled[index] = histogram.buckets[bucket];
      }
    }
  }
  return filled;
}

TEST_CASE("an exponential bucket ends where the native one does", "[otlp]") {
  // Scale 0, index 0: (1, 2], natively index 1.
  const auto histogram = NativeHistogram(Point(0, 0, {3, 0, 4}), false);
  REQUIRE(histogram.ok());
  CHECK(histogram->layout.schema == 0);
  CHECK(histogram->layout.zero_threshold == 1e-128);
  CHECK(histogram->layout.positive == std::vector<HistogramSpan>{{1, 3}});
  CHECK(histogram->buckets == std::vector<uint64_t>{3, 0, 4});
  CHECK(histogram->reset == model::CounterReset::kUnknown);
  CHECK(model::CheckHistogram(*histogram).ok());
}

TEST_CASE("empty ends are left out and wide gaps begin a span", "[otlp]") {
  const auto histogram =
      NativeHistogram(Point(3, -4, {0, 1, 0, 0, 2, 0, 0, 0, 5, 0}), true);
  REQUIRE(histogram.ok());
  CHECK(histogram->layout.positive ==
        std::vector<HistogramSpan>{{-2, 4}, {3, 1}});
  CHECK(histogram->buckets == std::vector<uint64_t>{1, 0, 0, 2, 5});
  CHECK(histogram->reset == model::CounterReset::kGauge);
}

TEST_CASE("scales above 8 join buckets, those below -4 are refused",
          "[otlp]") {
  const auto histogram =
      NativeHistogram(Point(10, -3, {1, 2, 4, 8, 16, 32, 64}), false);
  REQUIRE(histogram.ok());
  CHECK(histogram->layout.schema == 8);
  // Indexes -3..-1 fall into -1, 0..3 into 0.
  CHECK(Filled(*histogram) == std::map<int64_t, uint64_t>{{0, 7}, {1, 120}});
  CHECK(NativeHistogram(Point(-4, 0, {1}), false).ok());
  const absl::Status coarse =
      NativeHistogram(Point(-5, 0, {1}), false).status();
  CHECK(base::Message(coarse) ==
        "an exponential histogram has the scale -5; at least -4 is taken");
  CHECK(NativeHistogram(Point(INT32_MAX, INT32_MIN, {1}), false).ok());
  CHECK(!NativeHistogram(Point(8, INT32_MAX, {1}), false).ok());
}

TEST_CASE("every count is in the bucket that has its values", "[otlp]") {
  std::mt19937_64 random(3);
  for (int round = 0; round < 300; ++round) {
    const auto scale = static_cast<int32_t>(random() % 25) - 4;
    const auto offset = static_cast<int32_t>(random() % 4000) - 2000;
    std::vector<uint64_t> counts(random() % 200);
    for (uint64_t& count : counts) {
      count = random() % 3 == 0 ? random() % 100 : 0;
    }
    const OtlpPoint point = Point(scale, offset, counts);
    const auto histogram = NativeHistogram(point, false);
    REQUIRE(histogram.ok());
    REQUIRE(model::CheckHistogram(*histogram).ok());
    std::map<int64_t, uint64_t> want;
    const double ratio = std::exp2(histogram->layout.schema - scale);
    for (size_t i = 0; i < counts.size(); ++i) {
      if (counts[i] == 0) continue;
      const double low = (offset + static_cast<double>(i)) * ratio;
      want[static_cast<int64_t>(std::floor(low)) + 1] += counts[i];
    }
    CAPTURE(scale, offset);
    CHECK(Filled(*histogram) == want);
  }
}

}  // namespace
}  // namespace varve::protocol
