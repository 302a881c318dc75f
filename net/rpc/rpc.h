// Calls with streamed answers over one connection: client and server side.
//
// Bytes only: methods are numbers, payloads are opaque. docs/formats/wire.md
// draws the frames. Every frame carries a checksum and a bounded length.
//
// A call is one request message and a stream of answer messages, ended by a
// status. Answers are held back when the client has not consumed
// `kCreditBytes` of them, so that a slow reader bounds the server's memory.
//
// Implementations: TcpChannel (net/rpc/tcp_channel.h) and LocalChannel
// (net/rpc/local_channel.h), which calls a Service of the same process.
#ifndef VARVE_NET_RPC_RPC_H_
#define VARVE_NET_RPC_RPC_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace varve::rpc {

// A frame's payload; larger messages are split by the caller.
inline constexpr size_t kPayloadBytesMax = 64 << 20;
inline constexpr size_t kCreditBytes = 8 << 20;

using Method = uint8_t;

// Client side of one call; belongs to one thread. Destroying it cancels.
class Call {
 public:
  virtual ~Call() = default;
  // Waits for the next answer message; nullopt after the last one. Errors: the
  // server's status, Unavailable when the connection is lost,
  // DeadlineExceeded after `deadline_steady_ms` (base::SystemClock()).
  virtual absl::StatusOr<std::optional<std::string>> Next(
      int64_t deadline_steady_ms) = 0;
  // For who reads several calls at once: whether Next would return without
  // waiting, and a callback for when that may have become so, from any thread
  // and maybe more than once; it must be short. Before the first Next.
  virtual bool ready() { return true; }
  virtual void OnReady(std::function<void()> callback) { callback(); }
};

class Channel {
 public:
  virtual ~Channel() = default;

  // Sends the request at once and returns; errors come from Call::Next.
  virtual std::unique_ptr<Call> Start(Method method, std::string payload) = 0;

  // Connected and greeted. A channel reconnects by itself, with backoff.
  virtual bool connected() const = 0;
  // The peer's greeting of the present connection; "" when not connected.
  virtual std::string peer_hello() const = 0;
  // Names the present connection; changes with every reconnect.
  virtual uint64_t connection_epoch() const = 0;
  // As the user gave it.
  virtual const std::string& address() const = 0;
};

// One request and its one answer.
absl::StatusOr<std::string> CallOnce(Channel& channel, Method method,
                                     std::string payload,
                                     int64_t deadline_steady_ms);

// Server side of one call.
class ServerCall {
 public:
  virtual ~ServerCall() = default;
  virtual Method method() const = 0;
  virtual std::string_view payload() const = 0;
  virtual const std::string& peer_hello() const = 0;
  virtual const std::string& peer_address() const = 0;
  // Blocks while credits are used up; Cancelled when the client has gone or
  // given up.
  virtual absl::Status Send(std::string_view payload) = 0;
  virtual bool cancelled() const = 0;
};

class Service {
 public:
  virtual ~Service() = default;
  // The greeting sent to clients when they connect.
  virtual std::string Hello() = 0;
  // Judges a client's greeting (version, token); an error closes the
  // connection after telling the client.
  virtual absl::Status Accept(std::string_view client_hello) = 0;
  // Runs on a pool thread, many at a time; the result ends the call.
  virtual absl::Status Handle(ServerCall& call) = 0;
};

}  // namespace varve::rpc

#endif  // VARVE_NET_RPC_RPC_H_
