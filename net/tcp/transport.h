// The one maker of listeners and dialers: every connection of a process comes
// through it, so that TLS, credential checks and counters sit in one place.
//
// Addresses are "host:port", ":port" (all interfaces; IPv6 too with
// enable_ipv6) and "[v6]:port". Port 0 picks a free one.
//
// Errors:  InvalidArgument for an address, Unavailable for what may pass
//          (name does not resolve, refused, in use), Unimplemented for TLS.
// Threads: all members from any thread; callbacks run on the loop.
#ifndef VARVE_NET_TCP_TRANSPORT_H_
#define VARVE_NET_TCP_TRANSPORT_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "net/tcp/event_loop.h"
#include "net/tcp/stream.h"

namespace varve::net {

// Certificates, keys and versions of one listener or dialer.
class TlsContext;

struct PeerIdentity {
  std::string address;
  std::string certificate_subject;  // "" without mutual TLS
};
// Judges a connection before its first byte is read; an error closes it.
using CredentialCheck = std::function<absl::Status(const PeerIdentity&)>;

struct TransportOptions {
  bool enable_ipv6 = false;  // -enableTCP6
};

struct ListenOptions {
  std::shared_ptr<const TlsContext> tls;
  CredentialCheck check;
  // Connections over it are closed at once: each costs a descriptor.
  int64_t connections_max = 20'000;
  // Connections come through a proxy: each begins with the header that tells
  // its client (proxy_header.h), or is closed.
  bool proxy_header = false;
};

struct DialOptions {
  std::shared_ptr<const TlsContext> tls;
  CredentialCheck check;
  // Resolving included; as -vmstorageDialTimeout.
  absl::Duration timeout = absl::Seconds(3);
  std::shared_ptr<TrafficCounters> counters;  // null: not counted
};

class Listener {
 public:
  // Stops listening; accepted connections live on.
  virtual ~Listener() = default;
  // Really bound, "host:port", as a client can dial it.
  virtual const std::string& address() const = 0;
  virtual std::shared_ptr<const TrafficCounters> counters() const = 0;
  // No `on_accept` is running or will run once it has returned.
  // REQUIRES: not called from the loop.
  virtual void Close() = 0;
};

using OnAccept = std::function<void(std::unique_ptr<Stream>)>;
using OnDialed =
    std::function<void(absl::StatusOr<std::unique_ptr<Stream>>)>;

class Transport {
 public:
  // `loop` outlives the transport and all it makes.
  explicit Transport(EventLoop* loop, TransportOptions options = {});

  EventLoop& loop() { return *loop_; }
  bool enable_ipv6() const { return options_.enable_ipv6; }

  absl::StatusOr<std::unique_ptr<Listener>> Listen(const std::string& address,
                                                   ListenOptions options,
                                                   OnAccept on_accept);
  // A UDP port as a stream that is only read: each Read gives one datagram, as
  // much of it as the buffer holds (64 KiB hold any), and local_address tells
  // the port.
  absl::StatusOr<std::unique_ptr<Stream>> ListenDatagrams(
      const std::string& address, std::shared_ptr<TrafficCounters> counters);
  // Resolves, then tries the addresses in turn. `done` is called once.
  void Dial(const std::string& address, DialOptions options, OnDialed done);

 private:
  EventLoop* const loop_;
  const TransportOptions options_;
};

struct HostPort {
  std::string host;  // "" for all interfaces
  uint16_t port = 0;
};
// "127.0.0.1:0", ":8480", "[::1]:80", "name:http" is refused.
absl::StatusOr<HostPort> ParseHostPort(const std::string& address);

}  // namespace varve::net

#endif  // VARVE_NET_TCP_TRANSPORT_H_
