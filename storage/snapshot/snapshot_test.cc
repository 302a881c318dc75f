#include "storage/snapshot/snapshot_store.h"

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>

#include "storage/kv/kv.h"
#include "storage/snapshot/restore.h"
#include "tests/support/temp_dir.h"

namespace varve::storage {
namespace {

constexpr int64_t kNowMs = 1'795'176'000'000;  // 2026-11-20T12:00:00Z
constexpr std::string_view kDatabases[] = {"data"};

std::unique_ptr<KvDb> OpenDb(const std::string& path) {
  KvOptions options;
  options.path = path;
  options.cache = std::make_shared<KvCache>(1 << 20);
  options.families = {"a"};
  auto db = KvDb::Open(options);
  INFO(db.status());
  REQUIRE(db.ok());
  return *std::move(db);
}

void Put(KvDb& db, std::string_view key, std::string_view value) {
  KvBatch batch;
  batch.Put(*db.Find("a"), key, value);
  REQUIRE(db.Write(batch, true).ok());
}

std::string Value(const KvDb& db, std::string_view key) {
  const auto value = db.Get(*db.Find("a"), key);
  REQUIRE(value.ok());
  return value->value_or("<none>");
}

struct Directory {
  tests::TempDir dir;
  FileSystem& fs = RealFileSystem();
  std::unique_ptr<SnapshotStore> store;

  Directory() { OpenStore(); }
  void OpenStore() {
    auto opened = SnapshotStore::Open(fs, dir.File("snapshots"));
    REQUIRE(opened.ok());
    store = *std::move(opened);
  }
  std::string Snapshot(KvDb& db, int64_t now_ms = kNowMs) {
    auto draft = store->Begin(now_ms);
    REQUIRE(draft.ok());
    REQUIRE(db.Checkpoint((*draft)->CheckpointDir("data")).ok());
    const auto name = (*draft)->Commit(kDatabases, 7);
    INFO(name.status());
    REQUIRE(name.ok());
    return *name;
  }
  // As vmrestore: files of equal path and size are left as they are, but for
  // parts.json; others that the backup lacks go.
  void Restore(const std::string& name) {
    namespace stdfs = std::filesystem;
    const stdfs::path from = dir.File("snapshots/" + name);
    std::set<std::string> kept;
    for (const auto& entry : stdfs::recursive_directory_iterator(from)) {
      if (!entry.is_regular_file()) continue;
      const std::string relative = stdfs::relative(entry.path(), from);
      kept.insert(relative);
      const stdfs::path to = stdfs::path(dir.path()) / relative;
      stdfs::create_directories(to.parent_path());
      if (stdfs::exists(to) && entry.path().filename() != kPartsFileName &&
          stdfs::file_size(to) == entry.file_size()) {
        continue;
      }
      stdfs::copy_file(entry.path(), to,
                       stdfs::copy_options::overwrite_existing);
    }
  }
};

TEST_CASE("names grow within a second and when the clock is set back",
          "[snapshot]") {
  Directory node;
  const auto db = OpenDb(node.dir.File("data"));
  const std::string first = node.Snapshot(*db);
  const std::string second = node.Snapshot(*db);
  const std::string third = node.Snapshot(*db, kNowMs - 3'600'000);
  CHECK(IsSnapshotName(first));
  CHECK(first.substr(0, 15) == "20261120120000-");
  CHECK(SnapshotTimeMs(first) == kNowMs);
  CHECK(first < second);
  CHECK(second < third);
  node.OpenStore();
  CHECK(third < node.Snapshot(*db, kNowMs - 3'600'000));
  CHECK(node.store->count() == 4);
  CHECK_FALSE(IsSnapshotName("20261120120000-18e9b726bb3d5d6e"));
  CHECK_FALSE(IsSnapshotName("../../etc/passwd"));
}

TEST_CASE("a snapshot that was not finished is not seen and goes",
          "[snapshot]") {
  Directory node;
  const auto db = OpenDb(node.dir.File("data"));
  {
    auto draft = node.store->Begin(kNowMs);
    REQUIRE(draft.ok());
    REQUIRE(db->Checkpoint((*draft)->CheckpointDir("data")).ok());
    CHECK(node.store->List()->empty());
  }
  CHECK(node.fs.List(node.dir.File("snapshots"))->empty());
  // A crash in the middle, of a create and of a delete.
  const std::string name = "20261120120000-00000000000000AA";
  REQUIRE(node.fs.CreateDirs(
      node.dir.File("snapshots/" + name + ".tmp/restore/data")).ok());
  REQUIRE(node.fs.CreateDirs(
      node.dir.File("snapshots/" + name + "/restore/data")).ok());
  CHECK(node.store->List()->empty());
  node.OpenStore();
  CHECK(node.fs.List(node.dir.File("snapshots"))->empty());
}

TEST_CASE("deleting asks for a name that is there", "[snapshot]") {
  Directory node;
  const auto db = OpenDb(node.dir.File("data"));
  const std::string name = node.Snapshot(*db);
  CHECK(absl::IsInvalidArgument(node.store->Delete("../data")));
  CHECK(absl::IsNotFound(
      node.store->Delete("20261120120000-0000000000000001")));
  REQUIRE(node.store->DeleteOlder(kNowMs).ok());
  CHECK(node.store->List()->size() == 1);
  REQUIRE(node.store->DeleteOlder(kNowMs + 1).ok());
  CHECK(node.store->List()->empty());
  CHECK(absl::IsNotFound(node.store->Delete(name)));
  CHECK(node.store->count() == 0);
}

TEST_CASE("no path of a size ever has another content, over restores",
          "[snapshot]") {
  namespace stdfs = std::filesystem;
  Directory node;
  std::map<std::pair<std::string, uint64_t>, std::string> seen;
  const auto note = [&](const std::string& name) {
    const stdfs::path root = node.dir.File("snapshots/" + name);
    for (const auto& entry : stdfs::recursive_directory_iterator(root)) {
      if (!entry.is_regular_file()) continue;
      if (entry.path().filename() == kPartsFileName) continue;
      const auto content =
          node.fs.ReadWhole(entry.path().string(), 1 << 30);
      REQUIRE(content.ok());
      const std::string path = stdfs::relative(entry.path(), root);
      CAPTURE(path);
      const auto [at, added] =
          seen.try_emplace({path, entry.file_size()}, *content);
      CHECK(at->second == *content);
    }
  };
  std::string base;
  {
    const auto db = OpenDb(node.dir.File("data"));
    Put(*db, "k", "0");
    base = node.Snapshot(*db);
    note(base);
  }
  // Each life restores the first backup and writes something else under the
  // file numbers of the life before.
  for (int life = 1; life < 4; ++life) {
    node.Restore(base);
    REQUIRE(BuildRestored(node.fs, node.dir.path()).ok());
    REQUIRE(FinishRestore(node.fs, node.dir.path()).ok());
    const auto db = OpenDb(node.dir.File("data"));
    CHECK(Value(*db, "k") == "0");
    Put(*db, "k", std::to_string(life));
    REQUIRE(db->Flush(*db->Find("a")).ok());
    note(node.Snapshot(*db));
  }
}

TEST_CASE("a restore over a newer directory gives the backup, after crashes "
          "too", "[snapshot]") {
  Directory node;
  std::string name;
  {
    const auto db = OpenDb(node.dir.File("data"));
    Put(*db, "k", "backup");
    name = node.Snapshot(*db);
    Put(*db, "k", "newer");
    Put(*db, "l", "newer");
    REQUIRE(db->CompactRange(*db->Find("a"), "", "").ok());
  }
  node.Restore(name);
  for (int attempt = 0; attempt < 3; ++attempt) {  // no Finish: a crash
    const auto parts = BuildRestored(node.fs, node.dir.path());
    INFO(parts.status());
    REQUIRE(parts.ok());
    REQUIRE(parts->has_value());
    CHECK((*parts)->node_id == 7);
    CHECK((*parts)->created_ms == kNowMs);
    const auto db = OpenDb(node.dir.File("data"));
    CHECK(Value(*db, "k") == "backup");
    CHECK(Value(*db, "l") == "<none>");
    Put(*db, "k", "of a life that crashed before Finish");
  }
  REQUIRE(BuildRestored(node.fs, node.dir.path()).ok());
  REQUIRE(FinishRestore(node.fs, node.dir.path()).ok());
  CHECK_FALSE(node.fs.Exists(node.dir.File("restore")));
  CHECK_FALSE(BuildRestored(node.fs, node.dir.path())->has_value());
  const auto db = OpenDb(node.dir.File("data"));
  CHECK(Value(*db, "k") == "backup");
}

TEST_CASE("a restore with a file missing or changed is refused, not started",
          "[snapshot]") {
  Directory node;
  {
    const auto db = OpenDb(node.dir.File("data"));
    Put(*db, "k", "v");
    node.Restore(node.Snapshot(*db));
  }
  const std::string data = node.dir.File("restore/data");
  const auto names = node.fs.List(data);
  REQUIRE(names.ok());
  for (const std::string& name : *names) {
    CAPTURE(name);
    const std::string path = JoinPath(data, name);
    const auto content = node.fs.ReadWhole(path, 1 << 30);
    REQUIRE(content.ok());
    REQUIRE(node.fs.Remove(path).ok());
    CHECK(absl::IsDataLoss(BuildRestored(node.fs, node.dir.path()).status()));
    REQUIRE(node.fs.WriteFileDurably(path, *content + "x").ok());
    CHECK(absl::IsDataLoss(BuildRestored(node.fs, node.dir.path()).status()));
    REQUIRE(node.fs.WriteFileDurably(path, *content).ok());
  }
  CHECK(BuildRestored(node.fs, node.dir.path()).ok());
}

// The worked example of docs/formats/snapshot.md.
TEST_CASE("the documented parts.json is read and written so", "[snapshot]") {
  constexpr std::string_view kText = R"json({
 "format": 1,
 "snapshot": "20261121174955-18EA20BC8A316F40",
 "created_ms": 1795283395605,
 "node_id": "3e744fbcf1408828",
 "files": [
  {"path": "wal/0000000000000000-d36d96c06f38719e.wal", "stored": "wal/0000000000000000-d36d96c06f38719e.wal", "bytes": 260},
  {"path": "data/CURRENT", "stored": "data/99ad8bd621c449b829b8dfcd64c503da", "bytes": 16},
  {"path": "data/MANIFEST-000005", "stored": "data/aaf1b40384898bb32ff45eeadfc25b6f", "bytes": 163},
  {"path": "data/OPTIONS-000011", "stored": "data/ad22030df62be11abbdab0614e7cb300", "bytes": 15328},
  {"path": "index/000025.sst", "stored": "index/fbdfc5963d53b343805c9d38c728e707.sst", "bytes": 1072},
  {"path": "index/000026.sst", "stored": "index/c77fc65f426902fdcd5887e0f69aac4e.sst", "bytes": 1006},
  {"path": "index/CURRENT", "stored": "index/99ad8bd621c449b829b8dfcd64c503da", "bytes": 16},
  {"path": "index/MANIFEST-000005", "stored": "index/f733e4f91bd77cbb9ba2add21b767f7b", "bytes": 702},
  {"path": "index/OPTIONS-000023", "stored": "index/e9788a4e8239c24714a08a121d6dee24", "bytes": 40498}
 ],
 "checksum": "b0a0705db7a056f4"
}
)json";
  const auto parts = ParseParts(kText);
  INFO(parts.status());
  REQUIRE(parts.ok());
  CHECK(parts->files.size() == 9);
  CHECK(PartsText(*parts) == kText);
}

TEST_CASE("parts.json comes back as it was, and any change is noticed",
          "[snapshot]") {
  SnapshotParts parts;
  parts.snapshot = "20261120120000-18E9B726BB3D5D6E";
  parts.created_ms = kNowMs;
  parts.node_id = 0xfedcba9876543210;
  parts.files = {{"data/CURRENT", "data/0123", 16},
                 {"wal/0-1.log", "wal/0-1.log", 1 << 20}};
  const std::string text = PartsText(parts);
  const auto read = ParseParts(text);
  INFO(read.status());
  REQUIRE(read.ok());
  CHECK(read->snapshot == parts.snapshot);
  CHECK(read->created_ms == parts.created_ms);
  CHECK(read->node_id == parts.node_id);
  REQUIRE(read->files.size() == 2);
  CHECK(read->files[1].path == "wal/0-1.log");
  CHECK(read->files[1].bytes == 1 << 20);
  for (size_t i = 0; i < text.size(); ++i) {
    CAPTURE(i);
    std::string flipped = text;
    flipped[i] = static_cast<char>(flipped[i] ^ 1);
    CHECK_FALSE(ParseParts(flipped).ok());
    CHECK_FALSE(ParseParts(std::string_view(text).substr(0, i)).ok());
  }
  parts.files = {{"../../etc/passwd", "data/x", 1}};
  CHECK(absl::IsDataLoss(ParseParts(PartsText(parts)).status()));
}

}  // namespace
}  // namespace varve::storage
