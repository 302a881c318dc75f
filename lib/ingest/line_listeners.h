// The ports that take lines: Graphite, InfluxDB and OpenTSDB over TCP and UDP,
// and OpenTSDB's HTTP.
//
// Lines say whose they are by their labels (tenant_labels.h), 0:0 without. What
// storage cannot take now is tried again while the sender waits (net/line); bad
// lines are skipped, counted and logged as those of HTTP are.
//
// Lifetime: the door, the gate, transport and metrics outlive it.
// Threads:  all members from any thread.
#ifndef VARVE_LIB_INGEST_LINE_LISTENERS_H_
#define VARVE_LIB_INGEST_LINE_LISTENERS_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "lib/ingest/insert_door.h"
#include "lib/ingest/insert_gate.h"
#include "net/http/server.h"
#include "net/line/line_server.h"

namespace varve::ingest {

class LineListeners {
 public:
  // Listens where the door's LineOptions say, and logs where. `http` gives
  // limits and passwords of OpenTSDB's HTTP, `http_routes` its paths.
  static absl::StatusOr<std::unique_ptr<LineListeners>> Start(
      InsertDoor* door, InsertGate* gate, net::Transport* transport,
      http::ServerOptions http, std::vector<http::Route> http_routes);

  // Takes no more, stores what has arrived.
  void Stop(absl::Duration grace);

 private:
  LineListeners(InsertDoor* door, InsertGate* gate, net::Transport* transport);

  absl::Status StartHttp(http::ServerOptions http,
                         std::vector<http::Route> routes);
  absl::Status StartLines();
  absl::StatusOr<std::string> Listen(net::LineServerOptions options);
  // Makes a reader of a block's lines.
  template <typename MakeReader>
  std::function<absl::Status(const net::LineBlock&)> Sink(
      const InsertFormat& format, MakeReader make_reader);

  InsertDoor* const door_;
  InsertGate* const gate_;
  net::Transport* const transport_;
  const LineOptions& options_;
  std::unique_ptr<http::Server> http_;  // takes connections from lines_
  std::vector<std::unique_ptr<net::LineServer>> lines_;
};

}  // namespace varve::ingest

#endif  // VARVE_LIB_INGEST_LINE_LISTENERS_H_
