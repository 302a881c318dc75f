// The flags of a storage node, as operators type them, and what they mean.
//
// Errors:  Check gives InvalidArgument that names the flag: a fatal start.
// Threads: as lib/base/flags.h.
#ifndef VARVE_LIB_STORENODE_STORAGE_FLAGS_H_
#define VARVE_LIB_STORENODE_STORAGE_FLAGS_H_

#include <string>

#include "lib/base/flags.h"
#include "lib/model/sample.h"
#include "storage/engine/engine.h"

namespace varve::storenode {

// Rows kept for other nodes.
struct HintFlags {
  explicit HintFlags(base::FlagSet& flags);
  const base::BytesFlag& bytes_max;
  const base::BytesFlag& replay_rate;
};

// How much of memory, disk and time the engine may take for itself.
struct StorageBoundFlags {
  explicit StorageBoundFlags(base::FlagSet& flags);
  const base::BytesFlag& search_bytes;
  const base::BytesFlag& log_bytes;
  const base::BytesFlag& compaction_bytes;
};

// Making this node's copies whole from other nodes.
struct RepairFlags {
  explicit RepairFlags(base::FlagSet& flags);
  const base::DurationFlag& interval;
  const base::BytesFlag& rate;
  const base::StringFlag& key;
};

// What insert nodes are told for the placement of copies.
struct PlaceFlags {
  explicit PlaceFlags(base::FlagSet& flags);
  const base::StringFlag& zone;
  const base::IntFlag& weight;
};

class StorageFlags {
 public:
  // `default_path` of -storageDataPath.
  StorageFlags(base::FlagSet& flags, std::string default_path);

  absl::Status Check() const;
  // REQUIRES: Check is OK.
  storage::EngineOptions EngineOptions() const;

  const std::string& path() const { return path_.value(); }
  const std::string& insert_address() const { return insert_address_.value(); }
  const std::string& select_address() const { return select_address_.value(); }
  // A hash of what decides which rows are kept.
  uint64_t rules_hash() const;
  // What Coverage tells: keep_all when the user said 0.
  model::DedupRule dedup() const;
  // From the flags, else the memory limit and -memory.allowedPercent.
  int64_t memory_bytes() const;
  int64_t unique_series_max() const;
  int64_t searches_max() const;
  absl::Duration search_queue_max() const { return search_queue_.value(); }
  int64_t inserts_max() const;
  absl::Duration insert_queue_max() const { return insert_queue_.value(); }
  storage::SeriesLimits series_limits() const;
  int64_t log_bytes_max() const { return bounds_.log_bytes.value(); }
  int64_t hints_replay_rate() const { return hints_.replay_rate.value(); }
  const RepairFlags& repair() const { return repair_; }
  const PlaceFlags& place() const { return place_; }
  int64_t retention_ms() const {
    return absl::ToInt64Milliseconds(retention_.period.value());
  }
  int64_t future_retention_ms() const {
    return absl::ToInt64Milliseconds(retention_.future.value());
  }
  int64_t free_disk_bytes_min() const { return free_disk_.value(); }
  const std::string* snapshot_key() const { return &snapshot_key_.value(); }
  const std::string* merge_key() const { return &merge_key_.value(); }
  const std::string* flush_key() const { return &flush_key_.value(); }

 private:
  struct RetentionFlags {
    explicit RetentionFlags(base::FlagSet& flags);
    const base::RetentionFlag& period;
    const base::RetentionFlag& future;
    const base::RetentionFlag& backfill_age;
    const base::ListFlag& filters;
    const base::ListFlag& downsampling;
    const base::BoolFlag& deny_outside;
  };

  absl::StatusOr<std::vector<model::RetentionFilter>> RetentionFilters() const;
  absl::StatusOr<model::DownsampleRules> Downsampling() const;

  // What bounds and counts series and their names.
  struct SeriesFlags {
    explicit SeriesFlags(base::FlagSet& flags);
    const base::IntFlag& hourly;
    const base::IntFlag& daily;
    const base::IntFlag& hourly_per_tenant;
    const base::IntFlag& daily_per_tenant;
    const base::BoolFlag& track_names;
    const base::BytesFlag& names_bytes;
  };

  const base::StringFlag& path_;
  const RetentionFlags retention_;
  const base::StringFlag& insert_address_;
  const base::StringFlag& select_address_;
  const base::DurationFlag& dedup_interval_;
  const base::BytesFlag& free_disk_;
  // Of what is stored beside floats.
  struct KindFlags {
    explicit KindFlags(base::FlagSet& flags);
    const base::IntFlag& exemplars;
    const base::BytesFlag& metadata_bytes;
  };
  const KindFlags kinds_;
  const base::IntFlag& unique_series_;
  const base::IntFlag& searches_;
  const base::DurationFlag& search_queue_;
  const base::IntFlag& inserts_;
  const base::DurationFlag& insert_queue_;
  const SeriesFlags series_;
  const base::FloatFlag& memory_percent_;
  const base::BytesFlag& memory_bytes_;
  const base::DurationFlag& flush_interval_;
  const StorageBoundFlags bounds_;
  const HintFlags hints_;
  const RepairFlags repair_;
  const PlaceFlags place_;
  const base::RetentionFlag& snapshots_age_;
  const base::StringFlag& snapshot_key_;
  const base::StringFlag& merge_key_;
  const base::StringFlag& flush_key_;
};

}  // namespace varve::storenode

#endif  // VARVE_LIB_STORENODE_STORAGE_FLAGS_H_
