// varve-insert: takes samples over HTTP and stores them on storage nodes.
// Stateless.
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
#include "lib/ingest/insert_role.h"
#include "lib/telemetry/metrics.h"
#include "net/http/common_routes.h"
#include "net/http/server.h"
#include "net/tcp/event_loop.h"
#include "net/tcp/transport.h"

namespace varve {
namespace {

// Blocks until a signal; destructors then run in reverse order: the server
// first, the connections last.
absl::Status Run(const base::FlagSet& flags,
                 const http::ServerFlags& server_flags,
                 const ingest::InsertFlags& insert_flags,
                 base::SignalWaiter& signals) {
  RETURN_IF_ERROR(server_flags.Validate());
  RETURN_IF_ERROR(insert_flags.Validate());
  telemetry::Metrics metrics("vminsert", &flags);
  net::EventLoop loop;
  net::Transport transport(&loop, {.enable_ipv6 = server_flags.enable_ipv6()});
  cluster::DialNodesOptions dial = {
      .role = "insert", .metrics_name = "vminsert", .metrics = &metrics};
  insert_flags.nodes().Fill(dial);
  ASSIGN_OR_RETURN(const std::unique_ptr<cluster::DialedNodes> nodes,
                   cluster::DialNodes(&transport, dial));
  ASSIGN_OR_RETURN(const auto role, ingest::InsertRole::Make(
                                        insert_flags, nodes->set(), &transport,
                                        &metrics));
  http::Lifecycle lifecycle;
  auto routes = http::CommonRoutes(
      {&flags, &metrics, &server_flags, &lifecycle, flags.program()});
  for (http::Route& route : role->Routes()) {
    routes.push_back(std::move(route));
  }
  ASSIGN_OR_RETURN(
      const auto server,
      http::StartServer(server_flags, &metrics, &transport, std::move(routes)));
  RETURN_IF_ERROR(role->Listen(&transport, server_flags.Options(&metrics)));
  signals.Wait([&role] { (void)role->Reload(); });  // it logs
  lifecycle.Drain(server_flags.shutdown_delay());
  role->StopListening(server_flags.graceful_max());
  server->Stop(server_flags.graceful_max());
  base::LogInfo("the server has stopped");
  return absl::OkStatus();
}

}  // namespace
}  // namespace varve

int main(int argc, char** argv) {
  using namespace varve;
  base::ConfigureAllocator();
  base::FlagSet flags("varve-insert");
  const base::LogFlags log_flags(flags);
  const http::ServerFlags server_flags(flags, ":8480");
  const ingest::InsertFlags insert_flags(flags,
                                         ingest::InsertDeployment::kCluster);
  flags.ParseOrExit(argc, argv);
  if (auto status = log_flags.Configure(); !status.ok()) {
    base::ExitFatally(base::Message(status));
  }
  base::SignalWaiter signals;
  base::LogInfo("starting varve-insert ", base::kVersion, " with ",
                base::CpuThreads(), " threads");
  if (auto status = Run(flags, server_flags, insert_flags, signals);
      !status.ok()) {
    base::ExitFatally(base::Message(status));
  }
  return 0;
}
