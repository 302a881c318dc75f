#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "lib/base/strings.h"
#include "storage/fs/fault_file_system.h"
#include "storage/hints/hint_store.h"
#include "tests/support/temp_dir.h"

namespace varve::storage {
namespace {

constexpr uint64_t kOwner = 0xabc;

struct TestStore {
  const tests::TempDir dir;
  FaultFileSystem fs;
  HintOptions options;
  std::unique_ptr<HintStore> store;
  std::vector<uint64_t> refs;  // of the last Define

  TestStore() { Open(); }
  void Open() {
    store.reset();
    auto opened = HintStore::Open(fs, dir.path() + "/hints", options, 1'000);
    INFO(opened.status());
    REQUIRE(opened.ok());
    store = *std::move(opened);
  }
  void CutPower() {
    store.reset();
    fs.Crash();
    Open();
  }
  absl::StatusOr<uint64_t> TryDefine(const std::vector<std::string>& labels,
                                     uint64_t tenant = 7) {
    std::vector<HintedSeries> series;
    for (const std::string& one : labels) {
      series.push_back({.tenant_kind = 0, .tenant_id = tenant, .labels = one});
    }
    return store->Define(kOwner, series, refs, 1'000);
  }
  uint64_t Define(const std::vector<std::string>& labels,
                  uint64_t tenant = 7) {
    const auto log = TryDefine(labels, tenant);
    INFO(log.status());
    REQUIRE(log.ok());
    return *log;
  }
  bool Append(uint64_t log, std::string_view record, uint64_t refs_end = 0,
              bool durable = true) {
    const auto taken = store->Append({kOwner, log}, {.bytes = record},
                                     refs_end, durable);
    INFO(taken.status());
    REQUIRE(taken.ok());
    return *taken;
  }
  // Reads and cuts one segment.
  static std::vector<std::string> Take(HintLog& log) {
    std::vector<std::string> rows;
    const auto more = log.NextRows();
    REQUIRE(more.ok());
    if (!*more) return rows;
    REQUIRE(log.ReadRows([&rows](const StoredPayload& payload) {
                 rows.emplace_back(payload.bytes);
                 return absl::OkStatus();
               }).ok());
    REQUIRE(log.CutRows().ok());
    return rows;
  }
  std::vector<std::string> TakeAll() {
    std::vector<std::string> rows;
    for (const HintStore::Pending& one : store->Logs()) {
      while (true) {
        const std::vector<std::string> some = Take(*one.log);
        if (some.empty()) break;
        rows.insert(rows.end(), some.begin(), some.end());
      }
    }
    return rows;
  }
  std::vector<std::string> Series(uint64_t from) {
    std::vector<std::string> out;
    REQUIRE(store->Logs()
                .front()
                .log
                ->ReadSeries(from,
                             [&out](uint64_t ref, const HintedSeries& one) {
                               out.push_back(base::StrCat(
                                   ref, " ", one.tenant_id, " ", one.labels));
                               return absl::OkStatus();
                             })
                .ok());
    return out;
  }
  // The directory of the one segment with records in `part` of the log.
  std::string Segment(uint64_t log, std::string_view part) {
    const std::string path = base::StrCat(
        dir.path(), "/hints/", HintLogText({kOwner, log}), "/", part);
    const std::vector<std::string> names = *fs.List(path);
    for (const std::string& name : names) {
      const std::string file = JoinPath(path, name);
      if (*fs.FileSize(file) > kSegmentHeaderBytes) return file;
    }
    FAIL("no segment with records in " << path);
    return "";
  }
};

TEST_CASE("series of hints are numbered from 0, once each, over a restart",
          "[hints]") {
  TestStore test;
  const uint64_t log = test.Define({"a", "b", "a"});
  CHECK(test.refs == std::vector<uint64_t>{0, 1, 0});
  CHECK(test.Define({"c", "b"}) == log);
  CHECK(test.refs == std::vector<uint64_t>{2, 1});
  CHECK(test.Define({"b"}, /*tenant=*/8) == log);
  CHECK(test.refs == std::vector<uint64_t>{3});
  test.CutPower();
  CHECK(test.Define({"d", "c", "a"}) == log);
  CHECK(test.refs == std::vector<uint64_t>{4, 2, 0});
  CHECK(test.Series(2) ==
        std::vector<std::string>{"2 7 c", "3 8 b", "4 7 d"});
  CHECK(test.store->Logs().front().log->created_ms() == 1'000);
}

TEST_CASE("rows of hints come back in order, and what was cut does not",
          "[hints]") {
  TestStore test;
  const uint64_t log = test.Define({"a"});
  CHECK(test.Append(log, "first", 1));
  CHECK(test.Append(log, "second", 1));
  CHECK_FALSE(test.Append(log, "of a series nobody has defined", 2));
  CHECK_FALSE(test.Append(log + 1, "of another log", 1));
  test.CutPower();
  const auto pending = test.store->Logs();
  REQUIRE(pending.size() == 1);
  CHECK(TestStore::Take(*pending[0].log) ==
        std::vector<std::string>{"first", "second"});
  CHECK(test.Append(log, "third", 1));
  test.CutPower();
  CHECK(test.TakeAll() == std::vector<std::string>{"third"});
  test.CutPower();
  CHECK(test.TakeAll().empty());
  // What was cut is not lost.
  CHECK(test.store->StateOf({kOwner, log}) == HintState::kPending);
}

TEST_CASE("a drained log is done for good, and the next hint begins another",
          "[hints]") {
  TestStore test;
  const uint64_t log = test.Define({"a"});
  const HintLogId id{kOwner, log};
  CHECK(test.store->StateOf(id) == HintState::kPending);
  REQUIRE(test.Append(log, "x", 1));
  CHECK_FALSE(*test.store->Finish(id));  // rows are left
  CHECK(test.TakeAll().size() == 1);
  REQUIRE(test.Append(log, "y", 1));
  CHECK_FALSE(*test.store->Finish(id));  // they came meanwhile
  CHECK(test.TakeAll().size() == 1);
  REQUIRE(*test.store->Finish(id));
  for (int round = 0; round < 2; ++round) {
    CHECK(test.store->StateOf(id) == HintState::kDone);
    CHECK(test.store->StateOf({kOwner + 1, log}) == HintState::kUnknown);
    CHECK(test.store->Logs().empty());
    CHECK(test.store->bytes() == 0);
    CHECK_FALSE(test.Append(log, "late", 1));
    test.CutPower();
  }
  const uint64_t next = test.Define({"a"});
  CHECK(next != log);
  CHECK(test.store->StateOf({kOwner, next}) == HintState::kPending);
  CHECK(test.store->StateOf(id) == HintState::kDone);
}

TEST_CASE("a log with lost rows or series is replayed, but never done",
          "[hints]") {
  for (const std::string_view part : {"rows", "series"}) {
    CAPTURE(part);
    TestStore test;
    const uint64_t log = test.Define({std::string(50, 'a')});
    REQUIRE(test.Append(log, std::string(50, '1'), 1));
    test.Define({std::string(50, 'b')});
    REQUIRE(test.Append(log, std::string(50, '2'), 1));
    const std::string path = test.Segment(log, part);
    test.store.reset();
    std::string content = *test.fs.ReadWhole(path, 1 << 20);
    content[content.find(part == "rows" ? "1111" : "aaaa")] ^= 1;
    REQUIRE(test.fs.WriteFileDurably(path, content).ok());
    test.Open();
    const HintLogId id{kOwner, log};
    CHECK(test.store->StateOf(id) == HintState::kUnknown);
    // Refs of what is lost are not given out again.
    const uint64_t next = test.Define({std::string(50, 'a')});
    CHECK(next != log);
    CHECK(test.TakeAll().size() == (part == "rows" ? 1 : 2));
    test.CutPower();
    CHECK(test.store->StateOf(id) == HintState::kUnknown);
    REQUIRE(*test.store->Finish(id));
    CHECK(test.store->StateOf(id) == HintState::kUnknown);
    CHECK(test.store->StateOf({kOwner, next}) == HintState::kPending);
  }
}

TEST_CASE("rows that no fsync covered may be lost, and are not called done",
          "[hints]") {
  TestStore test;
  const uint64_t log = test.Define({"a"});
  REQUIRE(test.Append(log, "x", 1, /*durable=*/false));
  CHECK(test.store->StateOf({kOwner, log}) == HintState::kPending);
  SECTION("after a crash") {
    test.CutPower();
    CHECK(test.store->StateOf({kOwner, log}) == HintState::kUnknown);
    CHECK(test.TakeAll().empty());
  }
  SECTION("but after a clean end they are there") {
    REQUIRE(test.store->Close().ok());
    test.CutPower();
    CHECK(test.store->StateOf({kOwner, log}) == HintState::kPending);
    CHECK(test.TakeAll() == std::vector<std::string>{"x"});
  }
}

TEST_CASE("a part of a log that was not whole does not become a whole one",
          "[hints]") {
  TestStore test;
  const uint64_t log = test.Define({"a"});
  REQUIRE(test.Append(log, "x", 1));
  test.store->Logs().front().log->SetDamaged();
  CHECK(test.TakeAll().size() == 1);
  test.fs.InterruptRemoval();
  REQUIRE(*test.store->Finish({kOwner, log}));
  for (int round = 0; round < 2; ++round) {
    CHECK(test.store->StateOf({kOwner, log}) == HintState::kUnknown);
    test.CutPower();
    for (const HintStore::Pending& one : test.store->Logs()) {
      REQUIRE(*test.store->Finish(one.id));
    }
  }
  CHECK(*test.fs.List(test.dir.path() + "/hints") ==
        std::vector<std::string>{});
}

TEST_CASE("rows of a damaged log go when its mark is durable", "[hints]") {
  TestStore test;
  const uint64_t log = test.Define({"a"});
  REQUIRE(test.Append(log, "x", 1));
  const std::shared_ptr<HintLog> damaged = test.store->Logs().front().log;
  REQUIRE(*damaged->NextRows());
  REQUIRE(damaged->ReadRows([](const StoredPayload&) {
                   return absl::OkStatus();
                 }).ok());
  test.fs.FailSyncs(2);
  damaged->SetDamaged();
  CHECK_FALSE(damaged->CutRows().ok());
  CHECK(damaged->CutRows().ok());
  test.CutPower();
  CHECK(test.TakeAll().empty());
  CHECK(test.store->StateOf({kOwner, log}) == HintState::kUnknown);
}

TEST_CASE("rows that come during a replay are for the next one", "[hints]") {
  TestStore test;
  const uint64_t log = test.Define({"a"});
  REQUIRE(test.Append(log, "x", 1));
  HintLog& growing = *test.store->Logs().front().log;
  const uint64_t end = growing.rows_end();
  CHECK(*growing.NextRows(end));
  REQUIRE(test.Append(log, "y", 1));
  CHECK(TestStore::Take(growing) == std::vector<std::string>{"x"});
  CHECK_FALSE(*growing.NextRows(end));
  CHECK(*growing.NextRows());
}

TEST_CASE("logs of hints are not opened without bound", "[hints]") {
  TestStore test;
  test.options.logs_max = 3;
  test.Open();
  std::vector<uint64_t> refs;
  for (uint64_t owner = 1; owner <= 4; ++owner) {
    const auto log = test.store->Define(owner, {}, refs, 1'000);
    CHECK((owner <= 3 ? log.ok() : absl::IsResourceExhausted(log.status())));
  }
  CHECK(test.store->Define(2, {}, refs, 1'000).ok());
}

TEST_CASE("hints over their bound are refused with its flag", "[hints]") {
  TestStore test;
  test.options.bytes_max = 10'000;
  test.Open();
  const uint64_t log = test.Define({"a"});
  absl::Status status;
  int taken = 0;
  while (status.ok() && taken < 100) {
    status = test.store
                 ->Append({kOwner, log}, {.bytes = std::string(1'000, 'x')}, 1,
                          true)
                 .status();
    taken += status.ok();
  }
  CHECK(absl::IsResourceExhausted(status));
  CHECK(std::string(status.message()).find("-storage.maxHintsBytes=10000") !=
        std::string::npos);
  CHECK(taken == 9);
  CHECK(absl::IsResourceExhausted(
      test.TryDefine({std::string(1'000, 'y')}).status()));
  CHECK(test.TakeAll().size() == 9);
  CHECK(test.Append(log, "there is room again", 1));
  test.options.bytes_max = 0;
  test.Open();
  CHECK(absl::IsResourceExhausted(test.TryDefine({""}).status()));
  test.options = HintOptions{.series_max = 0};
  test.Open();
  CHECK(absl::IsResourceExhausted(test.TryDefine({"b"}).status()));
}

TEST_CASE("a full disk is no bound of hints", "[hints]") {
  TestStore test;
  const uint64_t log = test.Define({"a"});
  test.fs.LimitBytes(0);
  CHECK(absl::IsUnavailable(test.TryDefine({"b"}).status()));
  CHECK(absl::IsUnavailable(
      test.store->Append({kOwner, log}, {.bytes = "row"}, 1, true).status()));
}

TEST_CASE("a damaged line of the done list is left out, the others stay",
          "[hints]") {
  TestStore test;
  std::vector<uint64_t> logs;
  for (int i = 0; i < 3; ++i) {
    logs.push_back(test.Define({"a"}));
    REQUIRE(*test.store->Finish({kOwner, logs.back()}));
  }
  const std::string path = test.dir.path() + "/hints/done";
  std::string content = *test.fs.ReadWhole(path, 1 << 20);
  content[content.size() / 2] ^= 1;
  REQUIRE(test.fs.WriteFileDurably(path, content).ok());
  test.Open();
  CHECK(test.store->StateOf({kOwner, logs[0]}) == HintState::kDone);
  CHECK(test.store->StateOf({kOwner, logs[1]}) == HintState::kUnknown);
  CHECK(test.store->StateOf({kOwner, logs[2]}) == HintState::kDone);
}

}  // namespace
}  // namespace varve::storage
