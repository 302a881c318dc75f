// The routes of OTLP/HTTP metrics. VictoriaMetrics': /insert/<tenant>/…
// opentelemetry/v1/metrics, opentelemetry/api/v1/push, with names as its flags
// say. Mimir's and Prometheus': otlp/v1/metrics and
// prometheus/api/v1/otlp/v1/metrics, with names as Prometheus makes them.
//
// Answers: in the encoding of the request. 200 with an
//          ExportMetricsServiceResponse, whose partial_success has the number
//          of refused data points and why; 415 for another Content-Type;
//          errors as google.rpc.Status.
// Threads: all members from any thread.
// Source:  "OTLP Specification", OTLP/HTTP.
#ifndef VARVE_LIB_INGEST_OTLP_ROUTES_H_
#define VARVE_LIB_INGEST_OTLP_ROUTES_H_

#include <vector>

#include "lib/ingest/insert_door.h"
#include "lib/protocol/otlp_answer.h"
#include "lib/protocol/otlp_labels.h"

namespace varve::ingest {

class OtlpRoutes {
 public:
  explicit OtlpRoutes(InsertDoor* door);

  std::vector<InsertEndpoint> Endpoints();

 private:
  struct Refused;
  absl::Status Take(const protocol::OtlpOptions& options,
                    const InsertRequest& request,
                    http::ResponseWriter& response);
  absl::Status Store(const protocol::OtlpOptions& options,
                     protocol::OtlpEncoding encoding, std::string body,
                     const InsertRequest& request, Refused& refused);

  InsertDoor* const door_;
  const InsertFormat format_;
  const protocol::OtlpOptions named_by_flags_;
  const protocol::OtlpOptions named_as_prometheus_;
};

}  // namespace varve::ingest

#endif  // VARVE_LIB_INGEST_OTLP_ROUTES_H_
