#include "storage/block/kind_segments.h"

#include <catch2/catch.hpp>

#include "lib/base/byte_coding.h"
#include "lib/base/hash.h"

namespace varve::storage {
namespace {

constexpr model::TimeRange kAlways = {0, model::kTimestampMaxMs};

model::StartRuns Read(std::string_view value, const model::TimeRange& range,
                      SegmentReadStats& stats) {
  model::StartRuns runs;
  ReadStartSegments(value, range, runs, stats);
  return runs;
}

TEST_CASE("start timestamps are as drawn in the docs", "[block]") {
  std::string value;
  AppendStartSegments(3,
                      std::vector<model::StartRun>{
                          {1780000000000, 1780003600000, 1779999990000}},
                      value);
  CHECK(value.substr(0, value.size() - 4) ==
        std::string_view("\x14\x02\x03\x01\x00"
                         "\x08\x00\x80\xa0\xa4\x84\xce\x67\x00"
                         "\x80\xdd\xdb\x01\x9f\x9c\x01",
                         21));
  SegmentReadStats stats;
  CHECK(Read(value, kAlways, stats) ==
        model::StartRuns{{1780000000000, 1780003600000, 1779999990000}});
}

TEST_CASE("runs of start timestamps read back, cut to the range", "[block]") {
  model::StartRuns runs;
  for (int64_t i = 0; i < 10'000; ++i) {  // several segments
    runs.push_back({100 * i, 100 * i + 50, 100 * i - 3 - i % 7});
  }
  std::string value;
  AppendStartSegments(1, runs, value);
  SegmentReadStats stats;
  CHECK(Read(value, kAlways, stats) == runs);
  CHECK(Read(value, {520, 730}, stats) ==
        model::StartRuns{{520, 550, runs[5].start_ms},
                         {600, 650, runs[6].start_ms},
                         {700, 730, runs[7].start_ms}});
  CHECK(stats.complete());
}

TEST_CASE("readers of other kinds pass start timestamps over", "[block]") {
  std::string value;
  AppendStartSegments(1, std::vector<model::StartRun>{{1, 2, 3}}, value);
  SegmentReadStats stats;
  model::HistogramColumns histograms;
  ReadHistogramSegments(value, kAlways, histograms, stats);
  std::vector<model::Exemplar> exemplars;
  ReadExemplarSegments(value, kAlways, exemplars, stats);
  class NoColumns final : public ColumnSource {
    absl::StatusOr<std::span<const int64_t>> Find(uint64_t) override {
      return absl::NotFoundError("");
    }
  } columns;
  model::SampleColumns samples;
  REQUIRE(
      ReadFloatSegments(value, kAlways, columns, samples, stats).ok());
  CHECK(histograms.empty());
  CHECK(exemplars.empty());
  CHECK(samples.empty());
  CHECK(stats.complete());
  CHECK(stats.other_kinds == 0);  // what a reader of histograms looks for
}

TEST_CASE("a damaged segment of start timestamps is passed over", "[block]") {
  std::string value;
  AppendStartSegments(1, std::vector<model::StartRun>{{10, 20, 3}}, value);
  for (size_t i = 1; i + 4 < value.size(); ++i) {
    std::string damaged = value;
    damaged[i] = static_cast<char>(damaged[i] ^ 0x41);
    SegmentReadStats stats;
    // By the frame's checksum, which the reader of floats counts.
    CHECK(Read(damaged, kAlways, stats).empty());
  }
}

TEST_CASE("a segment of start timestamps that is broken inside is counted",
          "[block]") {
  std::string whole;
  AppendStartSegments(1, std::vector<model::StartRun>{{10, 20, 3}}, whole);
  const auto with_sum = [&](auto&& damage) {
    std::string value = whole.substr(0, whole.size() - sizeof(uint32_t));
    damage(value);
    base::PutFixedLe(value, static_cast<uint32_t>(base::Checksum(value)));
    return value;
  };
  const auto last_byte = [&](int byte) {
    return with_sum(
        [byte](std::string& value) { value.back() = static_cast<char>(byte); });
  };
  REQUIRE(with_sum([](std::string&) {}) == whole);
  SegmentReadStats other;  // 10 + 5, a start of its own
  CHECK(Read(last_byte(10), kAlways, other) ==
        model::StartRuns{{10, 20, 15}});
  CHECK(other.corrupt == 0);
  const std::string cut = last_byte(0x80);  // a varint that goes on
  const std::string surplus = with_sum([](std::string& value) {
    value[0] = static_cast<char>(value[0] + 1);
    value += '\x00';
  });
  for (const std::string& broken : {cut, surplus}) {
    SegmentReadStats stats;
    std::string value = broken + whole;  // what follows is read
    CHECK(Read(value, kAlways, stats) == model::StartRuns{{10, 20, 3}});
    CHECK(stats.corrupt == 1);
    CHECK_FALSE(stats.complete());
    CHECK(absl::IsDataLoss(stats.first_error));
  }
}

}  // namespace
}  // namespace varve::storage
