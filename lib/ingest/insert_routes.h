// All HTTP routes that take samples: one family of endpoints per protocol, each
// below /insert/<tenant>/, below /insert/ without a tenant (headers name it)
// and, for the one-process server, below / as well.
//
// Answers: as each family says; 400 what the client must fix, naming the flag
//          of a limit; 503 with Retry-After for what a retry cures.
//
// Lifetime: outlives the server its routes are given to.
// Threads:  handlers run on many threads.
#ifndef VARVE_LIB_INGEST_INSERT_ROUTES_H_
#define VARVE_LIB_INGEST_INSERT_ROUTES_H_

#include <vector>

#include "lib/ingest/agent_routes.h"
#include "lib/ingest/datadog_routes.h"
#include "lib/ingest/import_routes.h"
#include "lib/ingest/influx_routes.h"
#include "lib/ingest/insert_door.h"
#include "lib/ingest/opentsdb_routes.h"
#include "lib/ingest/otlp_routes.h"
#include "lib/ingest/remote_write_routes.h"

namespace varve::ingest {

class InsertRoutes {
 public:
  InsertRoutes(Inserter* inserter, InsertGate* gate,
               const InsertRouteOptions& options);

  std::vector<http::Route> Routes();
  // Those of OpenTSDB's own port.
  std::vector<http::Route> OpenTsdbPortRoutes();

  InsertDoor& door() { return door_; }

 private:
  InsertDoor door_;
  RemoteWriteRoutes remote_write_;
  ImportRoutes import_;
  OtlpRoutes otlp_;
  InfluxRoutes influx_;
  OpenTsdbRoutes opentsdb_;
  AgentRoutes agents_;
  DatadogRoutes datadog_;
};

}  // namespace varve::ingest

#endif  // VARVE_LIB_INGEST_INSERT_ROUTES_H_
