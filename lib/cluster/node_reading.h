// Reading one storage node's answer: waits that end when the request is
// cancelled, and what the answer took.
//
// Threads: a NodeReading belongs to the call's thread.
#ifndef VARVE_LIB_CLUSTER_NODE_READING_H_
#define VARVE_LIB_CLUSTER_NODE_READING_H_

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "lib/cluster/reader.h"
#include "net/rpc/rpc.h"

namespace varve::cluster {

inline bool IsCancelled(const ReadRequest& request) {
  return request.cancelled && request.cancelled();
}
// Where this node's CPU is added up; null: nowhere.
inline base::CpuMeter* CpuMeterOf(const ReadRequest& request) {
  return request.meter == nullptr ? nullptr : &request.meter->cpu;
}

// How many threads decode messages that are of so many bytes together: waking
// one takes longer than decoding a few series.
inline size_t DecodeThreads(size_t messages, size_t bytes) {
  constexpr size_t kBytesPerThreadMin = 16 << 10;
  return std::min(messages, bytes / kBytesPerThreadMin + 1);
}

// Why the answers that are still missing are not waited for; null: they are.
using GiveUp = std::atomic<const char*>;

// Call::Next until the request's deadline; ends with Cancelled soon after
// request.cancelled says so or `give_up` (may be null) has a reason.
absl::StatusOr<std::optional<std::string>> NextMessage(
    rpc::Call& call, const ReadRequest& request,
    const GiveUp* give_up = nullptr);

class NodeReading {
 public:
  // `action` names the request in the trace.
  NodeReading(const ReadRequest& request, std::string_view action,
              const std::string& address);

  void Received(size_t bytes);
  // The node's answer is complete.
  void Ended(const proto::Coverage& coverage);
  void Failed(const absl::Status& status);

 private:
  ReadMeter* const meter_;
  telemetry::Trace* const trace_;
};

}  // namespace varve::cluster

#endif  // VARVE_LIB_CLUSTER_NODE_READING_H_
