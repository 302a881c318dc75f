// Hands requests about rules and alerts to vmalert (-vmalert.proxyURL).
//
// Method, path, arguments and body go there; credentials of the request do
// not: they are for this node.
//
// Errors:  Unavailable when there is no answer, DeadlineExceeded when it takes
//          too long, Cancelled after GiveUp and when the client has gone,
//          ResourceExhausted when it is too large or too many requests are
//          under way. Texts name the flag.
// Lifetime: the transport outlives it.
// Threads:  from any thread but the transport's loop.
#ifndef VARVE_LIB_QUERY_VMALERT_PROXY_H_
#define VARVE_LIB_QUERY_VMALERT_PROXY_H_

#include <atomic>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "net/http/client.h"
#include "net/http/server.h"

namespace varve::net {
class Transport;
}

namespace varve::query {

class VmalertProxy {
 public:
  VmalertProxy(net::Transport* transport, http::BaseUrl url);

  // InvalidArgument names the flag.
  static absl::StatusOr<http::BaseUrl> ParseUrl(std::string_view text);

  // What vmalert answers at `path`, which begins with a slash.
  absl::StatusOr<http::ClientAnswer> Ask(std::string_view path,
                                         const http::Request& request,
                                         const http::ResponseWriter& client);
  // Requests under way end, later ones too: this process stops.
  void GiveUp() { given_up_ = true; }

 private:
  absl::StatusOr<http::ClientAnswer> Fetch(
      std::string_view path, const http::Request& request,
      const http::ResponseWriter& client) const;

  net::Transport* const transport_;
  const http::BaseUrl url_;
  std::atomic<int> under_way_{0};
  std::atomic<bool> given_up_{false};
};

}  // namespace varve::query

#endif  // VARVE_LIB_QUERY_VMALERT_PROXY_H_
