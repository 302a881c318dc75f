// The insert role: what takes samples for a set of storage nodes, as one
// object that a process of its own or a process with all roles can hold.
//
//   ingest::InsertFlags insert_flags(flags, InsertDeployment::kCluster);
//   flags.ParseOrExit(argc, argv);
//   auto role = ingest::InsertRole::Make(insert_flags, nodes.get(), &metrics);
//   routes.append((*role)->Routes());
//
// Lifetime: nodes and metrics outlive it; it outlives the server.
#ifndef VARVE_LIB_INGEST_INSERT_ROLE_H_
#define VARVE_LIB_INGEST_INSERT_ROLE_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "lib/cluster/node_set.h"
#include "lib/cluster/writer.h"
#include "lib/ingest/config_file.h"
#include "lib/ingest/insert_flags.h"
#include "lib/ingest/insert_gate.h"
#include "lib/ingest/insert_routes.h"
#include "lib/ingest/inserter.h"
#include "lib/ingest/line_listeners.h"
#include "lib/ingest/upper_level_port.h"
#include "lib/ingest/upper_level_service.h"
#include "lib/telemetry/metrics.h"

namespace varve::ingest {

class InsertRole {
 public:
  // InvalidArgument for a flag's value. All outlive the role.
  static absl::StatusOr<std::unique_ptr<InsertRole>> Make(
      const InsertFlags& flags, cluster::NodeSet* nodes,
      net::Transport* transport, telemetry::Metrics* metrics);

  // Those of the protocols, and /-/reload.
  std::vector<http::Route> Routes();
  // Listens for lines, and for insert nodes of a level above, where the flags
  // say. `http` gives limits and passwords of OpenTSDB's HTTP. The transport
  // outlives the role.
  absl::Status Listen(net::Transport* transport, http::ServerOptions http);
  // Stores what has arrived; waits up to `grace`, and before that for as long
  // as the connections of a level above are closed one after another.
  void StopListening(absl::Duration grace);
  // Loads the configuration files again, at SIGHUP and /-/reload. What is
  // wrong is logged, and leaves what was loaded before in force.
  absl::Status Reload() { return reloader_.ReloadAll(); }

 private:
  InsertRole(const InsertFlags& flags, cluster::NodeSet* nodes,
             telemetry::Metrics* metrics);
  // Errors: of a file that is bad at the start.
  absl::Status LoadFiles(const InsertFlags& flags,
                         telemetry::Metrics* metrics);

  cluster::Writer writer_;
  Inserter inserter_;
  InsertGate gate_;
  const std::string* const reload_auth_key_;
  InsertRoutes routes_;
  ConfigReloader reloader_;
  std::unique_ptr<LineListeners> listeners_;
  const std::string upper_level_address_;
  const absl::Duration upper_level_closing_;
  telemetry::Metrics* const metrics_;
  UpperLevelService upper_level_;
  std::unique_ptr<UpperLevelPort> upper_level_port_;
};

}  // namespace varve::ingest

#endif  // VARVE_LIB_INGEST_INSERT_ROLE_H_
