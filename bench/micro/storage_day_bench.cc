// A day of a storage node: series like node_exporter's, scraped every 15 s,
// flushed each hour, compacted and moved to the closed days. Real files, a
// clock of its own.
//
//   storage_day_bench [series] [hours]
//
// Prints CPU time by stage (of the whole process, its background threads
// included; building the records is left out), bytes on disk, bytes written
// for each byte flushed, and how long reads take cold and warm. Cold: the
// engine is opened anew and the kernel is told to forget the tables.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>
#include <vector>

#include "bench/load/node_series.h"
#include "bench/micro/bench_report.h"
#include "lib/compress/compress.h"
#include "lib/encoding/data_record.h"
#include "lib/model/label.h"
#include "storage/engine/engine.h"

namespace varve::storage {
namespace {

using bench::CpuNanoseconds;

constexpr int64_t kStepMs = 15'000;
constexpr int kStepsPerHour = 240;
constexpr size_t kRecordSeries = 5'000;
constexpr model::TenantId kTenant{0, 0};
constexpr int64_t kMidnightMs = 1'795'132'800'000;  // 2026-11-20
constexpr int kReads = 7;

double WallNanoseconds() {
  return static_cast<double>(
      std::chrono::steady_clock::now().time_since_epoch().count());
}

// Bytes this process has handed to write().
int64_t BytesWritten() {
  std::ifstream io("/proc/self/io");
  std::string name;
  int64_t value = 0;
  while (io >> name >> value) {
    if (name == "wchar:") return value;
  }
  return 0;
}

struct Bench {
  int64_t series = 0;
  int64_t hours = 0;
  EngineOptions options;
  base::ManualClock clock{kMidnightMs};
  std::unique_ptr<Engine> engine;
  std::vector<uint64_t> ids;

  double build_ns = 0;
  int64_t samples = 0;
  int64_t log_bytes = 0;
  int64_t flushed_bytes = 0;

  void Open() {
    auto opened = Engine::Open(options);
    if (!opened.ok()) std::abort();
    engine = *std::move(opened);
  }

  void Define() {
    std::vector<std::string> labels(static_cast<size_t>(series));
    std::vector<SeriesDefinition> definitions;
    for (int64_t i = 0; i < series; ++i) {
      const int64_t of_target = i % bench::kSeriesPerInstance;
      model::AppendCanonicalBytes(
          labels[i],
          {{"__name__", "node_metric_" + std::to_string(of_target / 8)},
           {"instance",
            "host-" + std::to_string(i / bench::kSeriesPerInstance) + ":9100"},
           {"job", "node"},
           {"part", std::to_string(of_target % 8)}});
      definitions.push_back({kTenant, labels[i]});
    }
    if (!engine->Define(definitions, ids).ok()) std::abort();
  }

  // Each target has a phase, and a jitter of some milliseconds at each scrape.
  static int64_t TimeOf(int64_t target, int64_t step) {
    const int64_t phase = target * 2'654'435'761 % kStepMs;
    const int64_t jitter = (target * 31 + step * 17) * 40'503 % 7;
    return kMidnightMs + step * kStepMs + phase + jitter;
  }

  // As an insert node sends them, packed: to pack is part of the building.
  void Append(int64_t step) {
    struct Record {
      std::string bytes;
      std::string packed;
    };
    std::vector<Record> records;
    const double begin = CpuNanoseconds();
    for (size_t i = 0; i < ids.size(); i += kRecordSeries) {
      encoding::DataRecordBuilder builder;
      builder.Start(1, kMidnightMs + step * kStepMs);
      for (size_t k = i; k < std::min(ids.size(), i + kRecordSeries); ++k) {
        const auto index = static_cast<int64_t>(k);
        const int64_t at_ms =
            TimeOf(index / bench::kSeriesPerInstance, step);
        const double value = bench::ValueAt(index, step);
        builder.Add(0, 0, ids[k], std::span(&at_ms, 1), std::span(&value, 1));
      }
      Record& record = records.emplace_back();
      record.bytes = builder.Finish();
      compress::Lz4Compress(record.bytes, record.packed);
    }
    build_ns += CpuNanoseconds() - begin;
    for (const Record& record : records) {
      const auto result =
          engine->Append(record.bytes, record.packed, AckLevel::kWritten);
      if (!result.ok()) std::abort();
      samples += result->rows;
    }
  }

  void Settle() {
    while (engine->Stats().running_compactions > 0) {
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
  }

  void Print(const char* stage, double ns) const {
    std::printf("%-44s %8.2f ns/sample\n", stage,
                ns / static_cast<double>(samples));
  }

  void Day() {
    double append_ns = 0;
    double flush_ns = 0;
    double compact_ns = 0;
    const int64_t written_before = BytesWritten();
    for (int64_t hour = 0; hour < hours; ++hour) {
      double from = CpuNanoseconds();
      const double built = build_ns;
      for (int64_t i = 0; i < kStepsPerHour; ++i) {
        Append(hour * kStepsPerHour + i);
      }
      clock.Advance(3'600'000);
      append_ns += CpuNanoseconds() - from - (build_ns - built);
      log_bytes += engine->Stats().wal_bytes;
      from = CpuNanoseconds();
      const int64_t written = BytesWritten();
      if (!engine->Flush().ok()) std::abort();
      flush_ns += CpuNanoseconds() - from;
      flushed_bytes += BytesWritten() - written;
      from = CpuNanoseconds();
      Settle();
      compact_ns += CpuNanoseconds() - from;
    }
    Print("append", append_ns);
    Print("flush", flush_ns);
    Print("compaction after flushes", compact_ns);
    double all_ns = append_ns + flush_ns + compact_ns;
    Report("the open day", all_ns, BytesWritten() - written_before);
    Reads("open day");

    clock.Advance(4 * model::kDayMs);
    const double from = CpuNanoseconds();
    if (!engine->CompactDays().ok()) std::abort();
    Settle();
    const double move_ns = CpuNanoseconds() - from;
    all_ns += move_ns;
    Print("move to the closed days", move_ns);
    Report("the closed day", all_ns, BytesWritten() - written_before);
    Reads("closed day");
  }

  void Report(const char* what, double ns, int64_t written) const {
    const EngineStats stats = engine->Stats();
    Print("  all of it so far", ns);
    std::printf("  %s: tables %.3f B/sample, log %.2f B/sample, written "
                "without the log %.2f times what was flushed (%.3f B/sample)\n",
                what,
                static_cast<double>(stats.data_bytes) /
                    static_cast<double>(samples),
                static_cast<double>(log_bytes) / static_cast<double>(samples),
                static_cast<double>(written - log_bytes) /
                    static_cast<double>(flushed_bytes),
                static_cast<double>(flushed_bytes) /
                    static_cast<double>(samples));
  }

  uint64_t Search(const char* label, const std::string& value,
                  model::TimeRange range) {
    auto cursor = engine->Search(
        {.tenant = kTenant,
         .matcher_groups = {{{model::MatchType::kEqual, "job", "node"},
                             {model::MatchType::kEqual, label, value}}},
         .range = range});
    if (!cursor.ok()) std::abort();
    SearchSeries one;
    uint64_t found = 0;
    while (*(*cursor)->Next(one)) found += one.samples.size();
    return found;
  }

  void Forget() {
    engine.reset();
    for (const auto& file : std::filesystem::recursive_directory_iterator(
             options.path)) {
      if (!file.is_regular_file()) continue;
      const int fd = open(file.path().c_str(), O_RDONLY);
      if (fd < 0) continue;
      fdatasync(fd);
      posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
      close(fd);
    }
    Open();
  }

  uint64_t OneSeries() {
    auto cursor = engine->Search(
        {.tenant = kTenant,
         .matcher_groups =
             {{{model::MatchType::kEqual, "__name__", "node_metric_40"},
               {model::MatchType::kEqual, "instance", "host-0:9100"},
               {model::MatchType::kEqual, "part", "3"}}},
         .range = {kMidnightMs, kMidnightMs + model::kDayMs - 1}});
    if (!cursor.ok()) std::abort();
    SearchSeries one;
    uint64_t found = 0;
    while (*(*cursor)->Next(one)) found += one.samples.size();
    return found;
  }

  void Reads(const char* layout) {
    uint64_t found = 0;
    double cold = 1e18;
    for (int i = 0; i < kReads; ++i) {
      Forget();
      const double from = WallNanoseconds();
      found = OneSeries();
      cold = std::min(cold, WallNanoseconds() - from);
    }
    double warm = 1e18;
    for (int i = 0; i < 20 * kReads; ++i) {
      const double from = WallNanoseconds();
      found = OneSeries();
      warm = std::min(warm, WallNanoseconds() - from);
    }
    std::printf("%-12s one series x %lld h (%llu samples): cold %.2f ms, warm "
                "%.3f ms, best of %d\n",
                layout, static_cast<long long>(hours),
                static_cast<unsigned long long>(found), cold / 1e6,
                warm / 1e6, kReads);
    const auto scan = [&](const char* what, const char* label,
                          const std::string& value, model::TimeRange range) {
      uint64_t read = Search(label, value, range);
      const double from = CpuNanoseconds();
      read = Search(label, value, range);
      std::printf("%-12s %s: %.2f ns/sample of %llu\n", layout, what,
                  (CpuNanoseconds() - from) / static_cast<double>(read),
                  static_cast<unsigned long long>(read));
    };
    scan("adjacent series of a metric, all hours", "__name__",
         "node_metric_40",
         {kMidnightMs, kMidnightMs + model::kDayMs - 1});
    scan("all series, the last hour", "job", "node",
         {kMidnightMs + (hours - 1) * 3'600'000,
          kMidnightMs + model::kDayMs - 1});
  }
};

void Run(int64_t series, int64_t hours) {
  std::string pattern =
      (std::filesystem::temp_directory_path() / "day-bench-XXXXXX").string();
  Bench bench;
  bench.series = series;
  bench.hours = hours;
  bench.options.path = mkdtemp(pattern.data());
  bench.options.clock = &bench.clock;
  bench.options.flush_interval_ms = 1000 * model::kDayMs;  // as told below
  bench.options.compaction_bytes_per_second = 0;
  bench.Open();
  bench.Define();
  bench.Day();
  bench.engine.reset();
  std::filesystem::remove_all(bench.options.path);
}

}  // namespace
}  // namespace varve::storage

int main(int argc, char** argv) {
  const int64_t series = varve::bench::RowsFromArgs(argc, argv, 50);
  varve::storage::Run(series, argc > 2 ? std::atoll(argv[2])
                                       : (argc > 1 ? 24 : 2));
}
