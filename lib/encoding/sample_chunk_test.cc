#include "lib/encoding/sample_chunk.h"

#include <algorithm>
#include <bit>
#include <catch2/catch.hpp>
#include <cmath>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "lib/encoding/chunk_part.h"

namespace varve::encoding {
namespace {

using Limits = std::numeric_limits<double>;

const double kStale = std::bit_cast<double>(uint64_t{0x7ff0000000000002});

// Copies to the exact size, so that a sanitizer sees every read past the end.
absl::Status DecodeExact(std::string_view bytes, std::span<double> values,
                         const ColumnKernels& kernels = Kernels()) {
  const std::vector<char> exact(bytes.begin(), bytes.end());
  return DecodeValues({exact.data(), exact.size()}, values, kernels);
}
absl::Status DecodeExact(std::string_view bytes, std::span<int64_t> times,
                         const ColumnKernels& kernels = Kernels()) {
  const std::vector<char> exact(bytes.begin(), bytes.end());
  return DecodeTimestamps({exact.data(), exact.size()}, times, kernels);
}

bool SameBits(const std::vector<double>& a, const std::vector<double>& b) {
  return a.size() == b.size() &&
         std::equal(a.begin(), a.end(), b.begin(), [](double x, double y) {
           return std::bit_cast<uint64_t>(x) == std::bit_cast<uint64_t>(y);
         });
}

// Any part has the bits of the whole.
void CheckParts(const std::vector<double>& values, std::string_view bytes) {
  const std::vector<char> exact(bytes.begin(), bytes.end());
  const size_t n = values.size();
  for (const size_t begin : {size_t{0}, size_t{1}, n / 2, n - 1}) {
    for (const size_t size : {size_t{1}, n / 3, n}) {
      if (begin >= n || size > n - begin || size == 0) continue;
      CAPTURE(n, begin, size);
      std::vector<double> part(size);
      REQUIRE(
          DecodeValuesPart({exact.data(), exact.size()}, n, begin, part).ok());
      const auto from = values.begin() + static_cast<ptrdiff_t>(begin);
      REQUIRE(SameBits(part, {from, from + static_cast<ptrdiff_t>(size)}));
    }
  }
}

void CheckParts(const std::vector<int64_t>& times, const std::string& bytes) {
  const size_t n = times.size();
  for (const size_t low : {size_t{0}, n / 3, n - 1}) {
    for (const size_t high : {low, n / 2, n - 1}) {
      for (const int64_t apart : {-1, 0, 1}) {
        int64_t start_ms = 0;
        int64_t end_ms = 0;
        if (__builtin_add_overflow(times[low], apart, &start_ms) ||
            __builtin_sub_overflow(times[high], apart, &end_ms)) {
          continue;
        }
        CAPTURE(n, low, high, apart);
        std::vector<int64_t> wanted = {-7};
        size_t before = 0;
        for (const int64_t ms : times) {
          if (ms >= start_ms && ms <= end_ms) wanted.push_back(ms);
          if (ms < start_ms) ++before;
        }
        std::vector<int64_t> got = {-7};
        size_t begin = 0;
        REQUIRE(AppendTimestampsInside(bytes, n, start_ms, end_ms, got, begin)
                    .ok());
        REQUIRE(got == wanted);
        if (got.size() > 1) REQUIRE(begin == before);
      }
    }
  }
}

// What one instruction set encodes all others decode, and encode alike.
void CheckBytes(const std::vector<double>& values, const std::string& bytes,
                ValueHints hints) {
  CheckParts(values, bytes);
  for (const ColumnKernels* kernels : SupportedKernels()) {
    CAPTURE(kernels->isa);
    std::vector<double> got(values.size());
    REQUIRE(DecodeExact(bytes, got, *kernels).ok());
    REQUIRE(SameBits(got, values));
    std::string again;
    ValueHints used = hints;
    EncodeValues(values, used, again, *kernels);
    REQUIRE(again == bytes);
  }
}

size_t CheckValues(const std::vector<double>& values) {
  std::string bytes = "kept";
  EncodeValues(values, bytes);
  REQUIRE(bytes.substr(0, 4) == "kept");
  CheckBytes(values, bytes.substr(4), {});
  return bytes.size() - 4;
}

size_t CheckTimes(const std::vector<int64_t>& times) {
  std::string bytes;
  EncodeTimestamps(times, bytes);
  for (const ColumnKernels* kernels : SupportedKernels()) {
    CAPTURE(kernels->isa);
    std::vector<int64_t> got(times.size());
    REQUIRE(DecodeExact(bytes, got, *kernels).ok());
    REQUIRE(got == times);
    std::string again;
    EncodeTimestamps(times, again, *kernels);
    REQUIRE(again == bytes);
  }
  CheckParts(times, bytes);
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

TEST_CASE("sums of decimals with rounding errors come back, and small",
          "[encoding]") {
  std::mt19937_64 random(31);
  std::vector<double> values(240);
  double sum = 0;
  for (double& value : values) {
    sum += static_cast<double>(random() % 10'000) / 1e6;
    value = sum;
  }
  // 14 bits of steps and 5 of units in the last place; 52 as ordered bits.
  CHECK(CheckValues(values) <= 240 * 26 / 8);
  values[17] = kStale;
  values[200] = 1e300;
  CheckValues(values);
  for (double& value : values) value = -value;
  CheckValues(values);
}

TEST_CASE("steady acceleration is a difference of differences", "[encoding]") {
  std::vector<double> values(240);
  for (size_t i = 0; i < values.size(); ++i) values[i] = 5.0 * i * i - 1000;
  CHECK(CheckValues(values) <= 16);
  values.resize(3);
  CheckValues(values);
}

TEST_CASE("differences that wrap around come back", "[encoding]") {
  // As ordered integers these are next to the ends of int64.
  const double largest = std::bit_cast<double>(uint64_t{0x7fffffffffffffff});
  const double smallest = std::bit_cast<double>(uint64_t{0xfffffffffffffffe});
  for (size_t n : {3u, 4u, 129u, 130u, 131u, 240u, 300u}) {
    std::vector<double> values(n);
    for (size_t i = 0; i < n; ++i) {
      values[i] = i % 3 == 0 ? largest : i % 3 == 1 ? smallest : 0x1p-1000;
    }
    CheckValues(values);
  }
}

TEST_CASE("integers and decimals at their limits come back", "[encoding]") {
  for (double border : {0x1p50, 0x1p51, 0x1p52, 0x1p53}) {
    for (double power : {1.0, 10.0, 1e7, 1e14}) {
      std::vector<double> values;
      for (int away = -20; away <= 20; ++away) {
        values.push_back((border + away) / power);
        values.push_back(-(border + away) / power);
      }
      CheckValues(values);
    }
  }
}

TEST_CASE("-0 next to 0 comes back", "[encoding]") {
  for (size_t n : {2u, 16u, 240u}) {
    std::vector<double> values(n);
    for (size_t i = 0; i < n; ++i) values[i] = i % 2 == 0 ? 0.0 : -0.0;
    CheckValues(values);
  }
}

TEST_CASE("any hints give chunks that come back", "[encoding]") {
  std::mt19937_64 random(29);
  ValueHints hints;
  for (int round = 0; round < 2000; ++round) {
    std::vector<double> values(1 + random() % 300);
    const double power = std::pow(10.0, random() % 4);
    for (size_t i = 0; i < values.size(); ++i) {
      values[i] = round % 3 == 0 ? i * 3.0 : std::round(random() % 999) / power;
      if (round % 5 == 0) values[i] += 0.1;
      if (round % 11 == 0) values[i] = std::bit_cast<double>(random());
    }
    if (round % 7 == 0) {
      hints = std::bit_cast<ValueHints>(static_cast<uint32_t>(random()));
      hints.age %= 9;
      if (round % 2 == 0) hints.scheme %= 4, hints.scale %= 16;
      if (round % 2 == 0) hints.predictor %= 4;
    }
    CAPTURE(round);
    std::string bytes;
    const ValueHints before = hints;
    EncodeValues(values, hints, bytes);
    CheckBytes(values, bytes, before);
  }
}

TEST_CASE("a series that changes is searched anew within eight chunks",
          "[encoding]") {
  ValueHints hints;
  std::vector<double> values(240);
  for (size_t i = 0; i < values.size(); ++i) values[i] = 0.001 * i * i;
  std::string bytes;
  EncodeValues(values, hints, bytes);
  CHECK(hints.age == 1);
  for (size_t i = 0; i < values.size(); ++i) values[i] = 1000.0 * (i * 7 % 16);
  const size_t best = CheckValues(values);
  for (int chunk = 0; chunk < 8; ++chunk) {
    bytes.clear();
    EncodeValues(values, hints, bytes);
  }
  CHECK(bytes.size() == best);
}

TEST_CASE("a chunk tells the next one how it was encoded", "[encoding]") {
  const auto encode = [](size_t n, auto&& value_at, ValueHints hints) {
    std::vector<double> values(n);
    for (size_t i = 0; i < n; ++i) {
      values[i] = value_at(static_cast<double>(i));
    }
    std::string bytes;
    EncodeValues(values, hints, bytes);
    return bytes;
  };
  const auto decimal = [](double i) { return (4000 + 7 * i + i * i) / 100; };
  const auto near_decimal = [](double i) { return i * 0.1; };
  const auto ordered = [](double i) { return std::sqrt(i + 2); };
  const auto check = [&](auto&& value_at) {
    const std::string bytes = encode(240, value_at, {});
    const ValueHints hints = HintsOf(bytes);
    CHECK(hints.age == 1);
    CHECK(encode(240, value_at, hints) == bytes);
    CHECK(encode(1000, value_at, hints) == encode(1000, value_at, {}));
  };
  check(decimal);
  check(near_decimal);
  check(ordered);
  CHECK(HintsOf(encode(240, [](double) { return 1.5; }, {})).age == 0);
  CHECK(HintsOf("").age == 0);
  CHECK(HintsOf("\x01").age == 0);
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

std::string Hex(const std::string& bytes) {
  std::string text;
  for (const char byte : bytes) {
    constexpr std::string_view kDigits = "0123456789abcdef";
    if (!text.empty()) text += ' ';
    text += kDigits[static_cast<uint8_t>(byte) >> 4];
    text += kDigits[static_cast<uint8_t>(byte) & 15];
  }
  return text;
}

std::string HexOfValues(const std::vector<double>& values) {
  std::string bytes;
  EncodeValues(values, bytes);
  return Hex(bytes);
}

std::string HexOfTimes(const std::vector<int64_t>& after_first) {
  std::vector<int64_t> times = {1'780'000'000'000};
  for (int64_t after : after_first) times.push_back(times.front() + after);
  std::string bytes;
  EncodeTimestamps(times, bytes);
  return Hex(bytes);
}

TEST_CASE("the bytes are those of docs/formats/chunk.md", "[encoding]") {
  CHECK(HexOfValues(std::vector<double>(240, 42.5)) == "04 d2 06");
  CHECK(HexOfValues({1020.5, 1120.75, 1321, 1421, 1621.25, kStale, 1721.5}) ==
        "09 04 01 05 00 11 c4 ba 0c 00 00 52 4e 88 d5 91 e3 b4 aa 6e 55 1d 75 44");
  std::vector<double> values(20);
  for (int i = 0; i < 20; ++i) values[i] = i < 12 ? 1e6 + i * 3 : (i - 12) * 3;
  CHECK(HexOfValues(values) == "01 01 80 89 7a c0 06 01 15 0b c7 84 1e");
  values.resize(16);
  for (int i = 0; i < 16; ++i) values[i] = 1'048'576 + 4096 * (i * 7 % 5);
  CHECK(HexOfValues(values) == "01 08 0c 80 80 80 01 03 00 10 33 88 19 c4 0c");
  values.resize(240);
  for (int i = 0; i < 240; ++i) values[i] = 1000 + 4 * i + i * i;
  CHECK(HexOfValues(values) == "01 02 d0 0f 0a 00 04 00 00");
  values.assign(8, 0);
  double sum = 0;
  for (int i = 0; i < 8; ++i) values[i] = sum += 0.1 * (1 + i % 3);
  CHECK(HexOfValues(values) == "07 01 01 00 fe 02 02 02 49 12");
  const uint64_t pi = 0x400921fb54442d18;
  values.resize(6);
  for (uint64_t i = 0; i < 6; ++i) {
    values[i] = std::bit_cast<double>(pi + i * i % 7);
  }
  CHECK(HexOfValues(values) ==
        "02 00 03 b0 b4 a1 c4 ea fe 90 89 80 01 08 25 02");

  CHECK(HexOfTimes({15'000, 30'000}) == "00 80 a0 a4 84 ce 67 b0 ea 01");
  CHECK(HexOfTimes({15'002, 30'001, 45'000}) ==
        "01 80 a0 a4 84 ce 67 c8 df 02 98 75 02 00 06");
  CHECK(HexOfTimes({15'000, 30'000, 45'000, 300'000, 315'000, 330'000, 345'000,
                    360'000, 375'000, 390'000}) ==
        "02 80 a0 a4 84 ce 67 f0 e6 17 40 b0 ea 01 01 12 03 80 a9 03");
}

// Chunks with everything a chunk can have, one of each scheme.
std::vector<std::vector<double>> ColumnsToDamage() {
  std::vector<std::vector<double>> columns(4, std::vector<double>(140));
  double sum = 0;
  for (size_t i = 0; i < 140; ++i) {
    columns[0][i] = i * i * 0.25;
    columns[1][i] = std::sqrt(1.0 + i);
    columns[2][i] = sum += 0.1 * (i % 7);
    columns[3][i] = 4096.0 * (i * i % 31);
  }
  columns[0][7] = kStale;
  columns[0][99] = 0.1 + 0.2;
  columns[1][3] = -Limits::infinity();
  columns[2][139] = kStale;
  columns[3][0] = -0.0;
  return columns;
}

TEST_CASE("values cut at any byte are data loss", "[encoding]") {
  for (const ColumnKernels* kernels : SupportedKernels()) {
    for (std::vector<double> values : ColumnsToDamage()) {
      std::string bytes;
      EncodeValues(values, bytes);
      CAPTURE(kernels->isa, static_cast<int>(bytes[0]));
      for (size_t keep = 0; keep < bytes.size(); ++keep) {
        CAPTURE(keep);
        CHECK(absl::IsDataLoss(
            DecodeExact(std::string_view(bytes).substr(0, keep),
                        std::span<double>(values), *kernels)));
      }
      CHECK(absl::IsDataLoss(DecodeExact(
          bytes + "x", std::span<double>(values), *kernels)));
      CHECK(absl::IsDataLoss(DecodeValues("", values)));
    }
  }
}

TEST_CASE("flipped bits and random bytes stay inside the view", "[encoding]") {
  std::mt19937_64 random(17);
  for (const ColumnKernels* kernels : SupportedKernels()) {
    for (std::vector<double> values : ColumnsToDamage()) {
      std::string bytes;
      EncodeValues(values, bytes);
      for (size_t bit = 0; bit < bytes.size() * 8; ++bit) {
        std::string flipped = bytes;
        flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << bit % 8));
        (void)DecodeExact(flipped, std::span<double>(values), *kernels);
      }
    }
    for (int i = 0; i < 8'000; ++i) {
      std::string noise(random() % 60, '\0');
      for (char& byte : noise) byte = static_cast<char>(random());
      if (!noise.empty() && i % 2 == 0) noise[0] = static_cast<char>(i / 2 % 4);
      std::vector<double> got(1 + random() % 300);
      (void)DecodeExact(noise, std::span<double>(got), *kernels);
      std::vector<int64_t> times(1 + random() % 300);
      (void)DecodeExact(noise, std::span<int64_t>(times), *kernels);
    }
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
