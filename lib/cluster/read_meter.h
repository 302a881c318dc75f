// What the reads of one request took so far, over all storage nodes.
//
// Threads: all members from any thread.
#ifndef VARVE_LIB_CLUSTER_READ_METER_H_
#define VARVE_LIB_CLUSTER_READ_METER_H_

#include <atomic>
#include <cstdint>

#include "lib/base/cpu_meter.h"

namespace varve::cluster {

struct ReadMeter {
  std::atomic<int64_t> bytes{0};        // received
  std::atomic<int64_t> blocks{0};       // that storage nodes looked at
  std::atomic<int64_t> block_bytes{0};  // of them
  std::atomic<int64_t> storage_cpu_us{0};
  base::CpuMeter cpu;  // of this node
};

}  // namespace varve::cluster

#endif  // VARVE_LIB_CLUSTER_READ_METER_H_
