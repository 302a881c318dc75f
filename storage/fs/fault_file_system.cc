#include "storage/fs/fault_file_system.h"

#include <algorithm>
#include <utility>

#include "lib/base/status.h"

namespace varve::storage {

class FaultAppendFile final : public AppendFile {
 public:
  FaultAppendFile(FaultFileSystem& fs, std::string path,
                  std::unique_ptr<AppendFile> below, int64_t life)
      : fs_(fs), path_(std::move(path)), below_(std::move(below)),
        life_(life) {}

  absl::Status Append(std::string_view bytes) override {
    size_t allowed = bytes.size();
    {
      base::MutexLock lock(fs_.mutex_);
      if (fs_.life_ != life_) return base::Unavailable(path_, ": crashed");
      if (fs_.bytes_left_ >= 0) {
        allowed = std::min<size_t>(allowed, fs_.bytes_left_);
        fs_.bytes_left_ -= static_cast<int64_t>(allowed);
      }
    }
    RETURN_IF_ERROR(below_->Append(bytes.substr(0, allowed)));
    if (allowed == bytes.size()) return absl::OkStatus();
    return base::ResourceExhausted("write ", path_, ": no space (fault)");
  }

  absl::Status Sync() override {
    const uint64_t size = below_->size();
    if (!fs_.TakeSync()) {
      return base::Unavailable("fdatasync ", path_, ": fault");
    }
    base::MutexLock lock(fs_.mutex_);
    if (fs_.life_ != life_) return base::Unavailable(path_, ": crashed");
    fs_.files_[path_].synced_size = size;
    return absl::OkStatus();
  }

  absl::Status TruncateTo(uint64_t size) override {
    RETURN_IF_ERROR(below_->TruncateTo(size));
    base::MutexLock lock(fs_.mutex_);
    uint64_t& synced = fs_.files_[path_].synced_size;
    synced = std::min(synced, size);
    return absl::OkStatus();
  }

  uint64_t size() const override { return below_->size(); }

 private:
  FaultFileSystem& fs_;
  const std::string path_;
  const std::unique_ptr<AppendFile> below_;
  const int64_t life_;
};

void FaultFileSystem::Crash() {
  base::MutexLock lock(mutex_);
  ++life_;
  fail_syncs_ = 0;
  bytes_left_ = -1;
  for (const auto& [path, state] : files_) {
    if (!below_.Exists(path)) continue;
    // Statuses: a test that cannot cut its own files fails at what follows.
    (void)below_.Truncate(path, state.synced_size);
    if (state.name_synced) continue;
    if (state.renamed_from.empty()) {
      (void)below_.Remove(path);
    } else {
      (void)below_.Rename(path, state.renamed_from);
    }
  }
  files_.clear();
}

void FaultFileSystem::FailSyncs(int count) {
  base::MutexLock lock(mutex_);
  fail_syncs_ = count;
}

void FaultFileSystem::LimitBytes(int64_t bytes) {
  base::MutexLock lock(mutex_);
  bytes_left_ = bytes;
}

void FaultFileSystem::InterruptRemoval() {
  base::MutexLock lock(mutex_);
  interrupt_removal_ = true;
}

int64_t FaultFileSystem::syncs() const {
  base::MutexLock lock(mutex_);
  return syncs_;
}

bool FaultFileSystem::TakeSync() {
  base::MutexLock lock(mutex_);
  if (fail_syncs_ > 0) {
    --fail_syncs_;
    return false;
  }
  ++syncs_;
  return true;
}

absl::StatusOr<std::unique_ptr<AppendFile>> FaultFileSystem::Create(
    const std::string& path) {
  ASSIGN_OR_RETURN(std::unique_ptr<AppendFile> file, below_.Create(path));
  base::MutexLock lock(mutex_);
  files_[path] = FileState{};
  return std::make_unique<FaultAppendFile>(*this, path, std::move(file),
                                           life_);
}

absl::StatusOr<std::unique_ptr<ReadFile>> FaultFileSystem::OpenRead(
    const std::string& path) const {
  return below_.OpenRead(path);
}

absl::Status FaultFileSystem::WriteFileDurably(const std::string& path,
                                               std::string_view content) {
  if (!TakeSync()) return base::Unavailable("fsync ", path, ": fault");
  RETURN_IF_ERROR(below_.WriteFileDurably(path, content));
  base::MutexLock lock(mutex_);
  files_[path] = FileState{content.size(), true, ""};
  return absl::OkStatus();
}

absl::Status FaultFileSystem::Rename(const std::string& from,
                                     const std::string& to) {
  RETURN_IF_ERROR(below_.Rename(from, to));
  base::MutexLock lock(mutex_);
  FileState state;
  const auto it = files_.find(from);
  if (it != files_.end()) {
    state = it->second;
    files_.erase(it);
  } else {
    state.name_synced = true;
    state.synced_size = below_.FileSize(to).value_or(0);
  }
  if (state.name_synced) state.renamed_from = from;
  state.name_synced = false;
  files_[to] = state;
  return absl::OkStatus();
}

absl::Status FaultFileSystem::Remove(const std::string& path) {
  RETURN_IF_ERROR(below_.Remove(path));
  base::MutexLock lock(mutex_);
  files_.erase(path);
  return absl::OkStatus();
}

absl::Status FaultFileSystem::RemoveTree(const std::string& path) {
  bool interrupt = false;
  {
    base::MutexLock lock(mutex_);
    std::swap(interrupt, interrupt_removal_);
  }
  if (interrupt) {
    ASSIGN_OR_RETURN(const std::vector<std::string> names, List(path));
    if (!names.empty()) {
      RETURN_IF_ERROR(RemoveTree(JoinPath(path, names.front())));
    }
    return base::Unavailable("remove ", path, ": fault");
  }
  RETURN_IF_ERROR(below_.RemoveTree(path));
  base::MutexLock lock(mutex_);
  const std::string prefix = path + "/";
  for (auto it = files_.lower_bound(prefix);
       it != files_.end() && it->first.starts_with(prefix);) {
    it = files_.erase(it);
  }
  return absl::OkStatus();
}

absl::Status FaultFileSystem::Link(const std::string& from,
                                   const std::string& to) {
  RETURN_IF_ERROR(below_.Link(from, to));
  base::MutexLock lock(mutex_);
  FileState state;
  const auto it = files_.find(from);
  state.synced_size = it != files_.end() ? it->second.synced_size
                                         : below_.FileSize(to).value_or(0);
  files_[to] = state;
  return absl::OkStatus();
}

absl::Status FaultFileSystem::Truncate(const std::string& path,
                                       uint64_t size) {
  if (!TakeSync()) return base::Unavailable("fsync ", path, ": fault");
  RETURN_IF_ERROR(below_.Truncate(path, size));
  base::MutexLock lock(mutex_);
  const auto it = files_.find(path);
  if (it != files_.end()) it->second.synced_size = size;
  return absl::OkStatus();
}

absl::Status FaultFileSystem::CreateDirs(const std::string& path) {
  return below_.CreateDirs(path);
}

absl::Status FaultFileSystem::SyncDir(const std::string& path) {
  if (!TakeSync()) return base::Unavailable("fsync ", path, ": fault");
  base::MutexLock lock(mutex_);
  for (auto& [file, state] : files_) {
    if (ParentDir(file) != path) continue;
    state.name_synced = true;
    state.renamed_from.clear();
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<std::string>> FaultFileSystem::List(
    const std::string& dir) const {
  return below_.List(dir);
}

bool FaultFileSystem::Exists(const std::string& path) const {
  return below_.Exists(path);
}

absl::StatusOr<uint64_t> FaultFileSystem::FileSize(
    const std::string& path) const {
  return below_.FileSize(path);
}

absl::StatusOr<std::unique_ptr<FileLock>> FaultFileSystem::Lock(
    const std::string& path) {
  return below_.Lock(path);
}

absl::StatusOr<uint64_t> FaultFileSystem::FreeBytes(
    const std::string& path) const {
  return below_.FreeBytes(path);
}

}  // namespace varve::storage
