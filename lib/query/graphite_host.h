// The storage nodes as the source of series of Graphite's render API.
//
// What a request's series hold is charged to its memory account until the
// request ends; the account, as the reader, is bounded.
//
// Lifetime: one per request; reader and outcome outlive it.
// Threads:  belongs to the request's.
#ifndef VARVE_LIB_QUERY_GRAPHITE_HOST_H_
#define VARVE_LIB_QUERY_GRAPHITE_HOST_H_

#include <vector>

#include "lib/base/memory_pool.h"
#include "lib/eval/memory_charge.h"
#include "lib/graphite/evaluate.h"
#include "lib/query/storage_reader.h"
#include "net/http/server.h"

namespace varve::query {

class GraphiteHost final : public graphite::Host {
 public:
  struct Options {
    cluster::ReadRequest base;             // tenant, deadline, cancelled …
    std::vector<model::Matchers> filters;  // or-ed
    int64_t series_max = 0;                // -search.maxGraphiteSeries
    int64_t samples_per_series_max = 0;    // 0: no limit
    int64_t memory_bytes_max = 0;          // 0: no limit
    base::MemoryPool* memory_pool = nullptr;
  };

  GraphiteHost(StorageReader* reader, Options options);

  absl::StatusOr<graphite::SeriesList> Fetch(
      const model::Matchers& matchers, const graphite::Grid& grid) override;
  absl::Status Charge(int64_t bytes) override;
  absl::Status CheckAlive() override;

  bool is_partial() const { return is_partial_; }

 private:
  absl::StatusOr<graphite::Series> OnGrid(const cluster::MergedSeries& series,
                                          const graphite::Grid& grid);

  StorageReader* const reader_;
  const Options options_;
  eval::MemoryAccount account_;
  eval::MemoryCharge charge_;
  int64_t series_ = 0;  // of all targets
  bool is_partial_ = false;
};

}  // namespace varve::query

#endif  // VARVE_LIB_QUERY_GRAPHITE_HOST_H_
