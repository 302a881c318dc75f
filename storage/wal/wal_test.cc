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

std::unique_ptr<Wal> OpenWal(FileSystem& fs, const std::string& dir,
                             Replayed& replayed, uint64_t from = 0,
                             int64_t segment_bytes = 1 << 20) {
  WalOptions options;
  options.segment_bytes = segment_bytes;
  auto wal = Wal::Open(fs, dir, options, from, replayed);
  REQUIRE(wal.ok());
  return *std::move(wal);
}

uint64_t Put(Wal& wal, std::string_view payload) {
  const auto end = wal.Append(RecordType::kData, payload);
  REQUIRE(end.ok());
  return *end;
}

std::string OnlySegment(FileSystem& fs, const std::string& dir) {
  const std::vector<std::string> names = *fs.List(dir);
  for (const std::string& name : names) {
    if (*fs.FileSize(JoinPath(dir, name)) > kSegmentHeaderBytes &&
        ParseSegmentFileName(name)) {
      return JoinPath(dir, name);
    }
  }
  FAIL("no segment with records");
  return "";
}

void Rewrite(FileSystem& fs, const std::string& path, std::string content) {
  REQUIRE(fs.WriteFileDurably(path, content).ok());
}

TEST_CASE("durable records survive a power cut, in order", "[wal]") {
  const tests::TempDir dir;
  FaultFileSystem fs;
  Replayed none;
  auto wal = OpenWal(fs, dir.path(), none);
  CHECK(none.payloads.empty());
  Put(*wal, "one");
  const uint64_t two = Put(*wal, std::string(1000, '2'));
  REQUIRE(wal->WaitDurable(two).ok());
  CHECK(wal->durable_end() == two);
  Put(*wal, "not waited for");
  wal.reset();
  fs.Crash();

  Replayed replayed;
  wal = OpenWal(fs, dir.path(), replayed);
  CHECK(replayed.payloads ==
        std::vector<std::string>{"one", std::string(1000, '2')});
  CHECK(wal->end() == two);
  CHECK(Put(*wal, "three") > two);
}

TEST_CASE("records survive the process without any sync", "[wal]") {
  const tests::TempDir dir;
  Replayed replayed;
  auto wal = OpenWal(RealFileSystem(), dir.path(), replayed);
  Put(*wal, "a");
  Put(*wal, "b");
  wal.reset();
  wal = OpenWal(RealFileSystem(), dir.path(), replayed);
  CHECK(replayed.payloads == std::vector<std::string>{"a", "b"});
}

TEST_CASE("replay starts at the watermark", "[wal]") {
  const tests::TempDir dir;
  Replayed replayed;
  auto wal = OpenWal(RealFileSystem(), dir.path(), replayed);
  const uint64_t first = Put(*wal, "a");
  Put(*wal, "b");
  wal.reset();
  wal = OpenWal(RealFileSystem(), dir.path(), replayed, first);
  CHECK(replayed.payloads == std::vector<std::string>{"b"});
}

TEST_CASE("a wiped log goes on above the watermark", "[wal]") {
  const tests::TempDir dir;
  Replayed replayed;
  auto wal = OpenWal(RealFileSystem(), dir.path(), replayed, 12345);
  CHECK(wal->end() == 12345);
  const uint64_t end = Put(*wal, "a");
  wal.reset();
  wal = OpenWal(RealFileSystem(), dir.path(), replayed, 12345);
  CHECK(replayed.ends == std::vector<uint64_t>{end});
  CHECK(wal->stats().corrupt_regions == 0);
}

TEST_CASE("a torn tail is cut at every length of the last record", "[wal]") {
  const tests::TempDir dir;
  FileSystem& fs = RealFileSystem();
  Replayed replayed;
  auto wal = OpenWal(fs, dir.path(), replayed);
  const uint64_t kept = Put(*wal, "kept");
  const uint64_t end = Put(*wal, "torn record");
  wal.reset();
  const std::string path = OnlySegment(fs, dir.path());
  const std::string whole = *fs.ReadWhole(path, 1 << 20);
  REQUIRE(whole.size() == kSegmentHeaderBytes + end);
  for (uint64_t size = kept; size < end; ++size) {
    CAPTURE(size);
    const tests::TempDir other;
    Rewrite(fs, JoinPath(other.path(), path.substr(path.rfind('/') + 1)),
            whole.substr(0, kSegmentHeaderBytes + size));
    Replayed again;
    wal = OpenWal(fs, other.path(), again);
    CHECK(again.payloads == std::vector<std::string>{"kept"});
    CHECK(wal->end() == kept);
    CHECK(wal->stats().torn_tail_bytes == static_cast<int64_t>(size - kept));
    Put(*wal, "next");
    wal.reset();
    Replayed third;
    wal = OpenWal(fs, other.path(), third);
    CHECK(third.payloads == std::vector<std::string>{"kept", "next"});
  }
}

// Flips a bit of the payload of the record at `position`.
std::string Damage(FileSystem& fs, const std::string& path,
                   uint64_t position) {
  std::string content = *fs.ReadWhole(path, 1 << 20);
  content[kSegmentHeaderBytes + position + kRecordHeaderBytes] ^= 1;
  Rewrite(fs, path, content);
  return content;
}

TEST_CASE("a damaged record is skipped, told and kept aside", "[wal]") {
  const tests::TempDir dir;
  FileSystem& fs = RealFileSystem();
  Replayed replayed;
  auto wal = OpenWal(fs, dir.path(), replayed);
  const uint64_t a = Put(*wal, "a");
  REQUIRE(wal->WaitDurable(Put(*wal, "damaged")).ok());
  Put(*wal, "c");
  wal.reset();
  const std::string path = OnlySegment(fs, dir.path());
  const std::string content = Damage(fs, path, a);
  for (int round = 0; round < 3; ++round) {
    Replayed again;
    wal = OpenWal(fs, dir.path(), again);
    CHECK(again.payloads == std::vector<std::string>{"a", "c"});
    CHECK(again.lost == std::vector<uint64_t>{a});
    CHECK(wal->stats().corrupt_regions == 1);
    CHECK(wal->stats().torn_tail_bytes == 0);
    CHECK(*fs.ReadWhole(path + ".corrupt", 1 << 20) == content);
    wal.reset();
  }
}

// A power cut writes pages in any order: what no fsync covered may be missing
// below what is there.
TEST_CASE("a hole of what no fsync covered is no loss, ever", "[wal]") {
  const tests::TempDir dir;
  FileSystem& fs = RealFileSystem();
  Replayed replayed;
  auto wal = OpenWal(fs, dir.path(), replayed);
  const uint64_t a = Put(*wal, "a");
  Put(*wal, "not synced");
  Put(*wal, "c");
  wal.reset();
  Damage(fs, OnlySegment(fs, dir.path()), a);
  for (int round = 0; round < 3; ++round) {
    Replayed again;
    wal = OpenWal(fs, dir.path(), again);
    CHECK(again.payloads == std::vector<std::string>{"a", "c"});
    CHECK(again.lost.empty());
    CHECK(wal->stats().corrupt_regions == 0);
    wal.reset();
  }
}

TEST_CASE("damage in a segment closed by the log itself is a loss", "[wal]") {
  const tests::TempDir dir;
  FileSystem& fs = RealFileSystem();
  Replayed replayed;
  auto wal = OpenWal(fs, dir.path(), replayed);
  const uint64_t a = Put(*wal, "a");
  Put(*wal, "last of its segment");
  REQUIRE(wal->Rotate().ok());
  Put(*wal, "c");
  const std::string path = wal->ClosedSegments().at(0);
  wal.reset();
  Damage(fs, path, a);
  Replayed again;
  wal = OpenWal(fs, dir.path(), again);
  CHECK(again.payloads == std::vector<std::string>{"a", "c"});
  CHECK(again.lost == std::vector<uint64_t>{a});
}

TEST_CASE("a segment that was taken away is told", "[wal]") {
  const tests::TempDir dir;
  FileSystem& fs = RealFileSystem();
  Replayed replayed;
  auto wal = OpenWal(fs, dir.path(), replayed, 0, 64);
  for (int i = 0; i < 20; ++i) Put(*wal, "record " + std::to_string(i));
  const auto closed = wal->ClosedSegments();
  REQUIRE(closed.size() > 3);
  wal.reset();
  REQUIRE(fs.Remove(closed[1]).ok());
  wal = OpenWal(fs, dir.path(), replayed, 0, 64);
  CHECK(replayed.payloads.size() < 20);
  CHECK(wal->stats().corrupt_regions == 1);
}

TEST_CASE("segments below the cut go, the others stay", "[wal]") {
  const tests::TempDir dir;
  Replayed replayed;
  auto wal = OpenWal(RealFileSystem(), dir.path(), replayed, 0, 64);
  std::vector<uint64_t> ends;
  for (int i = 0; i < 20; ++i) ends.push_back(Put(*wal, "0123456789"));
  REQUIRE(wal->Rotate().ok());
  REQUIRE(wal->Rotate().ok());
  const int64_t before = wal->bytes();
  REQUIRE(wal->CutBelow(ends[9]).ok());
  CHECK(wal->begin() <= ends[9]);
  CHECK(wal->begin() > 0);
  CHECK(wal->bytes() < before);
  wal.reset();
  wal = OpenWal(RealFileSystem(), dir.path(), replayed, ends[9], 64);
  CHECK(replayed.payloads.size() == 10);
  CHECK(wal->stats().corrupt_regions == 0);
  REQUIRE(wal->CutBelow(ends[19]).ok());
  CHECK(wal->begin() == wal->end());
  CHECK(wal->bytes() == static_cast<int64_t>(kSegmentHeaderBytes));
}

TEST_CASE("after a failed fsync the log takes nothing more", "[wal]") {
  const tests::TempDir dir;
  FaultFileSystem fs;
  Replayed replayed;
  auto wal = OpenWal(fs, dir.path(), replayed);
  const uint64_t good = Put(*wal, "good");
  REQUIRE(wal->WaitDurable(good).ok());
  const uint64_t bad = Put(*wal, "bad");
  fs.FailSyncs(1);
  CHECK(absl::IsUnavailable(wal->WaitDurable(bad)));
  CHECK(absl::IsUnavailable(wal->WaitDurable(bad)));
  CHECK(absl::IsUnavailable(wal->Append(RecordType::kData, "x").status()));
  CHECK(absl::IsUnavailable(wal->Rotate()));
  CHECK(wal->WaitDurable(good).ok());
}

TEST_CASE("a full disk at the start of a segment can be waited out",
          "[wal]") {
  const tests::TempDir dir;
  FaultFileSystem fs;
  Replayed replayed;
  auto wal = OpenWal(fs, dir.path(), replayed);
  Put(*wal, "one");
  fs.LimitBytes(5);
  CHECK(absl::IsResourceExhausted(wal->Rotate()));
  fs.LimitBytes(-1);
  Put(*wal, "two");
  REQUIRE(wal->Rotate().ok());
  REQUIRE(wal->WaitDurable(Put(*wal, "three")).ok());
  wal.reset();
  fs.Crash();
  wal = OpenWal(fs, dir.path(), replayed);
  CHECK(replayed.payloads == std::vector<std::string>{"one", "two", "three"});
}

TEST_CASE("a full disk refuses the record and keeps the log whole", "[wal]") {
  const tests::TempDir dir;
  FaultFileSystem fs;
  Replayed replayed;
  auto wal = OpenWal(fs, dir.path(), replayed);
  Put(*wal, "one");
  fs.LimitBytes(9);
  CHECK(absl::IsResourceExhausted(
      wal->Append(RecordType::kData, "too much").status()));
  fs.LimitBytes(-1);
  REQUIRE(wal->WaitDurable(Put(*wal, "two")).ok());
  wal.reset();
  fs.Crash();
  wal = OpenWal(fs, dir.path(), replayed);
  CHECK(replayed.payloads == std::vector<std::string>{"one", "two"});
}

TEST_CASE("an error of the replay callback stops the opening", "[wal]") {
  const tests::TempDir dir;
  Replayed replayed;
  auto wal = OpenWal(RealFileSystem(), dir.path(), replayed);
  Put(*wal, "a");
  wal.reset();
  replayed.answer = absl::DataLossError("no");
  CHECK(absl::IsDataLoss(
      Wal::Open(RealFileSystem(), dir.path(), {}, 0, replayed).status()));
}

TEST_CASE("many writers share fsyncs, and all they waited for survives",
          "[wal]") {
  const tests::TempDir dir;
  FaultFileSystem fs;
  Replayed replayed;
  auto wal = OpenWal(fs, dir.path(), replayed, 0, 4096);
  constexpr int kThreads = 8;
  constexpr int kRecords = 200;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < kRecords; ++i) {
        const auto end = wal->Append(
            RecordType::kDefine,
            std::to_string(t) + ":" + std::to_string(i));
        if (!end.ok() || !wal->WaitDurable(*end).ok()) std::abort();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  wal.reset();
  fs.Crash();
  wal = OpenWal(fs, dir.path(), replayed);
  CHECK(replayed.payloads.size() == kThreads * kRecords);
  CHECK(std::is_sorted(replayed.ends.begin(), replayed.ends.end()));
  CHECK(wal->stats().corrupt_regions == 0);
}

}  // namespace
}  // namespace varve::storage
