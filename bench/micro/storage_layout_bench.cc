// What many days cost in RocksDB: as rows of one family that lead with their
// day, or as a family for each day.
//
//   storage_layout_bench closed 4000
//   storage_layout_bench families 400
//
// Each day is a table of its own, ingested as a move of a day is. Prints the
// time to add a day, to open the database again, and then open files and
// resident memory, before and after one read of each hundredth day.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>

#include "lib/base/byte_coding.h"
#include "storage/block/block_key.h"
#include "storage/engine/data_families.h"
#include "storage/kv/kv.h"

namespace varve::storage {
namespace {

constexpr uint64_t kSeries = 2'000;
constexpr int32_t kFirstDay = 16'000;

double Milliseconds() {
  return static_cast<double>(
             std::chrono::steady_clock::now().time_since_epoch().count()) /
         1e6;
}

int64_t ResidentKib() {
  std::ifstream status("/proc/self/status");
  std::string word;
  int64_t value = 0;
  while (status >> word) {
    if (word == "VmRSS:" && status >> value) return value;
  }
  return 0;
}

int64_t OpenFiles() {
  int64_t count = 0;
  for (const auto& one : std::filesystem::directory_iterator("/proc/self/fd")) {
    count += one.path().empty() ? 0 : 1;
  }
  return count;
}

struct Layout {
  std::string path;
  bool closed = true;
  int32_t days = 0;
  std::unique_ptr<KvDb> db;

  void Open() {
    KvOptions options;
    options.path = path + "/data";
    options.cache = std::make_shared<KvCache>(64 << 20);
    options.family_options = DataFamilyOptions;
    options.families = {std::string(kMetaFamily), std::string(kClosedFamily)};
    auto opened = KvDb::Open(options);
    if (!opened.ok()) std::abort();
    db = *std::move(opened);
  }
  KvFamilyRef FamilyOf(int32_t day) const {
    return closed ? db->Find(kClosedFamily) : db->Find(DayFamilyName(day));
  }
  std::string KeyOf(int32_t day, uint64_t series) const {
    std::string key;
    if (closed) base::PutFixedBe(key, day);
    AppendSeriesKey(key, {{0, 1}, series / 10 + 1, series});
    return key;
  }

  void Add(int32_t day) {
    if (!closed && !db->Create(DayFamilyName(day)).ok()) std::abort();
    const KvFamilyRef family = FamilyOf(day);
    const std::string file = path + "/day.sst";
    auto writer = db->NewSst(*family, file);
    if (!writer.ok()) std::abort();
    std::string value(120, 'x');
    for (uint64_t series = 0; series < kSeries; ++series) {
      const uint64_t mixed = (series + 1) * 0x9e3779b97f4a7c15 ^
                             static_cast<uint64_t>(day);
      for (size_t i = 0; i + 8 <= value.size(); i += 16) {
        std::memcpy(value.data() + i, &mixed, sizeof(mixed));
      }
      if (!(*writer)->Merge(KeyOf(day, series), value).ok()) std::abort();
    }
    if (!(*writer)->Finish().ok()) std::abort();
    const KvIngest ingest{family, {file}};
    if (!db->Ingest(std::span(&ingest, 1)).ok()) std::abort();
  }

  void Run() {
    Open();
    double begin = Milliseconds();
    double last = begin;
    for (int32_t i = 0; i < days; ++i) {
      Add(kFirstDay + i);
      if ((i + 1) % std::max(days / 4, 1) == 0) {
        std::printf("%d days: %.1f ms for each of the last %d\n", i + 1,
                    (Milliseconds() - last) / std::max(days / 4, 1),
                    std::max(days / 4, 1));
        last = Milliseconds();
      }
    }
    db.reset();
    const int64_t resident_before = ResidentKib();
    begin = Milliseconds();
    Open();
    std::printf("open: %.1f ms; %lld open files, %+lld KiB resident\n",
                Milliseconds() - begin, static_cast<long long>(OpenFiles()),
                static_cast<long long>(ResidentKib() - resident_before));
    begin = Milliseconds();
    int reads = 0;
    for (int32_t i = 0; i < days; i += 100, ++reads) {
      const int32_t day = kFirstDay + i;
      const auto value = db->Get(*FamilyOf(day), KeyOf(day, kSeries / 2));
      if (!value.ok() || !value->has_value()) std::abort();
    }
    std::printf("read of one series in %d days: %.2f ms each; %lld open files, "
                "%+lld KiB resident\n",
                reads, (Milliseconds() - begin) / reads,
                static_cast<long long>(OpenFiles()),
                static_cast<long long>(ResidentKib() - resident_before));
    begin = Milliseconds();
    db.reset();
    std::printf("close: %.1f ms\n", Milliseconds() - begin);
  }
};

}  // namespace
}  // namespace varve::storage

int main(int argc, char** argv) {
  std::string pattern =
      (std::filesystem::temp_directory_path() / "layout-XXXXXX").string();
  varve::storage::Layout layout;
  layout.path = mkdtemp(pattern.data());
  layout.closed = argc < 2 || std::strcmp(argv[1], "families") != 0;
  layout.days = argc > 2 ? std::atoi(argv[2]) : 8;
  layout.Run();
  std::filesystem::remove_all(layout.path);
}
