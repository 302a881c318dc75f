// varve-storage: holds the data. Flags, objects, and the wait for a signal.
#include <cstdio>
#include <cstdlib>

#include "lib/base/allocator.h"
#include "lib/base/flags.h"
#include "lib/base/log.h"
#include "lib/base/log_flags.h"
#include "lib/base/process.h"
#include "lib/base/status.h"
#include "lib/storenode/storage_flags.h"
#include "lib/storenode/storage_role.h"
#include "lib/telemetry/metrics.h"
#include "net/http/common_routes.h"
#include "net/http/server.h"
#include "net/rpc/tcp_server.h"
#include "net/tcp/event_loop.h"
#include "net/tcp/traffic_metrics.h"
#include "net/tcp/transport.h"

namespace varve {
namespace {

// Running writes and searches may end; then connections are cut.
constexpr absl::Duration kRpcGrace = absl::Milliseconds(500);

// Who serves says that the next node may go: before it does it hears from the
// others what it has missed (lib/repair/peer_listener.h), if they are there.
constexpr absl::Duration kHearingMax = absl::Seconds(1);

struct Listeners {
  std::unique_ptr<rpc::TcpServer> inserts;
  std::unique_ptr<rpc::TcpServer> selects;
  std::unique_ptr<http::Server> http;
};

absl::StatusOr<std::unique_ptr<rpc::TcpServer>> Serve(
    net::Transport& transport, rpc::Service& service,
    const std::string& address, const std::string& name,
    telemetry::Metrics& metrics) {
  rpc::TcpServerOptions options;
  options.address = address;
  options.refused = &metrics.AddCounter("varve_rpc_refused_total",
                                        {{"name", name}});
  ASSIGN_OR_RETURN(
      std::unique_ptr<rpc::TcpServer> server,
      rpc::TcpServer::Start(&transport, &service, std::move(options)));
  net::ShowListener(metrics, &transport, name, server->address(),
                    server->counters());
  base::LogInfo("accepting ", name, " conns at ", server->address());
  return server;
}

// For inserts and other storage nodes it has been accepted before.
absl::Status ServeReads(const storenode::StorageFlags& flags,
                        const http::ServerFlags& server_flags,
                        storenode::StorageRole& role,
                        std::vector<http::Route> routes,
                        net::Transport& transport, telemetry::Metrics& metrics,
                        Listeners& out) {
  ASSIGN_OR_RETURN(out.selects,
                   Serve(transport, role.select_service(),
                         flags.select_address(), "vmselect", metrics));
  for (http::Route& route : role.Routes()) routes.push_back(std::move(route));
  ASSIGN_OR_RETURN(out.http, http::StartServer(server_flags, &metrics,
                                               &transport, std::move(routes)));
  return absl::OkStatus();
}

int Run(int argc, char** argv) {
  base::SignalWaiter signals;
  base::FlagSet flag_set("varve-storage");
  const storenode::StorageFlags flags(flag_set, "vmstorage-data");
  const http::ServerFlags server_flags(flag_set, ":8482");
  const base::LogFlags log_flags(flag_set);
  flag_set.ParseOrExit(argc, argv);
  absl::Status status = log_flags.Configure();
  if (status.ok()) status = flags.Check();
  if (status.ok()) status = server_flags.Validate();
  if (!status.ok()) {
    base::LogError(base::Message(status));
    return base::kExitConfig;
  }

  telemetry::Metrics metrics("vmstorage", &flag_set);
  auto role = storenode::StorageRole::Open(
      {.flags = &flags,
       .metrics = &metrics,
       .service = {},
       .stop_requested = base::SignalWaiter::Pending});
  if (!role.ok() && absl::IsCancelled(role.status())) return EXIT_SUCCESS;
  if (!role.ok()) {
    base::LogError("cannot open storage \"", flags.path(),
                   "\": ", base::Message(role.status()));
    return base::kExitConfig;
  }
  http::Lifecycle lifecycle;
  net::EventLoop loop;
  net::Transport transport(&loop, {.enable_ipv6 = server_flags.enable_ipv6()});
  Listeners listeners;
  auto inserts = Serve(transport, (*role)->insert_service(),
                       flags.insert_address(), "vminsert", metrics);
  status = inserts.status();
  if (status.ok()) listeners.inserts = *std::move(inserts);
  auto repair = (*role)->StartRepair(&transport);
  if (status.ok()) {
    (*role)->WaitUntilAllHeard(kHearingMax);
    status = ServeReads(flags, server_flags, **role,
                        http::CommonRoutes({.flags = &flag_set,
                                            .metrics = &metrics,
                                            .server_flags = &server_flags,
                                            .lifecycle = &lifecycle,
                                            .program = "varve-storage"}),
                        transport, metrics, listeners);
  }
  if (!status.ok()) {
    base::LogError("cannot listen: ", base::Message(status));
    return base::kExitConfig;
  }
  signals.Wait();
  lifecycle.Drain(server_flags.shutdown_delay());
  repair.reset();
  listeners.inserts->Stop(kRpcGrace);
  listeners.selects->Stop(kRpcGrace);
  listeners.http->Stop(std::min(server_flags.graceful_max(), kRpcGrace));
  metrics.RemoveCallbacks(&transport);
  status = (*role)->Close();
  if (!status.ok()) {
    base::LogError("closing the storage: ", base::Message(status));
    return EXIT_FAILURE;
  }
  base::LogInfo("the storage is closed");
  return EXIT_SUCCESS;
}

}  // namespace
}  // namespace varve

int main(int argc, char** argv) {
  varve::base::ConfigureAllocator();
  return varve::Run(argc, argv);
}
