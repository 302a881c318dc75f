// Rewrites one day's blocks: a series' overlapping segments become one sorted,
// deduplicated run in few segments, and what rules take away is gone.
//
// Two uses. A move reads a day family and writes all of it as tables for the
// closed family: Merge rows, because late samples may be there already. A
// rewrite in place reads the day's part of the closed family and writes only
// what changes: Put or Delete rows, so that nothing may be merged between its
// reading and its ingest (the engine's flush_mutex_).
//
//   DayRewrite rewrite(...);
//   while (!rewrite.done()) RETURN_IF_ERROR(rewrite.Run(16 << 20));
//   ingest rewrite.TakeFiles() together with rewrite.next_column()
//
// A rewrite in place is ingested after each Run; another one starts over after
// a crash and finds done what was done.
//
// Kept as they are: values with a damaged segment or column (a repair may want
// the rest of them), and segments of other kinds than float. Columns that kept
// segments refer to stay, under their ids; others are deleted at their
// tenant's end.
//
// Errors:  the database's, the rules'. After one the object is of no use.
// Threads: one.
#ifndef VARVE_STORAGE_COMPACTION_DAY_REWRITE_H_
#define VARVE_STORAGE_COMPACTION_DAY_REWRITE_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "lib/model/sample.h"
#include "storage/block/block_key.h"
#include "storage/block/segment.h"
#include "storage/block/timestamp_column.h"
#include "storage/compaction/series_rules.h"
#include "storage/kv/kv.h"

namespace varve::storage {

struct DayRewriteOptions {
  const KvDb* db = nullptr;
  KvFamilyRef source;  // a day's family, or `closed` for a rewrite in place
  KvFamilyRef closed;
  int32_t day = 0;
  model::DedupRule dedup;
  int64_t now_ms = 0;
  // False: no rule holds for the series. Null: none for any.
  std::function<absl::StatusOr<bool>(const SeriesKey&, SeriesRules&)> rules_of;
  std::function<std::string()> next_path;  // of tables
  // Ids of new columns: [next_column, column_end).
  uint64_t next_column = 1;
  uint64_t column_end = UINT64_MAX;
};

struct DayRewriteStats {
  int64_t series = 0;    // looked at
  int64_t changed = 0;   // of these
  int64_t gone = 0;      // of `changed`: nothing was left
  int64_t damaged = 0;   // values kept as they are
  int64_t samples_in = 0;
  int64_t samples_out = 0;
};

class DayRewrite {
 public:
  explicit DayRewrite(DayRewriteOptions options);
  ~DayRewrite();

  // Goes on for about so many bytes of values.
  absl::Status Run(int64_t bytes_max);
  bool done() const { return done_; }
  // Finished tables since the last call. After a Run of a rewrite in place,
  // or when done.
  std::vector<std::string> TakeFiles();
  // For a rewrite in place after others may have taken ids.
  void set_next_column(uint64_t id) { next_column_ = id; }
  uint64_t next_column() const { return next_column_; }
  const DayRewriteStats& stats() const { return stats_; }

 private:
  enum class Outcome : uint8_t { kSame, kChanged, kGone };

  absl::Status RewriteRow(std::string_view key, std::string_view value);
  absl::StatusOr<Outcome> RewriteValue(const SeriesKey& key,
                                       std::string_view value);
  std::string& BufferOf(SegmentKind kind);
  bool RewriteOtherKinds(bool ruled);
  absl::Status NoteColumns(std::string_view value);
  absl::Status BeginTenant(const model::TenantId& tenant);
  absl::Status EndTenant();
  absl::Status WriteNewColumns();
  absl::Status OpenTable();
  absl::Status FinishTable();
  std::string ClosedKeyOf(const SeriesKey& key) const;

  const DayRewriteOptions options_;
  const bool in_place_;
  uint64_t next_column_;
  // Columns below it were there before; those in kept_ are still needed.
  const uint64_t first_column_;
  std::set<uint64_t> kept_;
  std::vector<uint64_t> old_columns_;  // of the tenant, in the source
  std::optional<model::TenantId> tenant_;
  SharedTimestamps shared_;
  uint64_t columns_written_;  // ids below it are in a table
  std::unique_ptr<ColumnReader> columns_;

  std::string resume_at_;  // the source's key to go on from
  bool done_ = false;
  std::unique_ptr<KvSstWriter> table_;
  std::vector<std::string> files_;
  DayRewriteStats stats_;

  model::SampleColumns samples_;
  SeriesRules rules_;
  std::string value_;
  std::string kinds_;   // segments of histograms and exemplars
  std::string starts_;  // of start timestamps
  std::string others_;
};

}  // namespace varve::storage

#endif  // VARVE_STORAGE_COMPACTION_DAY_REWRITE_H_
