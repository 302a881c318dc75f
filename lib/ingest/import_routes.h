// The routes of imports: JSON lines to
// /insert/<tenant>/prometheus/api/v1/import, Prometheus text to
// …/api/v1/import/prometheus, VictoriaMetrics' binary format to
// …/api/v1/import/native.
//
// Answers: 204, also when lines were bad (they are skipped and counted); 400
//          for a binary body that is broken, of which nothing is stored.
// Threads: all members from any thread.
#ifndef VARVE_LIB_INGEST_IMPORT_ROUTES_H_
#define VARVE_LIB_INGEST_IMPORT_ROUTES_H_

#include <vector>

#include "lib/ingest/insert_door.h"

namespace varve::ingest {

class ImportRoutes {
 public:
  explicit ImportRoutes(InsertDoor* door);

  std::vector<InsertEndpoint> Endpoints();

 private:
  absl::Status TakeText(const InsertRequest& request,
                        http::ResponseWriter& response);
  absl::Status TakeJson(const InsertRequest& request,
                        http::ResponseWriter& response);
  absl::Status TakeNative(const InsertRequest& request,
                          http::ResponseWriter& response);

  InsertDoor* const door_;
  const InsertFormat text_, json_, native_;
};

}  // namespace varve::ingest

#endif  // VARVE_LIB_INGEST_IMPORT_ROUTES_H_
