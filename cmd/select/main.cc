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
#include "net/rpc/tcp_server.h"
#include "net/tcp/event_loop.h"
#include "net/tcp/traffic_metrics.h"
#include "net/tcp/transport.h"

namespace varve {
namespace {

// Queries under way may end; then connections are cut.
constexpr absl::Duration kRpcGrace = absl::Milliseconds(500);

// Null where no level above is served.
absl::StatusOr<std::unique_ptr<rpc::TcpServer>> ServeUpperLevel(
    const std::string& address, rpc::Service& service,
    net::Transport& transport, telemetry::Metrics& metrics) {
  if (address.empty()) return nullptr;
  rpc::TcpServerOptions options;
  options.address = address;
  options.refused = &metrics.AddCounter("varve_rpc_refused_total",
                                        {{"name", "clusternative"}});
  auto server = rpc::TcpServer::Start(&transport, &service, options);
  if (!server.ok()) {
    return base::Unavailable("-clusternativeListenAddr=", address, ": ",
                             base::Message(server.status()));
  }
  net::ShowListener(metrics, &transport, "clusternative", (*server)->address(),
                    (*server)->counters());
  base::LogInfo("accepting vmselect conns at ", (*server)->address());
  return *std::move(server);
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
  cluster::DialNodesOptions dial = {
      .role = "select", .metrics_name = "vmselect", .metrics = &metrics};
  select_flags.nodes().Fill(dial);
  ASSIGN_OR_RETURN(const std::unique_ptr<cluster::DialedNodes> nodes,
                   cluster::DialNodes(&transport, dial));
  ASSIGN_OR_RETURN(const auto role,
                   query::SelectRole::Make(select_flags, nodes->set(), &metrics,
                                           &transport, server_flags.access()));
  http::Lifecycle lifecycle;
  auto routes = http::CommonRoutes(
      {&flags, &metrics, &server_flags, &lifecycle, flags.program()});
  for (http::Route& route : role->Routes(/*from_root=*/false)) {
    routes.push_back(std::move(route));
  }
  ASSIGN_OR_RETURN(
      const auto upper_level,
      ServeUpperLevel(select_flags.upper_level_address(),
                      role->upper_level_service(), transport, metrics));
  ASSIGN_OR_RETURN(
      const auto server,
      http::StartServer(server_flags, &metrics, &transport, std::move(routes)));
  signals.Wait();
  lifecycle.Drain(server_flags.shutdown_delay());
  role->Drain();
  if (upper_level != nullptr) upper_level->Stop(kRpcGrace);
  server->Stop(server_flags.graceful_max());
  metrics.RemoveCallbacks(&transport);
  base::LogInfo("the server has stopped");
  role->Close();
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
