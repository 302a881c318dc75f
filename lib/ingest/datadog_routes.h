// The routes of DataDog's agent and API clients, below
// /insert/<tenant>/datadog/: api/v1/series and api/v2/series (JSON, the latter
// protobuf by its Content-Type) and api/beta/sketches (protobuf) are stored;
// api/v1/validate, api/v1/check_run, api/v1/metadata and intake are answered.
//
// Answers: 202 for what is stored, as DataDog does. Bad series and points are
//          skipped and counted; 400 for a body that is broken, of which nothing
//          is stored.
// Threads: all members from any thread.
#ifndef VARVE_LIB_INGEST_DATADOG_ROUTES_H_
#define VARVE_LIB_INGEST_DATADOG_ROUTES_H_

#include <vector>

#include "lib/ingest/insert_door.h"
#include "lib/protocol/datadog_labels.h"

namespace varve::ingest {

class DatadogRoutes {
 public:
  explicit DatadogRoutes(InsertDoor* door);

  std::vector<InsertEndpoint> Endpoints();

 private:
  protocol::DatadogOptions ReaderOptions() const;
  absl::Status TakeSeries1(const InsertRequest& request);
  absl::Status TakeSeries2(const InsertRequest& request);
  absl::Status TakeSketches(const InsertRequest& request);

  InsertDoor* const door_;
  const LineOptions& options_;
  const InsertFormat v1_, v2_, sketches_;
};

}  // namespace varve::ingest

#endif  // VARVE_LIB_INGEST_DATADOG_ROUTES_H_
