// Snapshots of a whole engine, and directories built of them.
#include <filesystem>
#include <thread>

#include "storage/engine/test_node.h"
#include "storage/fs/file_system.h"

namespace varve::storage {
namespace {

namespace stdfs = std::filesystem;

// Puts a snapshot where vmrestore would.
void CopySnapshot(const TestNode& from, const std::string& name, TestNode& to) {
  stdfs::copy(
      from.dir.File("snapshots/" + name), to.dir.path(),
      stdfs::copy_options::recursive | stdfs::copy_options::overwrite_existing);
}

TEST_CASE(
    "a snapshot has everything acknowledged before it and nothing "
    "after, flushed or not",
    "[engine]") {
  TestNode node;
  node.Open();
  node.Write("flushed", 3, kNowMs - 600'000, 100);
  REQUIRE(node.engine->Flush().ok());
  node.Write("in_the_log", 3, kNowMs - 300'000, 100);
  const TestNode::Answer want = node.Search();
  const auto name = node.engine->CreateSnapshot();
  INFO(name.status());
  REQUIRE(name.ok());
  CHECK(node.engine->Stats().snapshots == 1);
  node.Write("later", 1, kNowMs - 100'000, 10);
  REQUIRE(node.engine->Flush().ok());
  REQUIRE(node.engine->CompactDays().ok());

  TestNode restored;
  CopySnapshot(node, *name, restored);
  restored.Open();
  CHECK(Same(restored.Search(), want));
  CHECK(restored.engine->node_id() == node.engine->node_id());
  // Ids may have been given out since the snapshot.
  CHECK(restored.engine->ref_epoch() != node.engine->ref_epoch());
  CHECK_FALSE(stdfs::exists(restored.dir.File("restore")));
  // It goes on as any other.
  restored.Write("later", 1, kNowMs - 50'000, 10);
  const TestNode::Answer more = restored.Search();
  const uint64_t epoch = restored.engine->ref_epoch();
  restored.Open();
  CHECK(Same(restored.Search(), more));
  CHECK(restored.engine->ref_epoch() == epoch);
}

TEST_CASE(
    "a restore is told once, and until it was noted the restore begins "
    "again",
    "[engine]") {
  TestNode node;
  node.Open();
  node.Write("m", 1, kNowMs - 600'000, 10);
  const auto name = node.engine->CreateSnapshot();
  REQUIRE(name.ok());
  TestNode restored;
  CopySnapshot(node, *name, restored);
  int calls = 0;
  restored.options.on_restored = [&](Engine&) {
    return ++calls == 1 ? absl::UnavailableError("a crash") : absl::OkStatus();
  };
  CHECK_FALSE(restored.TryOpen().ok());
  restored.Open();
  CHECK(calls == 2);
  restored.Open();
  CHECK(calls == 2);
  CHECK(Same(restored.Search(), node.Search()));
}

TEST_CASE("snapshots beside writes and flushes have whole writes", "[engine]") {
  TestNode node;
  node.Open();
  std::atomic<bool> stop{false};
  std::thread writer([&] {
    for (int i = 0; !stop && i < 2000; ++i) {
      if (!node.TryWrite("m", i, kNowMs - 600'000, 5).ok()) break;
      if (i % 50 == 49 && !node.engine->Flush().ok()) break;
    }
  });
  std::vector<std::string> names;
  for (int i = 0; i < 5; ++i) {
    const auto name = node.engine->CreateSnapshot();
    CHECK(name.ok());
    if (name.ok()) names.push_back(*name);
  }
  stop = true;
  writer.join();
  size_t before = 0;
  for (const std::string& name : names) {
    TestNode restored;
    CopySnapshot(node, name, restored);
    restored.Open();
    const TestNode::Answer answer = restored.Search();
    CHECK(answer.size() >= before);
    before = answer.size();
    for (const auto& [labels, samples] : answer) {
      CHECK(samples.size() == 5);
    }
  }
}

TEST_CASE("a deleted snapshot frees its files", "[engine]") {
  TestNode node;
  node.Open();
  node.Write("m", 1, kNowMs - 600'000, 10);
  const auto name = node.engine->CreateSnapshot();
  REQUIRE(name.ok());
  CHECK(node.engine->ListSnapshots()->size() == 1);
  REQUIRE(node.engine->DeleteSnapshot(*name).ok());
  CHECK(absl::IsNotFound(node.engine->DeleteSnapshot(*name)));
  CHECK(node.engine->ListSnapshots()->empty());
  CHECK(stdfs::is_empty(node.dir.File("snapshots")));
}

}  // namespace
}  // namespace varve::storage
