// A service of a node as another one's calls come to it, for tests.
#ifndef VARVE_LIB_STORENODE_WATCHED_SERVICE_H_
#define VARVE_LIB_STORENODE_WATCHED_SERVICE_H_

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "lib/wire/methods.h"
#include "net/rpc/rpc.h"

namespace varve::storenode {

// Looks at a call before the node has it; a status ends it without the node.
using Watch = std::function<std::optional<absl::Status>(rpc::ServerCall&)>;

class WatchedService final : public rpc::Service {
 public:
  // Both outlive it; a watch is changed while nobody calls.
  WatchedService(rpc::Service* service, const Watch* watch)
      : service_(service), watch_(watch) {}
  std::string Hello() override { return hello.value_or(service_->Hello()); }
  absl::Status Accept(std::string_view greeting) override {
    return service_->Accept(greeting);
  }
  absl::Status Handle(rpc::ServerCall& call) override {
    // Nodes hear one another in a thread of its own.
    const bool watched = *watch_ != nullptr && call.method() != wire::kCoverage;
    const auto ended = watched ? (*watch_)(call) : std::nullopt;
    return ended ? *ended : service_->Handle(call);
  }

  std::optional<std::string> hello;  // instead of the node's

 private:
  rpc::Service* const service_;
  const Watch* const watch_;
};

}  // namespace varve::storenode

#endif  // VARVE_LIB_STORENODE_WATCHED_SERVICE_H_
