// The routes of Prometheus remote write, 1.0 and 2.0: /insert/<tenant>/…
// prometheus/api/v1/write, …/push, prometheus, prometheus/; Mimir's
// /api/v1/push.
//
// Answers: 204; 200 "1" to ?get_vm_proto_version; 415 for a message or an
//          encoding that is unknown. Of 2.0 each says in headers what was
//          written. Bad series in a good request: the good ones are stored,
//          then 400 names some and how many were stored (Prometheus expects
//          it); but a zstd body of 1.0 gets 204 (vmagent would fall back to
//          snappy for good).
// Threads: all members from any thread.
// Source:  Prometheus remote write specifications 1.0 and 2.0.
#ifndef VARVE_LIB_INGEST_REMOTE_WRITE_ROUTES_H_
#define VARVE_LIB_INGEST_REMOTE_WRITE_ROUTES_H_

#include <vector>

#include "lib/ingest/insert_door.h"

namespace varve::protocol {
enum class BodyCodec : uint8_t;
}

namespace varve::ingest {

class RemoteWriteRoutes {
 public:
  explicit RemoteWriteRoutes(InsertDoor* door);

  std::vector<InsertEndpoint> Endpoints();

 private:
  absl::Status Take(const InsertRequest& request,
                    http::ResponseWriter& response);
  absl::StatusOr<protocol::BodyCodec> StoreBody(const InsertRequest& request,
                                                bool version_2,
                                                InsertOutcome& outcome);

  InsertDoor* const door_;
  const InsertFormat format_;
};

}  // namespace varve::ingest

#endif  // VARVE_LIB_INGEST_REMOTE_WRITE_ROUTES_H_
