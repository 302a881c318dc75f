#include "lib/cluster/dial_nodes.h"

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/mutex.h"
#include "lib/base/status.h"
#include "lib/wire/hello.h"

namespace varve::cluster {
namespace {

// Counts the nodes that were never connected; outlives DialNodes in the
// channels' callbacks.
class FirstConnections {
 public:
  explicit FirstConnections(size_t nodes) : missing_(nodes) {}

  void CountOne() {
    base::MutexLock lock(mutex_);
    --missing_;
    changed_.NotifyAll();
  }

  void WaitForAll(absl::Duration wait_max) {
    const base::Clock& clock = base::SystemClock();
    const int64_t deadline_ms =
        clock.SteadyMs() + absl::ToInt64Milliseconds(wait_max);
    base::MutexLock lock(mutex_);
    while (missing_ > 0 && clock.SteadyMs() < deadline_ms) {
      changed_.WaitFor(lock,
                       absl::Milliseconds(deadline_ms - clock.SteadyMs()));
    }
  }

 private:
  base::Mutex mutex_;
  base::CondVar changed_;
  size_t missing_ GUARDED_BY(mutex_);
};

}  // namespace

absl::StatusOr<std::unique_ptr<NodeSet>> DialNodes(
    net::Transport* transport, const DialNodesOptions& options) {
  ASSIGN_OR_RETURN(const std::vector<NodeAddress> addresses,
                   ParseNodeAddresses(options.nodes, options.default_port));
  std::vector<Node> nodes;
  const auto first = std::make_shared<FirstConnections>(addresses.size());
  for (const NodeAddress& address : addresses) {
    rpc::TcpChannelOptions channel;
    channel.address = address.address;
    channel.hello = [role = options.role, token = options.token] {
      return wire::EncodeHello(role, token);
    };
    channel.accept = [](std::string_view hello) {
      return wire::AcceptHello(hello, "");
    };
    channel.on_first_connect = [text = address.text, first] {
      base::LogInfo("successfully dialed -storageNode=\"", text, "\"");
      first->CountOne();
    };
    channel.dial = options.dial;
    channel.metrics = options.metrics;
    channel.metrics_name = options.metrics_name;
    Node node;
    node.address = address.address;
    node.group = address.group;
    node.channel =
        std::make_unique<rpc::TcpChannel>(transport, std::move(channel));
    nodes.push_back(std::move(node));
  }
  first->WaitForAll(options.first_wait);
  return std::make_unique<NodeSet>(std::move(nodes));
}

}  // namespace varve::cluster
