// OpenTSDB's HTTP put: JSON, a data point or an array of them, to
// /insert/<tenant>/opentsdb/api/put, and on OpenTSDB's own port also to
// /insert/<tenant>/api/put, /opentsdb/api/put and /api/put.
//
// Answers: 204, also when data points were bad (they are skipped and counted);
//          400 for what is not JSON, and nothing is stored then.
// Threads: all members from any thread.
#ifndef VARVE_LIB_INGEST_OPENTSDB_ROUTES_H_
#define VARVE_LIB_INGEST_OPENTSDB_ROUTES_H_

#include <vector>

#include "lib/ingest/insert_door.h"

namespace varve::ingest {

class OpenTsdbRoutes {
 public:
  explicit OpenTsdbRoutes(InsertDoor* door);

  std::vector<InsertEndpoint> Endpoints();
  std::vector<InsertEndpoint> PortEndpoints();

 private:
  InsertEndpoint Endpoint(const char* suffix);
  absl::Status TakePut(const InsertRequest& request,
                       http::ResponseWriter& response);

  InsertDoor* const door_;
  const LineOptions& options_;
  const InsertFormat format_;
};

}  // namespace varve::ingest

#endif  // VARVE_LIB_INGEST_OPENTSDB_ROUTES_H_
