// Damage to the tables of a database, and what is left of it.
#include <algorithm>
#include <filesystem>

#include "storage/kv/kv_files.h"
#include "storage/kv/test_kv.h"

namespace varve::storage {
namespace {

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

}  // namespace
}  // namespace varve::storage
