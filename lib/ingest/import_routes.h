// The routes of imports: JSON lines to
// /insert/<tenant>/prometheus/api/v1/import, Prometheus text and OpenMetrics
// to …/api/v1/import/prometheus, CSV to …/api/v1/import/csv, VictoriaMetrics'
// binary format to …/api/v1/import/native.
//
// As to a Pushgateway, text may be sent to …/import/prometheus/metrics/job/
// <job>/<label>/<value>…: the labels of the path are set on every series; a
// name with @base64 behind it has its value in URL-safe base64.
//
// A body may have any size: it is stored in blocks while it comes. Not so what
// is packed in snappy, or unpacks as only bombs do: net/http/body_reader.h.
//
// Answers: 204, also when lines were bad (they are skipped and counted), 200
//          as a Pushgateway; 400 for a binary body that is broken, for a line
//          over both -import.maxLineLen and a MiB, and for arguments that
//          cannot be read. What was stored before the error
//          stands and is told of; of a broken binary body of one block nothing
//          is stored.
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
  absl::Status TakePush(const InsertRequest& request,
                        http::ResponseWriter& response);
  absl::Status StoreText(const InsertRequest& request);
  absl::Status TakeCsv(const InsertRequest& request,
                       http::ResponseWriter& response);
  absl::Status TakeJson(const InsertRequest& request,
                        http::ResponseWriter& response);
  absl::Status TakeNative(const InsertRequest& request,
                          http::ResponseWriter& response);

  InsertDoor* const door_;
  const InsertFormat text_, json_, csv_, native_;
};

}  // namespace varve::ingest

#endif  // VARVE_LIB_INGEST_IMPORT_ROUTES_H_
