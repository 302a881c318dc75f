// The other select nodes (-selectNode), and what they are told.
//
// Lifetime: the transport outlives it.
// Threads:  from any thread but the transport's loop.
#ifndef VARVE_LIB_QUERY_SELECT_PEERS_H_
#define VARVE_LIB_QUERY_SELECT_PEERS_H_

#include <mutex>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "net/http/client.h"

namespace varve::net {
class Transport;
}

namespace varve::query {

// "host[:port]" with the port that select nodes have; InvalidArgument names
// -selectNode.
absl::StatusOr<std::vector<std::string>> ParseSelectNodes(
    const std::vector<std::string>& items);

class SelectPeers {
 public:
  // All of them have the flags of this node: `access`, and `auth_key`, which
  // is -search.resetCacheAuthKey; null or "" for none.
  SelectPeers(net::Transport* transport, std::vector<std::string> addresses,
              http::ServerAccess access, const std::string* auth_key);

  bool empty() const { return addresses_.empty(); }
  // Makes all of them, at once, forget their kept answers; they tell no
  // others. Unavailable names those that did not, or says that another call is
  // under way: each takes a thread for every node.
  absl::Status ResetCaches();

 private:
  absl::Status ResetCache(const std::string& address) const;

  net::Transport* const transport_;
  const std::vector<std::string> addresses_;
  const http::ServerAccess access_;
  const std::string* const auth_key_;
  std::mutex under_way_;
};

}  // namespace varve::query

#endif  // VARVE_LIB_QUERY_SELECT_PEERS_H_
