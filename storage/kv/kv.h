// RocksDB behind a few classes: families of sorted byte keys, atomic synced
// batches, files built aside and ingested atomically over several families.
//
// Values of a merging family are lists of operands: Merge appends bytes to
// what is there (concatenation, no separator).
//
// Errors:   DataLoss (checksum, damaged file), ResourceExhausted (disk full),
//           Unavailable (I/O), InvalidArgument, Internal. Nothing throws.
// Threads:  a KvDb from any thread; iterators, batches and SST writers belong
//           to one thread at a time.
// Lifetime: families, iterators and snapshots keep the database open; closing
//           happens with the last of them.
// Damage:   a table that cannot be read is taken out of its family, and what of
//           it can be read is put back in its place (kv_heal.cc): reads, writes
//           and compactions go on. What is gone is in Losses(), which is kept
//           over restarts. The damaged file is kept in quarantine/. RocksDB's
//           own files have copies (kv_copies.h) that opening makes use of.
// Source:   RocksDB 7.8; the options and their reasons are in kv_options.cc.
#ifndef VARVE_STORAGE_KV_KV_H_
#define VARVE_STORAGE_KV_KV_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace varve::storage {

// Blocks of several databases under one bound.
class KvCache {
 public:
  explicit KvCache(int64_t bytes_max);
  ~KvCache();
  int64_t used_bytes() const;
  int64_t bytes_max() const;
  void SetBytesMax(int64_t bytes_max);

 private:
  friend class KvDb;
  friend struct KvOptionsBuilder;
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

struct KvFamilyOptions {
  bool merges = false;        // values are concatenated operands
  bool universal = false;     // universal compaction, else leveled
  bool bloom = false;         // for families of point lookups that often miss
  bool compress = true;       // zstd-1
  int64_t block_bytes = 16 << 10;
  int64_t write_buffer_bytes = 4 << 20;
};

struct KvOptions {
  std::string path;
  std::shared_ptr<KvCache> cache;  // required
  // Options of a family by its name; asked for each existing family at Open
  // and for each created one.
  std::function<KvFamilyOptions(std::string_view name)> family_options;
  // Present after Open.
  std::vector<std::string> families;
  // Nothing is written and no lock is taken: another process may have the
  // database open, whose later writes are not seen. Damage stays where it is.
  bool read_only = false;
  // Table files kept open; each costs a descriptor and its index blocks.
  int open_files_max = 256;
  // The pool of background threads is shared by the process: the largest
  // value given counts.
  int background_threads = 2;
  // Bytes per second of compaction and flush; 0: unlimited.
  int64_t background_bytes_per_second = 0;
};

class KvFamily;  // a column family; see KvDb::Find
using KvFamilyRef = std::shared_ptr<KvFamily>;
class KvSnapshot;  // a point in time of all families
using KvSnapshotRef = std::shared_ptr<KvSnapshot>;

// Writes applied together or not at all.
class KvBatch {
 public:
  KvBatch();
  ~KvBatch();
  KvBatch(KvBatch&&) noexcept;
  KvBatch& operator=(KvBatch&&) noexcept;

  void Put(const KvFamily& family, std::string_view key,
           std::string_view value);
  // REQUIRES: a merging family.
  void Merge(const KvFamily& family, std::string_view key,
             std::string_view value);
  void Delete(const KvFamily& family, std::string_view key);
  // [begin, end)
  void DeleteRange(const KvFamily& family, std::string_view begin,
                   std::string_view end);
  bool empty() const;
  int64_t bytes() const;
  void Clear();

 private:
  friend class KvDb;
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

struct KvScan {
  std::string lower;         // included; "" from the start
  std::string upper;         // excluded; "" to the end
  bool fill_cache = true;    // false for one pass over much data
  int64_t readahead_bytes = 0;
  KvSnapshotRef snapshot;    // null: now
};

//   for (it->Seek(begin); it->Valid(); it->Next()) … ;
//   RETURN_IF_ERROR(it->status());
class KvIterator {
 public:
  virtual ~KvIterator() = default;
  virtual void Seek(std::string_view key) = 0;
  virtual void SeekForPrev(std::string_view key) = 0;
  virtual void SeekToFirst() = 0;
  virtual void Next() = 0;
  virtual void Prev() = 0;
  // False at the end and after an error: status() tells which.
  virtual bool Valid() const = 0;
  // Valid until the next move.
  virtual std::string_view key() const = 0;
  virtual std::string_view value() const = 0;
  virtual absl::Status status() const = 0;
};

// A table file outside the database, for Ingest.
class KvSstWriter {
 public:
  virtual ~KvSstWriter() = default;
  // REQUIRES: keys ascend strictly over Put, Merge and Delete together.
  virtual absl::Status Put(std::string_view key, std::string_view value) = 0;
  virtual absl::Status Merge(std::string_view key, std::string_view value) = 0;
  virtual absl::Status Delete(std::string_view key) = 0;
  // Bytes written so far; callers start a new file at some size.
  virtual int64_t file_bytes() const = 0;
  virtual int64_t rows() const = 0;
  // Durable. REQUIRES: at least one row.
  virtual absl::Status Finish() = 0;
};

// Keys of a family that may be missing since a table was damaged.
struct KvLoss {
  std::string family;  // "" for all
  std::string first;   // included
  std::string last;    // included; "" for the end
  std::string file;    // what was damaged
  friend bool operator==(const KvLoss&, const KvLoss&) = default;
};

struct KvIngest {
  KvFamilyRef family;
  std::vector<std::string> files;  // moved into the database
  // Snapshots taken before see rows under keys that are new. Without it,
  // RocksDB writes each table of a leveled family once more when no snapshot
  // needs the number any more that hid its rows.
  bool in_old_snapshots = false;
};

class KvDb {
 public:
  // Creates what is missing. Light: no statistics, no full checks.
  static absl::StatusOr<std::unique_ptr<KvDb>> Open(const KvOptions& options);
  ~KvDb();

  // Null when there is none of that name.
  KvFamilyRef Find(std::string_view name) const;
  // The existing one when there is one.
  absl::StatusOr<KvFamilyRef> Create(const std::string& name);
  // Its files go when the last reader lets go of it.
  absl::Status Drop(const std::string& name);
  // Sorted; without RocksDB's own "default".
  std::vector<std::string> Families() const;

  // Nothing when the key is absent. `fill_cache` as in KvScan.
  absl::StatusOr<std::optional<std::string>> Get(
      const KvFamily& family, std::string_view key,
      const KvSnapshotRef& snapshot = nullptr, bool fill_cache = true) const;
  // values[i] belongs to keys[i]; quickest with sorted keys.
  absl::Status MultiGet(const KvFamily& family,
                        std::span<const std::string> keys,
                        std::vector<std::optional<std::string>>& values,
                        const KvSnapshotRef& snapshot = nullptr) const;
  std::unique_ptr<KvIterator> Scan(const KvFamilyRef& family,
                                   KvScan scan) const;
  KvSnapshotRef Snapshot() const;

  // `sync`: durable when it returns.
  absl::Status Write(KvBatch& batch, bool sync);
  // After a full disk has room again: until then all writes fail.
  absl::Status Resume();

  // A directory for tables that are being written, empty after Open.
  std::string ScratchDir() const;
  // A table for `family` at `path` (on the database's file system).
  absl::StatusOr<std::unique_ptr<KvSstWriter>> NewSst(
      const KvFamily& family, const std::string& path) const;
  // All files of all families become visible and durable together.
  absl::Status Ingest(std::span<const KvIngest> ingests);

  // Quick, inexact at the borders: only whole files inside [begin, end).
  absl::Status DeleteFilesInRange(const KvFamily& family,
                                  std::string_view begin,
                                  std::string_view end);
  // Blocks until [begin, end) is rewritten; "" and "" for everything.
  // Unavailable after StopCompactions.
  absl::Status CompactRange(const KvFamily& family, std::string_view begin,
                            std::string_view end);
  // Ends each CompactRange at the next few rows, now and from now on.
  void StopCompactions();
  // Memtables to files.
  absl::Status Flush(const KvFamily& family);
  // A copy of hard links in `dir`, which must not exist.
  absl::Status Checkpoint(const std::string& dir);
  // What was lost to damage, in all lives of the database.
  std::vector<KvLoss> Losses() const;
  // Whether a loss overlaps [lower, upper) ("" and "" for everything); quick
  // when nothing was lost.
  bool MayLack(const KvFamily& family, std::string_view lower,
               std::string_view upper) const;
  // Damaged tables taken out, and files written anew, by Open and since.
  int64_t damaged_files() const;
  // Takes out the tables that background work could not read, and resumes
  // RocksDB after a disk that was full. Cheap when there is nothing to do; for
  // a thread that calls it each second.
  absl::Status HealDamaged();
  // Notes that more was lost than tables tell.
  absl::Status AddLoss(const KvLoss& loss);
  // What was made up for.
  absl::Status ForgetLosses(std::span<const KvLoss> losses);
  // Grows with every write and ingest.
  uint64_t sequence() const;
  // Reads every block of every table: minutes for large databases.
  absl::Status VerifyChecksums() const;

  // Bytes of live table files, and RocksDB's estimate of rows.
  int64_t FamilyBytes(const KvFamily& family) const;
  int64_t FamilyRows(const KvFamily& family) const;
  int64_t TotalBytes() const;
  // Memtables and pinned index blocks, without the cache.
  int64_t MemoryBytes() const;
  int64_t running_compactions() const;

  struct Impl;  // of this folder

 private:
  explicit KvDb(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace varve::storage

#endif  // VARVE_STORAGE_KV_KV_H_
