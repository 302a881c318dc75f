// A database of a family "a" of plain rows and a family "m" of merged ones, and
// what tests ask of it. For the tests of this folder.
#ifndef VARVE_STORAGE_KV_TEST_KV_H_
#define VARVE_STORAGE_KV_TEST_KV_H_

#include <sys/resource.h>

#include <catch2/catch.hpp>
#include <algorithm>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "storage/kv/kv.h"
#include "tests/support/temp_dir.h"

namespace varve::storage {

inline KvFamilyOptions OptionsOf(std::string_view name) {
  KvFamilyOptions options;
  options.merges = name.starts_with("m");
  options.universal = options.merges;
  options.bloom = name == "bloom";
  return options;
}

inline std::unique_ptr<KvDb> OpenDb(const std::string& path) {
  KvOptions options;
  options.path = path;
  options.cache = std::make_shared<KvCache>(1 << 20);
  options.family_options = OptionsOf;
  options.families = {"a", "m"};
  auto db = KvDb::Open(options);
  REQUIRE(db.ok());
  return *std::move(db);
}

inline std::string Value(const KvDb& db, std::string_view family,
                         std::string_view key,
                         const KvSnapshotRef& snapshot = nullptr) {
  const auto value = db.Get(*db.Find(family), key, snapshot);
  REQUIRE(value.ok());
  return value->value_or("<none>");
}

inline std::string AllOf(const KvDb& db, std::string_view family,
                         KvScan scan = {}) {
  std::string text;
  const auto it = db.Scan(db.Find(family), std::move(scan));
  for (it->SeekToFirst(); it->Valid(); it->Next()) {
    text.append(it->key()).append("=").append(it->value()).append(" ");
  }
  REQUIRE(it->status().ok());
  return text;
}

inline std::string Sst(
    KvDb& db, const std::string& family, const std::string& path,
    const std::vector<std::pair<std::string, std::string>>& rows, bool merge) {
  auto writer = db.NewSst(*db.Find(family), path);
  REQUIRE(writer.ok());
  for (const auto& [key, value] : rows) {
    REQUIRE((merge ? (*writer)->Merge(key, value) : (*writer)->Put(key, value))
                .ok());
  }
  REQUIRE((*writer)->Finish().ok());
  return path;
}

// Lets no file grow above `bytes` while it lives.
class FileLimit {
 public:
  explicit FileLimit(rlim_t bytes)
      : old_action_(std::signal(SIGXFSZ, SIG_IGN)) {
    getrlimit(RLIMIT_FSIZE, &old_);
    const rlimit now{bytes, old_.rlim_max};
    REQUIRE(setrlimit(RLIMIT_FSIZE, &now) == 0);
  }
  ~FileLimit() {
    setrlimit(RLIMIT_FSIZE, &old_);
    std::signal(SIGXFSZ, old_action_);
  }

 private:
  void (*const old_action_)(int);
  rlimit old_;
};

inline void Flip(const std::string& path, double place) {
  std::FILE* const file = std::fopen(path.c_str(), "r+b");
  REQUIRE(file != nullptr);
  const auto at = static_cast<long>(
      place * static_cast<double>(std::filesystem::file_size(path)));
  std::fseek(file, at, SEEK_SET);
  const int byte = std::fgetc(file);
  std::fseek(file, at, SEEK_SET);
  std::fputc(byte ^ 1, file);
  std::fclose(file);
}

// Three generations of 2,000 keys each, one table a generation.
inline void Fill(KvDb& db, const std::string& family) {
  const bool merge = family.starts_with("m");
  for (int generation = 0; generation < 3; ++generation) {
    std::vector<std::pair<std::string, std::string>> rows;
    for (int i = 0; i < 2000; ++i) {
      char key[16];
      std::snprintf(key, sizeof key, "k%06d", 3 * i + generation);
      // Random enough not to shrink to one block.
      rows.emplace_back(key, std::to_string(i * 2654435761u) +
                                 std::to_string(i * 40503u + generation));
    }
    const std::string path =
        db.ScratchDir() + "/" + std::to_string(generation) + ".sst";
    KvIngest ingest{db.Find(family), {Sst(db, family, path, rows, merge)}};
    REQUIRE(db.Ingest(std::span(&ingest, 1)).ok());
  }
}

inline std::vector<std::string> Tables(const std::string& path) {
  std::vector<std::string> tables;
  for (const auto& entry : std::filesystem::directory_iterator(path)) {
    if (entry.path().extension() == ".sst") tables.push_back(entry.path());
  }
  std::sort(tables.begin(), tables.end());
  return tables;
}

}  // namespace varve::storage

#endif  // VARVE_STORAGE_KV_TEST_KV_H_
