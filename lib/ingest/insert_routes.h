// The HTTP routes that take samples.
//
//   /insert/<tenant>/prometheus/api/v1/write (…/push, prometheus,
//   prometheus/): remote write 1.0 and 2.0; …/api/v1/import: JSON lines;
//   …/api/v1/import/prometheus: text. The same below /insert/ without a tenant
//   (headers name it) and, for the one-process server, below / as well.
//
// Answers: 204; 200 "1" to ?get_vm_proto_version; 400 what the client must
//          fix, naming the flag of a limit; 415 a message of remote write that
//          is unknown; 503 with Retry-After for what a retry cures. Of remote
//          write 2.0 each says in headers what was written. Bad series in a
//          good request: the good ones are stored, then a snappy or gzip remote
//          write gets 400 naming some and how many were stored (Prometheus
//          expects it), zstd 204 (vmagent would fall back to snappy for good).
//
// Lifetime: outlives the server its routes are given to.
// Threads:  handlers run on many threads.
#ifndef VARVE_LIB_INGEST_INSERT_ROUTES_H_
#define VARVE_LIB_INGEST_INSERT_ROUTES_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "lib/base/clock.h"
#include "lib/base/mutex.h"
#include "lib/ingest/insert_gate.h"
#include "lib/ingest/inserter.h"
#include "lib/telemetry/metrics.h"
#include "net/http/server.h"

namespace varve::protocol {
class ImportReader;
enum class BodyCodec : uint8_t;
}

namespace varve::ingest {

struct InsertRouteOptions {
  int64_t request_bytes_max = 32 << 20;  // -maxInsertRequestSize
  int64_t line_bytes_max = 10 << 20;     // -import.maxLineLen
  bool tenants_in_headers = true;        // -enableMultitenancyViaHeaders
  // Also "/api/v1/write" and the like, for the one-process server.
  bool tenantless_paths = false;
  telemetry::Metrics* metrics = nullptr;
  const base::Clock* clock = &base::SystemClock();
};

class InsertRoutes {
 public:
  InsertRoutes(Inserter* inserter, InsertGate* gate,
               const InsertRouteOptions& options);

  std::vector<http::Route> Routes();

 private:
  struct Format {
    telemetry::Counter* rows = nullptr;
    telemetry::Counter* invalid = nullptr;
    telemetry::Counter* metadata = nullptr;
    telemetry::RangeHistogram* rows_per_insert = nullptr;
  };
  using Take = absl::Status (InsertRoutes::*)(const http::Request&,
                                              const model::TenantId&,
                                              http::ResponseWriter&);
  struct Endpoint {
    const char* suffix;  // below /insert/<tenant>
    const char* label;   // of vm_http_requests_total, likewise
    const char* protocol;
    Take take;
  };

  http::Route MakeRoute(std::string pattern, std::string label,
                        const Endpoint& endpoint, bool tenant_in_path);
  void Handle(const http::Request& request, bool tenant_in_path, Take take,
              http::ResponseWriter& response);
  absl::Status TakeRemoteWrite(const http::Request& request,
                               const model::TenantId& tenant,
                               http::ResponseWriter& response);
  // The series of a decompressed body, by a walker of lib/protocol.
  template <typename Walker>
  absl::Status StoreSeries(const std::string& body,
                           absl::Status (*check)(std::string_view),
                           const model::TenantId& tenant,
                           const std::vector<model::Label>& extra,
                           InsertOutcome& outcome);
  absl::StatusOr<protocol::BodyCodec> StoreRemoteWrite(
      const http::Request& request, bool version_2,
      const model::TenantId& tenant, InsertOutcome& outcome);
  absl::Status TakeText(const http::Request& request,
                        const model::TenantId& tenant,
                        http::ResponseWriter& response);
  absl::Status TakeJson(const http::Request& request,
                        const model::TenantId& tenant,
                        http::ResponseWriter& response);
  absl::Status TakeImport(const http::Request& request,
                          const model::TenantId& tenant, Format& format,
                          protocol::ImportReader& reader,
                          http::ResponseWriter& response);
  void CountRows(Format& format, const model::TenantId& tenant, int64_t rows);
  Format AddFormat(const std::string& type);

  Inserter* const inserter_;
  InsertGate* const gate_;
  const InsertRouteOptions options_;
  Format remote_write_, text_, json_;

  base::Mutex mutex_;
  std::map<model::TenantId, telemetry::Counter*> tenant_rows_
      GUARDED_BY(mutex_);
};

}  // namespace varve::ingest

#endif  // VARVE_LIB_INGEST_INSERT_ROUTES_H_
