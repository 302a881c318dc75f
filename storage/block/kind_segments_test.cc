#include "storage/block/kind_segments.h"

#include <catch2/catch.hpp>

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

TEST_CASE("a damaged segment of start timestamps is counted", "[block]") {
  std::string value;
  AppendStartSegments(1, std::vector<model::StartRun>{{10, 20, 3}}, value);
  for (size_t i = 1; i + 4 < value.size(); ++i) {
    std::string damaged = value;
    damaged[i] = static_cast<char>(damaged[i] ^ 0x41);
    SegmentReadStats stats;
    // The frame's checksum says so before; what is read is never nonsense.
    CHECK(Read(damaged, kAlways, stats).empty());
  }
}

}  // namespace
}  // namespace varve::storage
