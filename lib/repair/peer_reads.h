// What a repair asks one other node for: its tenants, digests and samples.
//
// Errors:  those of the calls; DataLoss for answers that are none; Cancelled
//          after a stop of the worker; DeadlineExceeded for a node that is
//          silent for ten minutes (it may have to scan a day first).
// Threads: belongs to the worker's.
#ifndef VARVE_LIB_REPAIR_PEER_READS_H_
#define VARVE_LIB_REPAIR_PEER_READS_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "lib/model/time_range.h"
#include "lib/repair/byte_rate.h"
#include "lib/repair/worker.h"
#include "lib/wire/methods.h"
#include "lib/wire/series_batch.h"
#include "net/rpc/rpc.h"
#include "proto/varve_rpc.pb.h"

namespace varve::repair {

class PeerReads {
 public:
  // All outlive it. `rate` is of samples.
  PeerReads(rpc::Channel* channel, Worker* worker, ByteRate* rate)
      : channel_(channel), worker_(worker), rate_(rate) {}

  // Who has rows in the range.
  absl::StatusOr<std::vector<proto::Tenant>> Tenants(
      const model::TimeRange& range);
  // All messages but the last, which gives `coverage`.
  absl::StatusOr<std::vector<proto::DigestResponse>> Digests(
      const proto::DigestRequest& request, proto::Coverage& coverage);
  // It may take the rows out of the series.
  using VisitSeries = std::function<absl::Status(wire::WireSeries&)>;
  // False when it has left damaged rows out.
  absl::StatusOr<bool> Search(const proto::SearchRequest& request,
                              const VisitSeries& visit);

  int64_t search_bytes() const { return search_bytes_; }

 private:
  using Visit = std::function<absl::Status(const std::string& message)>;
  absl::Status Stream(wire::Method method, std::string payload,
                      const Visit& visit);

  rpc::Channel* const channel_;
  Worker* const worker_;
  ByteRate* const rate_;
  int64_t search_bytes_ = 0;
};

}  // namespace varve::repair

#endif  // VARVE_LIB_REPAIR_PEER_READS_H_
