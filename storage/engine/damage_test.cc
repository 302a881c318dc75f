// Each file of a node's directory damaged in each of several ways: the node
// starts, serves the rest and says so, or refuses with the way out.
#include <array>
#include <filesystem>
#include <fstream>

#include "storage/engine/test_node.h"
#include "storage/fs/file_system.h"

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
    if (!entry.is_regular_file() || name.starts_with("LOG")) continue;
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

// What a start may refuse: the file that says which tables there are, and
// RocksDB's log of the index, which has the ids that were given out.
bool MayRefuse(const std::string& file) {
  return file.find("MANIFEST") != std::string::npos ||
         (file.starts_with("index/") && file.ends_with(".log"));
}

void CheckDamaged(const std::string& image, const std::string& file,
                  const TestNode::Answer& want, int64_t& partial,
                  int64_t& refused) {
  TestNode node;
  node.options.retention_ms = 100 * model::kDayMs;
  stdfs::copy(
      image, node.dir.path(),
      stdfs::copy_options::recursive | stdfs::copy_options::overwrite_existing);
  const absl::Status opened = node.TryOpen();
  INFO(opened);
  if (!opened.ok()) {
    CHECK(MayRefuse(file));
    CHECK(opened.ToString().find("backup") != std::string::npos);
    ++refused;
    return;
  }
  TestNode::Answer got;
  const auto complete = node.TrySearch(got);
  INFO(complete.status());
  REQUIRE(complete.ok());
  if (*complete && file.find("wal/") != 0) CHECK(Same(got, want));
  if (!*complete) ++partial;
  CHECK(Within(got, want));
  // It takes writes and flushes them, and does not meet the damage again.
  REQUIRE(node.TryWrite("after", 1, kNowMs - 50'000, 20).ok());
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
  if (file.find("wal/") != 0 && !*complete) CHECK_FALSE(*still);
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
  int64_t refused = 0;
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
      CheckDamaged(image, file, want, partial, refused);
    }
    stdfs::remove(path);
    ++turn;
    INFO(file << " removed");
    CheckDamaged(image, file, want, partial, refused);
    WriteAll(path, sound);
  }
  WARN(partial << " partial, " << refused << " refused");
  CHECK(partial > 20);
}

}  // namespace
}  // namespace varve::storage
