#include "lib/model/histogram.h"

#include <catch2/catch.hpp>

#include <cmath>
#include <limits>
#include <random>

#include "lib/model/exemplar.h"
#include "lib/model/metadata.h"

namespace varve::model {
namespace {

Histogram Integer(std::vector<uint64_t> buckets, double sum) {
  Histogram histogram;
  histogram.layout.schema = 3;
  histogram.layout.zero_threshold = 1e-128;
  histogram.layout.positive = {
      {-2, static_cast<uint32_t>(buckets.size())}};
  histogram.sum = sum;
  histogram.zero_count = 1;
  histogram.count = 1;
  for (const uint64_t bucket : buckets) histogram.count += bucket;
  histogram.buckets = std::move(buckets);
  return histogram;
}

Histogram Floats(std::vector<double> buckets, double sum) {
  Histogram histogram;
  histogram.layout.float_counts = true;
  histogram.layout.positive = {
      {0, static_cast<uint32_t>(buckets.size())}};
  histogram.sum = sum;
  double count = 0;
  for (const double bucket : buckets) {
    count += bucket;
    histogram.buckets.push_back(std::bit_cast<uint64_t>(bucket));
  }
  histogram.count = std::bit_cast<uint64_t>(count);
  return histogram;
}

Histogram Stale() {
  Histogram histogram;
  histogram.sum = StaleNan();
  return histogram;
}

std::string BytesOf(const Histogram& histogram) {
  std::string bytes;
  AppendHistogramBytes(bytes, histogram);
  return bytes;
}

TEST_CASE("a histogram's bytes read back as the same histogram", "[model]") {
  Histogram custom = Integer({1, 0, 7}, -0.0);
  custom.layout.schema = kSchemaCustom;
  custom.layout.zero_threshold = 0;
  custom.layout.custom_bounds = {0.1, 1, HUGE_VAL};
  Histogram both = Integer({1, 2, 3, UINT64_MAX, 0}, NormalNan());
  both.layout.positive = {{0, 2}, {5, 1}};
  both.layout.negative = {{INT32_MIN, 0}, {INT32_MAX, 2}};
  both.reset = CounterReset::kGauge;
  for (const Histogram& histogram :
       {Histogram{}, Stale(), Integer({5}, 2.5), custom, both,
        Floats({0.5, HUGE_VAL, NormalNan(), StaleNan()}, 1)}) {
    const std::string bytes = BytesOf(histogram);
    const auto back = ParseHistogramBytes(bytes);
    REQUIRE(back.ok());
    CHECK(*back == histogram);
    CHECK(BytesOf(*back) == bytes);
    for (size_t keep = 0; keep < bytes.size(); ++keep) {
      CAPTURE(keep);
      CHECK(absl::IsDataLoss(
          ParseHistogramBytes(std::string_view(bytes).substr(0, keep))
              .status()));
    }
    CHECK(absl::IsDataLoss(ParseHistogramBytes(bytes + "x").status()));
  }
}

TEST_CASE("any bytes are a histogram or data loss", "[model]") {
  std::mt19937_64 random(7);
  const std::string good = BytesOf(Integer({1, 2, 3, 4}, 5));
  for (int i = 0; i < 20'000; ++i) {
    std::string bytes = good;
    for (int flips = 0; flips < 1 + i % 3; ++flips) {
      bytes[random() % bytes.size()] = static_cast<char>(random());
    }
    const auto histogram = ParseHistogramBytes(bytes);
    if (histogram.ok()) {
      CHECK(histogram->buckets.size() == histogram->layout.buckets());
    } else {
      CHECK(absl::IsDataLoss(histogram.status()));
    }
  }
}

TEST_CASE("histograms are equal by bits", "[model]") {
  CHECK(Floats({NormalNan()}, NormalNan()) ==
        Floats({NormalNan()}, NormalNan()));
  CHECK(Integer({1}, 0.0) != Integer({1}, -0.0));
  Histogram other = Integer({1}, 0.0);
  other.layout.zero_threshold = -1e-128;
  CHECK(Integer({1}, 0.0) != other);
}

TEST_CASE("of two histograms the larger count, sum, bytes is read",
          "[model]") {
  const std::vector<Histogram> in_order = {
      Integer({9}, 0),  Integer({5, 1}, 8), Integer({1, 5}, 8),
      Integer({6}, -1), Integer({6}, NormalNan()), Floats({2}, 1), Stale()};
  for (size_t i = 0; i < in_order.size(); ++i) {
    for (size_t j = 0; j < in_order.size(); ++j) {
      CAPTURE(i, j);
      const bool same_rank = in_order[i].count == in_order[j].count &&
                             SameBits(in_order[i].sum, in_order[j].sum);
      if (i != j && same_rank) {
        CHECK(ReadsBefore(in_order[i], in_order[j]) !=
              ReadsBefore(in_order[j], in_order[i]));
      } else {
        CHECK(ReadsBefore(in_order[i], in_order[j]) == (i < j));
      }
    }
  }
}

TEST_CASE("histograms are sorted, equal ones collapse", "[model]") {
  HistogramColumns columns;
  columns.push_back(2000, Integer({1}, 1));
  columns.push_back(1000, Integer({3}, 1));
  columns.push_back(2000, Integer({2}, 1));
  columns.push_back(2000, Integer({1}, 1));
  HistogramColumns all = columns;
  SortAndDedup(all, {.interval_ms = 0, .keep_all = true});
  CHECK(all.timestamps_ms == std::vector<int64_t>{1000, 2000, 2000});
  CHECK(all.histograms[1] == Integer({2}, 1));
  SortAndDedup(columns, {});
  CHECK(columns.timestamps_ms == std::vector<int64_t>{1000, 2000});
  CHECK(columns.histograms[1] == Integer({2}, 1));
  SortAndDedup(columns, {.interval_ms = 5000});
  CHECK(columns.timestamps_ms == std::vector<int64_t>{2000});
}

TEST_CASE("a histogram is read over a float, a float over a stale histogram",
          "[model]") {
  SampleColumns floats;
  HistogramColumns histograms;
  floats.push_back(1000, 1);
  histograms.push_back(1000, Integer({1}, 1));
  floats.push_back(2000, 2);
  histograms.push_back(2000, Stale());
  floats.push_back(3000, StaleNan());
  histograms.push_back(3000, Stale());
  floats.push_back(4000, 4);
  histograms.push_back(5000, Integer({5}, 1));
  SampleColumns all_floats = floats;
  HistogramColumns all_histograms = histograms;
  SortAndDedup(all_floats, all_histograms, {.keep_all = true});
  CHECK(all_floats.size() + all_histograms.size() == 8);
  SortAndDedup(floats, histograms, {});
  CHECK(floats.timestamps_ms == std::vector<int64_t>{2000, 4000});
  CHECK(histograms.timestamps_ms == std::vector<int64_t>{1000, 3000, 5000});
  SortAndDedup(floats, histograms, {.interval_ms = 10'000});
  CHECK(floats.empty());
  CHECK(histograms.timestamps_ms == std::vector<int64_t>{5000});
}

TEST_CASE("impossible histograms are refused", "[model]") {
  CHECK(CheckHistogram(Integer({1, 2}, 3)).ok());
  CHECK(CheckHistogram(Floats({0.5}, 3)).ok());
  CHECK(CheckHistogram(Stale()).ok());
  Histogram bad = Integer({1, 2}, 3);
  bad.layout.schema = 9;
  CHECK(absl::IsInvalidArgument(CheckHistogram(bad)));
  bad = Integer({1, 2}, 3);
  bad.buckets.pop_back();
  CHECK(absl::IsInvalidArgument(CheckHistogram(bad)));
  bad = Integer({1, 2}, 3);
  bad.count = 2;
  CHECK(absl::IsInvalidArgument(CheckHistogram(bad)));
  bad = Integer({1, UINT64_MAX}, 3);
  CHECK(absl::IsInvalidArgument(CheckHistogram(bad)));
  bad = Integer({1, 2}, 3);
  bad.layout.positive = {{0, 1}, {-1, 1}};
  CHECK(absl::IsInvalidArgument(CheckHistogram(bad)));
  bad = Integer({1, 2}, 3);
  bad.layout.custom_bounds = {1};
  CHECK(absl::IsInvalidArgument(CheckHistogram(bad)));

  Histogram custom = Integer({1, 2}, 3);
  custom.layout.schema = kSchemaCustom;
  custom.layout.zero_threshold = 0;
  custom.zero_count = 0;
  custom.count = 3;
  custom.layout.positive = {{0, 2}};
  custom.layout.custom_bounds = {1};
  CHECK(CheckHistogram(custom).ok());
  custom.layout.custom_bounds = {};
  CHECK(absl::IsInvalidArgument(CheckHistogram(custom)));
  custom.layout.custom_bounds = {2, 1};
  CHECK(absl::IsInvalidArgument(CheckHistogram(custom)));
}

TEST_CASE("exemplars are in time order, equal ones once", "[model]") {
  std::vector<Exemplar> exemplars = {
      {2000, 1, "b"}, {1000, NormalNan(), "a"}, {2000, 1, "a"},
      {1000, NormalNan(), "a"}};
  SortAndDedup(exemplars);
  REQUIRE(exemplars.size() == 3);
  CHECK(exemplars[0].timestamp_ms == 1000);
  CHECK(exemplars[1].labels == "a");
  CHECK(exemplars[2].labels == "b");
}

TEST_CASE("of two metadata of one metric the later write is read", "[model]") {
  StoredMetadata old{{}, {"m", MetricType::kGauge, "z", ""}, 1000};
  StoredMetadata young{{}, {"m", MetricType::kCounter, "a", ""}, 2000};
  CHECK(young.ReadsBefore(old));
  CHECK_FALSE(old.ReadsBefore(young));
  young.written_ms = 1000;
  CHECK(old.ReadsBefore(young));
  CHECK(MetricTypeText(MetricType::kGaugeHistogram) == "gaugehistogram");
  CHECK(MetricTypeText(static_cast<MetricType>(200)) == "unknown");
}

}  // namespace
}  // namespace varve::model
