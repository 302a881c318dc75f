// Appends of whole scrapes to the head, and reads of every series.
#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstdio>
#include <random>
#include <vector>

#include "bench/micro/bench_report.h"
#include "storage/head/head.h"

namespace varve::storage {
namespace {

constexpr size_t kRecordRows = 10'000;
constexpr int kScrapes = 60;
constexpr int64_t kStepMs = 15'000;
constexpr int64_t kStartMs = 1'780'000'000'000;

// Of ten series: seven constant, two counters, one gauge with two decimals.
double Value(uint64_t id, int scrape, std::mt19937_64& random) {
  switch (id % 10) {
    case 0:
    case 1:
      return static_cast<double>(id * 1000 + static_cast<uint64_t>(scrape) *
                                                 (random() % 50));
    case 2:
      return static_cast<double>(random() % 10'000) / 100;
    default:
      return static_cast<double>(id % 5);
  }
}

struct Columns {
  std::vector<uint64_t> ids;
  std::vector<uint32_t> counts;
  std::vector<int64_t> times;
  std::vector<std::vector<double>> values;  // of each scrape
};

Columns MakeColumns(size_t series) {
  Columns columns;
  std::mt19937_64 random(20261120);
  columns.values.resize(kScrapes);
  columns.counts.assign(series, 1);
  columns.times.resize(series);
  for (size_t i = 0; i < series; ++i) columns.ids.push_back(i + 1);
  for (int scrape = 0; scrape < kScrapes; ++scrape) {
    for (uint64_t id : columns.ids) {
      columns.values[scrape].push_back(Value(id, scrape, random));
    }
  }
  return columns;
}

uint64_t Fill(Head& head, Columns& columns, int64_t jitter_ms) {
  int64_t stored = 0;
  for (int scrape = 0; scrape < kScrapes; ++scrape) {
    for (size_t i = 0; i < columns.ids.size(); i += kRecordRows) {
      const size_t n = std::min(kRecordRows, columns.ids.size() - i);
      const int64_t time_ms =
          kStartMs + scrape * kStepMs + scrape * scrape % (jitter_ms + 1);
      std::fill_n(columns.times.begin(), n, time_ms);
      const HeadRows rows = {{columns.ids.data() + i, n},
                             {columns.counts.data(), n},
                             {columns.times.data(), n},
                             {columns.values[scrape].data() + i, n}};
      stored += head.Append(rows).stored;
    }
  }
  return static_cast<uint64_t>(stored);
}

void Bench(const char* append_name, const char* read_name, Columns& columns,
           int64_t jitter_ms) {
  const auto samples = static_cast<int64_t>(columns.ids.size()) * kScrapes;
  Head measured({});
  const int64_t empty_bytes = measured.Stats().bytes;
  Fill(measured, columns, jitter_ms);
  const int64_t bytes = measured.Stats().bytes - empty_bytes;
  bench::Report(append_name, samples, bytes, [&] {
    Head head({});
    return Fill(head, columns, jitter_ms);
  });
  bench::Report(read_name, samples, bytes, [&] {
    const HeadView view = measured.View();
    model::SampleColumns got;
    uint64_t sum = 0;
    for (uint64_t id : columns.ids) {
      got.clear();
      view.Read(id, {0, INT64_MAX}, got);
      sum += std::bit_cast<uint64_t>(got.values.back()) + got.size();
    }
    return sum;
  });
  std::printf(
      "  %.0f bytes/series for %d samples\n",
      static_cast<double>(bytes) / static_cast<double>(columns.ids.size()),
      kScrapes);
}

void Run(int64_t samples) {
  Columns columns = MakeColumns(static_cast<size_t>(samples / kScrapes + 1));
  Bench("append, exact steps", "read, exact steps", columns, 0);
  Bench("append, jitter of 6 ms", "read, jitter of 6 ms", columns, 6);
}

}  // namespace
}  // namespace varve::storage

int main(int argc, char** argv) {
  varve::storage::Run(varve::bench::RowsFromArgs(argc, argv, 60'000));
}
