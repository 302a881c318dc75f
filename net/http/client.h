// HTTP/1.1 client: one request, one answer, on a connection of its own.
//
// Redirects are not followed, answers are asked for without compression, and
// http:// is all there is: TLS comes with net/tcp's.
//
// Errors:  InvalidArgument for a URL; Unavailable when nobody answers, the
//          answer is cut or no HTTP; DeadlineExceeded; Cancelled when the
//          caller gives up; ResourceExhausted for an answer over
//          `body_bytes_max`. Texts name the address.
// Threads: Fetch blocks its caller; call it from any thread but the loop's.
// Source:  RFC 9112.
#ifndef VARVE_NET_HTTP_CLIENT_H_
#define VARVE_NET_HTTP_CLIENT_H_

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "net/http/server.h"

namespace varve::http {

// http://host[:port][/path], without user, query or fragment.
struct BaseUrl {
  std::string address;  // "host:port"
  std::string path;     // "" or "/prefix", without a slash at its end

  static absl::StatusOr<BaseUrl> Parse(std::string_view text);
};

struct ClientRequest {
  std::string method = "GET";
  std::string address;       // "host:port"
  std::string target = "/";  // path and query, percent-encoded
  Arguments headers;         // beside Host, Connection, Accept-Encoding
                             // and Content-Length
  std::string body;
  // Asked before each wait and piece of the answer, and some times a second
  // while there is nothing; true ends the request.
  std::function<bool()> given_up = nullptr;
  // Takes the body of a 200 piece by piece: it may be of any size, and the
  // answer has none. False ends the request. What is cut is an error when all
  // that came has been taken.
  std::function<bool(std::string_view piece)> take_body = nullptr;
};

// What a server asks for by -http.pathPrefix and -httpAuth.*.
struct ServerAccess {
  std::string path_prefix;  // "" or "/prefix"
  std::string user;         // nothing is asked for without both
  std::string password;
};

struct ClientLimits {
  absl::Duration timeout = absl::Seconds(10);  // of everything together
  int64_t body_bytes_max = 16 << 20;
};

struct ClientAnswer {
  int status = 0;
  Arguments headers;  // names in lower case
  std::string body;

  std::string_view Header(std::string_view lower_case_name) const;
};

absl::StatusOr<ClientAnswer> Fetch(net::Transport& transport,
                                   const ClientRequest& request,
                                   const ClientLimits& limits);

// As `access` asks for: to be called once, with a target without prefix.
void AddAccess(const ServerAccess& access, ClientRequest& request);

// "/api/v1/x" and "a=1&b=2" with everything escaped that must be.
std::string EscapePath(std::string_view path);
std::string EscapeArguments(const Arguments& arguments);

}  // namespace varve::http

#endif  // VARVE_NET_HTTP_CLIENT_H_
