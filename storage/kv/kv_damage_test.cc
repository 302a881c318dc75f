// Damage to the files of a database, and what is left of it.
#include <catch2/catch.hpp>
#include <sys/resource.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <filesystem>

#include "storage/kv/kv.h"
#include "storage/kv/kv_files.h"
#include "tests/support/temp_dir.h"

namespace varve::storage {
namespace {

KvFamilyOptions OptionsOf(std::string_view name) {
  KvFamilyOptions options;
  options.merges = name.starts_with("m");
  options.universal = options.merges;
  options.bloom = name == "bloom";
  return options;
}

std::unique_ptr<KvDb> OpenDb(const std::string& path) {
  KvOptions options;
  options.path = path;
  options.cache = std::make_shared<KvCache>(1 << 20);
  options.family_options = OptionsOf;
  options.families = {"a", "m"};
  auto db = KvDb::Open(options);
  REQUIRE(db.ok());
  return *std::move(db);
}

std::string Value(const KvDb& db, std::string_view family,
                  std::string_view key,
                  const KvSnapshotRef& snapshot = nullptr) {
  const auto value = db.Get(*db.Find(family), key, snapshot);
  REQUIRE(value.ok());
  return value->value_or("<none>");
}

std::string AllOf(const KvDb& db, std::string_view family, KvScan scan = {}) {
  std::string text;
  const auto it = db.Scan(db.Find(family), std::move(scan));
  for (it->SeekToFirst(); it->Valid(); it->Next()) {
    text.append(it->key()).append("=").append(it->value()).append(" ");
  }
  REQUIRE(it->status().ok());
  return text;
}

std::string Sst(KvDb& db, const std::string& family, const std::string& path,
                const std::vector<std::pair<std::string, std::string>>& rows,
                bool merge) {
  auto writer = db.NewSst(*db.Find(family), path);
  REQUIRE(writer.ok());
  for (const auto& [key, value] : rows) {
    REQUIRE((merge ? (*writer)->Merge(key, value) : (*writer)->Put(key, value))
                .ok());
  }
  REQUIRE((*writer)->Finish().ok());
  return path;
}

TEST_CASE("a damaged table is data loss until it is taken out", "[kv]") {
  const tests::TempDir dir;
  auto db = OpenDb(dir.File("db"));
  KvBatch batch;
  for (int i = 0; i < 1000; ++i) {
    batch.Put(*db->Find("a"), "key" + std::to_string(i), std::string(50, 'x'));
  }
  REQUIRE(db->Write(batch, false).ok());
  REQUIRE(db->Flush(*db->Find("a")).ok());
  REQUIRE(db->VerifyChecksums().ok());
  db.reset();
  for (const auto& file : std::filesystem::directory_iterator(dir.File("db"))) {
    if (file.path().extension() != ".sst") continue;
    FILE* f = std::fopen(file.path().c_str(), "r+");
    std::fseek(f, 20, SEEK_SET);
    std::fputc(0x5a, f);
    std::fputc(0xa5, f);
    std::fclose(f);
  }
  db = OpenDb(dir.File("db"));
  CHECK(absl::IsDataLoss(db->VerifyChecksums()));
  CHECK(Value(*db, "a", "key0") == "<none>");
  CHECK(db->VerifyChecksums().ok());
  CHECK(Value(*db, "a", "key999") == std::string(50, 'x'));
}

// Three generations of 2,000 keys each, one table a generation.
void Fill(KvDb& db, const std::string& family) {
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

std::vector<std::string> Tables(const std::string& path) {
  std::vector<std::string> tables;
  for (const auto& entry : std::filesystem::directory_iterator(path)) {
    if (entry.path().extension() == ".sst") tables.push_back(entry.path());
  }
  std::sort(tables.begin(), tables.end());
  return tables;
}

void Flip(const std::string& path, double place) {
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

TEST_CASE("a damaged block costs its rows and no others, for good", "[kv]") {
  for (const std::string family : {"a", "m"}) {
    for (const double place : {0.01, 0.5, 0.8}) {
      CAPTURE(family);
      CAPTURE(place);
      tests::TempDir dir;
      size_t kept = 0;
      {
        const auto db = OpenDb(dir.path());
        Fill(*db, family);
        CHECK_FALSE(db->MayLack(*db->Find(family), "", ""));
      }
      Flip(Tables(dir.path())[1], place);
      {
        const auto db = OpenDb(dir.path());
        const std::string rows = AllOf(*db, family);
        kept = static_cast<size_t>(std::count(rows.begin(), rows.end(), '='));
        // A block is 16 KiB of some 20 bytes a row.
        CHECK(kept < 6000);
        CHECK(kept > 4500);
        CHECK(db->damaged_files() == 1);
        const std::vector<KvLoss> losses = db->Losses();
        REQUIRE(losses.size() == 1);
        CHECK(losses[0].family == family);
        CHECK(db->MayLack(*db->Find(family), losses[0].first, ""));
        CHECK_FALSE(db->MayLack(*db->Find(family), "l", "m"));
        CHECK_FALSE(db->MayLack(*db->Find(family == "a" ? "m" : "a"), "", ""));
        CHECK(std::filesystem::exists(dir.path() + "/quarantine"));
        // Writes and compactions go on.
        KvBatch batch;
        batch.Put(*db->Find(family), "z", "1");
        REQUIRE(db->Write(batch, true).ok());
        REQUIRE(db->CompactRange(*db->Find(family), "", "").ok());
        CHECK(Value(*db, family, "z") == "1");
      }
      const auto db = OpenDb(dir.path());
      const std::string rows = AllOf(*db, family);
      CHECK(static_cast<size_t>(std::count(rows.begin(), rows.end(), '=')) ==
            kept + 1);
      CHECK(db->damaged_files() == 0);
      CHECK(db->Losses().size() == 1);
      CHECK(db->VerifyChecksums().ok());
    }
  }
}

TEST_CASE("a compaction or a get that meets damage goes on without it",
          "[kv]") {
  tests::TempDir dir;
  {
    const auto db = OpenDb(dir.path());
    Fill(*db, "a");
  }
  Flip(Tables(dir.path())[0], 0.5);
  std::filesystem::remove(Tables(dir.path())[2]);
  const auto db = OpenDb(dir.path());
  CHECK(Value(*db, "a", "k003003") == "<none>");  // in the one that is gone
  REQUIRE(db->CompactRange(*db->Find("a"), "", "").ok());
  // The one that is not there went with the first that was taken out.
  CHECK(db->damaged_files() >= 1);
  CHECK(db->Losses().size() == 2);
  CHECK(Value(*db, "a", "k000001") != "<none>");
  CHECK(db->VerifyChecksums().ok());
}

TEST_CASE("a table without its last byte is taken out", "[kv]") {
  tests::TempDir dir;
  {
    const auto db = OpenDb(dir.path());
    Fill(*db, "a");
  }
  const std::string cut = Tables(dir.path())[1];
  std::filesystem::resize_file(cut, std::filesystem::file_size(cut) - 1);
  const auto db = OpenDb(dir.path());
  const std::string rows = AllOf(*db, "a");
  CHECK(std::count(rows.begin(), rows.end(), '=') == 4000);
  REQUIRE(db->Losses().size() == 1);
  CHECK(db->Losses()[0].file == cut);
  CHECK(db->VerifyChecksums().ok());
}

TEST_CASE("what values of a damaged table hid stays hidden", "[kv]") {
  const std::string family = "m";
  for (const double place : {0.001, 0.4, 0.95}) {
    CAPTURE(place);
    tests::TempDir dir;
    std::vector<std::pair<std::string, std::string>> rows;
    {
      const auto db = OpenDb(dir.path());
      // Values over operands, then an operand more for some.
      for (const auto& [value, merge, step] :
           {std::tuple{"old", true, 1}, std::tuple{"new", false, 1},
            std::tuple{"+", true, 7}}) {
        rows.clear();
        for (int i = 0; i < 3000; i += step) {
          char key[16];
          std::snprintf(key, sizeof key, "k%06d", i);
          // Random enough not to shrink to one block.
          rows.emplace_back(key, merge ? value
                                       : value + std::to_string(
                                                     i * 2654435761u));
        }
        const std::string path =
            db->ScratchDir() + "/" + value + ".sst";
        KvIngest ingest{db->Find(family),
                        {Sst(*db, family, path, rows, merge)}};
        REQUIRE(db->Ingest(std::span(&ingest, 1)).ok());
      }
    }
    Flip(Tables(dir.path())[1], place);
    for (const bool compacted : {false, true}) {
      const auto db = OpenDb(dir.path());
      if (compacted) {
        REQUIRE(db->CompactRange(*db->Find(family), "", "").ok());
      }
      const std::string all = AllOf(*db, family);
      CHECK(all.find("old") == std::string::npos);
      CHECK(all.find("+") != std::string::npos);
      // What could be read is a value still, with what came after it.
      const auto kept = std::count(all.begin(), all.end(), 'n');
      CHECK(kept > 1000);
      CHECK(kept < 3000);
      CHECK(db->Losses().size() == 1);
    }
  }
}

TEST_CASE("a loss that was made up for is told no more", "[kv]") {
  tests::TempDir dir;
  const KvLoss first{.family = "a", .first = "b", .last = "c", .file = "1"};
  const KvLoss second{.family = "a", .first = "d", .last = "e", .file = "2"};
  {
    const auto db = OpenDb(dir.path());
    REQUIRE(db->AddLoss(first).ok());
    REQUIRE(db->AddLoss(second).ok());
    REQUIRE(db->ForgetLosses(std::span(&first, 1)).ok());
    CHECK_FALSE(db->MayLack(*db->Find("a"), "b", "c"));
    REQUIRE(db->AddLoss(first).ok());  // a number of its own
    REQUIRE(db->ForgetLosses(std::span(&second, 1)).ok());
  }
  const auto db = OpenDb(dir.path());
  CHECK(db->Losses() == std::vector<KvLoss>{first});
}

TEST_CASE("a range compaction ends when it is told to", "[kv]") {
  tests::TempDir dir;
  const auto db = OpenDb(dir.path());
  Fill(*db, "a");
  db->StopCompactions();
  CHECK(absl::IsUnavailable(db->CompactRange(*db->Find("a"), "", "")));
}

TEST_CASE("several damaged tables of one family are taken out", "[kv]") {
  for (const double place : {0.001, 0.5, 0.9}) {
    for (const std::string family : {"a", "m"}) {
      CAPTURE(place);
      tests::TempDir dir;
      std::string want;
      {
        const auto db = OpenDb(dir.path());
        Fill(*db, family);
        want = AllOf(*db, family);
      }
      for (const std::string& table : Tables(dir.path())) Flip(table, place);
      for (int round = 0; round < 2; ++round) {
        const auto db = OpenDb(dir.path());
        const std::string got = AllOf(*db, family);
        CHECK(got.size() < want.size());
        if (place == 0.5) CHECK(got.size() > want.size() / 2);
        CHECK(db->Losses().size() == 3);
        CHECK(db->damaged_files() == (round == 0 ? 3 : 0));
        REQUIRE(db->CompactRange(*db->Find(family), "", "").ok());
        CHECK(AllOf(*db, family) == got);
      }
    }
  }
}

TEST_CASE("a healed family can be dropped and made again", "[kv]") {
  tests::TempDir dir;
  {
    const auto db = OpenDb(dir.path());
    REQUIRE(db->Create("m1").ok());
    Fill(*db, "m1");
  }
  Flip(Tables(dir.path())[1], 0.5);
  {
    const auto db = OpenDb(dir.path());
    CHECK_FALSE(AllOf(*db, "m1").empty());
    CHECK(db->damaged_files() == 1);
    CHECK(db->Families() == std::vector<std::string>{"a", "m", "m1"});
    REQUIRE(db->Drop("m1").ok());
    REQUIRE(db->Create("m1").ok());
    CHECK(AllOf(*db, "m1").empty());
    Fill(*db, "m1");
  }
  const auto db = OpenDb(dir.path());
  CHECK(AllOf(*db, "m1").size() > 6000 * 8);
}

TEST_CASE("readers of a dropped family get the damage they meet", "[kv]") {
  tests::TempDir dir;
  const std::string name = "m20240101";
  {
    const auto db = OpenDb(dir.path());
    REQUIRE(db->Create(name).ok());
    Fill(*db, name);
  }
  Flip(Tables(dir.path())[1], 0.5);
  const auto db = OpenDb(dir.path());
  const KvFamilyRef family = db->Find(name);
  const auto it = db->Scan(family, {});
  REQUIRE(db->Drop(name).ok());
  it->SeekToFirst();
  while (it->Valid()) it->Next();
  CHECK(absl::IsDataLoss(it->status()));
  std::vector<std::string> keys;
  for (int i = 0; i < 6000; ++i) {
    char key[16];
    std::snprintf(key, sizeof key, "k%06d", i);
    keys.push_back(key);
  }
  std::vector<std::optional<std::string>> values;
  CHECK(absl::IsDataLoss(db->MultiGet(*family, keys, values)));
  int64_t lost = 0;
  for (const std::string& key : keys) {
    const auto value = db->Get(*family, key);
    if (!value.ok()) CHECK(absl::IsDataLoss(value.status()));
    lost += !value.ok();
  }
  CHECK(lost > 0);
  CHECK(lost < 2000);
  CHECK(db->damaged_files() == 0);
  CHECK(db->Find(name) == nullptr);
}

// Lets no file grow above `bytes` while it lives.
class FileLimit {
 public:
  explicit FileLimit(rlim_t bytes) : old_action_(std::signal(SIGXFSZ, SIG_IGN)) {
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

TEST_CASE("a table that could not be taken out is with the next try", "[kv]") {
  tests::TempDir dir;
  {
    const auto db = OpenDb(dir.path());
    Fill(*db, "a");
  }
  Flip(Tables(dir.path())[1], 0.5);
  const auto db = OpenDb(dir.path());
  KvBatch batch;  // the log is larger than all else
  batch.Put(*db->Find("m"), "k", std::string(1 << 20, 'x'));
  REQUIRE(db->Write(batch, true).ok());
  const auto scan = [&] {
    const auto it = db->Scan(db->Find("a"), {});
    it->SeekToFirst();
    while (it->Valid()) it->Next();
    return it->status();
  };
  {
    const FileLimit limit(1 << 19);
    CHECK(absl::IsDataLoss(scan()));
    CHECK(absl::IsDataLoss(scan()));
  }
  CHECK(db->damaged_files() == 0);
  CHECK(db->Losses().empty());
  CHECK(scan().ok());
  CHECK(db->damaged_files() == 1);
  CHECK(db->Losses().size() == 1);
}

TEST_CASE("a start goes on without the notes about damage", "[kv]") {
  tests::TempDir dir;
  std::string want;
  {
    const auto db = OpenDb(dir.path());
    Fill(*db, "a");
  }
  Flip(Tables(dir.path())[1], 0.5);
  {
    const auto db = OpenDb(dir.path());
    want = AllOf(*db, "a");  // heals
    REQUIRE(db->Losses().size() == 1);
  }
  for (int round = 0; round < 3; ++round) {
    { const auto db = OpenDb(dir.path()); }  // the notes become a table
    for (const std::string& table : Tables(dir.path())) {
      std::string family;
      const absl::Status read =
          KvReadTable(table, family, [](std::string_view, std::string_view) {});
      if (read.ok() && family == "default") {
        if (round == 2) {
          std::filesystem::remove(table);
        } else {
          Flip(table, 0.01);
        }
      }
    }
    {
      const auto db = OpenDb(dir.path());
      CHECK(db->damaged_files() == 1);
      CHECK(db->MayLack(*db->Find("m"), "", ""));
      CHECK(AllOf(*db, "a") == want);
      CHECK(db->VerifyChecksums().ok());
    }
    const auto db = OpenDb(dir.path());
    CHECK(db->damaged_files() == 0);
    CHECK(db->MayLack(*db->Find("m"), "", ""));
    CHECK(AllOf(*db, "a") == want);
  }
}

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
