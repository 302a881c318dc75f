#include "storage/head/kind_head.h"

#include <catch2/catch.hpp>

namespace varve::storage {
namespace {

constexpr model::TimeRange kAll = {INT64_MIN, INT64_MAX};

model::Histogram Make(uint64_t count) {
  model::Histogram histogram;
  histogram.layout.positive = {{0, 1}};
  histogram.count = count;
  histogram.buckets = {count};
  return histogram;
}

std::vector<SeriesDay> Append(KindHead& head,
                              std::vector<encoding::HistogramRow> rows) {
  std::vector<SeriesDay> opened;
  head.Append(rows, opened);
  return opened;
}

model::HistogramColumns Read(const KindHead& head, uint64_t id,
                             const model::TimeRange& range = kAll) {
  model::HistogramColumns columns;
  for (const auto& one : head.Generations()) one->Read(id, range, columns);
  model::SortAndDedup(columns, {.keep_all = true});
  return columns;
}

TEST_CASE("histograms are read from all generations until dropped",
          "[head]") {
  KindHead head({}, 5);
  CHECK(Append(head, {{1, 1000, Make(1)}, {1, 500, Make(2)},
                      {2, model::kDayMs, Make(3)}}) ==
        std::vector<SeriesDay>{{1, 0}, {2, 1}});
  CHECK(Append(head, {{1, 2000, Make(1)}, {1, 2000, Make(1)}}).empty());
  const auto frozen = head.Cut(6);
  CHECK(frozen->number() == 5);
  CHECK(frozen->SeriesIds() == std::vector<uint64_t>{1, 2});
  CHECK(Append(head, {{1, 3000, Make(4)}}).size() == 1);
  CHECK(Read(head, 1).timestamps_ms ==
        std::vector<int64_t>{500, 1000, 2000, 3000});
  CHECK(Read(head, 1, {600, 2000}).timestamps_ms ==
        std::vector<int64_t>{1000, 2000});
  CHECK(Read(head, 3).empty());
  const int64_t bytes = head.bytes();
  head.Drop(5);
  CHECK(head.bytes() < bytes);
  CHECK(Read(head, 1).timestamps_ms == std::vector<int64_t>{3000});
  head.Drop(6);  // the active one stays
  CHECK(Read(head, 1).size() == 1);
}

TEST_CASE("a series keeps its latest exemplars", "[head]") {
  KindHead head({.exemplars_per_series_max = 3}, 1);
  std::vector<SeriesDay> opened;
  for (const int64_t at_ms : {5, 1, 4, 3, 2, 5}) {
    const encoding::ExemplarRow row{9, {at_ms, 0.5, "trace"}};
    head.Append(std::span(&row, 1), opened);
  }
  CHECK(opened.size() == 1);
  std::vector<model::Exemplar> got;
  head.Generations()[0]->ReadExemplars(9, kAll, got);
  REQUIRE(got.size() == 3);
  CHECK(got[0].timestamp_ms == 3);
  CHECK(got[2].timestamp_ms == 5);
}

TEST_CASE("a delete takes rows of its range out of the active generation",
          "[head]") {
  KindHead head({}, 1);
  Append(head, {{1, 1000, Make(1)}});
  head.Cut(2);
  Append(head, {{1, 2000, Make(2)}, {1, 3000, Make(3)}, {2, 2000, Make(4)}});
  std::vector<SeriesDay> opened;
  const encoding::ExemplarRow row{1, {2000, 0.5, "trace"}};
  head.Append(std::span(&row, 1), opened);
  const uint64_t id = 1;
  head.Delete(std::span(&id, 1), {0, 2000});
  CHECK(Read(head, 1).timestamps_ms == std::vector<int64_t>{1000, 3000});
  CHECK(Read(head, 1).histograms[1] == Make(3));
  CHECK(Read(head, 2).size() == 1);
  std::vector<model::Exemplar> got;
  for (const auto& one : head.Generations()) one->ReadExemplars(1, kAll, got);
  CHECK(got.empty());
  // Its days are told again: the delete may have left nothing of them.
  CHECK(Append(head, {{1, 4000, Make(5)}}).size() == 1);
  CHECK(Append(head, {{2, 4000, Make(5)}}).empty());
}

}  // namespace
}  // namespace varve::storage
