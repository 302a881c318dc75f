#include "storage/wal/wal.h"

#include <catch2/catch.hpp>
#include <thread>

#include "storage/fs/fault_file_system.h"
#include "tests/support/temp_dir.h"

namespace varve::storage {
namespace {

struct Replayed final : WalReplay {
  std::vector<std::string> payloads;
  std::vector<uint64_t> ends;
  std::vector<uint64_t> lost;  // begins
  absl::Status answer;

  absl::Status Replay(std::span<const WalRecord> records) override {
    std::string scratch;
    for (const WalRecord& record : records) {
      payloads.emplace_back(*UnpackPayload(record.payload, scratch));
      ends.push_back(record.end);
    }
    return answer;
  }
  void Lost(uint64_t begin, uint64_t) override { lost.push_back(begin); }
};

struct TestLog {
  const tests::TempDir dir;
  FaultFileSystem fs;
  Replayed replayed;  // by the last Open
  std::unique_ptr<Wal> wal;

  absl::Status TryOpen(uint64_t from = 0, int64_t segment_bytes = 1 << 20,
                       absl::Status answer = absl::OkStatus()) {
    wal.reset();
    replayed = Replayed();
    replayed.answer = std::move(answer);
    WalOptions options;
    options.segment_bytes = segment_bytes;
    auto opened = Wal::Open(fs, dir.path(), options, from, replayed);
    if (opened.ok()) wal = *std::move(opened);
    return opened.status();
  }
  void Open(uint64_t from = 0, int64_t segment_bytes = 1 << 20) {
    const absl::Status status = TryOpen(from, segment_bytes);
    INFO(status);
    REQUIRE(status.ok());
  }
  // What was not synced is gone.
  void CutPower() {
    wal.reset();
    fs.Crash();
  }
  uint64_t Put(std::string_view payload) {
    const auto end = wal->Append(RecordType::kData, payload);
    REQUIRE(end.ok());
    return *end;
  }
  std::string OnlySegment() {
    const std::vector<std::string> names = *fs.List(dir.path());
    for (const std::string& name : names) {
      if (*fs.FileSize(JoinPath(dir.path(), name)) > kSegmentHeaderBytes &&
          ParseSegmentFileName(name)) {
        return JoinPath(dir.path(), name);
      }
    }
    FAIL("no segment with records");
    return "";
  }
  // Flips a bit of the payload of the record at `position`.
  std::string Damage(const std::string& path, uint64_t position) {
    std::string content = *fs.ReadWhole(path, 1 << 20);
    content[kSegmentHeaderBytes + position + kRecordHeaderBytes] ^= 1;
    REQUIRE(fs.WriteFileDurably(path, content).ok());
    return content;
  }
};

using Payloads = std::vector<std::string>;

TEST_CASE("durable records survive a power cut, in order", "[wal]") {
  TestLog log;
  log.Open();
  CHECK(log.replayed.payloads.empty());
  log.Put("one");
  const uint64_t two = log.Put(std::string(1000, '2'));
  REQUIRE(log.wal->WaitDurable(two).ok());
  CHECK(log.wal->durable_end() == two);
  log.Put("not waited for");
  log.CutPower();

  log.Open();
  CHECK(log.replayed.payloads == Payloads{"one", std::string(1000, '2')});
  CHECK(log.wal->end() == two);
  CHECK(log.Put("three") > two);
}

TEST_CASE("records survive the process without any sync", "[wal]") {
  TestLog log;
  log.Open();
  log.Put("a");
  log.Put("b");
  log.Open();
  CHECK(log.replayed.payloads == Payloads{"a", "b"});
}

TEST_CASE("replay starts at the watermark", "[wal]") {
  TestLog log;
  log.Open();
  const uint64_t first = log.Put("a");
  log.Put("b");
  log.Open(first);
  CHECK(log.replayed.payloads == Payloads{"b"});
}

TEST_CASE("a wiped log goes on above the watermark", "[wal]") {
  TestLog log;
  log.Open(12345);
  CHECK(log.wal->end() == 12345);
  const uint64_t end = log.Put("a");
  log.Open(12345);
  CHECK(log.replayed.ends == std::vector<uint64_t>{end});
  CHECK(log.wal->stats().corrupt_regions == 0);
}

TEST_CASE("a torn tail is cut at every length of the last record", "[wal]") {
  TestLog log;
  log.Open();
  const uint64_t kept = log.Put("kept");
  const uint64_t end = log.Put("torn record");
  log.wal.reset();
  const std::string path = log.OnlySegment();
  const std::string whole = *log.fs.ReadWhole(path, 1 << 20);
  REQUIRE(whole.size() == kSegmentHeaderBytes + end);
  for (uint64_t size = kept; size < end; ++size) {
    CAPTURE(size);
    TestLog other;
    const std::string name = path.substr(path.rfind('/') + 1);
    REQUIRE(other.fs
                .WriteFileDurably(JoinPath(other.dir.path(), name),
                                  whole.substr(0, kSegmentHeaderBytes + size))
                .ok());
    other.Open();
    CHECK(other.replayed.payloads == Payloads{"kept"});
    CHECK(other.wal->end() == kept);
    CHECK(other.wal->stats().torn_tail_bytes ==
          static_cast<int64_t>(size - kept));
    other.Put("next");
    other.Open();
    CHECK(other.replayed.payloads == Payloads{"kept", "next"});
  }
}

TEST_CASE("a damaged record is skipped, told and kept aside", "[wal]") {
  TestLog log;
  log.Open();
  const uint64_t a = log.Put("a");
  REQUIRE(log.wal->WaitDurable(log.Put("damaged")).ok());
  log.Put("c");
  log.wal.reset();
  const std::string path = log.OnlySegment();
  const std::string content = log.Damage(path, a);
  for (int round = 0; round < 3; ++round) {
    log.Open();
    CHECK(log.replayed.payloads == Payloads{"a", "c"});
    CHECK(log.replayed.lost == std::vector<uint64_t>{a});
    CHECK(log.wal->stats().corrupt_regions == 1);
    CHECK(log.wal->stats().torn_tail_bytes == 0);
    CHECK(*log.fs.ReadWhole(path + ".corrupt", 1 << 20) == content);
  }
}

// A power cut writes pages in any order: what no fsync covered may be missing
// below what is there.
TEST_CASE("a hole of what no fsync covered is no loss, ever", "[wal]") {
  TestLog log;
  log.Open();
  const uint64_t a = log.Put("a");
  log.Put("not synced");
  log.Put("c");
  log.wal.reset();
  log.Damage(log.OnlySegment(), a);
  for (int round = 0; round < 3; ++round) {
    log.Open();
    CHECK(log.replayed.payloads == Payloads{"a", "c"});
    CHECK(log.replayed.lost.empty());
    CHECK(log.wal->stats().corrupt_regions == 0);
  }
}

TEST_CASE("damage in a segment closed by the log itself is a loss", "[wal]") {
  TestLog log;
  log.Open();
  const uint64_t a = log.Put("a");
  log.Put("last of its segment");
  REQUIRE(log.wal->Rotate().ok());
  log.Put("c");
  const std::string path = log.wal->ClosedSegments().at(0);
  log.wal.reset();
  log.Damage(path, a);
  log.Open();
  CHECK(log.replayed.payloads == Payloads{"a", "c"});
  CHECK(log.replayed.lost == std::vector<uint64_t>{a});
}

TEST_CASE("a segment that was taken away is told", "[wal]") {
  TestLog log;
  log.Open(0, 64);
  for (int i = 0; i < 20; ++i) log.Put("record " + std::to_string(i));
  const auto closed = log.wal->ClosedSegments();
  REQUIRE(closed.size() > 3);
  log.wal.reset();
  REQUIRE(log.fs.Remove(closed[1]).ok());
  log.Open(0, 64);
  CHECK(log.replayed.payloads.size() < 20);
  CHECK(log.wal->stats().corrupt_regions == 1);
}

TEST_CASE("segments below the cut go, the others stay", "[wal]") {
  TestLog log;
  log.Open(0, 64);
  std::vector<uint64_t> ends;
  for (int i = 0; i < 20; ++i) ends.push_back(log.Put("0123456789"));
  REQUIRE(log.wal->Rotate().ok());
  REQUIRE(log.wal->Rotate().ok());
  const int64_t before = log.wal->bytes();
  REQUIRE(log.wal->CutBelow(ends[9]).ok());
  CHECK(log.wal->begin() <= ends[9]);
  CHECK(log.wal->begin() > 0);
  CHECK(log.wal->bytes() < before);
  log.Open(ends[9], 64);
  CHECK(log.replayed.payloads.size() == 10);
  CHECK(log.wal->stats().corrupt_regions == 0);
  REQUIRE(log.wal->CutBelow(ends[19]).ok());
  CHECK(log.wal->begin() == log.wal->end());
  CHECK(log.wal->bytes() == static_cast<int64_t>(kSegmentHeaderBytes));
}

TEST_CASE("after a failed fsync the log takes nothing more", "[wal]") {
  TestLog log;
  log.Open();
  const uint64_t good = log.Put("good");
  REQUIRE(log.wal->WaitDurable(good).ok());
  const uint64_t bad = log.Put("bad");
  log.fs.FailSyncs(1);
  CHECK(absl::IsUnavailable(log.wal->WaitDurable(bad)));
  CHECK(absl::IsUnavailable(log.wal->WaitDurable(bad)));
  CHECK(absl::IsUnavailable(log.wal->Append(RecordType::kData, "x").status()));
  CHECK(absl::IsUnavailable(log.wal->Rotate()));
  CHECK(log.wal->WaitDurable(good).ok());
}

TEST_CASE("a full disk at the start of a segment can be waited out", "[wal]") {
  TestLog log;
  log.Open();
  log.Put("one");
  log.fs.LimitBytes(5);
  CHECK(absl::IsResourceExhausted(log.wal->Rotate()));
  log.fs.LimitBytes(-1);
  log.Put("two");
  REQUIRE(log.wal->Rotate().ok());
  REQUIRE(log.wal->WaitDurable(log.Put("three")).ok());
  log.CutPower();
  log.Open();
  CHECK(log.replayed.payloads == Payloads{"one", "two", "three"});
}

TEST_CASE("a full disk refuses the record and keeps the log whole", "[wal]") {
  TestLog log;
  log.Open();
  log.Put("one");
  log.fs.LimitBytes(9);
  CHECK(absl::IsResourceExhausted(
      log.wal->Append(RecordType::kData, "too much").status()));
  log.fs.LimitBytes(-1);
  REQUIRE(log.wal->WaitDurable(log.Put("two")).ok());
  log.CutPower();
  log.Open();
  CHECK(log.replayed.payloads == Payloads{"one", "two"});
}

TEST_CASE("an error of the replay callback stops the opening", "[wal]") {
  TestLog log;
  log.Open();
  log.Put("a");
  CHECK(absl::IsDataLoss(log.TryOpen(0, 1 << 20, absl::DataLossError("no"))));
}

TEST_CASE("many writers share fsyncs, and all they waited for survives",
          "[wal]") {
  TestLog log;
  log.Open(0, 4096);
  constexpr int kThreads = 8;
  constexpr int kRecords = 200;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < kRecords; ++i) {
        const auto end = log.wal->Append(
            RecordType::kDefine, std::to_string(t) + ":" + std::to_string(i));
        if (!end.ok() || !log.wal->WaitDurable(*end).ok()) std::abort();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  log.CutPower();
  log.Open();
  CHECK(log.replayed.payloads.size() == kThreads * kRecords);
  CHECK(std::is_sorted(log.replayed.ends.begin(), log.replayed.ends.end()));
  CHECK(log.wal->stats().corrupt_regions == 0);
}

TEST_CASE("segments are read beside appends, damage is told", "[wal]") {
  TestLog log;
  log.Open(0, 100);  // a few records each
  std::vector<std::string> put;
  for (int i = 0; i < 20; ++i) {
    put.push_back("record " + std::to_string(i));
    log.Put(put.back());
  }
  const auto read_all = [&log] {
    Replayed got;
    for (uint64_t at = log.wal->begin(); at < log.wal->end();) {
      const auto end = log.wal->ReadSegment(at, got);
      REQUIRE(end.ok());
      REQUIRE(*end > at);
      at = *end;
    }
    return got;
  };
  CHECK(read_all().payloads == put);
  // From within a segment.
  Replayed rest;
  REQUIRE(log.wal->ReadSegment(read_all().ends[0], rest).ok());
  CHECK(rest.payloads.front() == put[1]);
  Replayed none;
  none.answer = absl::CancelledError("enough");
  CHECK(absl::IsCancelled(
      log.wal->ReadSegment(log.wal->begin(), none).status()));
  const std::string first = log.wal->ClosedSegments()[0];
  log.Damage(first, 0);
  const Replayed damaged = read_all();
  CHECK(damaged.lost == std::vector<uint64_t>{0});
  CHECK(damaged.payloads ==
        std::vector<std::string>(put.begin() + 1, put.end()));
  std::string content = *log.fs.ReadWhole(first, 1 << 20);
  content.resize(content.size() - 3);
  REQUIRE(log.fs.WriteFileDurably(first, content).ok());
  CHECK(read_all().lost.size() >= 2);
}

}  // namespace
}  // namespace varve::storage
