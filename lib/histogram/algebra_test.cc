// What holds of any histograms, tried on random ones.
#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <limits>
#include <random>
#include <utility>
#include <vector>

#include "lib/histogram/arithmetic.h"
#include "lib/histogram/buckets.h"
#include "lib/histogram/estimate.h"
#include "lib/histogram/reset.h"
#include "lib/histogram/resolution.h"
#include "lib/histogram/trim.h"

namespace varve::histogram {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr int kRounds = 2000;

class RandomHistograms {
 public:
  explicit RandomHistograms(uint64_t seed) : random_(seed) {}

  size_t Below(size_t n) { return random_() % n; }

  // Counts are small integers, so that sums and differences are exact.
  FloatHistogram Next() {
    return Below(4) == 0 ? Custom() : Exponential(Schema(), Threshold());
  }
  int32_t Schema() { return static_cast<int32_t>(Below(13)) - 4; }
  double Threshold() {
    return Below(3) == 0 ? 0 : std::exp2(static_cast<double>(Below(24)) - 20);
  }

  // No bucket reaches into the zero bucket.
  FloatHistogram Exponential(int32_t schema, double threshold_max) {
    FloatHistogram h{.schema = schema};
    h.zero_count = static_cast<double>(Below(5));
    Fill(h.positive_spans, h.positive, static_cast<int32_t>(Below(60)) - 30);
    Fill(h.negative_spans, h.negative, static_cast<int32_t>(Below(60)) - 30);
    h.zero_threshold = threshold_max;
    for (const Side side : kSides) {
      IndexWalk walk(h, side);
      if (walk.Next()) {
        h.zero_threshold =
            std::min(h.zero_threshold,
                     ExponentialBound(walk.index() - 1, schema));
      }
    }
    return Counted(std::move(h));
  }
  FloatHistogram Custom() {
    FloatHistogram h{.schema = model::kSchemaCustom};
    h.custom_bounds = {-1, 0.5, 2, 3, 10, 11, 20};
    // Eight buckets; one between the spans is left out.
    const auto first = static_cast<uint32_t>(Below(4));
    const uint32_t behind = 8 - first - 2 - 1;
    h.positive_spans = {{static_cast<int32_t>(first), 2}, {1, behind}};
    Resize(h.positive, 2 + behind);
    return Counted(std::move(h));
  }

 private:
  void Resize(std::vector<double>& counts, size_t n) {
    for (size_t i = 0; i < n; ++i) {
      counts.push_back(static_cast<double>(Below(4)));
    }
  }
  void Fill(std::vector<model::HistogramSpan>& spans,
            std::vector<double>& counts, int32_t first) {
    const size_t n = Below(5);
    for (size_t i = 0; i < n; ++i) {
      const auto length = static_cast<uint32_t>(Below(4));
      const auto offset = i == 0 ? first : static_cast<int32_t>(Below(4));
      spans.push_back({offset, length});
      Resize(counts, length);
    }
  }
  FloatHistogram Counted(FloatHistogram h) {
    h.count = h.zero_count;
    for (const double count : h.positive) h.count += count;
    for (const double count : h.negative) h.count += count;
    h.sum = static_cast<double>(Below(1000)) - 500;
    return h;
  }

  std::mt19937_64 random_;
};

double CountOfBuckets(const FloatHistogram& h) {
  double count = 0;
  for (auto walk = BucketWalk::Ascending(h); walk.Next();) {
    count += walk.bucket().count;
  }
  return count;
}

// Ascending.
std::vector<Bucket> Populated(const FloatHistogram& h) {
  std::vector<Bucket> populated;
  for (auto walk = BucketWalk::Ascending(h); walk.Next();) {
    if (walk.bucket().count != 0) populated.push_back(walk.bucket());
  }
  return populated;
}

FloatHistogram Compacted(FloatHistogram h) {
  Compact(h);
  return h;
}

// Runs `check` with histograms of a new seed each round.
template <typename Check>
void Rounds(Check check) {
  for (uint64_t seed = 0; seed < kRounds; ++seed) {
    CAPTURE(seed);
    RandomHistograms random(seed);
    check(random);
  }
}

TEST_CASE("the buckets' counts add up, whatever is done", "[histogram]") {
  Rounds([](RandomHistograms& random) {
    FloatHistogram h = random.Next();
    REQUIRE(CountOfBuckets(h) == h.count);
    REQUIRE(CountOfBuckets(Compacted(h)) == h.count);
    if (!h.has_custom_bounds() && h.schema > model::kSchemaMin) {
      ReduceResolution(h, h.schema - 1 - static_cast<int32_t>(random.Below(
                                             h.schema - model::kSchemaMin)));
      REQUIRE(CountOfBuckets(h) == h.count);
    }
  });
}

TEST_CASE("walks down and up show the same buckets", "[histogram]") {
  Rounds([](RandomHistograms& random) {
    const FloatHistogram h = random.Next();
    std::vector<Bucket> up;
    std::vector<Bucket> down;
    for (auto walk = BucketWalk::Ascending(h); walk.Next();) {
      up.push_back(walk.bucket());
    }
    for (auto walk = BucketWalk::Descending(h); walk.Next();) {
      down.push_back(walk.bucket());
    }
    REQUIRE(up.size() == down.size());
    for (size_t i = 0; i < up.size(); ++i) {
      const Bucket& other = down[down.size() - 1 - i];
      REQUIRE(up[i].lower == other.lower);
      REQUIRE(up[i].upper == other.upper);
      REQUIRE(up[i].count == other.count);
      REQUIRE(up[i].index == other.index);
    }
  });
}

TEST_CASE("subtracting what was added gives the first back", "[histogram]") {
  Rounds([](RandomHistograms& random) {
    const int32_t schema = random.Schema();
    const bool custom = random.Below(4) == 0;
    const FloatHistogram a =
        custom ? random.Custom() : random.Exponential(schema, 0);
    const FloatHistogram b =
        custom ? random.Custom() : random.Exponential(schema, 0);
    FloatHistogram h = a;
    REQUIRE(Add(h, b).ok());
    REQUIRE(h.count == a.count + b.count);
    REQUIRE(CountOfBuckets(h) == h.count);
    REQUIRE(Sub(h, b).ok());
    REQUIRE(SameHistogram(Compacted(h), Compacted(a)));
  });
}

TEST_CASE("a sum does not depend on the order", "[histogram]") {
  Rounds([](RandomHistograms& random) {
    // Zero thresholds or schemas differ, but not both: a lower schema could
    // put what the zero bucket took in into a bucket a second time.
    const bool thresholds = random.Below(2) == 0;
    const int32_t schema = random.Schema();
    const FloatHistogram a =
        random.Exponential(schema, thresholds ? random.Threshold() : 0);
    const FloatHistogram b =
        random.Exponential(thresholds ? schema : random.Schema(),
                           thresholds ? random.Threshold() : 0);
    FloatHistogram ab = a;
    FloatHistogram ba = b;
    REQUIRE(Add(ab, b).ok());
    REQUIRE(Add(ba, a).ok());
    REQUIRE(ab.count == a.count + b.count);
    REQUIRE(CountOfBuckets(ab) == ab.count);
    REQUIRE(SameHistogram(Compacted(ab), Compacted(ba)));
  });
}

TEST_CASE("adding is no reset, subtracting something is one",
          "[histogram]") {
  Rounds([](RandomHistograms& random) {
    const int32_t schema = random.Schema();
    const FloatHistogram a = random.Exponential(schema, 0);
    const FloatHistogram b = random.Exponential(schema, 0);
    FloatHistogram sum = a;
    REQUIRE(Add(sum, b).ok());
    REQUIRE_FALSE(DetectReset(sum, a));
    REQUIRE_FALSE(DetectReset(Compacted(sum), a));
    REQUIRE(DetectReset(a, sum) == (b.count != 0));
    REQUIRE(DetectReset(a, Compacted(sum)) == (b.count != 0));
  });
}

TEST_CASE("a reset of lower resolution is the reset of the reduced",
          "[histogram]") {
  Rounds([](RandomHistograms& random) {
    const FloatHistogram high = random.Exponential(3, 0);
    const FloatHistogram low = random.Exponential(1, 0);
    REQUIRE(DetectReset(low, high) == DetectReset(low, CopyToSchema(high, 1)));
  });
}

TEST_CASE("quantiles never fall, and are within the bounds", "[histogram]") {
  Rounds([](RandomHistograms& random) {
    const FloatHistogram h = random.Next();
    if (h.count == 0) return;
    double last = -kInf;
    for (double q = 0; q <= 1; q += 0.0625) {
      const double value = Quantile(h, q).value;
      CAPTURE(q);
      REQUIRE(value >= last - 1e-12 * std::abs(last));
      last = value;
    }
    double lowest = kInf;
    double highest = -kInf;
    for (const Bucket& bucket : Populated(h)) {
      lowest = std::min(lowest, bucket.lower);
      highest = std::max(highest, bucket.upper);
    }
    REQUIRE(last <= highest + 1e-12 * std::abs(highest));
    REQUIRE(Quantile(h, 0).value >= lowest - 1e-12 * std::abs(lowest));
  });
}

TEST_CASE("fractions at bucket bounds are shares of counts",
          "[histogram]") {
  Rounds([](RandomHistograms& random) {
    const FloatHistogram h = random.Next();
    if (h.count == 0) return;
    REQUIRE(Fraction(h, -kInf, kInf).value == 1);
    double below = 0;
    for (const Bucket& bucket : Populated(h)) {
      REQUIRE(Fraction(h, -kInf, bucket.lower).value * h.count ==
              Approx(below).margin(1e-9));
      below += bucket.count;
    }
  });
}

TEST_CASE("both trims at a bound leave what was there", "[histogram]") {
  Rounds([](RandomHistograms& random) {
    const FloatHistogram h = random.Next();
    if (h.zero_threshold > 0) return;
    for (const Bucket& bucket : Populated(h)) {
      if (std::isinf(bucket.upper)) continue;
      FloatHistogram low = h;
      FloatHistogram high = h;
      TrimAbove(low, bucket.upper);
      TrimBelow(high, bucket.upper);
      REQUIRE(low.count + high.count == h.count);
      REQUIRE(CountOfBuckets(low) == low.count);
      REQUIRE(Add(low, high).ok());
      REQUIRE(Compacted(low).positive == Compacted(h).positive);
    }
  });
}

}  // namespace
}  // namespace varve::histogram
