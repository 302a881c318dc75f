// A storage node's metrics under the names that dashboards and alerts ask.
//
// All are there with 0 from construction on. Rows and bytes are told by the
// types dashboards know: storage/inmemory is the head and the log,
// storage/small the blocks, indexdb/file the index; storage/big stays 0.
//
// Lifetime: of the registered callbacks; all pointers outlive it.
// Threads:  scrapes from any thread.
#ifndef VARVE_LIB_STORENODE_STORAGE_METRICS_H_
#define VARVE_LIB_STORENODE_STORAGE_METRICS_H_

#include <functional>
#include <string>

#include "lib/base/mutex.h"
#include "lib/storenode/kept_state.h"
#include "lib/storenode/request_gate.h"
#include "lib/storenode/storage_flags.h"
#include "lib/telemetry/metrics.h"
#include "storage/engine/engine.h"

namespace varve::storenode {

class StorageMetrics {
 public:
  StorageMetrics(telemetry::Metrics* metrics, const storage::Engine* engine,
                 const KeptState* kept, const StorageFlags* flags,
                 const RequestGate* inserts, const RequestGate* searches);
  ~StorageMetrics();
  StorageMetrics(const StorageMetrics&) = delete;
  StorageMetrics& operator=(const StorageMetrics&) = delete;

 private:
  using Read = std::function<double(const storage::EngineStats&)>;
  void Add(const std::string& name, const telemetry::MetricLabels& labels,
           Read read);
  void AddRowsAndBytes();
  void AddCounters();
  void AddLimits();
  void AddMemory();
  void AddCaches();
  storage::EngineStats Stats();

  telemetry::Metrics* const metrics_;
  const storage::Engine* const engine_;
  const StorageFlags* const flags_;
  const RequestGate* const inserts_;
  const RequestGate* const searches_;

  base::Mutex mutex_;
  storage::EngineStats stats_ GUARDED_BY(mutex_);
  int64_t read_at_ms_ GUARDED_BY(mutex_) = -1;
};

}  // namespace varve::storenode

#endif  // VARVE_LIB_STORENODE_STORAGE_METRICS_H_
