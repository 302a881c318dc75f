// A Channel to a Service of the same process: no socket, the same credits.
//
// Lifetime: the service outlives the channel and its calls; the destructor
//           waits for the running handlers, whose calls it cancels.
// Threads:  all members from any thread.
#ifndef VARVE_NET_RPC_LOCAL_CHANNEL_H_
#define VARVE_NET_RPC_LOCAL_CHANNEL_H_

#include <atomic>
#include <memory>
#include <string>

#include "net/rpc/rpc.h"

namespace varve::rpc {

class LocalChannel final : public Channel {
 public:
  // The greetings are exchanged at once; a service that does not accept
  // `hello` leaves the channel unconnected, with its reason in every call.
  LocalChannel(std::string address, Service* service, std::string hello,
               int handler_threads_max = 32);
  ~LocalChannel() override;

  std::unique_ptr<Call> Start(Method method, std::string payload) override;
  bool connected() const override;
  std::string peer_hello() const override;
  uint64_t connection_epoch() const override;
  const std::string& address() const override;

  // For tests: as if the connection were cut, or were there again. Calls under
  // way end with Unavailable.
  void SetConnected(bool connected);

 private:
  struct Core;
  const std::unique_ptr<Core> core_;
};

}  // namespace varve::rpc

#endif  // VARVE_NET_RPC_LOCAL_CHANNEL_H_
