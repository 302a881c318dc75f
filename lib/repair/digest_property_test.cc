// Random histories of two nodes: their digests are equal whenever exports of
// all their distinct samples are, and never otherwise.
#include <cstdlib>
#include <map>
#include <random>
#include <tuple>

#include "lib/encoding/data_record.h"
#include "lib/model/histogram.h"
#include "lib/repair/day_digests.h"
#include "storage/engine/test_node.h"

namespace varve::repair {
namespace {

using model::kDayMs;
using storage::kNowMs;
using storage::kTenant;

constexpr int kSeeds = 4;
constexpr int kSteps = 50;
constexpr int kSeries = 4;
constexpr int32_t kFirstDay = static_cast<int32_t>(kNowMs / kDayMs) - 3;
constexpr int kDays = 3;

// By labels and time: floats by bits, histograms by bytes.
using Export = std::map<std::tuple<std::string, int64_t, std::string>, int>;

struct Node : storage::TestNode {
  std::unique_ptr<DayDigests> digests;

  Node() {
    options.retention_ms = 1000 * kDayMs;
    Reopen();
  }
  void Reopen() {
    digests.reset();
    Open();
    digests = std::make_unique<DayDigests>(engine.get());
  }
  void Write(int series, int64_t at_ms, int value, bool histogram) {
    const uint64_t id =
        Define({{"__name__", "m"}, {"series", std::to_string(series)}});
    if (!histogram) {
      AppendRecord(Record(id, storage::Samples({{at_ms, value / 8.0}})),
                   storage::AckLevel::kWritten);
      return;
    }
    model::Histogram one;
    one.count = one.zero_count = static_cast<uint64_t>(value);
    std::string bytes;
    AppendHistogramBytes(bytes, one);
    encoding::DataRecordBuilder builder;
    builder.Start(1, clock.NowMs());
    builder.kinds().AddHistogram(kTenant, id, at_ms, bytes);
    AppendRecord(builder.Finish(), storage::AckLevel::kWritten);
  }

  Export Samples(int32_t day) {
    const auto cursor = engine->Search(
        {.tenant = kTenant,
         .range = {day * kDayMs, day * kDayMs + kDayMs - 1},
         .keep_all = true});
    REQUIRE(cursor.ok());
    Export all;
    storage::SearchSeries series;
    while (*(*cursor)->Next(series)) {
      for (size_t i = 0; i < series.samples.size(); ++i) {
        std::string bits;
        base::PutFixedLe<double>(bits, series.samples.values[i]);
        ++all[{series.labels, series.samples.timestamps_ms[i], bits}];
      }
      for (size_t i = 0; i < series.histograms.size(); ++i) {
        std::string bytes = "h";
        AppendHistogramBytes(bytes, series.histograms.histograms[i]);
        ++all[{series.labels, series.histograms.timestamps_ms[i], bytes}];
      }
    }
    return all;
  }
};

struct Counts {
  int equal = 0;
  int unlike = 0;
};

class History {
 public:
  explicit History(unsigned seed) : random_(seed) {}

  Counts Run() {
    for (step_ = 0; step_ < kSteps; ++step_) {
      CAPTURE(step_);
      Step();
      Check();
    }
    return counts_;
  }

 private:
  int Draw(int below) {
    return std::uniform_int_distribution<int>(0, below - 1)(random_);
  }

  // Few values and times, so that nodes come to have the same again.
  void Step() {
    const int series = Draw(kSeries);
    const int32_t day = kFirstDay + Draw(kDays);
    const int64_t at_ms = day * kDayMs + Draw(24) * kHourMs + Draw(2);
    Node& one = nodes_[Draw(2)];
    switch (Draw(12)) {
      case 0:
        return Delete(series, day);
      case 1:
        REQUIRE(one.engine->Flush().ok());
        return;
      case 2:
        return one.Reopen();
      case 3:
        return Compact(one);
      case 4:
      case 5:
        return Equalize();
      default: {
        const int value = Draw(3);
        const bool histogram = Draw(3) == 0;
        one.Write(series, at_ms, value, histogram);
        writes_.push_back({series, at_ms, value, histogram});
      }
    }
  }

  // As a cluster deletes: on all nodes.
  void Delete(int series, int32_t day) {
    Equalize();
    for (Node& node : nodes_) {
      node.Delete({{model::MatchType::kEqual, "series",
                    std::to_string(series)}},
                  {day * kDayMs, day * kDayMs + Draw(24) * kHourMs});
    }
    writes_.clear();
  }

  void Compact(Node& one) {
    // Both: what is late or of a closed day goes by the clock.
    for (Node& node : nodes_) node.clock.Advance(kDayMs);
    REQUIRE(one.engine->CompactDays().ok());
  }

  // Both get what one of them got since the last delete.
  void Equalize() {
    for (const auto& [series, at_ms, value, histogram] : writes_) {
      for (Node& node : nodes_) node.Write(series, at_ms, value, histogram);
    }
  }

  void Check() {
    for (int32_t day = kFirstDay; day < kFirstDay + kDays; ++day) {
      CAPTURE(day);
      const auto a = nodes_[0].digests->Of(
          {.tenant = kTenant, .span = {day}});
      const auto b = nodes_[1].digests->Of(
          {.tenant = kTenant, .span = {day}});
      REQUIRE(a.ok());
      REQUIRE(b.ok());
      CHECK((*a)->complete);
      const Export samples = nodes_[0].Samples(day);
      const bool alike = samples == nodes_[1].Samples(day);
      REQUIRE(((*a)->rows == (*b)->rows) == alike);
      ++(alike && !samples.empty() ? counts_.equal : counts_.unlike);
    }
  }

  std::mt19937 random_;
  int step_ = 0;
  Node nodes_[2];
  struct Written {
    int series;
    int64_t at_ms;
    int value;
    bool histogram;
  };
  std::vector<Written> writes_;
  Counts counts_;
};

TEST_CASE("digests are equal when, and only when, exports are",
          "[repair][slow]") {
  // DIGEST_SEED: another history.
  const char* wanted = std::getenv("DIGEST_SEED");
  const auto first =
      static_cast<unsigned>(wanted == nullptr ? 1 : std::atoi(wanted));
  Counts all;
  for (unsigned seed = first; seed < first + kSeeds; ++seed) {
    CAPTURE(seed);
    const Counts counts = History(seed).Run();
    all.equal += counts.equal;
    all.unlike += counts.unlike;
  }
  // Neither way all the time.
  CHECK(all.equal > kSeeds * kSteps / 10);
  CHECK(all.unlike > kSeeds * kSteps / 10);
}

}  // namespace
}  // namespace varve::repair
