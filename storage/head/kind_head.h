// Recent native histograms, exemplars and start timestamps in memory, until a
// flush has written them to blocks: what storage/head/head.h is for floats.
//
// In:      rows of series by their persistent ids, timestamps in any order. A
//          histogram equal to the series' last row, and an exemplar that is
//          there already, are dropped. Of exemplars each series keeps the
//          latest `exemplars_per_series_max`.
// Out:     rows in no promised order and perhaps twice: callers sort and
//          deduplicate over head and blocks together.
// Layout:  shards by id, each with a short lock. A histogram is kept as its
//          difference to the one before: 20 buckets of a scraped counter take
//          about 30 bytes.
// Threads: every member from any thread, but for Append during Cut: the caller
//          excludes them, because a cut must fall between two log records.
#ifndef VARVE_STORAGE_HEAD_KIND_HEAD_H_
#define VARVE_STORAGE_HEAD_KIND_HEAD_H_

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "lib/base/mutex.h"
#include "lib/encoding/data_record_kinds.h"
#include "lib/model/exemplar.h"
#include "lib/model/histogram.h"
#include "lib/model/time_range.h"
#include "storage/head/head.h"
#include "storage/head/start_table.h"

namespace varve::storage {

struct KindHeadOptions {
  int64_t exemplars_per_series_max = 100;
};

// The rows between two cuts.
class KindGeneration {
 public:
  KindGeneration(uint64_t number, const KindHeadOptions& options);

  uint64_t number() const { return number_; }
  bool empty() const { return series_ == 0 && starts_.empty(); }
  int64_t bytes() const { return bytes_ + starts_.bytes(); }
  int64_t series() const { return series_; }

  // Ascending.
  std::vector<uint64_t> SeriesIds() const;
  // Append what lies inside `range`.
  void Read(uint64_t series_id, const model::TimeRange& range,
            model::HistogramColumns& out) const;
  void ReadExemplars(uint64_t series_id, const model::TimeRange& range,
                     std::vector<model::Exemplar>& out) const;
  void ReadStarts(uint64_t series_id, const model::TimeRange& range,
                  model::StartRuns& out) const {
    starts_.Read(series_id, range, out);
  }

 private:
  friend class KindHead;
  struct Series {
    std::string stream;     // histograms, one after another
    model::Histogram last;  // of the stream
    int64_t last_ms = 0;
    uint32_t histograms = 0;
    std::vector<model::Exemplar> exemplars;  // sorted
    std::vector<int32_t> days;               // told as opened
  };
  static constexpr size_t kShards = 16;
  struct Shard {
    mutable base::Mutex mutex;
    absl::flat_hash_map<uint64_t, std::unique_ptr<Series>> series
        GUARDED_BY(mutex);
  };

  void Append(std::span<const encoding::HistogramRow> rows,
              std::vector<SeriesDay>& opened);
  void Append(std::span<const encoding::ExemplarRow> rows,
              std::vector<SeriesDay>& opened);
  void Delete(std::span<const uint64_t> series_ids,
              const model::TimeRange& range);
  Series& SeriesAt(Shard& shard, uint64_t id) REQUIRES_LOCK(shard.mutex);
  void AddHistogram(Series& series, int64_t at_ms, const model::Histogram& h);
  void AddExemplar(Series& series, const model::Exemplar& exemplar);
  Shard& ShardOf(uint64_t id) { return shards_[id % kShards]; }
  const Shard& ShardOf(uint64_t id) const { return shards_[id % kShards]; }

  const uint64_t number_;
  const KindHeadOptions options_;
  std::array<Shard, kShards> shards_;
  std::atomic<int64_t> bytes_{0};
  std::atomic<int64_t> series_{0};
  StartTable starts_;
};

class KindHead {
 public:
  using View = std::vector<std::shared_ptr<const KindGeneration>>;

  // Generations have the numbers of the floats' head, which is cut together
  // with this one.
  KindHead(const KindHeadOptions& options, uint64_t first_generation);

  // Every (series, day) that is new to the active generation is appended to
  // `opened`. REQUIRES: no Cut meanwhile.
  void Append(std::span<const encoding::HistogramRow> rows,
              std::vector<SeriesDay>& opened);
  void Append(std::span<const encoding::ExemplarRow> rows,
              std::vector<SeriesDay>& opened);
  // Of samples, which open the days.
  void Append(std::span<const encoding::StartRow> rows);
  // Of the active generation only. REQUIRES: no Append or Cut meanwhile.
  void Delete(std::span<const uint64_t> series_ids,
              const model::TimeRange& range);

  // Oldest first; what it pins stays readable.
  View Generations() const;
  std::shared_ptr<const KindGeneration> Cut(uint64_t next_generation);
  void Drop(uint64_t number);
  int64_t bytes() const;  // of all live generations

 private:
  std::shared_ptr<KindGeneration> Active() const;

  const KindHeadOptions options_;
  mutable base::Mutex mutex_;
  // Oldest first; the last one is active. Never empty.
  std::vector<std::shared_ptr<KindGeneration>> generations_
      GUARDED_BY(mutex_);
};

}  // namespace varve::storage

#endif  // VARVE_STORAGE_HEAD_KIND_HEAD_H_
