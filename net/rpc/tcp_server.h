// Serves a Service over TCP.
//
// Requests are read while fewer than `request_bytes_max` bytes of them wait
// or are handled; above it connections are not read, so that peers feel it.
//
// Threads: all members from any thread; Stop and the destructor not from a
//          handler.
#ifndef VARVE_NET_RPC_TCP_SERVER_H_
#define VARVE_NET_RPC_TCP_SERVER_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "lib/telemetry/metrics.h"
#include "net/rpc/rpc.h"
#include "net/tcp/transport.h"

namespace varve::rpc {

struct TcpServerOptions {
  std::string address;  // "host:port"; port 0 picks one
  net::ListenOptions listen;
  // Handlers wait for disks and slow readers most of the time; threads start
  // when needed. 0: 32, or 8 per CPU if that is more.
  int handler_threads_max = 0;
  // 0: an eighth of the memory limit.
  int64_t request_bytes_max = 0;
  // A connection must have greeted by then; -rpc.handshakeTimeout.
  absl::Duration greet_timeout = absl::Seconds(5);
  // Counts clients whose greeting was refused; outlives the server. May be
  // null.
  telemetry::Counter* refused = nullptr;
};

class TcpServer {
 public:
  // Listens at once. `transport` and `service` outlive the server.
  static absl::StatusOr<std::unique_ptr<TcpServer>> Start(
      net::Transport* transport, Service* service, TcpServerOptions options);
  // Stops without grace and waits for the handlers.
  ~TcpServer();

  // Really bound, host:port.
  const std::string& address() const;
  std::shared_ptr<const net::TrafficCounters> counters() const;
  // Open and greeted now.
  size_t connections() const;

  // No new connections from now on; those there are stay.
  void StopListening();
  // Closes the connections there are, the first at once and the others evenly
  // over `over`; each when none of its calls is under way, or half a second
  // later. Returns when all are closed, by their peers or by this. Who still
  // listens gets them back.
  void CloseConnections(absl::Duration over);

  // Refuses new connections and calls (Unavailable), waits for the running
  // handlers up to `grace`, then cancels them, closes all connections and
  // waits up to 10 s more for the cancelled.
  void Stop(absl::Duration grace);

 private:
  class Impl;
  explicit TcpServer(std::unique_ptr<Impl> impl);
  const std::unique_ptr<Impl> impl_;
};

}  // namespace varve::rpc

#endif  // VARVE_NET_RPC_TCP_SERVER_H_
