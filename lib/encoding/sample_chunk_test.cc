#include "lib/encoding/sample_chunk.h"

#include <bit>
#include <catch2/catch.hpp>
#include <cmath>
#include <limits>
#include <random>
#include <string>
#include <vector>

namespace varve::encoding {
namespace {

using Limits = std::numeric_limits<double>;

const double kStale = std::bit_cast<double>(uint64_t{0x7ff0000000000002});

// Copies to the exact size, so that a sanitizer sees every read past the end.
absl::Status DecodeExact(std::string_view bytes, std::span<double> values) {
  const std::vector<char> exact(bytes.begin(), bytes.end());
  return DecodeValues({exact.data(), exact.size()}, values);
}
absl::Status DecodeExact(std::string_view bytes, std::span<int64_t> times) {
  const std::vector<char> exact(bytes.begin(), bytes.end());
  return DecodeTimestamps({exact.data(), exact.size()}, times);
}

bool SameBits(const std::vector<double>& a, const std::vector<double>& b) {
  return a.size() == b.size() &&
         std::equal(a.begin(), a.end(), b.begin(), [](double x, double y) {
           return std::bit_cast<uint64_t>(x) == std::bit_cast<uint64_t>(y);
         });
}

size_t CheckValues(const std::vector<double>& values) {
  std::string bytes = "kept";
  EncodeValues(values, bytes);
  REQUIRE(bytes.substr(0, 4) == "kept");
  std::vector<double> got(values.size());
  REQUIRE(DecodeExact(std::string_view(bytes).substr(4), got).ok());
  REQUIRE(SameBits(got, values));
  return bytes.size() - 4;
}

size_t CheckTimes(const std::vector<int64_t>& times) {
  std::string bytes;
  EncodeTimestamps(times, bytes);
  std::vector<int64_t> got(times.size());
  REQUIRE(DecodeExact(bytes, got).ok());
  REQUIRE(got == times);
  int64_t first = 0;
  int64_t last = 0;
  REQUIRE(DecodeTimestampBounds(bytes, first, last).ok());
  REQUIRE(first == times.front());
  REQUIRE(last == times.back());
  return bytes.size();
}

const std::vector<double>& NastyValues() {
  static const std::vector<double> values = {
      0.0,
      -0.0,
      1.0,
      -1.0,
      0.1,
      0.1 + 0.2,
      1.7319999999999998,
      Limits::infinity(),
      -Limits::infinity(),
      Limits::quiet_NaN(),
      -Limits::quiet_NaN(),
      Limits::signaling_NaN(),
      std::bit_cast<double>(uint64_t{0x7ff8000000000001}),
      std::bit_cast<double>(uint64_t{0x7ff8dead0000beef}),
      std::bit_cast<double>(uint64_t{0xffffffffffffffff}),
      kStale,
      Limits::denorm_min(),
      -Limits::denorm_min(),
      Limits::min(),
      Limits::max(),
      -Limits::max(),
      0x1p50,
      0x1p51,
      0x1p52,
      0x1p53,
      0x1p53 + 2,
      -0x1p63,
      0x1p63,
      0x1p64,
      1e15,
      1e-14,
      1e-15,
      123456789012345.0,
      999.999999999999,
      1.7e308,
  };
  return values;
}

TEST_CASE("each nasty value comes back at each position", "[encoding]") {
  for (double nasty : NastyValues()) {
    CAPTURE(nasty);
    CheckValues({nasty});
    CheckValues({nasty, nasty, nasty});
    for (size_t n : {2u, 3u, 7u, 8u, 9u, 17u, 130u}) {
      for (size_t at = 0; at < n; ++at) {
        std::vector<double> values(n);
        for (size_t i = 0; i < n; ++i) values[i] = 100 + 0.5 * i;
        values[at] = nasty;
        CheckValues(values);
      }
    }
  }
}

TEST_CASE("all nasty values together come back", "[encoding]") {
  std::vector<double> values;
  for (int round = 0; round < 9; ++round) {
    values.insert(values.end(), NastyValues().begin(), NastyValues().end());
  }
  CheckValues(values);
  CheckValues({-0.0, 0.0});
  CheckValues({kStale, Limits::infinity()});
}

TEST_CASE("any bit patterns come back at any length", "[encoding]") {
  std::mt19937_64 random(20261120);
  for (size_t n : {1u, 2u, 3u, 7u, 8u, 9u, 127u, 128u, 129u, 240u, 65535u}) {
    for (int round = 0; round < 20; ++round) {
      CAPTURE(n, round);
      // Some bits equal in all values, so that every scheme meets them.
      const uint64_t same = random();
      const uint64_t mask = round % 4 == 0 ? 0 : random() & random();
      std::vector<double> values(n);
      for (double& value : values) {
        value = std::bit_cast<double>((random() & ~mask) | (same & mask));
      }
      CheckValues(values);
      if (n > 1000 && round > 1) break;
    }
  }
}

TEST_CASE("decimals of changing scale and sign come back", "[encoding]") {
  std::mt19937_64 random(5);
  for (int round = 0; round < 2000; ++round) {
    std::vector<double> values(1 + random() % 300);
    const int scale = static_cast<int>(random() % 15);
    const uint64_t range = uint64_t{1} << (1 + random() % 50);
    for (double& value : values) {
      const int e = random() % 8 == 0 ? static_cast<int>(random() % 15) : scale;
      value = static_cast<double>(random() % range) / std::pow(10.0, e);
      if (random() % 3 == 0) value = -value;
      if (random() % 50 == 0) value = NastyValues()[random() % 35];
    }
    CAPTURE(round);
    CheckValues(values);
  }
}

TEST_CASE("any hints give chunks that come back", "[encoding]") {
  std::mt19937_64 random(29);
  ValueHints hints;
  for (int round = 0; round < 5000; ++round) {
    std::vector<double> values(1 + random() % 300);
    const double power = std::pow(10.0, random() % 4);
    for (size_t i = 0; i < values.size(); ++i) {
      values[i] = round % 3 == 0 ? i * 3.0 : std::round(random() % 999) / power;
    }
    if (round % 7 == 0) {
      hints = std::bit_cast<ValueHints>(static_cast<uint32_t>(random()));
    }
    std::string bytes;
    EncodeValues(values, hints, bytes);
    std::vector<double> got(values.size());
    REQUIRE(DecodeExact(bytes, got).ok());
    REQUIRE(SameBits(got, values));
  }
}

TEST_CASE("usual series are small", "[encoding]") {
  std::vector<double> values(240, 42.5);
  CHECK(CheckValues(values) <= 3);
  for (size_t i = 0; i < values.size(); ++i) values[i] = 1000.0 + i;
  CHECK(CheckValues(values) <= 12);
  for (size_t i = 0; i < values.size(); ++i) values[i] = 4096.0 * (i * 7 % 16);
  CHECK(CheckValues(values) <= 170);
  // A counter reset costs an exception, not a wide block.
  for (size_t i = 0; i < values.size(); ++i) {
    values[i] = i < 100 ? 1e9 + i * 3 : static_cast<double>(i);
  }
  CHECK(CheckValues(values) <= 110);
  // A stale marker at the end costs three bytes.
  values.assign(240, 1);
  values.back() = kStale;
  CHECK(CheckValues(values) <= 12);
}

TEST_CASE("the bytes are those of docs/formats/chunk.md", "[encoding]") {
  std::string bytes;
  EncodeValues(std::vector<double>{20.5, 20.75, 21, 21, 20.25, kStale, 21.5},
               bytes);
  CHECK(bytes == std::string("\x09\x05\x01\x05\x00\x84\x20\x08\x95\x01"
                             "\x64\x64\x4b\x00\x4b\xc8",
                             16));
  bytes.clear();
  EncodeTimestamps(std::vector<int64_t>{1'780'000'000'000, 1'780'000'015'002,
                                        1'780'000'030'001, 1'780'000'045'000},
                   bytes);
  CHECK(bytes == std::string("\x01\x80\xa0\xa4\x84\xce\x67\xc8\xdf\x02"
                             "\x98\x75\x02\x00\x06",
                             15));
}

TEST_CASE("values cut at any byte are data loss", "[encoding]") {
  std::vector<double> values(140);
  for (size_t i = 0; i < values.size(); ++i) values[i] = i * i * 0.25;
  values[7] = kStale;
  values[99] = 0.1 + 0.2;
  std::string bytes;
  EncodeValues(values, bytes);
  for (size_t keep = 0; keep < bytes.size(); ++keep) {
    CAPTURE(keep);
    CHECK(absl::IsDataLoss(DecodeExact(std::string_view(bytes).substr(0, keep),
                                       std::span<double>(values))));
  }
  CHECK(absl::IsDataLoss(DecodeExact(bytes + "x", std::span<double>(values))));
  CHECK(absl::IsDataLoss(DecodeValues("", values)));
}

TEST_CASE("flipped bits and random bytes stay inside the view", "[encoding]") {
  std::mt19937_64 random(17);
  std::vector<double> values(200);
  for (size_t i = 0; i < values.size(); ++i) values[i] = i % 9 + 0.01 * i;
  values[100] = Limits::infinity();
  std::string bytes;
  EncodeValues(values, bytes);
  for (size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    std::string flipped = bytes;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << bit % 8));
    std::vector<double> got(values.size());
    (void)DecodeExact(flipped, std::span<double>(got));
  }
  for (int i = 0; i < 50'000; ++i) {
    std::string noise(random() % 60, '\0');
    for (char& byte : noise) byte = static_cast<char>(random());
    if (!noise.empty() && i % 2 == 0) noise[0] = 1;
    std::vector<double> got(1 + random() % 300);
    (void)DecodeExact(noise, std::span<double>(got));
    std::vector<int64_t> times(1 + random() % 300);
    (void)DecodeExact(noise, std::span<int64_t>(times));
  }
}

TEST_CASE("regular timestamps take ten bytes", "[encoding]") {
  std::vector<int64_t> times(240);
  for (size_t i = 0; i < times.size(); ++i) {
    times[i] = 1'780'000'000'000 + static_cast<int64_t>(i) * 15'000;
  }
  CHECK(CheckTimes(times) <= 11);
}

TEST_CASE("jittered scrapes and gaps come back", "[encoding]") {
  std::mt19937_64 random(23);
  for (int round = 0; round < 300; ++round) {
    std::vector<int64_t> times(1 + random() % 500);
    int64_t t = static_cast<int64_t>(random() % 2'000'000'000'000);
    for (int64_t& time : times) {
      t += 15'000;
      if (random() % 40 == 0) t += 15'000 * static_cast<int64_t>(random() % 9);
      time = t + static_cast<int64_t>(random() % 12);
    }
    CAPTURE(round);
    CheckTimes(times);
  }
}

TEST_CASE("extreme timestamps come back", "[encoding]") {
  constexpr int64_t kMin = std::numeric_limits<int64_t>::min();
  constexpr int64_t kMax = std::numeric_limits<int64_t>::max();
  for (int64_t time : {kMin, int64_t{-1}, int64_t{0}, kMax}) {
    CheckTimes({time});
    CheckTimes({time, time});
    CheckTimes({time, time, time});
  }
  CheckTimes({kMin, 0, kMax});
  CheckTimes({kMin, kMax});
  CheckTimes({kMin, kMin, kMin + 1, -5, 0, 0, 17, kMax - 1, kMax, kMax});
  std::vector<int64_t> equal_then_one(65'535, 1000);
  equal_then_one.back() = 1001;
  CheckTimes(equal_then_one);
}

TEST_CASE("timestamps cut at any byte are data loss", "[encoding]") {
  const std::vector<int64_t> times = {0, 15'000, 30'001, 30'001, 900'000};
  std::string bytes;
  EncodeTimestamps(times, bytes);
  std::vector<int64_t> got(times.size());
  for (size_t keep = 0; keep < bytes.size(); ++keep) {
    CAPTURE(keep);
    CHECK(absl::IsDataLoss(DecodeExact(std::string_view(bytes).substr(0, keep),
                                       std::span<int64_t>(got))));
  }
  CHECK(absl::IsDataLoss(DecodeExact(bytes + "x", std::span<int64_t>(got))));
}

}  // namespace
}  // namespace varve::encoding
