// Listens on -clusternativeListenAddr for insert nodes of a level above, and
// keeps an eye on the cluster below: when its storage nodes become others, and
// with them its id, or their features do, connections are closed, so that peers
// are greeted anew.
//
// Threads: one of its own; Stop from the thread that started it.
#ifndef VARVE_LIB_INGEST_UPPER_LEVEL_PORT_H_
#define VARVE_LIB_INGEST_UPPER_LEVEL_PORT_H_

#include <memory>
#include <string>
#include <thread>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "lib/base/mutex.h"
#include "lib/ingest/upper_level_service.h"
#include "lib/telemetry/metrics.h"
#include "net/rpc/tcp_server.h"
#include "net/tcp/transport.h"

namespace varve::ingest {

class UpperLevelPort {
 public:
  // All outlive it. Errors name the flag.
  static absl::StatusOr<std::unique_ptr<UpperLevelPort>> Start(
      const std::string& address, UpperLevelService* service,
      net::Transport* transport, telemetry::Metrics* metrics);
  ~UpperLevelPort();

  // Closes the connections one after another over `closing`; refuses new ones.
  void Stop(absl::Duration closing);

 private:
  UpperLevelPort(UpperLevelService* service, telemetry::Metrics* metrics,
                 std::unique_ptr<rpc::TcpServer> server);
  void Watch();
  void StopWatching();

  UpperLevelService* const service_;
  telemetry::Metrics* const metrics_;
  const std::unique_ptr<rpc::TcpServer> server_;
  base::Mutex mutex_;
  base::CondVar stopped_;
  bool stop_ GUARDED_BY(mutex_) = false;
  std::thread watcher_;
};

}  // namespace varve::ingest

#endif  // VARVE_LIB_INGEST_UPPER_LEVEL_PORT_H_
