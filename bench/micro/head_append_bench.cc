// Appends of whole scrapes to the head, and reads of every series.
//
//   head_append_bench [SERIES [SCRAPES [SCENARIO]]]
//                                  default: small, runs with the tests
//
// For a tenth of SERIES and for SERIES: ns a sample in scrape order and in
// random order, with exact and with jittered timestamps, bytes a series by the
// head's own account, and their slope between the two sizes, which leaves out
// what does not grow with the series.
#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <numeric>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "bench/load/node_series.h"
#include "bench/micro/bench_report.h"
#include "storage/head/head.h"

namespace varve::storage {
namespace {

constexpr size_t kRecordRows = 10'000;
constexpr int64_t kStepMs = 15'000;
constexpr int64_t kStartMs = 1'780'000'000'000;
constexpr uint64_t kSeed = 20261120;

struct Scenario {
  const char* name;
  int64_t jitter_ms;
  bool random_order;
};
constexpr Scenario kScenarios[] = {{"exact", 0, false},
                                   {"jittered", 50, false},
                                   {"random", 50, true}};

// Rows of one scrape; values are made outside of what is measured.
struct Scrape {
  std::vector<uint64_t> ids;
  std::vector<uint32_t> counts;
  std::vector<int64_t> times;
  std::vector<encoding::ScaledValue> values;
};

Scrape MakeScrape(size_t series, const Scenario& scenario) {
  Scrape scrape;
  scrape.ids.resize(series);
  std::iota(scrape.ids.begin(), scrape.ids.end(), uint64_t{1});
  if (scenario.random_order) {
    std::mt19937_64 random(kSeed);
    std::shuffle(scrape.ids.begin(), scrape.ids.end(), random);
  }
  scrape.counts.assign(series, 1);
  scrape.times.resize(series);
  scrape.values.resize(series);
  return scrape;
}

void FillScrape(Scrape& scrape, int round, int64_t jitter_ms) {
  for (size_t i = 0; i < scrape.ids.size(); ++i) {
    const auto series = static_cast<int64_t>(scrape.ids[i] - 1);
    // Instances are scraped one after another.
    const int64_t phase_ms = series / bench::kSeriesPerInstance * 13 % kStepMs;
    scrape.times[i] = kStartMs + phase_ms + round * kStepMs +
                      bench::JitterAt(series, round, jitter_ms);
    scrape.values[i] = encoding::ToScaled(bench::ValueAt(series, round));
  }
}

int64_t Append(Head& head, const Scrape& scrape) {
  int64_t stored = 0;
  for (size_t i = 0; i < scrape.ids.size(); i += kRecordRows) {
    const size_t n = std::min(kRecordRows, scrape.ids.size() - i);
    stored += head.Append({{scrape.ids.data() + i, n},
                           {scrape.counts.data() + i, n},
                           {scrape.times.data() + i, n},
                           {scrape.values.data() + i, n}})
                  .stored;
  }
  return stored;
}

// The median and the spread of the scrapes' costs.
void PrintNs(const std::string& name, std::vector<double> ns) {
  std::sort(ns.begin(), ns.end());
  std::printf("%-44s %7.2f ns/sample (p10 %.2f, p90 %.2f)\n", name.c_str(),
              ns[ns.size() / 2], ns[ns.size() / 10], ns[ns.size() * 9 / 10]);
}

void BenchReads(const Head& head, size_t series, int64_t samples) {
  const HeadView view = head.View();
  const HeadStats stats = head.Stats();
  bench::Report("  read", samples, stats.bytes, [&] {
    model::SampleColumns got;
    uint64_t sum = 0;
    for (uint64_t id = 1; id <= series; ++id) {
      got.clear();
      view.Read(id, {0, INT64_MAX}, got);
      sum += std::bit_cast<uint64_t>(got.values.back()) + got.size();
    }
    return sum;
  });
}

int64_t Bench(size_t series, int rounds, const Scenario& scenario) {
  Scrape scrape = MakeScrape(series, scenario);
  Head head({});
  const int64_t empty_bytes = head.Stats().bytes;
  std::vector<double> ns;
  int64_t stored = 0;
  for (int round = 0; round < rounds; ++round) {
    FillScrape(scrape, round, scenario.jitter_ms);
    const double begin = bench::CpuNanoseconds();
    stored += Append(head, scrape);
    ns.push_back((bench::CpuNanoseconds() - begin) /
                 static_cast<double>(series));
  }
  const HeadStats stats = head.Stats();
  const int64_t bytes = stats.bytes - empty_bytes;
  PrintNs("append " + std::to_string(series) + " series, " + scenario.name,
          ns);
  std::printf("  %.0f bytes/series, %lld time columns, %lld of %lld stored\n",
              static_cast<double>(bytes) / static_cast<double>(series),
              static_cast<long long>(stats.time_columns),
              static_cast<long long>(stored),
              static_cast<long long>(stats.samples));
  if (!scenario.random_order) BenchReads(head, series, stored);
  return bytes;
}

void Run(size_t series, int rounds, std::string_view only) {
  std::printf("%d scrapes\n", rounds);
  for (const Scenario& scenario : kScenarios) {
    if (!only.empty() && only != scenario.name) continue;
    const size_t tenth = series / 10;
    const int64_t small = Bench(tenth, rounds, scenario);
    const int64_t large = Bench(series, rounds, scenario);
    std::printf("slope: %.0f bytes/series\n\n",
                static_cast<double>(large - small) /
                    static_cast<double>(series - tenth));
  }
}

}  // namespace
}  // namespace varve::storage

int main(int argc, char** argv) {
  const int rounds = argc > 2 ? std::atoi(argv[2]) : argc > 1 ? 240 : 8;
  varve::storage::Run(
      static_cast<size_t>(varve::bench::RowsFromArgs(argc, argv, 10'000)),
      std::max(rounds, 1), argc > 3 ? argv[3] : "");
}
