// What the files of this folder share; nobody else includes it.
#ifndef VARVE_STORAGE_KV_KV_INTERNAL_H_
#define VARVE_STORAGE_KV_KV_INTERNAL_H_

#include <rocksdb/cache.h>
#include <rocksdb/db.h>
#include <rocksdb/options.h>
#include <rocksdb/slice.h>
#include <rocksdb/status.h>
#include <rocksdb/write_batch.h>

#include <memory>
#include <string>
#include <string_view>

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
  explicit KvHandle(rocksdb::DB* db) : db(db) {}
  ~KvHandle() { delete db; }
  KvHandle(const KvHandle&) = delete;
  KvHandle& operator=(const KvHandle&) = delete;
  rocksdb::DB* const db;
};

class KvFamily {
 public:
  KvFamily(std::shared_ptr<KvHandle> database,
           rocksdb::ColumnFamilyHandle* handle)
      : database_(std::move(database)), handle_(handle) {}
  ~KvFamily() {
    // Fails only for a handle that is not ours.
    (void)database_->db->DestroyColumnFamilyHandle(handle_);
  }
  KvFamily(const KvFamily&) = delete;
  KvFamily& operator=(const KvFamily&) = delete;
  rocksdb::ColumnFamilyHandle* handle() const { return handle_; }

 private:
  const std::shared_ptr<KvHandle> database_;
  rocksdb::ColumnFamilyHandle* const handle_;
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

}  // namespace varve::storage

#endif  // VARVE_STORAGE_KV_KV_INTERNAL_H_
