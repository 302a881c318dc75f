// HTTP/1.1 server: routes, requests, answers.
//
// Every route is registered once with its pattern, authorisation key and
// metrics label; prefix handling, request counters, CORS and error texts
// follow from that. Bytes only: what a path part means is the handler's.
//
// Keep-alive, pipelining, chunked bodies both ways, Expect: 100-continue;
// answers are compressed (gzip, else zstd) when the client accepts it. Every
// read has a size and a time limit.
//
// Answers made here: 400 `unsupported path requested: "<path>"`, 400 for what
// is not HTTP or over a limit, 401, 204 to OPTIONS, 503 with Retry-After when
// the bodies in flight take too much memory, and to a streamed body when all
// threads for such are held and as many wait for one.
//
// Threads: handlers run on pool threads and may block.
#ifndef VARVE_NET_HTTP_SERVER_H_
#define VARVE_NET_HTTP_SERVER_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace varve::net {
class Stream;
class Transport;
}
namespace varve::telemetry {
class Metrics;
}

namespace varve::http {

using Arguments = std::vector<std::pair<std::string, std::string>>;

// What of a request's body is still to come. Belongs to the handler's thread.
class BodyStream {
 public:
  virtual ~BodyStream() = default;
  // Replaces `piece` by the next bytes; by none at the end of the body. Blocks
  // until there are some. InvalidArgument when the framing is broken; Cancelled
  // when the client has gone; Unavailable when it sent nothing for
  // read_timeout, less than kStreamedBytesMin while that long was waited for
  // it, or, while others wait for its place, less than the route's
  // streamed_rate_min. An error stays.
  virtual absl::Status Read(std::string& piece) = 0;
  // The client has gone or the server stops: who waits for something else
  // should end.
  virtual bool Ends() { return false; }
};

struct Request {
  std::string method;       // "GET"
  std::string path;         // decoded, prefix removed, "//" collapsed
  Arguments arguments;      // of the URL, then of a form body; decoded
  Arguments headers;        // names in lower case
  std::string body;         // as received: still compressed
  BodyStream* rest = nullptr;  // of a streamed body; null: `body` is all
  std::string remote_addr;  // host:port
  std::vector<std::string> captures;  // what the pattern's {}s matched

  // "" when absent; the first where repeated.
  std::string_view Argument(std::string_view name) const;
  std::vector<std::string> AllArguments(std::string_view name) const;
  bool HasArgument(std::string_view name) const;
  std::string_view Header(std::string_view lower_case_name) const;
};

// Answers one request: either Send, or Begin and Writes. When the handler
// returns without answering, 500 is sent. Compression is automatic.
class ResponseWriter {
 public:
  virtual ~ResponseWriter() = default;
  // Before Send or Begin.
  virtual void SetHeader(std::string name, std::string value) = 0;
  virtual void Send(int status, std::string_view content_type,
                    std::string_view body) = 0;
  // Starts a chunked answer.
  virtual void Begin(int status, std::string_view content_type) = 0;
  // Blocks for a slow client; Cancelled when it has gone.
  virtual absl::Status Write(std::string_view bytes) = 0;
  // After an error past Begin: closes the connection, so that the client sees
  // a cut body rather than a complete one.
  virtual void Abort() = 0;
  // From any thread.
  virtual bool client_gone() const = 0;
};

// Smaller bodies, and those that drip, hold no thread until they are there.
inline constexpr size_t kStreamedBytes = 1 << 20;
// Of a streamed body, in a read_timeout of waiting for its client: one that
// drips would hold its thread for ever.
inline constexpr size_t kStreamedBytesMin = 64 << 10;

using Handler = std::function<void(const Request&, ResponseWriter&)>;

struct Route {
  // "/insert/{}/prometheus/api/v1/write": {} matches one path part; a last
  // part {*} matches the rest.
  std::string pattern;
  // Value of the path label of vm_http_requests_total; "" is the pattern.
  std::string label;
  // Value of its protocol label; "" for none.
  std::string protocol = {};
  // Authorisation key asked of ?authKey=; null or "" for none.
  const std::string* auth_key = nullptr;
  // Body limit in bytes as received; the text of the 400 names `limit_flag`.
  int64_t body_bytes_max = 64 << 20;
  std::string limit_flag;
  // The body is data even when its type says form, as `curl -d` does: it adds
  // nothing to the arguments.
  bool raw_body = false;
  // The handler is called when kStreamedBytes of a body are there, or all of
  // it, and reads the rest as it comes; such a body has no limit. It waits on
  // threads of its own, so that slow senders hold no other handlers.
  bool streamed = false;
  // Of those, in bytes a second of waiting for the client: one that sends less
  // gives its place to others that wait. The text of the error names the flag.
  int64_t streamed_rate_min = 0;
  std::string streamed_rate_flag = {};
  // Waits for nobody: has threads of its own, so that probes and scrapes are
  // answered while all other handlers wait.
  bool prompt = false;
  Handler handler;
};

struct ServerOptions {
  // "host:port"; port 0 picks one. None: only what Serve is given.
  std::vector<std::string> addresses;
  // Of each address, false past the end: as net::ListenOptions.
  std::vector<bool> proxy_headers;
  std::string path_prefix;             // -http.pathPrefix
  std::string user;                    // -httpAuth.username
  std::string password;
  absl::Duration connection_age_max = absl::Minutes(2);  // -http.connTimeout
  absl::Duration idle_max = absl::Minutes(1);      // -http.idleConnTimeout
  absl::Duration read_timeout = absl::Seconds(30); // between bytes of a request
  bool compress = true;
  int handler_threads_max = 0;  // 0: from the CPUs
  // Of streamed bodies that still come; as many more wait, the rest get 503.
  int stream_threads_max = 0;  // likewise
  telemetry::Metrics* metrics = nullptr;
  // Null: the server has an event loop of its own. Outlives the server.
  net::Transport* transport = nullptr;
  bool cors = true;  // Access-Control-Allow-Origin: *; -http.disableCORS
  // Bodies being received or handled, all connections together; above it new
  // ones get 503. 0: an eighth of the memory limit. Of a streamed body it
  // counts what was there when its handler was called: what comes later, and
  // what the handler makes of it, is bounded by stream_threads_max alone.
  int64_t body_bytes_in_flight_max = 0;
};

class Server {
 public:
  // Listens at once; the real addresses are in addresses(). REQUIRES: metrics.
  static absl::StatusOr<std::unique_ptr<Server>> Start(ServerOptions options,
                                                       std::vector<Route> routes);
  virtual ~Server() = default;
  virtual const std::vector<std::string>& addresses() const = 0;
  // Serves a connection that someone else has accepted.
  virtual void Serve(std::unique_ptr<net::Stream> stream) = 0;
  // Refuses new connections, waits for running handlers up to `grace`, closes.
  virtual void Stop(absl::Duration grace) = 0;
};

// The body after Content-Encoding gzip, deflate, zstd or snappy, in its block
// format (identity and none: as it is). InvalidArgument for damage and for
// more than `bytes_max` bytes; the text names `limit_flag`.
absl::StatusOr<std::string> DecodedBody(const Request& request,
                                        int64_t bytes_max,
                                        std::string_view limit_flag);

}  // namespace varve::http

#endif  // VARVE_NET_HTTP_SERVER_H_
