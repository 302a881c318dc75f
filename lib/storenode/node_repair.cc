#include "lib/storenode/node_repair.h"

#include <memory>
#include <utility>

#include "lib/wire/hello.h"
#include "net/rpc/tcp_channel.h"

namespace varve::storenode {
namespace {

// Of the vm_tcpdialer_* metrics.
constexpr char kDialerName[] = "vmstorage";

}  // namespace

repair::Dial DialStorageNodes(net::Transport* transport, std::string token,
                              telemetry::Metrics* metrics) {
  return [transport, token = std::move(token),
          metrics](const std::string& address) {
    rpc::TcpChannelOptions options;
    options.address = address;
    options.hello = [token] { return wire::EncodeHello("storage", token); };
    options.accept = [](std::string_view hello) {
      return wire::AcceptHello(hello, "");
    };
    options.metrics = metrics;
    options.metrics_name = kDialerName;
    options.backoff_min = absl::Seconds(1);
    options.backoff_max = absl::Seconds(30);
    return std::make_unique<rpc::TcpChannel>(transport, std::move(options));
  };
}

NodeRepair::NodeRepair(storage::Engine* engine, KeptState* kept,
                       repair::Dial dial,
                       const repair::HintReplayerOptions& hints,
                       telemetry::Metrics* metrics,
                       absl::Duration strike_interval)
    : replayer_(engine, dial, hints, metrics),
      striker_(engine, kept, std::move(dial), strike_interval) {}

}  // namespace varve::storenode
