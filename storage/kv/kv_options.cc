// The options of RocksDB and why they are so.
#include <rocksdb/env.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/merge_operator.h>
#include <rocksdb/rate_limiter.h>
#include <rocksdb/table.h>

#include <algorithm>
#include <cstdlib>
#include <memory>

#include "storage/kv/kv_internal.h"
#include "storage/kv/kv_log.h"

namespace varve::storage {
namespace {

// Few shards: a cache of some MiB split 64 ways could not hold one 64 KiB
// block per shard besides index blocks.
constexpr int kCacheShardBits = 2;
// Above this RocksDB's log makes the oldest family flush; small, so that
// opening after a crash has little to replay.
constexpr uint64_t kWalBytesMax = 16 << 20;
// All memtables of a database together.
constexpr size_t kMemtableBytesMax = 32 << 20;
// The smallest piece of a memtable: idle families cost nothing much.
constexpr size_t kArenaBlockBytes = 64 << 10;
constexpr size_t kManifestPreallocation = 64 << 10;
constexpr double kBloomBitsPerKey = 10;
constexpr int kZstdLevel = 1;  // level 3 gains 1-2 % of space at twice the CPU
constexpr int kCompactionTrigger = 4;
constexpr uint64_t kTableFileBytes = 64 << 20;
constexpr uint64_t kLevelBaseBytes = 256 << 20;

// Values are lists of operands without a separator.
class Concatenate final : public rocksdb::MergeOperator {
 public:
  bool FullMergeV2(const MergeOperationInput& in,
                   MergeOperationOutput* out) const override {
    // RocksDB reuses new_value between calls and does not clear it.
    out->new_value.clear();
    size_t bytes = in.existing_value ? in.existing_value->size() : 0;
    for (const rocksdb::Slice& operand : in.operand_list) {
      bytes += operand.size();
    }
    out->new_value.reserve(bytes);
    if (in.existing_value) {
      out->new_value.append(in.existing_value->data(),
                            in.existing_value->size());
    }
    for (const rocksdb::Slice& operand : in.operand_list) {
      out->new_value.append(operand.data(), operand.size());
    }
    return true;
  }

  bool PartialMergeMulti(const rocksdb::Slice& /*key*/,
                         const std::deque<rocksdb::Slice>& operands,
                         std::string* out,
                         rocksdb::Logger* /*log*/) const override {
    out->clear();
    for (const rocksdb::Slice& operand : operands) {
      out->append(operand.data(), operand.size());
    }
    return true;
  }

  const char* Name() const override { return "varve.Concatenate"; }
};

}  // namespace

absl::Status FromRocks(const rocksdb::Status& status, std::string_view what) {
  if (status.ok()) return absl::OkStatus();
  const std::string text = base::StrCat(what, ": ", status.ToString());
  if (status.IsNoSpace() ||
      status.subcode() == rocksdb::Status::kSpaceLimit) {
    return base::ResourceExhausted(text);
  }
  switch (status.code()) {
    case rocksdb::Status::kNotFound:
      return base::NotFound(text);
    case rocksdb::Status::kCorruption:
      return base::DataLoss(text);
    case rocksdb::Status::kInvalidArgument:
      return base::InvalidArgument(text);
    case rocksdb::Status::kIOError:
    case rocksdb::Status::kShutdownInProgress:
    case rocksdb::Status::kTimedOut:
    case rocksdb::Status::kAborted:
    case rocksdb::Status::kBusy:
    case rocksdb::Status::kTryAgain:
    case rocksdb::Status::kColumnFamilyDropped:
      return base::Unavailable(text);
    case rocksdb::Status::kMemoryLimit:
      return base::ResourceExhausted(text);
    default:
      return base::Internal(text);
  }
}

rocksdb::DBOptions MakeDbOptions(const KvOptions& options) {
  rocksdb::DBOptions db;
  db.create_if_missing = true;
  db.create_missing_column_families = true;
  // A light start: nothing is read that the first query does not need.
  db.max_open_files = options.open_files_max;
  db.skip_stats_update_on_db_open = true;
  db.skip_checking_sst_file_sizes_on_db_open = true;
  db.stats_dump_period_sec = 0;
  db.stats_persist_period_sec = 0;
  db.statistics = nullptr;
  // A damaged table must not end all writes: kv_heal.cc takes it out.
  db.paranoid_checks = false;
  // Damage in RocksDB's log is an error, only its torn end is not: by default
  // everything after a damaged record would be dropped silently.
  db.wal_recovery_mode = rocksdb::WALRecoveryMode::kTolerateCorruptedTailRecords;
  db.info_log = std::make_shared<KvLog>();
  db.max_total_wal_size = kWalBytesMax;
  db.db_write_buffer_size = kMemtableBytesMax;
  db.manifest_preallocation_size = kManifestPreallocation;
  db.max_background_jobs = std::max(options.background_threads, 1);
  db.max_subcompactions = 1;
  // Dirty pages go out evenly instead of all at the fsync.
  db.bytes_per_sync = 1 << 20;
  if (options.background_bytes_per_second > 0) {
    db.rate_limiter.reset(
        rocksdb::NewGenericRateLimiter(options.background_bytes_per_second));
  }
  rocksdb::Env* const env = rocksdb::Env::Default();
  env->IncBackgroundThreadsIfNeeded(std::max(options.background_threads, 1),
                                    rocksdb::Env::LOW);
  env->IncBackgroundThreadsIfNeeded(1, rocksdb::Env::HIGH);
  return db;
}

rocksdb::ColumnFamilyOptions KvOptionsBuilder::Family(
    const KvFamilyOptions& options, const KvCache& cache) {
  rocksdb::BlockBasedTableOptions table;
  table.block_cache = cache.impl_->cache;
  table.block_size = static_cast<size_t>(options.block_bytes);
  table.format_version = 5;
  table.checksum = rocksdb::kXXH3;
  // Under the cache's bound, or many files would cost memory without one.
  table.cache_index_and_filter_blocks = true;
  table.cache_index_and_filter_blocks_with_high_priority = true;
  table.pin_l0_filter_and_index_blocks_in_cache = false;
  if (options.bloom) {
    table.filter_policy.reset(
        rocksdb::NewBloomFilterPolicy(kBloomBitsPerKey));
  }

  rocksdb::ColumnFamilyOptions family;
  family.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  family.write_buffer_size = static_cast<size_t>(options.write_buffer_bytes);
  family.max_write_buffer_number = 2;
  family.arena_block_size = kArenaBlockBytes;
  family.compression = options.compress ? rocksdb::kZSTD
                                        : rocksdb::kNoCompression;
  family.compression_opts.level = kZstdLevel;
  family.level0_file_num_compaction_trigger = kCompactionTrigger;
  family.target_file_size_base = kTableFileBytes;
  if (options.universal) {
    family.compaction_style = rocksdb::kCompactionStyleUniversal;
    family.compaction_options_universal.allow_trivial_move = true;
  } else {
    family.level_compaction_dynamic_level_bytes = true;
    family.max_bytes_for_level_base = kLevelBaseBytes;
  }
  if (options.merges) family.merge_operator = std::make_shared<Concatenate>();
  return family;
}

KvCache::KvCache(int64_t bytes_max) : impl_(std::make_unique<Impl>()) {
  rocksdb::LRUCacheOptions options;
  options.capacity = static_cast<size_t>(std::max<int64_t>(bytes_max, 0));
  options.num_shard_bits = kCacheShardBits;
  options.high_pri_pool_ratio = 0.3;  // index and filter blocks
  impl_->cache = rocksdb::NewLRUCache(options);
}

KvCache::~KvCache() = default;

int64_t KvCache::used_bytes() const {
  return static_cast<int64_t>(impl_->cache->GetUsage());
}

int64_t KvCache::bytes_max() const {
  return static_cast<int64_t>(impl_->cache->GetCapacity());
}

void KvCache::SetBytesMax(int64_t bytes_max) {
  impl_->cache->SetCapacity(static_cast<size_t>(bytes_max));
}

}  // namespace varve::storage
