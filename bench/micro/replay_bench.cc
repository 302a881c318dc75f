// What a storage node does with its log: rows in, and back after a kill.
//
//   replay_bench [series [scrapes]]   240 scrapes of 15 s are an hour
//
// CPU time of the process, all threads; "per core" is samples by CPU second.
// Rows come as an insert node sends them: 10,000 a record, packed with LZ4.
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <random>
#include <string>
#include <vector>

#include "bench/micro/bench_report.h"
#include "lib/compress/compress.h"
#include "lib/encoding/data_record.h"
#include "lib/model/label.h"
#include "storage/engine/engine.h"

namespace varve::storage {
namespace {

constexpr int64_t kStepMs = 15'000;
constexpr size_t kRecordSeries = 10'000;
constexpr model::TenantId kTenant{0, 0};

double WallNanoseconds() {
  return std::chrono::duration<double, std::nano>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

// The shapes of an exporter's series: half never change, counters, gauges of
// bytes, seconds with decimals, and a few of full-mantissa noise.
class Values {
 public:
  double operator()(size_t series, int scrape) {
    const auto n = static_cast<double>(scrape);
    const auto s = static_cast<double>(series % 977);
    switch (series % 20) {
      case 0: case 1: case 2: case 3: case 4: case 5: case 6:
        return 0;
      case 7: case 8: case 9: case 10:
        return s;
      case 11: case 12: case 13:
        return s * 1000 + n * (s + 1);
      case 14: case 15:
        return 4096 * (1e5 + s * 100 + static_cast<double>(random_() % 64));
      case 16: case 17: case 18:
        return (s * 5000 + n * (3 + static_cast<double>(random_() % 20))) / 100;
      default:
        return static_cast<double>(random_() >> 11) * 0x1p-53;
    }
  }

 private:
  std::mt19937_64 random_{20261121};
};

struct Bench {
  EngineOptions options;
  std::unique_ptr<Engine> engine;
  std::vector<uint64_t> ids;

  void Open() {
    auto opened = Engine::Open(options);
    if (!opened.ok()) std::abort();
    engine = *std::move(opened);
  }

  void Define(int64_t series) {
    std::vector<std::string> labels(static_cast<size_t>(series));
    std::vector<SeriesDefinition> definitions;
    for (int64_t i = 0; i < series; ++i) {
      model::AppendCanonicalBytes(
          labels[i], {{"__name__", "metric_" + std::to_string(i % 500)},
                      {"instance", "host-" + std::to_string(i / 500) + ":9100"},
                      {"job", "node"}});
      definitions.push_back({kTenant, labels[i]});
    }
    if (!engine->Define(definitions, ids).ok()) std::abort();
  }
};

void Line(const char* name, double cpu_ns, double wall_ns, double samples) {
  std::printf("%-28s %7.1f ns/sample CPU, %6.1f M samples/s per core, "
              "%.2f s wall\n",
              name, cpu_ns / samples, samples / cpu_ns * 1e3, wall_ns / 1e9);
}

void Run(int64_t series, int scrapes) {
  std::string pattern =
      (std::filesystem::temp_directory_path() / "replay-XXXXXX").string();
  Bench bench;
  bench.options.path = mkdtemp(pattern.data());
  bench.options.wal_bytes_max = INT64_MAX / 4;
  bench.options.head_bytes_max = INT64_MAX / 4;
  base::ManualClock clock{1'795'176'000'000};
  bench.options.clock = &clock;
  bench.Open();
  bench.Define(series);
  Values values;
  double cpu = 0;
  double wall = 0;
  double packed_bytes = 0;
  for (int scrape = 0; scrape < scrapes; ++scrape) {
    const int64_t at_ms = clock.NowMs() + scrape * kStepMs;
    for (size_t i = 0; i < bench.ids.size(); i += kRecordSeries) {
      encoding::DataRecordBuilder builder;
      builder.Start(1, at_ms);
      for (size_t k = i; k < std::min(bench.ids.size(), i + kRecordSeries);
           ++k) {
        const double value = values(k, scrape);
        builder.Add(0, 0, bench.ids[k], std::span(&at_ms, 1),
                    std::span(&value, 1));
      }
      const std::string record = builder.Finish();
      std::string packed;
      compress::Lz4Compress(record, packed);
      packed_bytes += static_cast<double>(packed.size());
      cpu -= bench::CpuNanoseconds();
      wall -= WallNanoseconds();
      if (!bench.engine->Append(record, packed, AckLevel::kWritten).ok()) {
        std::abort();
      }
      cpu += bench::CpuNanoseconds();
      wall += WallNanoseconds();
    }
  }
  const double samples = static_cast<double>(series) * scrapes;
  Line("append, log and head", cpu, wall, samples);
  std::printf("%-28s %7.2f B/sample\n", "log",
              static_cast<double>(bench.engine->Stats().wal_bytes) / samples);
  bench.engine.reset();
  for (int run = 0; run < 3; ++run) {
    cpu = -bench::CpuNanoseconds();
    wall = -WallNanoseconds();
    bench.Open();
    cpu += bench::CpuNanoseconds();
    wall += WallNanoseconds();
    Line("open and replay", cpu, wall, samples);
    if (bench.engine->Stats().head_samples != series * scrapes) std::abort();
    bench.engine.reset();
  }
  std::filesystem::remove_all(bench.options.path);
}

}  // namespace
}  // namespace varve::storage

int main(int argc, char** argv) {
  varve::storage::Run(varve::bench::RowsFromArgs(argc, argv, 500),
                      argc > 2 ? std::atoi(argv[2]) : 20);
}
