// A window function over each series of a search, and the aggregation of its
// results or the best of them, where the series are: ROLLUP.
//
// In:      the search's cursors; each is read by a thread of its own.
// Out:     RollupResponses, given to `send`; the last one without coverage,
//          which is the caller's to add and to send.
// Errors:  InvalidArgument for a request that makes no sense; ResourceExhausted
//          for a series of more samples than it allows; what `send` and the
//          cursors say. A series with native histograms, and groups that
//          take more than kRollupBytesMax, make the answer `unsupported`.
// Threads: Run from one; it uses those of the pool.
#ifndef VARVE_LIB_STORENODE_ROLLUP_SEARCH_H_
#define VARVE_LIB_STORENODE_ROLLUP_SEARCH_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "lib/base/thread_pool.h"
#include "lib/rollup/group_columns.h"
#include "lib/rollup/grouping.h"
#include "lib/rollup/rollup.h"
#include "proto/varve_rpc.pb.h"
#include "storage/engine/engine.h"

namespace varve::storenode {

// Of a request's groups, all threads together.
inline constexpr int64_t kRollupBytesMax = 64 << 20;

class RollupSearch {
 public:
  static absl::StatusOr<std::unique_ptr<RollupSearch>> Make(
      const proto::RollupRequest& request);
  ~RollupSearch();

  // `cancelled` is asked now and then, from any thread.
  absl::StatusOr<proto::RollupResponse> Run(
      std::vector<std::unique_ptr<storage::SeriesCursor>>& cursors,
      base::ThreadPool& pool, const std::function<bool()>& cancelled,
      const std::function<absl::Status(const proto::RollupResponse&)>& send);

 private:
  struct Lane;
  struct Shared;

  RollupSearch(const proto::RollupRequest& request,
               rollup::Function function);
  static absl::Status CheckAlive(const Shared& shared);
  absl::Status ReadAll(storage::SeriesCursor& cursor, Shared& shared,
                       Lane& lane) const;
  absl::Status AddSeries(storage::SearchSeries& series, Shared& shared,
                         Lane& lane) const;
  absl::Status NoteLabels(std::string_view labels, Lane& lane) const;
  absl::Status AddToGroup(std::string_view labels, Shared& shared,
                          Lane& lane) const;
  static void Join(Lane& from, Lane& to);
  absl::StatusOr<proto::RollupResponse> Give(
      const Shared& shared, Lane& lane,
      const std::function<absl::Status(const proto::RollupResponse&)>& send)
      const;

  const rollup::Function function_;
  const rollup::Windows windows_;
  const rollup::Aggregate aggregate_;
  const uint32_t k_;
  const rollup::Grouping grouping_;
  const bool without_metadata_;
  const bool label_hashes_;
  const int64_t samples_max_;
  const int64_t samples_per_series_max_;
};

}  // namespace varve::storenode

#endif  // VARVE_LIB_STORENODE_ROLLUP_SEARCH_H_
