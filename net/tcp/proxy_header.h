// The header with which a proxy (HAProxy, an AWS load balancer) begins a
// connection it passes on: whose it was.
//
// In:      what has arrived of a connection, from its first byte.
// Out:     the bytes of the header and the client's address; "" where the proxy
//          speaks for itself (LOCAL of version 2, its health checks) or knows
//          no address (UNKNOWN of version 1, AF_UNSPEC of version 2).
// Errors:  InvalidArgument for what is no such header: text and binary form
//          (versions 1 and 2), TCP over IPv4 and IPv6.
// Threads: a free function without state.
// Source:  "The PROXY protocol, versions 1 & 2", haproxy.org.
#ifndef VARVE_NET_TCP_PROXY_HEADER_H_
#define VARVE_NET_TCP_PROXY_HEADER_H_

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace varve::net {

// Of version 2 with its extensions; the specification allows 64 KiB.
inline constexpr size_t kProxyHeaderBytesMax = 16 + 2048;

struct ProxyHeader {
  size_t bytes = 0;
  std::string client;  // "host:port", "[v6]:port", "" as above
};

// Nothing while the header may still become one: read more. At
// kProxyHeaderBytesMax bytes it is a header or an error.
absl::StatusOr<std::optional<ProxyHeader>> ParseProxyHeader(
    std::string_view bytes);

}  // namespace varve::net

#endif  // VARVE_NET_TCP_PROXY_HEADER_H_
