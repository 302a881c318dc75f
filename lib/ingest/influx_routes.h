// The routes of InfluxDB clients: line protocol to /insert/<tenant>/influx/
// write, …/api/v2/write and /api/v1/push/influx/write, and what clients ask
// before they write.
//
// Answers: write 204; 400 when lines were bad: the good ones are stored all the
//          same, the text counts the bad ones and names the first. In stream
//          mode (header Stream-Mode: 1, -influx.forceStreamMode) 204 then too.
//          query: 200, the databases of -influx.databaseNames, whatever is
//          asked. health: 200.
// Threads: all members from any thread.
#ifndef VARVE_LIB_INGEST_INFLUX_ROUTES_H_
#define VARVE_LIB_INGEST_INFLUX_ROUTES_H_

#include <string>
#include <vector>

#include "lib/ingest/insert_door.h"

namespace varve::ingest {

class InfluxRoutes {
 public:
  explicit InfluxRoutes(InsertDoor* door);

  std::vector<InsertEndpoint> Endpoints();

 private:
  absl::Status TakeWrite(const InsertRequest& request,
                         http::ResponseWriter& response);

  InsertDoor* const door_;
  const LineOptions& options_;
  const InsertFormat format_;
  const std::string databases_;  // the answer to queries
};

}  // namespace varve::ingest

#endif  // VARVE_LIB_INGEST_INFLUX_ROUTES_H_
