// What a search takes on this node, for its answer's Coverage.
//
// Threads: belongs to the search's.
#ifndef VARVE_LIB_STORENODE_SEARCH_METER_H_
#define VARVE_LIB_STORENODE_SEARCH_METER_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "lib/base/stopwatch.h"
#include "net/rpc/rpc.h"
#include "proto/varve_rpc.pb.h"
#include "storage/engine/engine.h"

namespace varve::storenode {

class SearchMeter {
 public:
  // The series are known.
  void IndexDone() { cost_.set_index_us(watch_.ElapsedUs()); }
  void Count(const storage::SearchSeries& series) {
    ++series_;
    samples_ += static_cast<int64_t>(series.samples.size() +
                                     series.histograms.size());
  }
  absl::Status Send(rpc::ServerCall& call, const std::string& message) {
    bytes_ += static_cast<int64_t>(message.size());
    return call.Send(message);
  }
  void Tell(const storage::SearchCost& search, proto::ReadCost& cost) {
    cost_.set_series_matched(search.series_matched);
    cost_.set_blocks(search.blocks);
    cost_.set_block_bytes(search.block_bytes);
    cost_.set_series(series_);
    cost_.set_samples(samples_);
    cost_.set_bytes(bytes_);
    cost_.set_total_us(watch_.ElapsedUs());
    cost_.set_cpu_us(cpu_.ElapsedUs());
    cost = cost_;
  }

 private:
  const base::Stopwatch watch_;
  const base::CpuStopwatch cpu_;
  int64_t series_ = 0;
  int64_t samples_ = 0;
  int64_t bytes_ = 0;
  proto::ReadCost cost_;
};

}  // namespace varve::storenode

#endif  // VARVE_LIB_STORENODE_SEARCH_METER_H_
