#include "storage/hints/hint_store.h"

#include <algorithm>
#include <random>

#include "lib/base/log.h"
#include "lib/base/status.h"

namespace varve::storage {
namespace {

constexpr std::string_view kEndedSuffix = ".ended";

uint64_t RandomLog() {
  std::random_device device;
  const uint64_t log = uint64_t{device()} << 32 | device();
  return log == 0 ? 1 : log;
}

// What the disk has no room for is no bound of hints: it passes with that of
// everything else.
absl::Status OfDisk(const absl::Status& status) {
  if (!absl::IsResourceExhausted(status)) return status;
  return base::Unavailable(base::Message(status));
}

}  // namespace

std::string HintStore::PathOf(const HintLogId& id) const {
  return JoinPath(dir_, HintLogText(id));
}

absl::StatusOr<std::unique_ptr<HintStore>> HintStore::Open(
    FileSystem& fs, std::string dir, const HintOptions& options,
    int64_t now_ms) {
  RETURN_IF_ERROR(fs.CreateDirs(dir));
  ASSIGN_OR_RETURN(DoneList done, DoneList::Open(fs, JoinPath(dir, "done")));
  std::unique_ptr<HintStore> store(
      new HintStore(fs, std::move(dir), options, std::move(done)));
  RETURN_IF_ERROR(store->OpenLogs(now_ms));
  return store;
}

absl::Status HintStore::OpenLogs(int64_t now_ms) {
  ASSIGN_OR_RETURN(const std::vector<std::string> names, fs_.List(dir_));
  base::MutexLock lock(mutex_);
  for (const std::string& name : names) {
    const HintLogId id = ParseHintLogText(name);
    // The crash came before its directory was gone.
    if (name.ends_with(kEndedSuffix) || (id.log != 0 && done_.Has(id))) {
      RemoveEnded(JoinPath(dir_, name));
      continue;
    }
    if (id.log == 0) continue;
    auto log = HintLog::Open(fs_, PathOf(id), now_ms);
    // The node has data of its own to serve, and the rows have other copies.
    if (!log.ok()) {
      base::LogError("hints ", PathOf(id), " are not replayed: ",
                     base::Message(log.status()));
      continue;
    }
    logs_[id] = *std::move(log);
  }
  return absl::OkStatus();
}

void HintStore::RemoveEnded(const std::string& path) {
  const absl::Status status = fs_.RemoveTree(path);
  // The next start does it.
  if (!status.ok()) base::LogWarn("hints: ", base::Message(status));
}

std::shared_ptr<HintLog> HintStore::Find(const HintLogId& id) const {
  base::MutexLock lock(mutex_);
  const auto found = logs_.find(id);
  return found == logs_.end() ? nullptr : found->second;
}

HintStore::Pending HintStore::FindOpen(uint64_t owner) const {
  base::MutexLock lock(mutex_);
  for (auto it = logs_.lower_bound({owner, 0});
       it != logs_.end() && it->first.owner == owner; ++it) {
    if (it->second->open()) return {it->first, it->second};
  }
  return {};
}

absl::StatusOr<HintStore::Pending> HintStore::OpenLogOf(uint64_t owner,
                                                        int64_t now_ms) {
  if (Pending found = FindOpen(owner); found.log != nullptr) return found;
  base::MutexLock changing(change_mutex_);
  if (Pending found = FindOpen(owner); found.log != nullptr) return found;
  if (Logs().size() >= options_.logs_max) {
    return base::ResourceExhausted("over ", options_.logs_max,
                                   " logs of hints are kept");
  }
  const HintLogId id{.owner = owner, .log = RandomLog()};
  absl::StatusOr<std::shared_ptr<HintLog>> log =
      HintLog::Open(fs_, PathOf(id), now_ms);
  RETURN_IF_ERROR(OfDisk(log.status()));
  RETURN_IF_ERROR(OfDisk(fs_.SyncDir(dir_)));
  base::MutexLock lock(mutex_);
  logs_[id] = *log;
  return Pending{id, *std::move(log)};
}

absl::Status HintStore::CheckRoom(int64_t bytes) const {
  const int64_t kept = this->bytes();
  if (options_.bytes_max > 0 && kept + bytes <= options_.bytes_max) {
    return absl::OkStatus();
  }
  return base::ResourceExhausted("hints of ", bytes, " bytes beside ", kept,
                                 " are over -storage.maxHintsBytes=",
                                 options_.bytes_max);
}

absl::StatusOr<uint64_t> HintStore::Define(uint64_t owner,
                                           std::span<const HintedSeries> series,
                                           std::vector<uint64_t>& refs,
                                           int64_t now_ms) {
  int64_t label_bytes = 0;
  for (const HintedSeries& one : series) {
    label_bytes += static_cast<int64_t>(one.labels.size());
  }
  RETURN_IF_ERROR(CheckRoom(label_bytes));
  int64_t known = 0;
  for (const Pending& one : Logs()) {
    known += static_cast<int64_t>(one.log->series());
  }
  if (known > options_.series_max) {
    return base::ResourceExhausted("hints of over ", options_.series_max,
                                   " series: more memory "
                                   "(-memory.allowedPercent) lets it take "
                                   "more");
  }
  while (true) {
    ASSIGN_OR_RETURN(const Pending found, OpenLogOf(owner, now_ms));
    const absl::StatusOr<bool> taken = found.log->Define(series, refs);
    RETURN_IF_ERROR(OfDisk(taken.status()));
    if (*taken) return found.id.log;
  }  // else: it was drained just now
}

absl::StatusOr<bool> HintStore::Append(const HintLogId& id,
                                       const StoredPayload& record,
                                       uint64_t refs_end, bool durable) {
  RETURN_IF_ERROR(CheckRoom(static_cast<int64_t>(record.bytes.size())));
  const std::shared_ptr<HintLog> log = Find(id);
  if (log == nullptr) return false;
  absl::StatusOr<bool> taken = log->Append(record, refs_end, durable);
  RETURN_IF_ERROR(OfDisk(taken.status()));
  return taken;
}

HintState HintStore::StateOf(const HintLogId& id) const {
  base::MutexLock lock(mutex_);
  if (done_.Has(id)) return HintState::kDone;
  const auto found = logs_.find(id);
  return found != logs_.end() && found->second->whole() ? HintState::kPending
                                                        : HintState::kUnknown;
}

std::vector<HintStore::Pending> HintStore::Logs() const {
  std::vector<Pending> logs;
  {
    base::MutexLock lock(mutex_);
    for (const auto& [id, log] : logs_) logs.push_back({id, log});
  }
  std::stable_sort(logs.begin(), logs.end(),
                   [](const Pending& a, const Pending& b) {
                     return a.log->created_ms() < b.log->created_ms();
                   });
  return logs;
}

absl::StatusOr<bool> HintStore::Finish(const HintLogId& id) {
  base::MutexLock changing(change_mutex_);
  const std::shared_ptr<HintLog> log = Find(id);
  if (log == nullptr) return true;
  if (!log->CloseIfDrained()) return false;
  std::unique_ptr<DoneList> done;
  {
    base::MutexLock lock(mutex_);
    done = std::make_unique<DoneList>(done_);
  }
  std::string path = PathOf(id);
  if (log->whole()) {
    RETURN_IF_ERROR(done->Add(id));
  } else {
    // At once: a crash that left the log without `damaged` would make it
    // whole, and done.
    const std::string ended = base::StrCat(path, kEndedSuffix);
    if (fs_.Exists(path)) RETURN_IF_ERROR(fs_.Rename(path, ended));
    RETURN_IF_ERROR(fs_.SyncDir(dir_));
    path = ended;
  }
  {
    base::MutexLock lock(mutex_);
    done_ = *std::move(done);
    logs_.erase(id);
  }
  RemoveEnded(path);
  return true;
}

int64_t HintStore::bytes() const {
  base::MutexLock lock(mutex_);
  int64_t bytes = 0;
  for (const auto& [id, log] : logs_) bytes += log->bytes();
  return bytes;
}

absl::Status HintStore::Close() {
  absl::Status first;
  for (const Pending& one : Logs()) {
    const absl::Status status = one.log->Close();
    if (first.ok()) first = status;
  }
  return first;
}

}  // namespace varve::storage
