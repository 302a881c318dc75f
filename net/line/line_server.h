// Takes lines over TCP and UDP on one address and hands them to a sink.
//
// A block is one or more whole lines of one peer; the last line of a
// connection that its peer has ended needs no newline. A line cut off by a
// broken connection, or by our own stop, is dropped: half a line may read as
// another value.
//
// Back pressure: while the sink asks for a retry (Unavailable,
//          ResourceExhausted) nothing more is read from that peer, others go
//          on; at other errors the block is given up and counted.
// Bounded: connections; bytes of a line (longer ones are passed over and
//          told); bytes held for retries, above which nobody is read; bytes
//          held for unfinished lines, above which a line is passed over and
//          told like a long one, unless it is within its connection's share;
//          time without a byte, and of an unfinished line however many bytes
//          of it come. Time in which the peer waits for us does not count.
// Metrics: vm_ingestserver_requests_total{type, name="write", net} connections
//          or datagrams, vm_ingestserver_request_errors_total likewise blocks
//          given up, varve_ingestserver_retries_total{type}, and
//          vm_tcplistener_*{name, addr}.
// Threads: all members from any thread; the sink is called on pool threads,
//          for one peer never twice at a time.
#ifndef VARVE_NET_LINE_LINE_SERVER_H_
#define VARVE_NET_LINE_LINE_SERVER_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "lib/telemetry/metrics.h"
#include "net/tcp/transport.h"

namespace varve::net {

struct LineBlock {
  std::string_view lines;
  std::string_view peer;    // host:port
  int64_t received_ms = 0;  // Unix; the same when the block is retried
};

struct LineServerOptions {
  std::string address;  // "host:port"; port 0 picks one
  std::string type;     // of metrics: "graphite"
  int64_t line_bytes_max = 256 << 10;
  int64_t connections_max = 2'000;
  absl::Duration idle_max = absl::Hours(1);
  // Of a line that was begun.
  absl::Duration unfinished_max = absl::Minutes(1);
  // For retries, and as much for unfinished lines; 1/connections_max of it is
  // the share of a connection's unfinished line.
  int64_t held_bytes_max = 64 << 20;
  bool udp = true;  // besides TCP, on the same port
  bool proxy_header = false;  // as net::ListenOptions; of TCP
  telemetry::Metrics* metrics = nullptr;

  std::function<absl::Status(const LineBlock&)> sink;
  std::function<void()> on_long_line;  // one was passed over
  // A TCP connection whose first byte it accepts speaks something else and is
  // handed over unread. Both or neither.
  std::function<bool(char)> is_other = nullptr;
  OnAccept take_other = nullptr;
};

class LineServer {
 public:
  // Listens at once. `transport` and options.metrics outlive the server.
  static absl::StatusOr<std::unique_ptr<LineServer>> Start(
      Transport* transport, LineServerOptions options);
  // Stops without grace.
  ~LineServer();

  // Really bound, host:port; of UDP too.
  const std::string& address() const;

  // Takes no more connections, hands on what has arrived (one try a block),
  // closes; waits up to `grace`.
  void Stop(absl::Duration grace);

 private:
  class Impl;
  explicit LineServer(std::unique_ptr<Impl> impl);
  const std::unique_ptr<Impl> impl_;
};

}  // namespace varve::net

#endif  // VARVE_NET_LINE_LINE_SERVER_H_
