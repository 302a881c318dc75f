#include "storage/snapshot/snapshot_store.h"

#include <algorithm>

#include "absl/strings/str_format.h"
#include "absl/time/time.h"
#include "lib/base/hash.h"
#include "lib/base/log.h"
#include "lib/base/status.h"
#include "storage/kv/kv_files.h"

namespace varve::storage {
namespace {

constexpr std::string_view kDraftSuffix = ".tmp";
constexpr std::string_view kTableSuffix = ".sst";
constexpr size_t kTimeDigits = 14;
constexpr size_t kHexDigits = 16;
constexpr size_t kNameBytes = kTimeDigits + 1 + kHexDigits;
// MANIFEST and RocksDB's own log; both are far smaller.
constexpr uint64_t kSmallFileBytesMax = uint64_t{1} << 30;

bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsHex(char c) { return IsDigit(c) || (c >= 'A' && c <= 'F'); }

std::string_view LastPart(std::string_view path) {
  return path.substr(path.rfind('/') + 1);
}

}  // namespace

bool IsSnapshotName(std::string_view name) {
  return name.size() == kNameBytes && name[kTimeDigits] == '-' &&
         std::all_of(name.begin(), name.begin() + kTimeDigits, IsDigit) &&
         std::all_of(name.begin() + kTimeDigits + 1, name.end(), IsHex);
}

int64_t SnapshotTimeMs(std::string_view name) {
  const auto number = [&](size_t at, size_t digits) {
    int value = 0;
    for (const char c : name.substr(at, digits)) value = value * 10 + c - '0';
    return value;
  };
  const absl::CivilSecond time(number(0, 4), number(4, 2), number(6, 2),
                               number(8, 2), number(10, 2), number(12, 2));
  return absl::ToUnixMillis(absl::FromCivil(time, absl::UTCTimeZone()));
}

SnapshotDraft::SnapshotDraft(SnapshotStore* store, std::string name,
                             int64_t created_ms)
    : store_(store), name_(std::move(name)) {
  parts_.snapshot = name_;
  parts_.created_ms = created_ms;
}

SnapshotDraft::~SnapshotDraft() {
  if (committed_) return;
  // What stays goes at the next start.
  const absl::Status status = store_->fs_.RemoveTree(Dir());
  if (!status.ok()) base::LogWarn("snapshot: ", base::Message(status));
}

std::string SnapshotDraft::Dir() const {
  return JoinPath(store_->dir_, base::StrCat(name_, kDraftSuffix));
}

std::string SnapshotDraft::CheckpointDir(std::string_view database) const {
  return JoinPath(JoinPath(Dir(), "checkpoint"), database);
}

absl::Status SnapshotDraft::LinkLog(std::span<const std::string> segments) {
  FileSystem& fs = store_->fs_;
  for (const std::string& segment : segments) {
    const std::string stored = base::StrCat("wal/", LastPart(segment));
    const std::string to =
        JoinPath(JoinPath(Dir(), kRestoreDir), stored);
    RETURN_IF_ERROR(fs.Link(segment, to));
    ASSIGN_OR_RETURN(const uint64_t bytes, fs.FileSize(to));
    parts_.files.push_back({stored, stored, bytes});
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> SnapshotDraft::StoreTable(
    const std::string& from, std::string_view database) {
  ASSIGN_OR_RETURN(const std::string id, KvTableId(from));
  const std::string stored = base::StrCat(database, "/", id, kTableSuffix);
  RETURN_IF_ERROR(store_->fs_.Link(
      from, JoinPath(JoinPath(Dir(), kRestoreDir), stored)));
  return stored;
}

absl::StatusOr<std::string> SnapshotDraft::StoreSmall(
    const std::string& from, std::string_view database) {
  FileSystem& fs = store_->fs_;
  ASSIGN_OR_RETURN(const std::string content,
                   fs.ReadWhole(from, kSmallFileBytesMax));
  const base::Hash128 hash = base::Hash128Of(content);
  const std::string stored =
      absl::StrFormat("%s/%016x%016x", std::string(database), hash.high,
                      hash.low);
  const std::string to = JoinPath(JoinPath(Dir(), kRestoreDir), stored);
  // Two files of one content are one.
  if (!fs.Exists(to)) RETURN_IF_ERROR(fs.WriteFileDurably(to, content));
  return stored;
}

absl::Status SnapshotDraft::AddDatabase(std::string_view database) {
  FileSystem& fs = store_->fs_;
  const std::string from = CheckpointDir(database);
  RETURN_IF_ERROR(
      fs.CreateDirs(JoinPath(JoinPath(Dir(), kRestoreDir), database)));
  ASSIGN_OR_RETURN(const std::vector<std::string> names, fs.List(from));
  for (const std::string& name : names) {
    const std::string path = JoinPath(from, name);
    SnapshotPart part;
    part.path = base::StrCat(database, "/", name);
    ASSIGN_OR_RETURN(part.bytes, fs.FileSize(path));
    absl::StatusOr<std::string> stored = base::DataLoss("no table");
    if (name.ends_with(kTableSuffix)) {
      stored = StoreTable(path, database);
      // A table so damaged that it has no id is kept by its content.
      if (!stored.ok() && !absl::IsDataLoss(stored.status())) {
        return stored.status();
      }
    }
    if (!stored.ok()) stored = StoreSmall(path, database);
    RETURN_IF_ERROR(stored.status());
    part.stored = *std::move(stored);
    parts_.files.push_back(std::move(part));
  }
  return fs.SyncDir(JoinPath(JoinPath(Dir(), kRestoreDir), database));
}

absl::StatusOr<std::string> SnapshotDraft::Commit(
    std::span<const std::string_view> databases, uint64_t node_id) {
  FileSystem& fs = store_->fs_;
  for (const std::string_view database : databases) {
    RETURN_IF_ERROR(AddDatabase(database));
  }
  RETURN_IF_ERROR(fs.RemoveTree(JoinPath(Dir(), "checkpoint")));
  parts_.node_id = node_id;
  const std::string restore = JoinPath(Dir(), kRestoreDir);
  RETURN_IF_ERROR(fs.SyncDir(JoinPath(restore, "wal")));
  RETURN_IF_ERROR(fs.WriteFileDurably(JoinPath(restore, kPartsFileName),
                                      PartsText(parts_)));
  RETURN_IF_ERROR(fs.SyncDir(restore));
  RETURN_IF_ERROR(fs.SyncDir(Dir()));
  RETURN_IF_ERROR(fs.Rename(Dir(), JoinPath(store_->dir_, name_)));
  RETURN_IF_ERROR(fs.SyncDir(store_->dir_));
  committed_ = true;
  ++store_->count_;
  return name_;
}

absl::StatusOr<std::unique_ptr<SnapshotStore>> SnapshotStore::Open(
    FileSystem& fs, std::string dir) {
  RETURN_IF_ERROR(fs.CreateDirs(dir));
  std::unique_ptr<SnapshotStore> store(new SnapshotStore(fs, std::move(dir)));
  ASSIGN_OR_RETURN(const std::vector<std::string> names, fs.List(store->dir_));
  for (const std::string& name : names) {
    const std::string path = JoinPath(store->dir_, name);
    const std::string parts =
        JoinPath(JoinPath(path, kRestoreDir), kPartsFileName);
    const bool draft =
        name.ends_with(kDraftSuffix) &&
        IsSnapshotName(name.substr(0, name.size() - kDraftSuffix.size()));
    // Without its list: being deleted when the process ended, or emptied by a
    // restore into this directory.
    if (draft || (IsSnapshotName(name) && !fs.Exists(parts))) {
      base::LogInfo("removing ", path, ", which is no whole snapshot");
      RETURN_IF_ERROR(fs.RemoveTree(path));
    }
  }
  ASSIGN_OR_RETURN(const std::vector<std::string> kept, store->List());
  store->count_ = static_cast<int64_t>(kept.size());
  base::MutexLock lock(store->mutex_);
  if (!kept.empty()) store->last_name_ = kept.back();
  return store;
}

std::string SnapshotStore::NextName(int64_t now_ms) {
  std::string time = absl::FormatTime(
      "%Y%m%d%H%M%S", absl::FromUnixMillis(now_ms), absl::UTCTimeZone());
  uint64_t number = static_cast<uint64_t>(now_ms) * 1'000'000;
  if (!last_name_.empty()) {
    // Grows within a second, and when the clock is set back.
    time = std::max(time, last_name_.substr(0, kTimeDigits));
    const uint64_t last =
        std::stoull(last_name_.substr(kTimeDigits + 1), nullptr, 16);
    number = std::max(number, last + 1);
  }
  last_name_ = absl::StrFormat("%s-%016X", time, number);
  return last_name_;
}

absl::StatusOr<std::unique_ptr<SnapshotDraft>> SnapshotStore::Begin(
    int64_t now_ms) {
  std::string name;
  {
    base::MutexLock lock(mutex_);
    name = NextName(now_ms);
  }
  std::unique_ptr<SnapshotDraft> draft(
      new SnapshotDraft(this, std::move(name), now_ms));
  RETURN_IF_ERROR(fs_.CreateDirs(
      JoinPath(JoinPath(draft->Dir(), kRestoreDir), "wal")));
  RETURN_IF_ERROR(fs_.CreateDirs(JoinPath(draft->Dir(), "checkpoint")));
  return draft;
}

absl::StatusOr<std::vector<std::string>> SnapshotStore::List() const {
  ASSIGN_OR_RETURN(std::vector<std::string> names, fs_.List(dir_));
  std::erase_if(names, [&](const std::string& name) {
    return !IsSnapshotName(name) ||
           !fs_.Exists(JoinPath(JoinPath(JoinPath(dir_, name), kRestoreDir),
                                kPartsFileName));
  });
  return names;
}

absl::Status SnapshotStore::Delete(const std::string& name) {
  if (!IsSnapshotName(name)) {
    return base::InvalidArgument("\"", name, "\" is no snapshot name");
  }
  const std::string path = JoinPath(dir_, name);
  const std::string parts =
      JoinPath(JoinPath(path, kRestoreDir), kPartsFileName);
  if (!fs_.Exists(parts)) {
    return base::NotFound("cannot find the snapshot \"", name, "\"");
  }
  // Its list first: what a crash leaves is no snapshot.
  RETURN_IF_ERROR(fs_.Remove(parts));
  --count_;
  RETURN_IF_ERROR(fs_.SyncDir(JoinPath(path, kRestoreDir)));
  RETURN_IF_ERROR(fs_.RemoveTree(path));
  return fs_.SyncDir(dir_);
}

absl::Status SnapshotStore::DeleteOlder(int64_t created_ms) {
  ASSIGN_OR_RETURN(const std::vector<std::string> names, List());
  for (const std::string& name : names) {
    if (SnapshotTimeMs(name) >= created_ms) continue;
    base::LogInfo("removing the snapshot ", name, ": older than "
                  "-snapshotsMaxAge");
    RETURN_IF_ERROR(Delete(name));
  }
  return absl::OkStatus();
}

}  // namespace varve::storage
