// What the files of this folder share; nobody else includes it.
#ifndef VARVE_STORAGE_KV_KV_INTERNAL_H_
#define VARVE_STORAGE_KV_KV_INTERNAL_H_

#include <rocksdb/cache.h>
#include <rocksdb/db.h>
#include <rocksdb/env.h>
#include <rocksdb/listener.h>
#include <rocksdb/options.h>
#include <rocksdb/slice.h>
#include <rocksdb/status.h>
#include <rocksdb/write_batch.h>

#include <atomic>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lib/base/mutex.h"
#include "lib/base/status.h"
#include "storage/kv/kv.h"

namespace varve::storage {

inline rocksdb::Slice ToSlice(std::string_view bytes) {
  return rocksdb::Slice(bytes.data(), bytes.size());
}
inline std::string_view FromSlice(const rocksdb::Slice& slice) {
  return std::string_view(slice.data(), slice.size());
}

// The code by what the caller should do; `what` begins the text.
absl::Status FromRocks(const rocksdb::Status& status, std::string_view what);

rocksdb::DBOptions MakeDbOptions(const KvOptions& options);

struct KvCache::Impl {
  std::shared_ptr<rocksdb::Cache> cache;
};

struct KvOptionsBuilder {
  static rocksdb::ColumnFamilyOptions Family(const KvFamilyOptions& options,
                                             const KvCache& cache);
};

// Closes the database with its last user.
struct KvHandle {
  KvHandle(rocksdb::DB* db, std::shared_ptr<rocksdb::Env> env)
      : db(db), env_(std::move(env)) {}
  ~KvHandle() { delete db; }
  KvHandle(const KvHandle&) = delete;
  KvHandle& operator=(const KvHandle&) = delete;
  rocksdb::DB* const db;

 private:
  const std::shared_ptr<rocksdb::Env> env_;  // null: the machine's
};

class KvFamily {
 public:
  KvFamily(std::shared_ptr<KvHandle> database, std::string name,
           rocksdb::ColumnFamilyHandle* handle)
      : database_(std::move(database)),
        name_(std::move(name)),
        handle_(handle),
        owned_{handle} {}
  ~KvFamily() {
    // Fails only for a handle that is not ours.
    for (rocksdb::ColumnFamilyHandle* const handle : owned_) {
      (void)database_->db->DestroyColumnFamilyHandle(handle);
    }
  }
  KvFamily(const KvFamily&) = delete;
  KvFamily& operator=(const KvFamily&) = delete;
  rocksdb::ColumnFamilyHandle* handle() const { return handle_.load(); }
  const std::string& name() const { return name_; }
  // Healed: the same rows but for what was lost. The old handle lives on for
  // those who use it just now. REQUIRES: one caller at a time.
  void Replace(rocksdb::ColumnFamilyHandle* handle) {
    owned_.push_back(handle);
    handle_ = handle;
  }

 private:
  const std::shared_ptr<KvHandle> database_;
  const std::string name_;
  std::atomic<rocksdb::ColumnFamilyHandle*> handle_;
  std::vector<rocksdb::ColumnFamilyHandle*> owned_;
};

class KvSnapshot {
 public:
  explicit KvSnapshot(std::shared_ptr<KvHandle> database)
      : database_(std::move(database)),
        snapshot_(database_->db->GetSnapshot()) {}
  ~KvSnapshot() { database_->db->ReleaseSnapshot(snapshot_); }
  KvSnapshot(const KvSnapshot&) = delete;
  KvSnapshot& operator=(const KvSnapshot&) = delete;
  const rocksdb::Snapshot* get() const { return snapshot_; }

 private:
  const std::shared_ptr<KvHandle> database_;
  const rocksdb::Snapshot* const snapshot_;
};

struct KvBatch::Impl {
  rocksdb::WriteBatch batch;
  // The first error of Put and its like; told by Write.
  rocksdb::Status status;
  void Note(const rocksdb::Status& latest) {
    if (status.ok()) status = latest;
  }
};

// Corruption, or a table that is not there.
bool IsDamage(const rocksdb::Status& status);

class DamageListener;

struct KvDb::Impl {
  KvOptions options;
  std::shared_ptr<KvHandle> database;
  std::shared_ptr<DamageListener> listener;
  mutable base::Mutex mutex;
  std::map<std::string, KvFamilyRef, std::less<>> families GUARDED_BY(mutex);

  // Shared by what writes, exclusive while a family is replaced; kept over the
  // I/O of both, or a write between export and import would be lost.
  base::SharedMutex gate;
  base::Mutex heal_mutex;  // before gate
  std::atomic<int64_t> damaged_files{0};
  std::atomic<int64_t> search_tables_at_ms{0};  // steady; see FindUnopenable
  std::atomic<bool> compactions_stopped{false};
  std::atomic<bool> any_loss{false};
  // The log of a write that failed may be torn, and what comes behind is not
  // read: failures, and how many of them a newer log has left behind.
  std::atomic<int64_t> failed_writes{0};
  std::atomic<int64_t> failed_writes_left{0};
  base::Mutex log_mutex;  // inside gate
  mutable base::Mutex loss_mutex;
  std::map<uint64_t, KvLoss> losses GUARDED_BY(loss_mutex);  // by number

  rocksdb::DB* db() const { return database->db; }
  rocksdb::ColumnFamilyOptions FamilyOptionsOf(std::string_view name) const {
    const KvFamilyOptions family = options.family_options
                                       ? options.family_options(name)
                                       : KvFamilyOptions{};
    return KvOptionsBuilder::Family(family, *options.cache);
  }

  // kv_open.cc
  absl::Status Open();
  // Leaves out what of the log cannot be read, and adds it to `lost`.
  absl::Status OpenSkipping(std::vector<KvLoss>& lost);
  absl::Status OpenReadOnly();
  // Damage that OpenRocks meets is in the MANIFEST or the log, what
  // AdoptFamilies meets in a table.
  absl::Status OpenRocks(const rocksdb::DBOptions& db_options,
                         std::shared_ptr<rocksdb::Env> env,
                         std::vector<KvFamilyRef>& opened);
  absl::Status AdoptFamilies(
      const std::vector<KvFamilyRef>& opened);
  absl::Status TakeFamilies(
      const std::vector<KvFamilyRef>& opened,
      const std::map<std::string, std::string>& real_names);
  // The rows of the default family, up to a damaged one.
  rocksdb::Status ReadNotes(std::map<std::string, std::string>& real_names);
  // By what families there are, when their rows cannot be read.
  std::map<std::string, std::string> GuessRealNames(
      const std::vector<KvFamilyRef>& opened) const;
  // The default family's rows, from memory; its tables go to quarantine/.
  absl::Status WriteNotesAnew();
  absl::Status ForgetFamily(const std::string& name);

  // kv.cc
  absl::Status LeaveTornLog();

  // kv_heal.cc
  // Takes out the table that `status` tells to be damaged, if any; of
  // `family`, when its text does not name one and `family` is not null.
  void Heal(const rocksdb::Status& status, const KvFamily* family);
  // True when what failed with `status` on the family's `tried` handle may be
  // tried again: the family has another handle since. A dropped family gets no
  // other one, its readers get the error.
  bool HealFor(const rocksdb::Status& status, const KvFamily& family,
               const rocksdb::ColumnFamilyHandle* tried);
  // RocksDB does not name a table whose end it cannot make sense of.
  std::optional<uint64_t> FindUnopenable(const KvFamily* family);
  absl::Status TakeOut(uint64_t table);
  // The other tables of its family that share keys with it.
  std::vector<std::string> TablesBeside(
      const rocksdb::LiveFileMetaData& damaged) const;
  // What of the table can be read into a table of `dir`.
  absl::Status SalvageInto(const KvFamily& family,
                           const rocksdb::LiveFileMetaData& damaged,
                           const std::string& dir, std::vector<KvLoss>& lost);
  absl::Status ReplaceFamily(const KvFamilyRef& family,
                             const std::set<uint64_t>& damaged);
  // The family's tables as a family called `real`; instead of the damaged ones
  // those of them that `dir` has.
  absl::StatusOr<rocksdb::ColumnFamilyHandle*> ImportWithout(
      const KvFamily& family, const std::set<uint64_t>& damaged,
      const std::string& dir, const std::string& real,
      std::vector<KvLoss>& lost);
  absl::Status NoteLosses(rocksdb::WriteBatch& batch,
                          const std::vector<KvLoss>& lost);
  absl::Status WriteLoss(const KvLoss& loss);
  // After a batch of theirs that was not written.
  void UnnoteLosses(const std::vector<KvLoss>& lost);
};

// Rows of RocksDB's default family, which holds nothing else.
inline constexpr std::string_view kFamilyRow = "family/";  // name to real name
inline constexpr std::string_view kLossRow = "loss/";      // number to KvLoss
// Of a family's real name: 0 for "closed", 2 for "closed~2".
int HealNumber(std::string_view real);
std::string LossKey(uint64_t number);
std::string EncodeLoss(const KvLoss& loss);
bool DecodeLoss(std::string_view bytes, KvLoss& loss);

// What background work met.
class DamageListener final : public rocksdb::EventListener {
 public:
  void OnBackgroundError(rocksdb::BackgroundErrorReason reason,
                         rocksdb::Status* status) override;
  void OnCompactionCompleted(rocksdb::DB* db,
                             const rocksdb::CompactionJobInfo& job) override;
  std::vector<rocksdb::Status> Take();
  // RocksDB met an error, a full disk for one, after which it refuses writes
  // until it is resumed.
  std::atomic<bool> stopped{false};

 private:
  void Note(const rocksdb::Status& status);
  base::Mutex mutex_;
  std::vector<rocksdb::Status> met_ GUARDED_BY(mutex_);
};

}  // namespace varve::storage

#endif  // VARVE_STORAGE_KV_KV_INTERNAL_H_
