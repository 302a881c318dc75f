#include "storage/fs/file_system.h"

#include <catch2/catch.hpp>

#include "storage/fs/fault_file_system.h"
#include "tests/support/temp_dir.h"

namespace varve::storage {
namespace {

std::string Content(FileSystem& fs, const std::string& path) {
  return fs.ReadWhole(path, 1 << 20).value_or("<no file>");
}

TEST_CASE("what is appended is read back, in pieces too", "[fs]") {
  const tests::TempDir dir;
  FileSystem& fs = RealFileSystem();
  const std::string path = JoinPath(dir.path(), "a");
  {
    auto file = fs.Create(path);
    REQUIRE(file.ok());
    REQUIRE((*file)->Append("hello ").ok());
    REQUIRE((*file)->Append("world").ok());
    CHECK((*file)->size() == 11);
    CHECK((*file)->Sync().ok());
    REQUIRE((*file)->TruncateTo(8).ok());
    REQUIRE((*file)->Append("!").ok());
  }
  CHECK(Content(fs, path) == "hello wo!");
  auto file = fs.OpenRead(path);
  REQUIRE(file.ok());
  std::string piece;
  REQUIRE((*file)->ReadAt(6, 100, piece).ok());
  CHECK(piece == "wo!");
  REQUIRE((*file)->ReadAt(100, 1, piece).ok());
  CHECK(piece.empty());
}

TEST_CASE("errors have the code the caller acts on", "[fs]") {
  const tests::TempDir dir;
  FileSystem& fs = RealFileSystem();
  const std::string path = JoinPath(dir.path(), "a");
  CHECK(absl::IsNotFound(fs.OpenRead(path).status()));
  REQUIRE(fs.WriteFileDurably(path, "one").ok());
  CHECK(absl::IsFailedPrecondition(fs.Create(path).status()));
  CHECK(absl::IsResourceExhausted(fs.ReadWhole(path, 2).status()));
  CHECK(fs.Remove(path).ok());
  CHECK(fs.Remove(path).ok());
  CHECK(fs.FreeBytes(dir.path()).value_or(0) > 0);
}

TEST_CASE("a directory is locked once at a time", "[fs]") {
  const tests::TempDir dir;
  FileSystem& fs = RealFileSystem();
  const std::string path = JoinPath(dir.path(), "flock.lock");
  auto first = fs.Lock(path);
  REQUIRE(first.ok());
  CHECK(absl::IsFailedPrecondition(fs.Lock(path).status()));
  first->reset();
  CHECK(fs.Lock(path).ok());
}

TEST_CASE("a crash keeps what was synced and nothing else", "[fs]") {
  const tests::TempDir dir;
  FaultFileSystem fs;
  const std::string kept = JoinPath(dir.path(), "kept");
  const std::string nameless = JoinPath(dir.path(), "nameless");
  auto file = fs.Create(kept);
  REQUIRE(file.ok());
  REQUIRE((*file)->Append("synced").ok());
  REQUIRE((*file)->Sync().ok());
  REQUIRE((*file)->Append(" lost").ok());
  REQUIRE(fs.SyncDir(dir.path()).ok());
  auto other = fs.Create(nameless);
  REQUIRE(other.ok());
  REQUIRE((*other)->Append("x").ok());
  REQUIRE((*other)->Sync().ok());
  fs.Crash();
  CHECK(Content(fs, kept) == "synced");
  CHECK_FALSE(fs.Exists(nameless));
  CHECK(absl::IsUnavailable((*file)->Append("more")));
}

TEST_CASE("a failed sync makes nothing durable", "[fs]") {
  const tests::TempDir dir;
  FaultFileSystem fs;
  const std::string path = JoinPath(dir.path(), "a");
  auto file = fs.Create(path);
  REQUIRE(file.ok());
  REQUIRE(fs.SyncDir(dir.path()).ok());
  REQUIRE((*file)->Append("x").ok());
  fs.FailSyncs(1);
  CHECK(absl::IsUnavailable((*file)->Sync()));
  fs.Crash();
  CHECK(Content(fs, path).empty());
}

TEST_CASE("a full disk takes what fits", "[fs]") {
  const tests::TempDir dir;
  FaultFileSystem fs;
  const std::string path = JoinPath(dir.path(), "a");
  auto file = fs.Create(path);
  REQUIRE(file.ok());
  fs.LimitBytes(3);
  CHECK(absl::IsResourceExhausted((*file)->Append("hello")));
  CHECK((*file)->size() == 3);
}

}  // namespace
}  // namespace varve::storage
