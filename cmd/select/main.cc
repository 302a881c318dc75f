// varve-select: the Prometheus query API over storage nodes. Stateless.
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "lib/base/allocator.h"
#include "lib/base/log.h"
#include "lib/base/log_flags.h"
#include "lib/base/machine.h"
#include "lib/base/process.h"
#include "lib/base/status.h"
#include "lib/base/version.h"
#include "lib/cluster/dial_nodes.h"
#include "lib/query/select_role.h"
#include "lib/telemetry/metrics.h"
#include "net/http/common_routes.h"
#include "net/http/server.h"
#include "net/tcp/event_loop.h"
#include "net/tcp/transport.h"

namespace varve {
namespace {

constexpr int kStorageSelectPort = 8401;
// As configuration mistakes end the programs that operators know.

absl::StatusOr<std::unique_ptr<cluster::NodeSet>> DialStorages(
    net::Transport& transport, const query::SelectFlags& flags,
    telemetry::Metrics& metrics) {
  cluster::DialNodesOptions options;
  ASSIGN_OR_RETURN(
      options.addresses,
      cluster::ParseNodeAddresses(flags.storage_nodes(), kStorageSelectPort));
  options.role = "select";
  options.dial.timeout = flags.dial_timeout();
  options.metrics_name = "vmselect";
  options.metrics = &metrics;
  return cluster::DialNodes(&transport, options);
}

// Blocks until a signal; destructors then run in reverse order: the server
// first, the connections last.
absl::Status Run(const base::FlagSet& flags,
                 const http::ServerFlags& server_flags,
                 const query::SelectFlags& select_flags,
                 base::SignalWaiter& signals) {
  RETURN_IF_ERROR(server_flags.Validate());
  telemetry::Metrics metrics("vmselect", &flags);
  net::EventLoop loop;
  net::Transport transport(&loop, {.enable_ipv6 = server_flags.enable_ipv6()});
  ASSIGN_OR_RETURN(const auto nodes,
                   DialStorages(transport, select_flags, metrics));
  ASSIGN_OR_RETURN(const auto role, query::SelectRole::Make(
                                        select_flags, nodes.get(), &metrics));
  http::Lifecycle lifecycle;
  auto routes = http::CommonRoutes(
      {&flags, &metrics, &server_flags, &lifecycle, flags.program()});
  for (http::Route& route : role->Routes(/*from_root=*/false)) {
    routes.push_back(std::move(route));
  }
  http::ServerOptions options = server_flags.Options(&metrics);
  options.transport = &transport;
  ASSIGN_OR_RETURN(const auto server,
                   http::Server::Start(std::move(options), std::move(routes)));
  for (const std::string& address : server->addresses()) {
    base::LogInfo("started server at http://", address, "/");
  }
  signals.Wait();
  lifecycle.Drain(server_flags.shutdown_delay());
  server->Stop(server_flags.graceful_max());
  base::LogInfo("the server has stopped");
  return absl::OkStatus();
}

}  // namespace
}  // namespace varve

int main(int argc, char** argv) {
  using namespace varve;
  base::ConfigureAllocator();
  base::FlagSet flags("varve-select");
  const base::LogFlags log_flags(flags);
  const http::ServerFlags server_flags(flags, ":8481");
  const query::SelectFlags select_flags(flags,
                                        query::SelectDeployment::kCluster);
  flags.ParseOrExit(argc, argv);
  if (auto status = log_flags.Configure(); !status.ok()) {
    base::ExitFatally(base::Message(status));
  }
  base::SignalWaiter signals;
  base::LogInfo("starting varve-select ", base::kVersion, " with ",
                base::CpuThreads(), " threads and ",
                select_flags.memory_bytes_allowed() >> 20, " MiB");
  select_flags.WarnOfIgnored();
  if (auto status = Run(flags, server_flags, select_flags, signals);
      !status.ok()) {
    base::ExitFatally(base::Message(status));
  }
  return 0;
}
