// Recorded scrapes through the engine: bytes on disk for each sample after a
// flush, keys, headers, timestamps and checksums included.
//
//   storage_size_bench [recording]
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "bench/record/recording.h"
#include "lib/encoding/data_record.h"
#include "lib/model/label.h"
#include "storage/engine/engine.h"

namespace varve::storage {
namespace {

constexpr model::TenantId kTenant{0, 0};

void Print(const Engine& engine, const char* what, int64_t samples,
           int64_t series) {
  const auto bytes = static_cast<double>(engine.Stats().data_bytes);
  std::printf("%s: %lld samples of %lld series, %.0f bytes of tables, %.3f "
              "B/sample\n",
              what, static_cast<long long>(samples),
              static_cast<long long>(series), bytes,
              bytes / static_cast<double>(samples));
}

void Run(const std::string& recording) {
  const auto targets = bench::ReadRecording(recording);
  if (!targets.ok()) std::abort();
  std::string pattern =
      (std::filesystem::temp_directory_path() / "size-bench-XXXXXX").string();
  EngineOptions options;
  options.path = mkdtemp(pattern.data());
  const int64_t start_ms = targets->front().scrapes_ms.front();
  base::ManualClock clock(targets->front().scrapes_ms.back());
  options.clock = &clock;
  auto engine = Engine::Open(options);
  if (!engine.ok()) std::abort();

  int64_t samples = 0;
  int64_t series = 0;
  for (const bench::RecordedTarget& target : *targets) {
    for (const bench::RecordedRun& run : target.runs) {
      std::string labels;
      const std::string name = run.labels.substr(0, run.labels.find('{'));
      model::AppendCanonicalBytes(labels, {{"__name__", name},
                                           {"job", target.job},
                                           {"line", run.labels}});
      const SeriesDefinition one{kTenant, labels};
      std::vector<uint64_t> ids;
      if (!(*engine)->Define(std::span(&one, 1), ids).ok()) std::abort();
      encoding::DataRecordBuilder builder;
      builder.Start(1, start_ms);
      builder.Add(kTenant.kind, kTenant.id, ids[0],
                  std::span(target.scrapes_ms)
                      .subspan(run.first, run.values.size()),
                  run.values);
      const auto result = (*engine)->Append(builder.Finish(),
                                            AckLevel::kMemory);
      if (!result.ok()) std::abort();
      samples += result->rows;
      ++series;
    }
  }
  if (!(*engine)->Flush().ok()) std::abort();
  Print(**engine, "flushed", samples, series);
  clock.Advance(4 * model::kDayMs);
  if (!(*engine)->CompactDays().ok()) std::abort();
  Print(**engine, "moved", samples, series);
  engine->reset();
  std::filesystem::remove_all(options.path);
}

}  // namespace
}  // namespace varve::storage

int main(int argc, char** argv) {
  varve::storage::Run(argc > 1 ? argv[1] : "bench/record/real15s.rec.zst");
}
