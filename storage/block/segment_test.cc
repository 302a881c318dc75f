#include "storage/block/segment.h"

#include <bit>
#include <catch2/catch.hpp>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "lib/base/byte_coding.h"
#include "lib/base/hash.h"

namespace varve::storage {
namespace {

constexpr int64_t kNow = 1'780'000'000'000;
constexpr model::TimeRange kAlways = {std::numeric_limits<int64_t>::min(),
                                      std::numeric_limits<int64_t>::max()};

model::SampleColumns Scrapes(int64_t start_ms, size_t n, double first) {
  model::SampleColumns columns;
  for (size_t i = 0; i < n; ++i) {
    columns.push_back(start_ms + static_cast<int64_t>(i) * 15'000,
                      first + static_cast<double>(i));
  }
  return columns;
}

std::string Encode(const model::SampleColumns& columns,
                   uint64_t generation = 3) {
  std::string value;
  AppendFloatSegments(generation, columns.timestamps_ms, columns.values, {},
                      value);
  return value;
}

model::SampleColumns Read(std::string_view value, const model::TimeRange& range,
                          SegmentReadStats& stats) {
  // A copy of its own, so that a sanitizer sees every read past the end.
  const std::vector<char> exact(value.begin(), value.end());
  model::SampleColumns columns;
  NoColumns none;
  CHECK(ReadFloatSegments({exact.data(), exact.size()}, range, none, columns,
                          stats)
            .ok());
  return columns;
}

TEST_CASE("joined values read as all their segments", "[block]") {
  const model::SampleColumns a = Scrapes(kNow, 240, 5);
  const model::SampleColumns b = Scrapes(kNow - 3'600'000, 1, 1);
  SegmentReadStats stats;
  const model::SampleColumns got = Read(Encode(a) + Encode(b), kAlways, stats);
  CHECK(stats.segments == 2);
  CHECK(stats.complete());
  REQUIRE(got.size() == 241);
  CHECK(got.timestamps_ms.front() == kNow);
  CHECK(got.timestamps_ms.back() == kNow - 3'600'000);
  CHECK(Read("", kAlways, stats).empty());
}

TEST_CASE("a segment of 240 regular samples has 26 bytes around its chunk",
          "[block]") {
  CHECK(Encode(Scrapes(kNow, 240, 5)).size() <= 26 + 9);
}

TEST_CASE("the bytes are those of docs/formats/segment.md", "[block]") {
  model::SampleColumns columns = Scrapes(kNow, 3, 1);
  columns.values = {1, 2, 2.5};
  CHECK(Encode(columns) ==
        std::string("\x15\x00\x03\x03\x00\x0a\x00\x80\xa0\xa4\x84\xce\x67"
                    "\xb0\xea\x01\x05\x00\x04\x14\xa0\x0f\xeb\x30\x43\x51",
                    26));
}

TEST_CASE("only samples inside the range are read", "[block]") {
  const std::string value = Encode(Scrapes(kNow, 10, 0));
  for (int first = -2; first < 12; ++first) {
    for (int last = first; last < 12; ++last) {
      CAPTURE(first, last);
      SegmentReadStats stats;
      model::SampleColumns got;
      got.push_back(1, 2);
      NoColumns none;
      REQUIRE(ReadFloatSegments(
                  value, {kNow + first * 15'000, kNow + last * 15'000}, none,
                  got, stats)
                  .ok());
      const int low = std::max(first, 0);
      const int high = std::min(last, 9);
      const size_t n = low <= high ? static_cast<size_t>(high - low + 1) : 0;
      REQUIRE(got.size() == n + 1);
      REQUIRE(got.values.size() == n + 1);
      CHECK(got.values[0] == 2);
      if (n > 0) CHECK(got.values[1] == low);
      if (n > 0) CHECK(got.values.back() == high);
      CHECK(stats.skipped == (n == 0 ? 1 : 0));
    }
  }
}

TEST_CASE("long runs become equal segments of the same generation",
          "[block]") {
  const model::SampleColumns all = Scrapes(kNow, kSegmentSamplesMax * 2 + 1, 0);
  std::string_view value;
  const std::string bytes = Encode(all, 77);
  value = bytes;
  SegmentHeader header;
  std::vector<uint32_t> sizes;
  while (!value.empty()) {
    REQUIRE(NextSegment(value, header).ok());
    CHECK(header.generation == 77);
    sizes.push_back(header.samples);
  }
  CHECK(sizes ==
        std::vector<uint32_t>{2731, 2731, 2731});
  SegmentReadStats stats;
  CHECK(Read(bytes, kAlways, stats).timestamps_ms == all.timestamps_ms);
}

TEST_CASE("any bits come back", "[block]") {
  std::mt19937_64 random(20261120);
  for (int round = 0; round < 300; ++round) {
    model::SampleColumns columns;
    int64_t at_ms = static_cast<int64_t>(random() % kNow);
    const size_t n = 1 + random() % 300;
    for (size_t i = 0; i < n; ++i) {
      at_ms += static_cast<int64_t>(random() % 20'000);
      columns.push_back(at_ms, round % 2 == 0
                                   ? std::bit_cast<double>(random())
                                   : static_cast<double>(random() % 50) / 10);
    }
    SegmentReadStats stats;
    const model::SampleColumns got = Read(Encode(columns), kAlways, stats);
    REQUIRE(stats.complete());
    REQUIRE(got.timestamps_ms == columns.timestamps_ms);
    for (size_t i = 0; i < n; ++i) {
      REQUIRE(model::SameBits(got.values[i], columns.values[i]));
    }
  }
}

TEST_CASE("readers are told which samples are of which generation",
          "[block]") {
  const std::string value = Encode(Scrapes(kNow, 20, 1), 5) +
                            Encode(Scrapes(kNow + 3'600'000, 30, 2), 9);
  std::vector<std::pair<uint64_t, size_t>> told;
  NoColumns none;
  model::SampleColumns got;
  SegmentReadStats stats;
  REQUIRE(ReadFloatSegments(value, kAlways, none, got, stats,
                            [&](uint64_t generation, size_t from) {
                              told.emplace_back(generation, from);
                            })
              .ok());
  CHECK(told == std::vector<std::pair<uint64_t, size_t>>{{5, 0}, {9, 20}});
}

TEST_CASE("a flipped bit costs at most the rest of the value", "[block]") {
  const std::string first = Encode(Scrapes(kNow, 20, 1));
  const std::string second = Encode(Scrapes(kNow + 3'600'000, 30, 2));
  const std::string value = first + second;
  for (size_t bit = 0; bit < first.size() * 8; ++bit) {
    CAPTURE(bit);
    std::string flipped = value;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << bit % 8));
    SegmentReadStats stats;
    const model::SampleColumns got = Read(flipped, kAlways, stats);
    CHECK(stats.corrupt >= 1);
    CHECK(absl::IsDataLoss(stats.first_error));
    // Behind the size's one byte, the next segment is found and read.
    if (bit >= 8) CHECK(got.size() == 30);
    for (double sample : got.values) CHECK(sample < 32);
  }
}

TEST_CASE("a value cut at any byte but a segment's end is corrupt", "[block]") {
  const std::string first = Encode(Scrapes(kNow, 20, 1));
  const std::string value = first + Encode(Scrapes(kNow + 3'600'000, 30, 2));
  for (size_t keep = 0; keep < value.size(); ++keep) {
    CAPTURE(keep);
    SegmentReadStats stats;
    const model::SampleColumns got =
        Read(std::string_view(value).substr(0, keep), kAlways, stats);
    CHECK(got.size() == (keep < first.size() ? 0 : 20));
    CHECK(stats.corrupt == (keep == 0 || keep == first.size() ? 0 : 1));
  }
}

TEST_CASE("a segment of an unknown kind is counted, its neighbours read",
          "[block]") {
  std::string body = {9, 1, 1, 0, 'x'};
  std::string unknown;
  base::PutLengthPrefixed(unknown, body);
  base::PutFixedLe(unknown, static_cast<uint32_t>(base::Checksum(unknown)));
  const std::string known = Encode(Scrapes(kNow, 20, 1));
  SegmentReadStats stats;
  const model::SampleColumns got =
      Read(known + unknown + known, kAlways, stats);
  CHECK(stats.unknown == 1);
  CHECK(stats.corrupt == 0);
  CHECK_FALSE(stats.complete());
  CHECK(got.size() == 40);
}

TEST_CASE("random bytes with a right checksum stay inside the value",
          "[block]") {
  std::mt19937_64 random(37);
  for (int i = 0; i < 20'000; ++i) {
    std::string body(1 + random() % 60, '\0');
    for (char& byte : body) {
      byte = static_cast<char>(random() % (i % 2 == 0 ? 256 : 4));
    }
    body[0] = 0;
    std::string value;
    base::PutLengthPrefixed(value, body);
    base::PutFixedLe(value, static_cast<uint32_t>(base::Checksum(value)));
    SegmentReadStats stats;
    const model::SampleColumns got = Read(value, kAlways, stats);
    REQUIRE(got.timestamps_ms.size() == got.values.size());
  }
}

}  // namespace
}  // namespace varve::storage
