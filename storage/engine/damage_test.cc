// Each file of a node's directory damaged in each of several ways: the node
// starts, serves the rest and says so.
#include <array>
#include <filesystem>
#include <fstream>

#include "storage/engine/test_node.h"
#include "storage/fs/file_system.h"
#include "tests/support/becomes_true.h"

namespace varve::storage {
namespace {

namespace stdfs = std::filesystem;

std::string ReadAll(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(in), {});
}

void WriteAll(const std::string& path, const std::string& content) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << content;
}

// Blocks of closed and open days, index rows in tables and in RocksDB's log,
// and rows that are only in ours.
void Populate(TestNode& node) {
  node.options.retention_ms = 100 * model::kDayMs;
  node.Open();
  node.Write("old", 40, kNowMs - 20 * model::kDayMs, 300);
  REQUIRE(node.engine->Flush().ok());
  node.Write("new", 40, kNowMs - 600'000, 300);
  REQUIRE(node.engine->Flush().ok());
  // Memtables to tables: a checkpoint does that.
  const auto snapshot = node.engine->CreateSnapshot();
  REQUIRE(snapshot.ok());
  REQUIRE(node.engine->DeleteSnapshot(*snapshot).ok());
  node.Write("newer", 10, kNowMs - 300'000, 50);
  REQUIRE(node.engine->Flush().ok());
  node.Write("in_the_log", 10, kNowMs - 100'000, 50);
}

std::vector<std::string> FilesOf(const std::string& root) {
  std::vector<std::string> files;
  for (const auto& entry : stdfs::recursive_directory_iterator(root)) {
    const std::string name = entry.path().filename();
    if (!entry.is_regular_file()) continue;
    files.push_back(stdfs::relative(entry.path(), root));
  }
  std::sort(files.begin(), files.end());
  return files;
}

struct Damage {
  std::string name;
  std::function<void(std::string&)> apply;
};

// Three of the ways for each file, others for the next one.
std::vector<Damage> Damages(size_t size, size_t turn) {
  const auto flip = [&](double place) {
    const size_t at = static_cast<size_t>(place * static_cast<double>(size));
    return Damage{"bit at " + std::to_string(at), [at](std::string& bytes) {
                    if (at < bytes.size()) bytes[at] ^= 0x10;
                  }};
  };
  const auto cut = [](size_t keep) {
    return Damage{"cut to " + std::to_string(keep),
                  [keep](std::string& bytes) { bytes.resize(keep); }};
  };
  constexpr std::array kPlaces = {0.0, 0.1, 0.3, 0.5, 0.7, 0.9, 0.999};
  const std::array cuts = {size - 1, size / 2, size_t{0}};
  return {flip(kPlaces[2 * turn % kPlaces.size()]),
          flip(kPlaces[(2 * turn + 1) % kPlaces.size()]),
          cut(cuts[turn % cuts.size()])};
}

// Every sample of `part` is in `whole`.
bool Within(const TestNode::Answer& part, const TestNode::Answer& whole) {
  for (const auto& [labels, samples] : part) {
    const auto found = whole.find(labels);
    if (found == whole.end()) return false;
    for (size_t i = 0; i < samples.size(); ++i) {
      const auto& times = found->second.timestamps_ms;
      const auto at = std::lower_bound(times.begin(), times.end(),
                                       samples.timestamps_ms[i]);
      if (at == times.end() || *at != samples.timestamps_ms[i] ||
          found->second.values[at - times.begin()] != samples.values[i]) {
        return false;
      }
    }
  }
  return true;
}

// RocksDB's own files have copies: nothing is lost with one of the two.
bool HasCopy(const std::string& file) {
  return file.ends_with(".copy") ||
         file.find("MANIFEST") != std::string::npos ||
         (!file.starts_with("wal/") && file.ends_with(".log"));
}

void CheckDamaged(const std::string& image, const std::string& file,
                  const TestNode::Answer& want, int64_t& partial) {
  TestNode node;
  node.options.retention_ms = 100 * model::kDayMs;
  stdfs::copy(
      image, node.dir.path(),
      stdfs::copy_options::recursive | stdfs::copy_options::overwrite_existing);
  const absl::Status opened = node.TryOpen();
  INFO(opened);
  REQUIRE(opened.ok());
  TestNode::Answer got;
  const auto complete = node.TrySearch(got);
  INFO(complete.status());
  REQUIRE(complete.ok());
  if (*complete && file.find("wal/") != 0) CHECK(Same(got, want));
  if (!*complete) ++partial;
  if (HasCopy(file)) CHECK(*complete);
  CHECK(Within(got, want));
  // What index/ lost is made again of the rest, by a thread.
  if (file.starts_with("index/")) {
    const bool mended = tests::BecomesTrue([&] {
      const auto whole = node.TrySearch(got);
      return whole.ok() && *whole;
    });
    CHECK(mended);
    CHECK(Same(got, want));
  }
  // It takes writes and flushes them, and does not meet the damage again.
  absl::Status written;
  CHECK(tests::BecomesTrue([&] {
    written = node.TryWrite("after", 1, kNowMs - 50'000, 20);
    return !absl::IsUnavailable(written);
  }));
  INFO(written);
  REQUIRE(written.ok());
  const absl::Status flushed = node.engine->Flush();
  INFO(flushed);
  CHECK(flushed.ok());
  const absl::Status compacted = node.engine->CompactDays();
  INFO(compacted);
  CHECK(compacted.ok());
  TestNode::Answer after;
  REQUIRE(node.TrySearch(after).ok());
  CHECK(after.size() == got.size() + 1);
  const absl::Status again = node.TryOpen();
  INFO(again);
  REQUIRE(again.ok());
  TestNode::Answer last;
  const auto still = node.TrySearch(last);
  REQUIRE(still.ok());
  CHECK(last.size() == after.size());
  // What is lost stays known.
  if (file.starts_with("data/") && !*complete) CHECK_FALSE(*still);
}

// Tables of data/ that have samples of the day's family, by size.
std::vector<std::string> TablesOf(const std::string& root) {
  std::vector<std::string> tables;
  for (const auto& entry : stdfs::directory_iterator(root + "/data")) {
    if (entry.path().extension() == ".sst") tables.push_back(entry.path());
  }
  std::sort(tables.begin(), tables.end(), [](const auto& a, const auto& b) {
    return stdfs::file_size(a) > stdfs::file_size(b);
  });
  return tables;
}

void FlipAt(const std::string& path, double place) {
  std::string bytes = ReadAll(path);
  bytes[static_cast<size_t>(place * static_cast<double>(bytes.size()))] ^= 0x10;
  WriteAll(path, bytes);
}

TEST_CASE("a day whose family is damaged moves without what is lost, once",
          "[engine]") {
  for (const double place : {0.0, 0.4, 0.7, 0.999}) {
    CAPTURE(place);
    TestNode node;
    node.options.retention_ms = 100 * model::kDayMs;
    node.Open();
    for (int part = 0; part < 3; ++part) {
      node.Write("m", 60, kNowMs - 600'000 + part * 100'000, 90);
      REQUIRE(node.engine->Flush().ok());
    }
    const auto want = node.Search();
    node.engine.reset();
    FlipAt(TablesOf(node.dir.path())[0], place);
    node.Open();
    node.clock.Advance(5 * model::kDayMs);
    const absl::Status moved = node.engine->CompactDays();
    INFO(moved);
    CHECK(moved.ok());
    const int64_t damaged = node.engine->Stats().corrupt_blocks;
    CHECK(damaged > 0);
    TestNode::Answer got;
    const auto complete = node.TrySearch(got);
    REQUIRE(complete.ok());
    CHECK_FALSE(*complete);
    CHECK(Within(got, want));
    CHECK(got.size() >= 50);
    REQUIRE(node.engine->CompactDays().ok());
    CHECK(node.engine->Stats().corrupt_blocks == damaged);
    CHECK(node.engine->Stats().flushes == 0);
  }
}

TEST_CASE("damage does not bring deleted samples back", "[engine]") {
  for (const double place : {0.0, 0.3, 0.6, 0.9}) {
    CAPTURE(place);
    TestNode node;
    node.options.retention_ms = 100 * model::kDayMs;
    node.Open();
    // A closed day, some of its series deleted and the day rewritten.
    node.Write("kept", 40, kNowMs - 20 * model::kDayMs, 200);
    node.Write("secret", 40, kNowMs - 20 * model::kDayMs, 200);
    node.Write("half", 40, kNowMs - 20 * model::kDayMs, 200);
    REQUIRE(node.engine->Flush().ok());
    for (const auto& [name, end_ms] :
         {std::pair{"secret", model::kTimestampMaxMs},
          std::pair{"half", kNowMs - 20 * model::kDayMs + 100'000}}) {
      DeleteRequest request{
          .tenant = kTenant,
          .matcher_groups = {{{.type = model::MatchType::kEqual,
                               .name = "__name__",
                               .value = name}}},
          .range = {0, end_ms},
          .accept_ms = kNowMs};
      const auto deleted = node.engine->Delete(request);
      INFO(deleted.status());
      REQUIRE(deleted.ok());
    }
    REQUIRE(node.engine->Flush().ok());
    node.clock.Advance(2 * 3'600'000);
    const auto before = TablesOf(node.dir.path());
    REQUIRE(node.engine->CompactDays().ok());
    const auto want = node.Search();
    CHECK(want.size() == 80);
    const auto all = TablesOf(node.dir.path());
    node.engine.reset();
    for (const std::string& table : all) {  // those of the rewrite
      if (std::find(before.begin(), before.end(), table) == before.end() &&
          stdfs::exists(table)) {
        FlipAt(table, place);
      }
    }
    node.Open();
    TestNode::Answer got;
    const auto complete = node.TrySearch(got);
    REQUIRE(complete.ok());
    CHECK(Within(got, want));
    REQUIRE(node.engine->CompactDays().ok());
    REQUIRE(node.TrySearch(got).ok());
    CHECK(Within(got, want));
  }
}

TEST_CASE("a node with any one file damaged serves the rest and says so",
          "[engine][slow]") {
  tests::TempDir image_dir;
  const std::string image = image_dir.File("image");
  TestNode::Answer want;
  {
    TestNode node;
    Populate(node);
    want = node.Search();
    node.engine.reset();
    stdfs::copy(node.dir.path(), image, stdfs::copy_options::recursive);
  }
  int64_t partial = 0;
  size_t turn = 0;
  for (const std::string& file : FilesOf(image)) {
    const std::string path = image + "/" + file;
    const std::string sound = ReadAll(path);
    if (sound.empty()) continue;
    for (const Damage& damage : Damages(sound.size(), turn)) {
      INFO(file << " of " << sound.size() << " bytes, " << damage.name);
      std::string bytes = sound;
      damage.apply(bytes);
      WriteAll(path, bytes);
      CheckDamaged(image, file, want, partial);
    }
    stdfs::remove(path);
    ++turn;
    INFO(file << " removed");
    CheckDamaged(image, file, want, partial);
    WriteAll(path, sound);
  }
  WARN(partial << " partial");
  CHECK(partial > 20);
}

}  // namespace
}  // namespace varve::storage
