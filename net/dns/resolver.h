// Asks DNS, by the system's configuration (/etc/resolv.conf, /etc/hosts).
//
// Slow: blocks for as long as the system's resolver tries; some seconds when
//   its servers are silent.
// Errors:  Unavailable for whatever may pass, a name that is not there too:
//          it may come to be; DataLoss for an answer that cannot be read.
// Source:  RFC 1035 (messages), RFC 2782 (SRV).
// Threads: all members from any thread.
#ifndef VARVE_NET_DNS_RESOLVER_H_
#define VARVE_NET_DNS_RESOLVER_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace varve::dns {

struct SrvRecord {
  std::string target;  // without the dot at the end
  uint16_t port = 0;
  friend bool operator==(const SrvRecord&, const SrvRecord&) = default;
};

class Resolver {
 public:
  virtual ~Resolver() = default;
  virtual absl::StatusOr<std::vector<SrvRecord>> Srv(
      const std::string& name) = 0;
  // IPv4 and IPv6 addresses as text, without brackets.
  virtual absl::StatusOr<std::vector<std::string>> Addresses(
      const std::string& host) = 0;
};

Resolver& SystemResolver();

// The SRV records of an answer message; those with target "." ("no such
// service") are left out.
absl::StatusOr<std::vector<SrvRecord>> ParseSrvAnswer(std::string_view message);

}  // namespace varve::dns

#endif  // VARVE_NET_DNS_RESOLVER_H_
