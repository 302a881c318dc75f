#include "cmd/inspect/comparison.h"

#include <limits>

#include <catch2/catch.hpp>

#include "lib/model/label.h"

namespace varve::inspect {
namespace {

using Kind = PartComparison::Kind;

constexpr int64_t kBytesMax = 1 << 20;
constexpr size_t kSeriesMax = 1000;

struct Row {
  int64_t timestamp_ms;
  double value;
};

void Add(SampleTable& table, std::string_view job,
         const std::vector<Row>& rows) {
  std::string labels;
  model::AppendCanonicalBytes(
      labels, model::LabelSet{{"__name__", "up"}, {"job", std::string(job)}});
  protocol::SampleBatch batch;
  batch.series.push_back({.identity = labels});
  batch.series[0].rows = static_cast<uint32_t>(rows.size());
  for (const Row& row : rows) {
    batch.timestamps_ms.push_back(row.timestamp_ms);
    batch.values.push_back(row.value);
  }
  table.Add(batch);
}

TEST_CASE("samples that came in any order and twice are alike", "[inspect]") {
  SampleTable a({}, kBytesMax), b({}, kBytesMax);
  Add(a, "x", {{1, 1}, {2, 2}, {3, -0.0}});
  Add(b, "x", {{3, -0.0}, {1, 1}});
  Add(b, "x", {{2, 2}, {1, 1}});
  a.Sort();
  b.Sort();
  PartComparison comparison(10);
  REQUIRE(comparison.Add(a, b, kSeriesMax));
  const ComparisonCounts counts = comparison.Counts();
  CHECK(counts.alike());
  CHECK(counts.series_a == 1);
  CHECK(counts.samples_a == 3);
  CHECK(counts.samples_b == 3);
}

TEST_CASE("each kind of difference is counted and shown", "[inspect]") {
  SampleTable a({}, kBytesMax), b({}, kBytesMax);
  Add(a, "a", {{1, 1}, {2, 2}});
  Add(b, "b", {{1, 1}});
  Add(a, "both", {{1, 1}, {2, 0.0}, {4, 4}, {5, 5}});
  Add(b, "both", {{1, 1}, {2, -0.0}, {3, 3}, {5, 5}});
  a.Sort();
  b.Sort();
  PartComparison comparison(10);
  REQUIRE(comparison.Add(a, b, kSeriesMax));
  const ComparisonCounts counts = comparison.Counts();
  CHECK(!counts.alike());
  CHECK(counts.series_only_a == 1);
  CHECK(counts.series_only_b == 1);
  CHECK(counts.series_differ == 1);
  CHECK(counts.samples_only_a == 3);
  CHECK(counts.samples_only_b == 2);
  CHECK(counts.samples_differ == 1);
  const auto only_a = comparison.Examples(Kind::kOnlyA, 10);
  REQUIRE(only_a.size() == 1);
  CHECK(ExampleText(only_a[0], Kind::kOnlyA) ==
        "only in A: up{job=\"a\"}: 2 samples\n");
  const auto differ = comparison.Examples(Kind::kDiffer, 10);
  REQUIRE(differ.size() == 1);
  CHECK(ExampleText(differ[0], Kind::kDiffer) ==
        "differs: up{job=\"both\"}: 1 only in A, 1 only in B, 1 of another "
        "value\n"
        "  1970-01-01T00:00:00.002Z A 0, B -0\n"
        "  1970-01-01T00:00:00.003Z A has none, B 3\n"
        "  1970-01-01T00:00:00.004Z A 4, B has none\n");
  CHECK(comparison.Examples(Kind::kOnlyB, 0).empty());
}

TEST_CASE("a series of one side in one span may be of both in another",
          "[inspect]") {
  PartComparison comparison(1);
  for (const int64_t at_ms : {1, 2}) {
    SampleTable a({}, kBytesMax), b({}, kBytesMax);
    Add(a, "x", {{at_ms, 1}});
    if (at_ms == 2) Add(b, "x", {{at_ms, 1}});
    REQUIRE(comparison.Add(a, b, kSeriesMax));
  }
  CHECK(comparison.Counts().series_only_a == 0);
  CHECK(comparison.Counts().series_differ == 1);
  CHECK(comparison.Examples(Kind::kOnlyA, 1).empty());
  CHECK(comparison.Examples(Kind::kDiffer, 1).size() == 1);
}

TEST_CASE("samples of one timestamp are compared as a set", "[inspect]") {
  SampleTable a({}, kBytesMax), b({}, kBytesMax);
  Add(a, "x", {{1, 1}, {1, 2}, {1, 3}});
  Add(b, "x", {{1, 4}, {1, 2}});
  a.Sort();
  b.Sort();
  PartComparison comparison(10);
  REQUIRE(comparison.Add(a, b, kSeriesMax));
  CHECK(comparison.Counts().samples_differ == 1);
  CHECK(comparison.Counts().samples_only_a == 1);
  CHECK(comparison.Counts().samples_only_b == 0);
}

TEST_CASE("a table is full at its bound, and parts have all series once",
          "[inspect]") {
  const SeriesPart half = SeriesPart{}.SecondHalf();
  const SeriesPart parts[] = {SeriesPart{}.FirstHalf(), half.FirstHalf(),
                              half.SecondHalf()};
  size_t series = 0;
  for (const SeriesPart& part : parts) {
    SampleTable table(part, kBytesMax);
    for (int i = 0; i < 100; ++i) Add(table, std::to_string(i), {{1, 1}});
    CHECK(table.series().size() > 10);
    series += table.series().size();
  }
  CHECK(series == 100);

  SampleTable small({}, 1000);
  CHECK(!small.full());
  for (int i = 0; i < 100; ++i) Add(small, std::to_string(i), {{1, 1}});
  CHECK(small.full());

  SampleTable a({}, kBytesMax), b({}, kBytesMax);
  for (int i = 0; i < 100; ++i) Add(a, std::to_string(i), {{1, 1}});
  PartComparison comparison(1);
  CHECK(!comparison.Add(a, b, 99));
}

}  // namespace
}  // namespace varve::inspect
