// Digests of a day that is over, by which replicas are compared: the scan of a
// closed day, and one that is kept. Series like node_exporter's, scraped every
// 15 s. Real files; blocks are in the caches.
//
//   repair_digest_bench [samples]
#include <cstdlib>
#include <filesystem>
#include <vector>

#include "bench/load/node_series.h"
#include "bench/micro/bench_report.h"
#include "lib/base/clock.h"
#include "lib/encoding/data_record.h"
#include "lib/model/label.h"
#include "lib/repair/day_digests.h"
#include "storage/engine/engine.h"

namespace varve::repair {
namespace {

constexpr model::TenantId kTenant{0, 0};
constexpr int32_t kDay = 20'777;  // 2026-11-20
constexpr int64_t kStepMs = 15'000;
constexpr int64_t kSteps = model::kDayMs / kStepMs;
constexpr size_t kRecordSeries = 100;

void Define(storage::Engine& engine, int64_t series,
            std::vector<uint64_t>& ids) {
  std::vector<std::string> labels(static_cast<size_t>(series));
  std::vector<storage::SeriesDefinition> definitions;
  for (int64_t i = 0; i < series; ++i) {
    model::AppendCanonicalBytes(
        labels[static_cast<size_t>(i)],
        {{"__name__", "node_metric"}, {"series", std::to_string(i)}});
    definitions.push_back({kTenant, labels[static_cast<size_t>(i)]});
  }
  if (!engine.Define(definitions, ids).ok()) std::abort();
}

void Write(storage::Engine& engine, const std::vector<uint64_t>& ids) {
  std::vector<int64_t> timestamps_ms(kSteps);
  std::vector<double> values(kSteps);
  for (size_t begin = 0; begin < ids.size(); begin += kRecordSeries) {
    encoding::DataRecordBuilder builder;
    builder.Start(1, kDay * model::kDayMs);
    const size_t end = std::min(ids.size(), begin + kRecordSeries);
    for (size_t i = begin; i < end; ++i) {
      for (int64_t step = 0; step < kSteps; ++step) {
        timestamps_ms[static_cast<size_t>(step)] =
            kDay * model::kDayMs + step * kStepMs;
        values[static_cast<size_t>(step)] =
            bench::ValueAt(static_cast<int64_t>(i), step);
      }
      builder.Add(0, 0, ids[i], timestamps_ms, values);
    }
    if (!engine.Append(builder.Finish(), storage::AckLevel::kWritten).ok()) {
      std::abort();
    }
  }
}

uint64_t Digest(DayDigests& digests) {
  const auto digest = digests.Of({.tenant = kTenant, .span = {.day = kDay}});
  if (!digest.ok() || !(*digest)->complete) std::abort();
  SampleDigest all;
  for (const DigestRow& row : (*digest)->rows) all.Add(row.digest);
  return all.sum.low;
}

void Run(int64_t samples) {
  const int64_t series = std::max<int64_t>(1, samples / kSteps);
  std::string pattern =
      (std::filesystem::temp_directory_path() / "digest-XXXXXX").string();
  base::ManualClock clock((kDay + 1) * model::kDayMs);
  storage::EngineOptions options;
  options.path = mkdtemp(pattern.data());
  options.clock = &clock;
  options.compaction_bytes_per_second = 0;
  {
    auto opened = storage::Engine::Open(options);
    if (!opened.ok()) std::abort();
    storage::Engine& engine = **opened;
    std::vector<uint64_t> ids;
    Define(engine, series, ids);
    Write(engine, ids);
    if (!engine.Flush().ok()) std::abort();
    clock.Advance(4 * model::kDayMs);
    if (!engine.CompactDays().ok()) std::abort();
    const int64_t bytes = engine.Stats().data_bytes;
    bench::Report("digest of a closed day, computed", series * kSteps, bytes,
                  [&] {
                    DayDigests digests(&engine);
                    return Digest(digests);
                  });
    DayDigests digests(&engine);
    Digest(digests);
    bench::Report("digest of a closed day, kept", series * kSteps,
                  digests.Stats().kept_bytes,
                  [&] { return Digest(digests); });
  }
  std::filesystem::remove_all(options.path);
}

}  // namespace
}  // namespace varve::repair

int main(int argc, char** argv) {
  varve::repair::Run(varve::bench::RowsFromArgs(argc, argv, 50'000));
}
