#include "storage/snapshot/restore.h"

#include <set>

#include "absl/strings/str_format.h"
#include "lib/base/hash.h"
#include "lib/base/log.h"
#include "lib/base/status.h"

namespace varve::storage {
namespace {

constexpr uint64_t kPartsBytesMax = uint64_t{256} << 20;
constexpr uint64_t kSmallFileBytesMax = uint64_t{1} << 30;
constexpr size_t kHashDigits = 32;
constexpr std::string_view kWayOut =
    "; run the restore again, or remove the directory restore/ to start "
    "without it";

std::string_view LastPart(std::string_view path) {
  return path.substr(path.rfind('/') + 1);
}

// RocksDB's small files; tables and log segments never change and are linked.
bool NamedByContent(const SnapshotPart& part) {
  return LastPart(part.stored).size() == kHashDigits;
}

absl::StatusOr<std::string> ReadSmall(const FileSystem& fs,
                                      const std::string& from,
                                      const SnapshotPart& part) {
  ASSIGN_OR_RETURN(std::string content, fs.ReadWhole(from, kSmallFileBytesMax));
  const base::Hash128 hash = base::Hash128Of(content);
  if (absl::StrFormat("%016x%016x", hash.high, hash.low) !=
      LastPart(part.stored)) {
    return base::DataLoss(from, " (", part.path,
                          ") does not have the content its name says",
                          kWayOut);
  }
  return content;
}

}  // namespace

absl::Status CheckRestoreFiles(const FileSystem& fs, const std::string& path,
                               const SnapshotParts& parts) {
  const std::string restore = JoinPath(path, kRestoreDir);
  for (const SnapshotPart& part : parts.files) {
    const std::string from = JoinPath(restore, part.stored);
    if (!fs.Exists(from)) {
      return base::DataLoss(from, " (", part.path, ") is missing", kWayOut);
    }
    ASSIGN_OR_RETURN(const uint64_t bytes, fs.FileSize(from));
    if (bytes != part.bytes) {
      return base::DataLoss(from, " (", part.path, ") has ", bytes,
                            " bytes instead of ", part.bytes, kWayOut);
    }
    if (NamedByContent(part)) {
      RETURN_IF_ERROR(ReadSmall(fs, from, part).status());
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<std::optional<SnapshotParts>> BuildRestored(
    FileSystem& fs, const std::string& path) {
  const std::string restore = JoinPath(path, kRestoreDir);
  const std::string list = JoinPath(restore, kPartsFileName);
  if (!fs.Exists(list)) {
    RETURN_IF_ERROR(fs.RemoveTree(restore));
    return std::optional<SnapshotParts>();
  }
  ASSIGN_OR_RETURN(const std::string text, fs.ReadWhole(list, kPartsBytesMax));
  absl::StatusOr<SnapshotParts> parts = ParseParts(text);
  if (!parts.ok()) return base::Annotate(parts.status(), restore);
  RETURN_IF_ERROR(CheckRestoreFiles(fs, path, *parts));
  base::LogInfo("building the directory from the snapshot ", parts->snapshot,
                " of ", parts->files.size(), " files");
  for (const std::string_view name : {"data", "index", "wal", "tmp"}) {
    RETURN_IF_ERROR(fs.RemoveTree(JoinPath(path, name)));
    RETURN_IF_ERROR(fs.CreateDirs(JoinPath(path, name)));
  }
  RETURN_IF_ERROR(fs.Remove(JoinPath(path, "clean_shutdown")));
  std::set<std::string> dirs;
  for (const SnapshotPart& part : parts->files) {
    const std::string from = JoinPath(restore, part.stored);
    const std::string to = JoinPath(path, part.path);
    if (dirs.insert(ParentDir(to)).second) {
      RETURN_IF_ERROR(fs.CreateDirs(ParentDir(to)));
    }
    if (!NamedByContent(part)) {
      RETURN_IF_ERROR(fs.Link(from, to));
      continue;
    }
    // RocksDB writes on in some of them: a copy.
    ASSIGN_OR_RETURN(const std::string content, ReadSmall(fs, from, part));
    RETURN_IF_ERROR(fs.WriteFileDurably(to, content));
  }
  for (const std::string& dir : dirs) RETURN_IF_ERROR(fs.SyncDir(dir));
  RETURN_IF_ERROR(fs.SyncDir(path));
  return std::optional<SnapshotParts>(*std::move(parts));
}

absl::Status FinishRestore(FileSystem& fs, const std::string& path) {
  const std::string restore = JoinPath(path, kRestoreDir);
  if (!fs.Exists(restore)) return absl::OkStatus();
  RETURN_IF_ERROR(fs.Remove(JoinPath(restore, kPartsFileName)));
  RETURN_IF_ERROR(fs.SyncDir(restore));
  RETURN_IF_ERROR(fs.RemoveTree(restore));
  return fs.SyncDir(path);
}

}  // namespace varve::storage
