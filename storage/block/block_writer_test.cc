#include "storage/block/block_writer.h"

#include <catch2/catch.hpp>
#include <map>
#include <string>
#include <vector>

#include "lib/base/status.h"
#include "lib/model/time_range.h"
#include "storage/block/segment.h"

namespace varve::storage {
namespace {

using Pairs = std::vector<std::pair<std::string, std::string>>;

model::SampleColumns Columns(std::initializer_list<int64_t> times) {
  model::SampleColumns columns;
  for (int64_t time : times) {
    columns.push_back(time, static_cast<double>(time % 10));
  }
  return columns;
}

uint64_t FromOne(int32_t) { return 1; }

TEST_CASE("series are split by day, and keys of a day ascend", "[block]") {
  std::map<int32_t, Pairs> days;
  BlockWriter writer(
      5, FromOne,
      [&](int32_t day, std::string_view key, std::string_view value) {
        days[day].emplace_back(key, value);
        return absl::OkStatus();
      });
  encoding::ValueHints hints;
  const int64_t midnight = 20'000 * model::kDayMs;
  REQUIRE(
      writer
          .Add({{0, 1}, 1, 9}, Columns({midnight - 1, midnight, midnight + 1,
                                        midnight + model::kDayMs}),
               hints)
          .ok());
  REQUIRE(writer.Add({{0, 1}, 2, 3}, Columns({midnight}), hints).ok());
  REQUIRE(writer.Add({{0, 1}, 2, 4}, {}, hints).ok());
  REQUIRE(writer.Add({{1, 0}, 1, 1}, Columns({0}), hints).ok());
  REQUIRE(writer.Finish().ok());
  CHECK(writer.Days().at(20'000).samples == 3);

  CHECK(days.size() == 4);
  REQUIRE(days[20'000].size() == 2);
  CHECK(days[20'000][0].first < days[20'000][1].first);
  CHECK(*ParseSeriesKey(days[20'000][0].first) == SeriesKey{{0, 1}, 1, 9});
  model::SampleColumns got;
  SegmentReadStats stats;
  NoColumns none;
  REQUIRE(ReadFloatSegments(days[20'000][0].second, {0, INT64_MAX}, none, got,
                            stats)
              .ok());
  CHECK(got.timestamps_ms == std::vector<int64_t>{midnight, midnight + 1});
  CHECK(days[19'999].size() == 1);
  CHECK(days[20'001].size() == 1);
  CHECK(days[0].size() == 1);
  CHECK(writer.series() == 3);
  CHECK(writer.samples() == 6);
  CHECK(writer.bytes() > 0);
}

TEST_CASE("series out of order or before 1970 are our fault", "[block]") {
  BlockWriter writer(1, FromOne,
                     [](int32_t, std::string_view, std::string_view) {
                       return absl::OkStatus();
                     });
  encoding::ValueHints hints;
  REQUIRE(writer.Add({{0, 1}, 5, 5}, Columns({1}), hints).ok());
  CHECK(absl::IsInternal(writer.Add({{0, 1}, 5, 5}, Columns({1}), hints)));
  CHECK(absl::IsInternal(writer.Add({{0, 1}, 4, 9}, Columns({1}), hints)));
  CHECK(absl::IsInternal(writer.Add({{0, 1}, 6, 1}, Columns({-1, 1}), hints)));
}

TEST_CASE("the sink's error stops the series", "[block]") {
  int calls = 0;
  BlockWriter writer(1, FromOne,
                     [&](int32_t, std::string_view, std::string_view) {
                       ++calls;
                       return base::ResourceExhausted("disk full");
                     });
  encoding::ValueHints hints;
  CHECK(absl::IsResourceExhausted(writer.Add(
      {{0, 1}, 1, 1}, Columns({0, model::kDayMs, 2 * model::kDayMs}),
      hints)));
  CHECK(calls == 1);
}

}  // namespace
}  // namespace varve::storage
