#include "storage/kv/kv.h"

#include <catch2/catch.hpp>
#include <filesystem>

#include "storage/kv/test_kv.h"

namespace varve::storage {
namespace {

TEST_CASE("a batch over families is there after reopening", "[kv]") {
  const tests::TempDir dir;
  auto db = OpenDb(dir.File("db"));
  CHECK(db->Families() == std::vector<std::string>{"a", "m"});
  KvBatch batch;
  batch.Put(*db->Find("a"), "k", "v");
  batch.Merge(*db->Find("m"), "k", "1");
  batch.Merge(*db->Find("m"), "k", "2");
  CHECK_FALSE(batch.empty());
  REQUIRE(db->Write(batch, true).ok());
  db.reset();
  db = OpenDb(dir.File("db"));
  CHECK(Value(*db, "a", "k") == "v");
  CHECK(Value(*db, "m", "k") == "12");
  CHECK(Value(*db, "a", "absent") == "<none>");
}

TEST_CASE("RocksDB writes no log of its own beside the data", "[kv]") {
  const tests::TempDir dir;
  const auto db = OpenDb(dir.File("db"));
  KvBatch batch;
  batch.Put(*db->Find("a"), "k", "v");
  REQUIRE(db->Write(batch, true).ok());
  CHECK(std::filesystem::exists(dir.File("db/CURRENT")));
  CHECK_FALSE(std::filesystem::exists(dir.File("db/LOG")));
}

TEST_CASE("operands of batches and of ingested files are one value", "[kv]") {
  const tests::TempDir dir;
  auto db = OpenDb(dir.File("db"));
  KvBatch batch;
  batch.Merge(*db->Find("m"), "k", "1");
  batch.Merge(*db->Find("m"), "l", "a");
  REQUIRE(db->Write(batch, false).ok());
  for (int i = 2; i < 8; ++i) {
    const std::vector<KvIngest> ingests = {
        {db->Find("m"),
         {Sst(*db, "m", dir.File("1.sst"),
              {{"k", std::to_string(i)}, {"l", "b"}}, true)}},
        {db->Find("a"),
         {Sst(*db, "a", dir.File("2.sst"), {{"watermark", std::to_string(i)}},
              false)}}};
    REQUIRE(db->Ingest(ingests).ok());
  }
  CHECK(AllOf(*db, "m") == "k=1234567 l=abbbbbb ");
  CHECK(Value(*db, "a", "watermark") == "7");
  REQUIRE(db->CompactRange(*db->Find("m"), "", "").ok());
  CHECK(AllOf(*db, "m") == "k=1234567 l=abbbbbb ");
  CHECK(db->FamilyBytes(*db->Find("m")) > 0);
  db.reset();
  db = OpenDb(dir.File("db"));
  CHECK(AllOf(*db, "m") == "k=1234567 l=abbbbbb ");
}

TEST_CASE("an older snapshot sees an ingested table if that says so", "[kv]") {
  const tests::TempDir dir;
  auto db = OpenDb(dir.File("db"));
  KvScan scan;
  scan.snapshot = db->Snapshot();
  const KvFamilyRef family = db->Find("a");
  for (const bool seen : {false, true}) {
    const std::vector<KvIngest> ingests = {
        {family,
         {Sst(*db, "a", dir.File("t"), {{seen ? "seen" : "hidden", "1"}},
              false)},
         seen}};
    REQUIRE(db->Ingest(ingests).ok());
  }
  CHECK(AllOf(*db, "a", scan) == "seen=1 ");
  CHECK(AllOf(*db, "a") == "hidden=1 seen=1 ");
}

TEST_CASE("a scan stays inside its bounds and its snapshot", "[kv]") {
  const tests::TempDir dir;
  auto db = OpenDb(dir.File("db"));
  KvBatch batch;
  for (const char* key : {"a", "b", "c", "d"}) {
    batch.Put(*db->Find("a"), key, "1");
  }
  REQUIRE(db->Write(batch, false).ok());
  const KvSnapshotRef snapshot = db->Snapshot();
  batch.Clear();
  batch.DeleteRange(*db->Find("a"), "a", "c");
  batch.Delete(*db->Find("a"), "d");
  REQUIRE(db->Write(batch, false).ok());
  KvScan scan;
  scan.lower = "b";
  scan.upper = "d";
  CHECK(AllOf(*db, "a", scan) == "c=1 ");
  scan.snapshot = snapshot;
  CHECK(AllOf(*db, "a", scan) == "b=1 c=1 ");
  CHECK(Value(*db, "a", "d", snapshot) == "1");
  CHECK(Value(*db, "a", "d") == "<none>");
}

TEST_CASE("many keys are got at once, present and absent", "[kv]") {
  const tests::TempDir dir;
  auto db = OpenDb(dir.File("db"));
  REQUIRE(db->Create("bloom").ok());
  const KvFamilyRef family = db->Find("bloom");
  KvBatch batch;
  std::vector<std::string> keys;
  for (int i = 0; i < 1000; ++i) {
    keys.push_back("key" + std::to_string(i));
    if (i % 2 == 0) batch.Put(*family, keys.back(), std::to_string(i));
  }
  REQUIRE(db->Write(batch, false).ok());
  REQUIRE(db->Flush(*family).ok());
  std::vector<std::optional<std::string>> values;
  REQUIRE(db->MultiGet(*family, keys, values).ok());
  for (int i = 0; i < 1000; ++i) {
    CHECK(values[i].value_or("") == (i % 2 == 0 ? std::to_string(i) : ""));
  }
}

TEST_CASE("a dropped family goes, its readers keep it", "[kv]") {
  const tests::TempDir dir;
  auto db = OpenDb(dir.File("db"));
  REQUIRE(db->Create("m20240101").ok());
  KvBatch batch;
  batch.Merge(*db->Find("m20240101"), "k", "v");
  REQUIRE(db->Write(batch, false).ok());
  const auto it = db->Scan(db->Find("m20240101"), {});
  REQUIRE(db->Drop("m20240101").ok());
  REQUIRE(db->Drop("m20240101").ok());
  CHECK(db->Find("m20240101") == nullptr);
  it->SeekToFirst();
  REQUIRE(it->Valid());
  CHECK(it->value() == "v");
}

TEST_CASE("a checkpoint opens as a database of its own", "[kv]") {
  const tests::TempDir dir;
  auto db = OpenDb(dir.File("db"));
  KvBatch batch;
  batch.Put(*db->Find("a"), "k", "before");
  REQUIRE(db->Write(batch, true).ok());
  REQUIRE(db->Checkpoint(dir.File("copy")).ok());
  batch.Clear();
  batch.Put(*db->Find("a"), "k", "after");
  REQUIRE(db->Write(batch, true).ok());
  const auto copy = OpenDb(dir.File("copy"));
  CHECK(Value(*copy, "a", "k") == "before");
  CHECK(Value(*db, "a", "k") == "after");
}

TEST_CASE("files wholly inside a range go at once", "[kv]") {
  const tests::TempDir dir;
  auto db = OpenDb(dir.File("db"));
  const KvFamilyRef family = db->Find("a");
  for (const std::string day : {"1", "2", "3"}) {
    const std::vector<KvIngest> ingests = {
        {family,
         {Sst(*db, "a", dir.File(day + ".sst"),
              {{day + "a", "x"}, {day + "b", "x"}}, false)}}};
    REQUIRE(db->Ingest(ingests).ok());
  }
  REQUIRE(db->DeleteFilesInRange(*family, "", "3").ok());
  CHECK(AllOf(*db, "a") == "3a=x 3b=x ");
}

}  // namespace
}  // namespace varve::storage
