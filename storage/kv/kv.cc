#include "storage/kv/kv.h"

#include <rocksdb/convenience.h>
#include <rocksdb/sst_file_writer.h>
#include <rocksdb/utilities/checkpoint.h>

#include <algorithm>
#include <filesystem>
#include <map>

#include "lib/base/log.h"
#include "lib/base/mutex.h"
#include "storage/kv/kv_internal.h"

namespace varve::storage {
namespace {

using base::MutexLock;
using base::ReaderLock;

// Keys of one call into RocksDB's MultiGet, which keeps state for each.
constexpr size_t kMultiGetKeys = 256;

constexpr std::string_view kScratchName = "/ingest";

#if defined(__SANITIZE_THREAD__)
// RocksDB's memtable publishes its bytes with atomics that TSan does not see,
// as the library is not instrumented: instrumented code must not read them.
__attribute__((no_sanitize("thread"))) std::string_view Unseen(
    std::string_view bytes, std::vector<char>& copy) {
  copy.resize(bytes.size());
  char* const to = copy.data();
  const char* const from = bytes.data();
  for (size_t i = 0; i < bytes.size(); ++i) {
    to[i] = from[i];
    asm volatile("" ::: "memory");  // keeps it from becoming a call of memcpy
  }
  return std::string_view(to, bytes.size());
}
#endif

class RocksIterator final : public KvIterator {
 public:
  RocksIterator(KvDb::Impl* impl, KvFamilyRef family, KvScan scan)
      : impl_(impl),
        database_(impl->database),
        family_(std::move(family)),
        scan_(std::move(scan)),
        lower_(ToSlice(scan_.lower)),
        upper_(ToSlice(scan_.upper)) {
    Renew();
  }

  // What meets a damaged table goes on without it.
  void Seek(std::string_view key) override {
    do {
      it_->Seek(ToSlice(key));
    } while (Healed());
  }
  void SeekForPrev(std::string_view key) override {
    do {
      it_->SeekForPrev(ToSlice(key));
    } while (Healed());
  }
  void SeekToFirst() override {
    do {
      it_->SeekToFirst();
    } while (Healed());
  }
  void Next() override {
    last_.assign(it_->key().data(), it_->key().size());
    it_->Next();
    while (Healed()) {
      it_->Seek(last_);
      if (it_->Valid() && it_->key() == last_) it_->Next();
    }
  }
  void Prev() override {
    last_.assign(it_->key().data(), it_->key().size());
    it_->Prev();
    while (Healed()) {
      it_->SeekForPrev(last_);
      if (it_->Valid() && it_->key() == last_) it_->Prev();
    }
  }
  bool Valid() const override { return it_->Valid(); }
#if defined(__SANITIZE_THREAD__)
  std::string_view key() const override {
    return Unseen(FromSlice(it_->key()), key_copy_);
  }
  std::string_view value() const override {
    return Unseen(FromSlice(it_->value()), value_copy_);
  }
#else
  std::string_view key() const override { return FromSlice(it_->key()); }
  std::string_view value() const override { return FromSlice(it_->value()); }
#endif
  absl::Status status() const override {
    return FromRocks(it_->status(), "scan");
  }

 private:
  void Renew() {
    rocksdb::ReadOptions options;
    if (!scan_.lower.empty()) options.iterate_lower_bound = &lower_;
    if (!scan_.upper.empty()) options.iterate_upper_bound = &upper_;
    options.fill_cache = scan_.fill_cache;
    options.readahead_size = static_cast<size_t>(scan_.readahead_bytes);
    if (scan_.snapshot) options.snapshot = scan_.snapshot->get();
    handle_ = family_->handle();
    it_.reset(impl_->db()->NewIterator(options, handle_));
  }
  bool Healed() {
    if (it_->Valid() || it_->status().ok() ||
        !impl_->HealFor(it_->status(), *family_, handle_)) {
      return false;
    }
    Renew();
    return true;
  }

  KvDb::Impl* const impl_;
  const std::shared_ptr<KvHandle> database_;
  const KvFamilyRef family_;
  const KvScan scan_;
  const rocksdb::Slice lower_;
  const rocksdb::Slice upper_;
  std::string last_;  // where a step began
  rocksdb::ColumnFamilyHandle* handle_ = nullptr;  // that `it_` reads
  std::unique_ptr<rocksdb::Iterator> it_;
#if defined(__SANITIZE_THREAD__)
  mutable std::vector<char> key_copy_;
  mutable std::vector<char> value_copy_;
#endif
};

class RocksSstWriter final : public KvSstWriter {
 public:
  RocksSstWriter(const rocksdb::Options& options,
                 rocksdb::ColumnFamilyHandle* family, std::string path)
      : path_(std::move(path)),
        writer_(rocksdb::EnvOptions(), options, family) {}

  absl::Status Open() { return FromRocks(writer_.Open(path_), path_); }

  absl::Status Put(std::string_view key, std::string_view value) override {
    ++rows_;
    return FromRocks(writer_.Put(ToSlice(key), ToSlice(value)), path_);
  }
  absl::Status Merge(std::string_view key, std::string_view value) override {
    ++rows_;
    return FromRocks(writer_.Merge(ToSlice(key), ToSlice(value)), path_);
  }
  absl::Status Delete(std::string_view key) override {
    ++rows_;
    return FromRocks(writer_.Delete(ToSlice(key)), path_);
  }
  int64_t file_bytes() const override {
    // Not const in RocksDB, although it only reads.
    auto& writer = const_cast<rocksdb::SstFileWriter&>(writer_);
    return static_cast<int64_t>(writer.FileSize());
  }
  int64_t rows() const override { return rows_; }
  absl::Status Finish() override { return FromRocks(writer_.Finish(), path_); }

 private:
  const std::string path_;
  rocksdb::SstFileWriter writer_;
  int64_t rows_ = 0;
};

}  // namespace

KvDb::KvDb(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
KvDb::~KvDb() = default;

absl::StatusOr<std::unique_ptr<KvDb>> KvDb::Open(const KvOptions& options) {
  if (options.cache == nullptr) return base::Internal("KvOptions::cache");
  auto impl = std::make_unique<Impl>();
  impl->options = options;
  if (options.read_only) {
    RETURN_IF_ERROR(impl->OpenReadOnly());
    return std::unique_ptr<KvDb>(new KvDb(std::move(impl)));
  }
  std::error_code error;
  std::filesystem::create_directories(options.path, error);
  if (error) {
    return base::Unavailable("mkdir ", options.path, ": ", error.message());
  }
  // Tables of an ingest that a crash came before.
  const std::string scratch = options.path + std::string(kScratchName);
  std::filesystem::remove_all(scratch, error);
  std::filesystem::create_directories(scratch, error);
  if (error) return base::Unavailable("mkdir ", scratch, ": ", error.message());
  RETURN_IF_ERROR(impl->Open());
  return std::unique_ptr<KvDb>(new KvDb(std::move(impl)));
}

KvFamilyRef KvDb::Find(std::string_view name) const {
  MutexLock lock(impl_->mutex);
  const auto it = impl_->families.find(name);
  return it == impl_->families.end() ? nullptr : it->second;
}

absl::StatusOr<KvFamilyRef> KvDb::Create(const std::string& name) {
  // The lock is kept over the I/O: creations are a few a day, and two at once
  // for one name must become one family.
  MutexLock lock(impl_->mutex);
  const auto it = impl_->families.find(name);
  if (it != impl_->families.end()) return it->second;
  rocksdb::ColumnFamilyHandle* handle = nullptr;
  RETURN_IF_ERROR(FromRocks(
      impl_->db()->CreateColumnFamily(impl_->FamilyOptionsOf(name), name,
                                      &handle),
      base::StrCat("create family ", name)));
  auto family = std::make_shared<KvFamily>(impl_->database, name, handle);
  impl_->families.emplace(name, family);
  return family;
}

absl::Status KvDb::Drop(const std::string& name) {
  KvFamilyRef family;
  {
    MutexLock lock(impl_->mutex);
    const auto it = impl_->families.find(name);
    if (it == impl_->families.end()) return absl::OkStatus();
    family = it->second;
    impl_->families.erase(it);
  }
  const ReaderLock gate(impl_->gate);
  RETURN_IF_ERROR(FromRocks(impl_->db()->DropColumnFamily(family->handle()),
                            base::StrCat("drop family ", name)));
  return impl_->ForgetFamily(name);
}

std::vector<std::string> KvDb::Families() const {
  MutexLock lock(impl_->mutex);
  std::vector<std::string> names;
  for (const auto& [name, family] : impl_->families) names.push_back(name);
  return names;
}

absl::StatusOr<std::optional<std::string>> KvDb::Get(
    const KvFamily& family, std::string_view key,
    const KvSnapshotRef& snapshot, bool fill_cache) const {
  rocksdb::ReadOptions options;
  options.fill_cache = fill_cache;
  if (snapshot) options.snapshot = snapshot->get();
  std::string value;
  rocksdb::Status status;
  rocksdb::ColumnFamilyHandle* handle = nullptr;
  do {
    handle = family.handle();
    status = impl_->db()->Get(options, handle, ToSlice(key), &value);
  } while (impl_->HealFor(status, family, handle));
  if (status.IsNotFound()) return std::optional<std::string>();
  RETURN_IF_ERROR(FromRocks(status, "get"));
  return std::optional<std::string>(std::move(value));
}

absl::Status KvDb::MultiGet(const KvFamily& family,
                            std::span<const std::string> keys,
                            std::vector<std::optional<std::string>>& values,
                            const KvSnapshotRef& snapshot) const {
  rocksdb::ReadOptions options;
  if (snapshot) options.snapshot = snapshot->get();
  values.assign(keys.size(), std::nullopt);
  // A log is replayed key by key: no room for keys that are not asked for.
  const size_t room = std::min(kMultiGetKeys, keys.size());
  std::vector<rocksdb::Slice> slices(room);
  std::vector<rocksdb::PinnableSlice> found(room);
  std::vector<rocksdb::Status> statuses(room);
  for (size_t begin = 0; begin < keys.size(); begin += kMultiGetKeys) {
    const size_t n = std::min(kMultiGetKeys, keys.size() - begin);
    for (size_t i = 0; i < n; ++i) slices[i] = ToSlice(keys[begin + i]);
    impl_->db()->MultiGet(options, family.handle(), n, slices.data(),
                          found.data(), statuses.data());
    for (size_t i = 0; i < n; ++i) {
      if (IsDamage(statuses[i])) {
        ASSIGN_OR_RETURN(values[begin + i],
                         Get(family, keys[begin + i], snapshot));
      } else if (statuses[i].ok()) {
        values[begin + i].emplace(found[i].data(), found[i].size());
      } else if (!statuses[i].IsNotFound()) {
        return FromRocks(statuses[i], "get");
      }
      found[i].Reset();
    }
  }
  return absl::OkStatus();
}

std::unique_ptr<KvIterator> KvDb::Scan(const KvFamilyRef& family,
                                       KvScan scan) const {
  return std::make_unique<RocksIterator>(impl_.get(), family,
                                         std::move(scan));
}

KvSnapshotRef KvDb::Snapshot() const {
  return std::make_shared<KvSnapshot>(impl_->database);
}

absl::Status KvDb::Write(KvBatch& batch, bool sync) {
  RETURN_IF_ERROR(FromRocks(batch.impl_->status, "batch"));
  const ReaderLock gate(impl_->gate);
  if (impl_->failed_writes != impl_->failed_writes_left) {
    RETURN_IF_ERROR(impl_->LeaveTornLog());
  }
  rocksdb::WriteOptions options;
  options.sync = sync;
  const rocksdb::Status status =
      impl_->db()->Write(options, &batch.impl_->batch);
  if (!status.ok()) ++impl_->failed_writes;
  return FromRocks(status, "write");
}

// A flush of all families begins a log and needs the old one no more. It does
// nothing for a family without rows: one deletion that is in no log.
absl::Status KvDb::Impl::LeaveTornLog() {
  base::MutexLock lock(log_mutex);
  const int64_t failed = failed_writes;
  if (failed == failed_writes_left) return absl::OkStatus();
  rocksdb::WriteOptions unlogged;
  unlogged.disableWAL = true;
  RETURN_IF_ERROR(FromRocks(db()->Delete(unlogged, "-"), "leave a torn log"));
  std::vector<rocksdb::ColumnFamilyHandle*> handles = {
      db()->DefaultColumnFamily()};
  {
    base::MutexLock families_lock(mutex);
    for (const auto& [name, family] : families) {
      handles.push_back(family->handle());
    }
  }
  RETURN_IF_ERROR(
      FromRocks(db()->Flush(rocksdb::FlushOptions(), handles),
                "leave a torn log"));
  failed_writes_left = failed;
  base::LogWarn(options.path, ": a new log after ", failed,
                " writes that failed since the start");
  return absl::OkStatus();
}

absl::Status KvDb::Resume() {
  return FromRocks(impl_->db()->Resume(), "resume");
}

std::string KvDb::ScratchDir() const {
  return impl_->options.path + std::string(kScratchName);
}

absl::StatusOr<std::unique_ptr<KvSstWriter>> KvDb::NewSst(
    const KvFamily& family, const std::string& path) const {
  const rocksdb::Options options = impl_->db()->GetOptions(family.handle());
  auto writer =
      std::make_unique<RocksSstWriter>(options, family.handle(), path);
  RETURN_IF_ERROR(writer->Open());
  return writer;
}

absl::Status KvDb::Ingest(std::span<const KvIngest> ingests) {
  const ReaderLock gate(impl_->gate);
  std::vector<rocksdb::IngestExternalFileArg> args;
  for (const KvIngest& ingest : ingests) {
    if (ingest.files.empty()) continue;
    rocksdb::IngestExternalFileArg arg;
    arg.column_family = ingest.family->handle();
    arg.external_files = ingest.files;
    arg.options.move_files = true;
    arg.options.snapshot_consistency = !ingest.in_old_snapshots;
    arg.options.write_global_seqno = false;  // files stay as they were written
    args.push_back(std::move(arg));
  }
  if (args.empty()) return absl::OkStatus();
  return FromRocks(impl_->db()->IngestExternalFiles(args), "ingest");
}

absl::Status KvDb::DeleteFilesInRange(const KvFamily& family,
                                      std::string_view begin,
                                      std::string_view end) {
  const ReaderLock gate(impl_->gate);
  const rocksdb::Slice from = ToSlice(begin);
  const rocksdb::Slice to = ToSlice(end);
  return FromRocks(
      rocksdb::DeleteFilesInRange(impl_->db(), family.handle(),
                                  begin.empty() ? nullptr : &from,
                                  end.empty() ? nullptr : &to,
                                  /*include_end=*/false),
      "delete files");
}

absl::Status KvDb::CompactRange(const KvFamily& family, std::string_view begin,
                                std::string_view end) {
  const rocksdb::Slice from = ToSlice(begin);
  const rocksdb::Slice to = ToSlice(end);
  rocksdb::CompactRangeOptions options;
  options.exclusive_manual_compaction = false;
  options.canceled = &impl_->compactions_stopped;
  rocksdb::Status status;
  rocksdb::ColumnFamilyHandle* handle = nullptr;
  do {
    handle = family.handle();
    status = impl_->db()->CompactRange(options, handle,
                                       begin.empty() ? nullptr : &from,
                                       end.empty() ? nullptr : &to);
  } while (impl_->HealFor(status, family, handle));
  // As a pause that nobody ends.
  if (impl_->compactions_stopped) return base::Unavailable("compact: stopped");
  return FromRocks(status, "compact");
}

void KvDb::StopCompactions() { impl_->compactions_stopped = true; }

absl::Status KvDb::Flush(const KvFamily& family) {
  const ReaderLock gate(impl_->gate);
  return FromRocks(
      impl_->db()->Flush(rocksdb::FlushOptions(), family.handle()), "flush");
}

absl::Status KvDb::Checkpoint(const std::string& dir) {
  const ReaderLock gate(impl_->gate);
  rocksdb::Checkpoint* made = nullptr;
  RETURN_IF_ERROR(
      FromRocks(rocksdb::Checkpoint::Create(impl_->db(), &made), dir));
  const std::unique_ptr<rocksdb::Checkpoint> checkpoint(made);
  return FromRocks(checkpoint->CreateCheckpoint(dir), dir);
}

absl::Status KvDb::VerifyChecksums() const {
  return FromRocks(impl_->db()->VerifyChecksum(), impl_->options.path);
}

namespace {

int64_t IntProperty(rocksdb::DB* db, const KvFamily& family,
                    const std::string& name) {
  uint64_t value = 0;
  db->GetIntProperty(family.handle(), name, &value);
  return static_cast<int64_t>(value);
}

int64_t TotalProperty(rocksdb::DB* db, const std::string& name) {
  uint64_t value = 0;
  db->GetAggregatedIntProperty(name, &value);
  return static_cast<int64_t>(value);
}

}  // namespace

int64_t KvDb::FamilyBytes(const KvFamily& family) const {
  return IntProperty(impl_->db(), family,
                     rocksdb::DB::Properties::kLiveSstFilesSize);
}

int64_t KvDb::FamilyRows(const KvFamily& family) const {
  return IntProperty(impl_->db(), family,
                     rocksdb::DB::Properties::kEstimateNumKeys);
}

int64_t KvDb::TotalBytes() const {
  return TotalProperty(impl_->db(),
                       rocksdb::DB::Properties::kLiveSstFilesSize);
}

int64_t KvDb::MemoryBytes() const {
  return TotalProperty(impl_->db(),
                       rocksdb::DB::Properties::kSizeAllMemTables) +
         TotalProperty(impl_->db(),
                       rocksdb::DB::Properties::kEstimateTableReadersMem);
}

int64_t KvDb::running_compactions() const {
  return TotalProperty(impl_->db(),
                       rocksdb::DB::Properties::kNumRunningCompactions);
}

}  // namespace varve::storage
