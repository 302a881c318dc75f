// varve: all three roles in one process on one data directory and one port.
// The same code as in a cluster, over in-process channels.
#include <algorithm>
#include <cstdlib>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "lib/base/allocator.h"
#include "lib/base/flags.h"
#include "lib/base/log.h"
#include "lib/base/log_flags.h"
#include "lib/base/process.h"
#include "lib/base/status.h"
#include "lib/base/version.h"
#include "lib/cluster/local_node.h"
#include "lib/ingest/insert_role.h"
#include "lib/query/select_role.h"
#include "lib/storenode/storage_flags.h"
#include "lib/storenode/storage_role.h"
#include "lib/telemetry/metrics.h"
#include "net/http/common_routes.h"
#include "net/http/server.h"
#include "net/tcp/event_loop.h"
#include "net/tcp/transport.h"

namespace varve {
namespace {

// Running requests may end; then connections are cut.
constexpr absl::Duration kStopGrace = absl::Milliseconds(500);

struct Flags {
  explicit Flags(base::FlagSet& set)
      : log(set),
        server(set, ":8428"),
        insert(set, ingest::InsertDeployment::kSingleProcess),
        storage(set, "varve-data"),
        select(set, query::SelectDeployment::kSingleProcess) {}

  const base::LogFlags log;
  const http::ServerFlags server;
  const ingest::InsertFlags insert;
  const storenode::StorageFlags storage;
  const query::SelectFlags select;

  absl::Status Check() const {
    RETURN_IF_ERROR(log.Configure());
    RETURN_IF_ERROR(server.Validate());
    RETURN_IF_ERROR(insert.Validate());
    return storage.Check();
  }
};

void Append(std::vector<http::Route>& routes, std::vector<http::Route> more) {
  std::move(more.begin(), more.end(), std::back_inserter(routes));
}

// Blocks until a signal; what was built goes in reverse order: the server
// first, the storage last.
absl::Status Serve(const base::FlagSet& set, const Flags& flags,
                   storenode::StorageRole& storage, telemetry::Metrics& metrics,
                   base::SignalWaiter& signals) {
  net::EventLoop loop;
  net::Transport transport(&loop, {.enable_ipv6 = flags.server.enable_ipv6()});
  const auto insert_nodes =
      cluster::LocalNode(&storage.insert_service(), "insert");
  const auto select_nodes =
      cluster::LocalNode(&storage.select_service(), "select");
  ASSIGN_OR_RETURN(
      const auto insert,
      ingest::InsertRole::Make(flags.insert, insert_nodes.get(), &transport,
                               &metrics));
  ASSIGN_OR_RETURN(
      const auto select,
      query::SelectRole::Make(flags.select, select_nodes.get(), &metrics,
                              &transport, flags.server.access()));
  http::Lifecycle lifecycle;
  std::vector<http::Route> routes =
      http::CommonRoutes({.flags = &set,
                          .metrics = &metrics,
                          .server_flags = &flags.server,
                          .lifecycle = &lifecycle,
                          .program = set.program()});
  Append(routes, insert->Routes());
  Append(routes, select->Routes(/*from_root=*/true));
  Append(routes, storage.Routes());
  ASSIGN_OR_RETURN(
      const auto server,
      http::StartServer(flags.server, &metrics, &transport, std::move(routes)));
  RETURN_IF_ERROR(insert->Listen(&transport, flags.server.Options(&metrics)));
  const auto repair = storage.StartRepair(&transport);
  signals.Wait([&insert] { (void)insert->Reload(); });  // it logs
  lifecycle.Drain(flags.server.shutdown_delay());
  insert->StopListening(std::min(flags.server.graceful_max(), kStopGrace));
  select->Drain();
  server->Stop(std::min(flags.server.graceful_max(), kStopGrace));
  return absl::OkStatus();
}

int Run(int argc, char** argv) {
  base::SignalWaiter signals;
  base::FlagSet set("varve");
  const Flags flags(set);
  set.ParseOrExit(argc, argv);
  if (auto status = flags.Check(); !status.ok()) {
    base::LogError(base::Message(status));
    return base::kExitConfig;
  }
  base::LogInfo("starting varve ", base::kVersion);
  telemetry::Metrics metrics("vmsingle", &set);
  const auto storage = storenode::StorageRole::Open(
      {.flags = &flags.storage,
       .metrics = &metrics,
       .service = {},
       .stop_requested = base::SignalWaiter::Pending});
  if (!storage.ok()) {
    if (absl::IsCancelled(storage.status())) return EXIT_SUCCESS;
    base::LogError("cannot open storage \"", flags.storage.path(),
                   "\": ", base::Message(storage.status()));
    return base::kExitConfig;
  }
  const absl::Status served = Serve(set, flags, **storage, metrics, signals);
  if (!served.ok()) base::LogError(base::Message(served));
  const absl::Status closed = (*storage)->Close();
  if (!closed.ok()) {
    base::LogError("closing the storage: ", base::Message(closed));
  }
  if (!served.ok()) return base::kExitConfig;
  if (!closed.ok()) return EXIT_FAILURE;
  base::LogInfo("the storage is closed");
  return EXIT_SUCCESS;
}

}  // namespace
}  // namespace varve

int main(int argc, char** argv) {
  varve::base::ConfigureAllocator();
  return varve::Run(argc, argv);
}
