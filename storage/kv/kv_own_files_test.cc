// Damage to RocksDB's own files: CURRENT, MANIFEST and log.
#include <algorithm>
#include <filesystem>

#include "storage/kv/kv_files.h"
#include "storage/kv/test_kv.h"

namespace varve::storage {
namespace {

// Those that have something, the MANIFEST last.
std::vector<std::string> OwnFiles(const std::string& dir) {
  std::vector<std::string> files;
  for (const auto& entry : std::filesystem::directory_iterator(dir)) {
    const std::string name = entry.path().filename();
    if ((name.starts_with("MANIFEST") || name.ends_with(".log")) &&
        std::filesystem::exists(entry.path().string() + ".copy") &&
        entry.file_size() > 0) {
      files.push_back(entry.path());
    }
  }
  std::sort(files.begin(), files.end());
  return files;
}

TEST_CASE("a lost or damaged CURRENT is written anew", "[kv]") {
  tests::TempDir dir;
  std::string want;
  {
    const auto db = OpenDb(dir.path());
    Fill(*db, "a");
    want = AllOf(*db, "a");
  }
  const std::string current = dir.File("CURRENT");
  for (int round = 0; round < 3; ++round) {
    if (round == 0) {
      std::filesystem::remove(current);
    } else if (round == 1) {  // no newline
      std::filesystem::resize_file(current,
                                   std::filesystem::file_size(current) - 1);
    } else {
      Flip(current, 0.9);
    }
    const auto db = OpenDb(dir.path());
    CHECK(AllOf(*db, "a") == want);
  }
}

TEST_CASE("a damaged, cut or lost MANIFEST or log costs nothing", "[kv]") {
  tests::TempDir dir;
  std::string want;
  {
    const auto db = OpenDb(dir.path());
    Fill(*db, "a");
    KvBatch batch;  // to the log
    batch.Put(*db->Find("a"), "first", "x");
    REQUIRE(db->Write(batch, true).ok());
    want = AllOf(*db, "a");
  }
  const auto damage = GENERATE(0.0, 0.2, 0.5, 0.99, -1.0, -2.0, -3.0);
  for (const bool manifest : {true, false}) {
    const std::vector<std::string> files = OwnFiles(dir.path());
    REQUIRE(files.size() >= 2);
    const std::string& file = manifest ? files.back() : files[files.size() - 2];
    REQUIRE(manifest == (file.find("MANIFEST") != std::string::npos));
    INFO(file << " " << damage);
    CHECK(KvDamagedOwnFiles(dir.path()).empty());
    if (damage >= 0) {
      Flip(file, damage);
    } else if (damage == -1) {
      std::filesystem::remove(file);
    } else {
      const auto bytes = std::filesystem::file_size(file);
      std::filesystem::resize_file(file, damage == -2 ? bytes / 2 : 0);
    }
    CHECK(KvDamagedOwnFiles(dir.path()) == std::vector<std::string>{file});
    const auto db = OpenDb(dir.path());
    CHECK(AllOf(*db, "a") == want);
    CHECK(db->damaged_files() == 1);
    CHECK(db->Losses().empty());
    KvBatch batch;  // for the next log
    batch.Put(*db->Find("a"), "last", std::to_string(damage));
    REQUIRE(db->Write(batch, true).ok());
    want = AllOf(*db, "a");
  }
}

TEST_CASE("a damaged copy of a MANIFEST or log does no harm", "[kv]") {
  tests::TempDir dir;
  std::string want;
  for (const double place : {0.0, 0.3, 0.9}) {
    {
      const auto db = OpenDb(dir.path());
      Fill(*db, "a");
      want = AllOf(*db, "a");
    }
    for (const std::string& file : OwnFiles(dir.path())) {
      Flip(file + ".copy", place);
    }
    const auto db = OpenDb(dir.path());
    CHECK(AllOf(*db, "a") == want);
    CHECK(db->damaged_files() == 0);
  }
}

// The log with the most in it.
std::string LargestLog(const std::string& dir) {
  std::string largest;
  for (const std::string& file : OwnFiles(dir)) {
    if (file.ends_with(".log") &&
        (largest.empty() || std::filesystem::file_size(file) >
                                std::filesystem::file_size(largest))) {
      largest = file;
    }
  }
  REQUIRE_FALSE(largest.empty());
  return largest;
}

TEST_CASE("rows behind an append that failed are there after a start",
          "[kv]") {
  const tests::TempDir dir;
  int written = 0;
  const auto put = [&](KvDb& db) {
    KvBatch batch;
    batch.Put(*db.Find("a"), std::to_string(written), std::string(1000, 'x'));
    const bool stored = db.Write(batch, true).ok();
    written += stored ? 1 : 0;
    return stored;
  };
  {
    const auto db = OpenDb(dir.path());
    {
      const FileLimit limit(100'000);
      while (put(*db)) REQUIRE(written < 200);
      REQUIRE(written > 50);
    }
    for (int i = 0; i < 50; ++i) REQUIRE(put(*db));
  }
  CHECK(KvDamagedOwnFiles(dir.path()).empty());
  const auto db = OpenDb(dir.path());
  CHECK(db->Losses().empty());
  std::string lost;
  for (int i = 0; i < written; ++i) {
    const std::string key = std::to_string(i);
    if (Value(*db, "a", key) == "<none>") lost += key + " ";
  }
  CHECK(lost.empty());
}

TEST_CASE("a log and its copy damaged in two places lose nothing", "[kv]") {
  for (const bool manifest : {false, true}) {
    tests::TempDir dir;
    std::string want;
    {
      const auto db = OpenDb(dir.path());
      Fill(*db, "a");
      for (int i = 0; i < 100; ++i) {
        KvBatch batch;
        batch.Put(*db->Find("m"), std::to_string(i), std::string(1000, 'x'));
        REQUIRE(db->Write(batch, true).ok());
      }
      want = AllOf(*db, "a") + AllOf(*db, "m");
    }
    const std::string file =
        manifest ? OwnFiles(dir.path()).back() : LargestLog(dir.path());
    Flip(file, 0.1);
    Flip(file + ".copy", 0.7);
    const auto db = OpenDb(dir.path());
    CHECK(AllOf(*db, "a") + AllOf(*db, "m") == want);
    CHECK(db->damaged_files() == 1);
    CHECK(db->Losses().empty());
  }
}

TEST_CASE("what neither a log nor its copy has is told as lost", "[kv]") {
  for (const bool missing : {false, true}) {
    tests::TempDir dir;
    {
      const auto db = OpenDb(dir.path());
      for (int i = 0; i < 100; ++i) {
        KvBatch batch;
        batch.Put(*db->Find("m"), std::to_string(i), std::string(1000, 'x'));
        REQUIRE(db->Write(batch, true).ok());
      }
    }
    const std::string log = LargestLog(dir.path());
    Flip(log + ".copy", missing ? 0.0 : 0.7);
    if (missing) {
      std::filesystem::remove(log);
    } else {
      std::filesystem::resize_file(log, std::filesystem::file_size(log) / 2);
    }
    for (int round = 0; round < 2; ++round) {
      const auto db = OpenDb(dir.path());
      CHECK(db->Losses().size() == 1);
      CHECK(db->MayLack(*db->Find("a"), "", ""));
      CHECK((Value(*db, "m", "20") == "<none>") == missing);
      CHECK(Value(*db, "m", "99") == "<none>");
    }
  }
}

TEST_CASE("a MANIFEST that is lost together with its copy is told", "[kv]") {
  tests::TempDir dir;
  {
    const auto db = OpenDb(dir.path());
    Fill(*db, "a");
  }
  for (const std::string& file : OwnFiles(dir.path())) {
    if (file.find("MANIFEST") == std::string::npos) continue;
    Flip(file, 0.5);
    std::filesystem::remove(file + ".copy");
  }
  KvOptions options;
  options.path = dir.path();
  options.cache = std::make_shared<KvCache>(1 << 20);
  const auto db = KvDb::Open(options);
  REQUIRE_FALSE(db.ok());
  CHECK(absl::IsDataLoss(db.status()));
  CHECK(db.status().ToString().find("restore the node from a backup") !=
        std::string::npos);
  CHECK(Tables(dir.path()).size() == 3);  // for whoever repairs it
}

TEST_CASE("copies of logs and manifests go with them", "[kv]") {
  tests::TempDir dir;
  for (int round = 0; round < 3; ++round) {
    const auto db = OpenDb(dir.path());
    Fill(*db, "a");
    REQUIRE(db->Flush(*db->Find("a")).ok());
  }
  OpenDb(dir.path());
  int64_t files = 0;
  int64_t copies = 0;
  for (const auto& entry : std::filesystem::directory_iterator(dir.path())) {
    const std::string name = entry.path().filename();
    files += name.starts_with("MANIFEST") && !name.ends_with(".copy");
    files += name.ends_with(".log");
    copies += name.ends_with(".copy");
  }
  CHECK(copies == files);
}

}  // namespace
}  // namespace varve::storage
