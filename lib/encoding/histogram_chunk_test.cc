#include "lib/encoding/histogram_chunk.h"

#include <catch2/catch.hpp>

#include <bit>
#include <cmath>
#include <random>

#include "absl/strings/escaping.h"

namespace varve::encoding {
namespace {

using model::Histogram;

Histogram Make(size_t positive, size_t negative, uint64_t seed,
               bool floats = false) {
  std::mt19937_64 random(seed);
  Histogram histogram;
  histogram.layout.float_counts = floats;
  histogram.layout.schema = static_cast<int32_t>(seed % 13) - 4;
  histogram.layout.zero_threshold = 1e-128;
  histogram.layout.positive = {{-3, static_cast<uint32_t>(positive / 2)},
                               {2, static_cast<uint32_t>(positive -
                                                         positive / 2)}};
  if (negative > 0) {
    histogram.layout.negative = {{1, static_cast<uint32_t>(negative)}};
  }
  const auto number = [&](uint64_t n) {
    return floats ? std::bit_cast<uint64_t>(static_cast<double>(n) * 0.25) : n;
  };
  uint64_t count = 2;
  for (size_t i = 0; i < positive + negative; ++i) {
    const uint64_t bucket = random() % 1000;
    histogram.buckets.push_back(number(bucket));
    count += bucket;
  }
  histogram.zero_count = number(2);
  histogram.count = number(count);
  histogram.sum = static_cast<double>(count) * 0.5;
  return histogram;
}

// A counter that is scraped: a few buckets grow each time.
std::vector<Histogram> Scraped(size_t n) {
  std::mt19937_64 random(3);
  std::vector<Histogram> all = {Make(20, 0, 5)};
  while (all.size() < n) {
    Histogram next = all.back();
    for (int i = 0; i < 3; ++i) {
      const uint64_t more = random() % 5;
      next.buckets[5 + random() % 8] += more;
      next.count += more;
      next.sum += static_cast<double>(more) * 0.125;
    }
    all.push_back(std::move(next));
  }
  return all;
}

void CheckRound(const std::vector<Histogram>& histograms) {
  std::string bytes;
  EncodeHistograms(histograms, bytes);
  std::vector<Histogram> back(histograms.size());
  REQUIRE(DecodeHistograms(bytes, back).ok());
  CHECK(back == histograms);
  if (bytes.size() > 3000) return;
  for (size_t keep = 0; keep < bytes.size(); ++keep) {
    CAPTURE(keep);
    std::vector<Histogram> cut(histograms.size());
    CHECK(absl::IsDataLoss(
        DecodeHistograms(std::string_view(bytes).substr(0, keep), cut)));
  }
  CHECK(absl::IsDataLoss(DecodeHistograms(bytes + "x", back)));
}

TEST_CASE("a chunk of histograms reads back bit for bit", "[encoding]") {
  CheckRound({Histogram{}});
  CheckRound({Make(4, 3, 1)});
  CheckRound({Make(4, 3, 1, true)});
  CheckRound(Scraped(300));

  Histogram stale;
  stale.sum = model::StaleNan();
  Histogram custom = Make(2, 0, 9);
  custom.layout.schema = model::kSchemaCustom;
  custom.layout.custom_bounds = {0.1, 2.5, HUGE_VAL};
  Histogram extreme = Make(4, 0, 1);
  extreme.buckets = {UINT64_MAX, 0, uint64_t{1} << 63, 1};
  extreme.count = UINT64_MAX;
  extreme.zero_count = uint64_t{1} << 63;
  extreme.sum = -0.0;
  Histogram gauge = Make(4, 0, 1);
  gauge.reset = model::CounterReset::kGauge;
  Histogram nan = Make(3, 3, 2, true);
  nan.buckets[1] = model::kStaleNanBits;
  nan.count = model::kNormalNanBits;
  nan.zero_count = uint64_t{1} << 63;  // -0
  CheckRound({Make(4, 0, 1), extreme, gauge, stale, custom, stale, nan,
              Make(3, 3, 2, true), Make(4, 0, 1), extreme, Histogram{}});
}

TEST_CASE("random bits come back from chunks", "[encoding]") {
  std::mt19937_64 random(11);
  for (int round = 0; round < 200; ++round) {
    std::vector<Histogram> histograms;
    const size_t n = 1 + random() % 40;
    for (size_t i = 0; i < n; ++i) {
      Histogram one = Make(random() % 4, random() % 3, random() % 4,
                           random() % 2 == 0);
      for (uint64_t& bucket : one.buckets) bucket = random();
      one.count = random();
      one.zero_count = random() >> (random() % 64);
      one.sum = std::bit_cast<double>(random());
      one.reset = static_cast<model::CounterReset>(random() % 4);
      histograms.push_back(one);
      if (random() % 2 == 0) histograms.push_back(histograms.back());
    }
    std::string bytes;
    EncodeHistograms(histograms, bytes);
    std::vector<Histogram> back(histograms.size());
    REQUIRE(DecodeHistograms(bytes, back).ok());
    REQUIRE(back == histograms);
  }
}

TEST_CASE("flipped bits of a chunk never crash", "[encoding]") {
  std::mt19937_64 random(13);
  std::string good;
  const std::vector<Histogram> histograms = Scraped(20);
  EncodeHistograms(histograms, good);
  for (int i = 0; i < 5'000; ++i) {
    std::string bytes = good;
    bytes[random() % bytes.size()] ^= static_cast<char>(1 << random() % 8);
    std::vector<Histogram> back(histograms.size());
    (void)DecodeHistograms(bytes, back);  // any status; no over-read
  }
}

TEST_CASE("a scraped histogram of 20 buckets takes under 12 bytes",
          "[encoding]") {
  const std::vector<Histogram> histograms = Scraped(240);
  std::string bytes;
  EncodeHistograms(histograms, bytes);
  CHECK(bytes.size() < histograms.size() * 12);
}

// The worked example of docs/formats/histogram_chunk.md.
TEST_CASE("three scraped histograms have the bytes of the format's page",
          "[encoding]") {
  Histogram first;
  first.layout.schema = 3;
  first.layout.zero_threshold = 0.001;
  first.layout.positive = {{-2, 2}, {1, 1}};
  first.count = 7;
  first.zero_count = 1;
  first.sum = 2.5;
  first.buckets = {3, 0, 3};
  Histogram second = first;
  second.reset = model::CounterReset::kNo;
  second.count = 9;
  second.sum = 4;
  second.buckets = {4, 0, 4};
  Histogram third = second;
  third.count = 10;
  third.sum = 4.25;
  third.buckets = {4, 1, 4};
  std::string alone;
  model::AppendHistogramBytes(alone, first);
  std::string run;
  EncodeHistograms(std::vector{first, second, third}, run);
  CHECK(absl::BytesToHexString(alone) ==
        "0006fca9f1d24d62503f02030202010000000000000000000440"
        "0701060506");
  CHECK(absl::BytesToHexString(run) ==
        "01110006fca9f1d24d62503f020302020100000003040a"
        "08090008f4030096af09000206050601009001");
}

TEST_CASE("columns of many chunks read back; a limit holds", "[encoding]") {
  model::HistogramColumns columns;
  const Histogram large = Make(60'000, 0, 4);
  for (int i = 0; i < 40; ++i) columns.push_back(1000 * i, large);
  for (int i = 40; i < 100; ++i) columns.push_back(1000 * i, Make(2, 0, 1));
  CHECK(HistogramRunLength(columns.histograms, 4096) == 17);
  std::string bytes;
  AppendHistogramColumns(columns, bytes);
  model::HistogramColumns back;
  base::ByteReader reader(bytes);
  REQUIRE(ReadHistogramColumns(reader, 1 << 24, back).ok());
  CHECK(reader.AtEnd());
  CHECK(back.timestamps_ms == columns.timestamps_ms);
  CHECK(back.histograms == columns.histograms);
  base::ByteReader again(bytes);
  back.clear();
  CHECK(absl::IsResourceExhausted(
      ReadHistogramColumns(again, 1 << 20, back)));
}

}  // namespace
}  // namespace varve::encoding
