#include "lib/model/downsampling.h"

#include <catch2/catch.hpp>
#include <string>

namespace varve::model {
namespace {

constexpr int64_t kMinute = 60'000;

std::string Error(DownsampleSteps steps, int64_t dedup_interval_ms = 0) {
  return std::string(
      CheckSteps("-downsampling.period", dedup_interval_ms, steps).message());
}

TEST_CASE("steps are sorted by offset", "[model]") {
  DownsampleSteps steps = {{10 * kMinute, 2 * kMinute}, {kMinute, kMinute}};
  REQUIRE(CheckSteps("x", 0, steps).ok());
  CHECK(steps[0].offset_ms == kMinute);
}

TEST_CASE("steps that do not fit one another are refused", "[model]") {
  CHECK(Error({{0, kMinute}, {kMinute, 2 * kMinute}}).empty());
  CHECK(Error({{0, 0}}).find("above 0") != std::string::npos);
  CHECK(Error({{0, 2 * kMinute}, {kMinute, 3 * kMinute}}).find("multiple") !=
        std::string::npos);
  CHECK(Error({{0, kMinute}, {kMinute, kMinute}}).find("larger") !=
        std::string::npos);
  CHECK(Error({{5, kMinute}, {5, 2 * kMinute}}).find("two intervals") !=
        std::string::npos);
  CHECK(Error({{0, kMinute}}, 7000).find("-dedup.minScrapeInterval") !=
        std::string::npos);
  CHECK(Error({{0, kMinute}}, 15'000).empty());
}

TEST_CASE("rows before the first one asked for go", "[model]") {
  SampleColumns columns;
  for (int64_t at = 1; at <= 6; ++at) columns.push_back(at * 10, 1);
  Downsample({}, 1000, 2, columns);
  CHECK(columns.timestamps_ms == std::vector<int64_t>{30, 40, 50, 60});
  Downsample({{0, 20}}, 1000, 1, columns);
  CHECK(columns.timestamps_ms == std::vector<int64_t>{40, 60});
}

}  // namespace
}  // namespace varve::model
