// A Channel over one TCP connection, kept up for as long as it lives.
//
// Dials at once and, whenever the connection is lost, again after 100 ms,
// doubling up to 2 s. Calls under way end with Unavailable when it is lost;
// calls started without a connection end with Unavailable and the reason.
// A quiet connection is pinged every 5 s and given up after 30 s of silence.
//
// Lifetime: calls may outlive their channel; they end with Unavailable.
// Threads:  all members from any thread; the destructor not from the loop.
#ifndef VARVE_NET_RPC_TCP_CHANNEL_H_
#define VARVE_NET_RPC_TCP_CHANNEL_H_

#include <functional>
#include <memory>
#include <string>

#include "lib/telemetry/metrics.h"
#include "net/rpc/rpc.h"
#include "net/tcp/transport.h"

namespace varve::rpc {

struct TcpChannelOptions {
  std::string address;       // as the user gave it; told by address()
  std::string dial_address;  // host:port; "" is `address`
  // The greeting; asked anew for each connection.
  std::function<std::string()> hello;
  // Judges the server's greeting; an error drops the connection. May be null.
  std::function<absl::Status(std::string_view)> accept;
  // Once, after the first greeting. May be null.
  std::function<void()> on_first_connect;
  // After each change of connected(). May be null.
  std::function<void(bool)> on_change;
  net::DialOptions dial;
  // Shows the connection as vm_tcpdialer_*{name=metrics_name, addr}, and what
  // went wrong before it was of use as vm_rpc_{dial,handshake}_errors_total;
  // null: does not. Outlives the channel.
  telemetry::Metrics* metrics = nullptr;
  std::string metrics_name;
  absl::Duration ping_interval = absl::Seconds(5);
  absl::Duration silence_max = absl::Seconds(30);
  absl::Duration backoff_min = absl::Milliseconds(100);
  absl::Duration backoff_max = absl::Seconds(2);
};

class TcpChannel final : public Channel {
 public:
  // `transport` and its loop outlive the channel. REQUIRES: options.hello.
  TcpChannel(net::Transport* transport, TcpChannelOptions options);
  ~TcpChannel() override;

  std::unique_ptr<Call> Start(Method method, std::string payload) override;
  bool connected() const override;
  std::string peer_hello() const override;
  uint64_t connection_epoch() const override;
  const std::string& address() const override;

 private:
  class Core;
  telemetry::Metrics* const metrics_;
  const std::shared_ptr<Core> core_;
};

}  // namespace varve::rpc

#endif  // VARVE_NET_RPC_TCP_CHANNEL_H_
