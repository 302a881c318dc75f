// A storage engine without its network: definitions, appends with the log,
// searches in the head and in blocks, a flush, a replay.
//
//   engine_bench [series]     100 scrapes of 15 s each; CPU time, the fsync's
//                             wait is not in it
#include <cstdlib>
#include <filesystem>
#include <vector>

#include "bench/micro/bench_report.h"
#include "lib/encoding/data_record.h"
#include "lib/model/label.h"
#include "storage/engine/engine.h"

namespace varve::storage {
namespace {

constexpr int kScrapes = 100;
constexpr int64_t kStepMs = 15'000;
constexpr size_t kRecordSeries = 5'000;
constexpr model::TenantId kTenant{0, 0};

struct Bench {
  EngineOptions options;
  base::ManualClock clock{1'795'176'000'000};
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
      const std::string cpu = std::to_string(i % 16);
      const std::string instance = std::to_string(i / 128);
      model::AppendCanonicalBytes(
          labels[i], {{"__name__", "node_cpu_seconds_total"},
                      {"cpu", cpu},
                      {"instance", "host-" + instance + ":9100"},
                      {"job", "node"},
                      {"mode", "mode" + std::to_string(i / 16 % 8)}});
      definitions.push_back({kTenant, labels[i]});
    }
    if (!engine->Define(definitions, ids).ok()) std::abort();
  }

  uint64_t Append(int scrape) {
    const std::vector<int64_t> at_ms(1, clock.NowMs() + scrape * kStepMs);
    uint64_t rows = 0;
    for (size_t i = 0; i < ids.size(); i += kRecordSeries) {
      encoding::DataRecordBuilder builder;
      builder.Start(1, at_ms[0]);
      for (size_t k = i; k < std::min(ids.size(), i + kRecordSeries); ++k) {
        const double value =
            static_cast<double>(k % 977 * 100 + scrape * (k % 31 + 1)) / 100;
        builder.Add(0, 0, ids[k], at_ms, std::span(&value, 1));
      }
      const auto result = engine->Append(builder.Finish(), AckLevel::kDurable);
      if (!result.ok()) std::abort();
      rows += result->rows;
    }
    return rows;
  }

  uint64_t Search() {
    auto cursor = engine->Search(
        {.tenant = kTenant,
         .matcher_groups = {{{model::MatchType::kEqual, "__name__",
                              "node_cpu_seconds_total"}}},
         .range = {0, model::kTimestampMaxMs}});
    if (!cursor.ok()) std::abort();
    SearchSeries series;
    uint64_t samples = 0;
    while (*(*cursor)->Next(series)) samples += series.samples.size();
    return samples;
  }
};

void Run(int64_t series) {
  std::string pattern =
      (std::filesystem::temp_directory_path() / "engine-XXXXXX").string();
  Bench bench;
  bench.options.path = mkdtemp(pattern.data());
  bench.options.clock = &bench.clock;
  bench.Open();
  const int64_t samples = series * kScrapes;
  double begin = bench::CpuNanoseconds();
  bench.Define(series);
  std::printf("define   %8.0f ns/series\n",
              (bench::CpuNanoseconds() - begin) / static_cast<double>(series));
  begin = bench::CpuNanoseconds();
  for (int i = 0; i < kScrapes; ++i) bench.Append(i);
  std::printf("append   %8.1f ns/sample, encoding included; log %.2f B/sample\n",
              (bench::CpuNanoseconds() - begin) / static_cast<double>(samples),
              static_cast<double>(bench.engine->Stats().wal_bytes) /
                  static_cast<double>(samples));
  bench::Report("search the head", samples, 0, [&] { return bench.Search(); });
  bench.engine.reset();
  begin = bench::CpuNanoseconds();
  bench.Open();
  std::printf("replay   %8.1f ns/sample\n",
              (bench::CpuNanoseconds() - begin) / static_cast<double>(samples));
  begin = bench::CpuNanoseconds();
  if (!bench.engine->Flush().ok()) std::abort();
  std::printf("flush    %8.1f ns/sample; data %.2f B/sample\n",
              (bench::CpuNanoseconds() - begin) / static_cast<double>(samples),
              static_cast<double>(bench.engine->Stats().data_bytes) /
                  static_cast<double>(samples));
  bench::Report("search the blocks", samples, 0,
                [&] { return bench.Search(); });
  bench.engine.reset();
  std::filesystem::remove_all(bench.options.path);
}

}  // namespace
}  // namespace varve::storage

int main(int argc, char** argv) {
  varve::storage::Run(varve::bench::RowsFromArgs(argc, argv, 500));
}
