// What every role's HTTP server has: its flags and the routes for operators.
//
// /health, /-/healthy, /-/ready, /ping, /metrics, /flags, /robots.txt,
// /favicon.ico, / and a note under /debug/pprof/.
//
//   http::ServerFlags server_flags(flags, ":8481");
//   flags.ParseOrExit(argc, argv);
//   http::Lifecycle lifecycle;
//   auto routes = http::CommonRoutes({&flags, &metrics, &server_flags,
//                                     &lifecycle, "varve-select"});
//   routes.insert(routes.end(), ...the role's own...);
//   auto server = http::StartServer(server_flags, &metrics, &transport,
//                                   std::move(routes));
//   signals.Wait();
//   lifecycle.Drain(server_flags.shutdown_delay());  // blocks for the delay
//   server->Stop(server_flags.graceful_max());
//
// Lifetime: all the pointers outlive the server.
// Threads:  Lifecycle from any thread.
#ifndef VARVE_NET_HTTP_COMMON_ROUTES_H_
#define VARVE_NET_HTTP_COMMON_ROUTES_H_

#include <atomic>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "lib/base/flags.h"
#include "net/http/client.h"
#include "net/http/server.h"

namespace varve::http {

// Where the process stands, as /health tells load balancers.
class Lifecycle {
 public:
  // False until SetReady: /health and /-/ready answer 503 "starting".
  explicit Lifecycle(bool ready = true) : ready_(ready) {}

  void SetReady() { ready_ = true; }
  bool ready() const { return ready_; }

  // From now on /health answers 503, so that no new requests are sent here;
  // returns when `delay` has passed, at once for zero.
  void Drain(absl::Duration delay);
  // Seconds of the delay that are left, rounded up; 0 when not draining.
  int64_t drain_left_s() const;

 private:
  std::atomic<bool> ready_;
  std::atomic<int64_t> drain_end_steady_ms_{0};
};

// -httpListenAddr, -http.*, -httpAuth.* and the keys of operators' pages.
class ServerFlags {
 public:
  ServerFlags(base::FlagSet& flags, std::string default_address);

  ServerOptions Options(telemetry::Metrics* metrics) const;
  // By which processes with the same flags are reached.
  ServerAccess access() const;
  // For the transport that listens.
  bool enable_ipv6() const { return enable_ipv6_.value(); }
  // Unimplemented for what would be unsafe to ignore: -tls, -mtls,
  // -cluster.tls.
  absl::Status Validate() const;
  absl::Duration shutdown_delay() const { return shutdown_delay_.value(); }
  absl::Duration graceful_max() const { return graceful_max_.value(); }
  const std::string* metrics_auth_key() const {
    return &metrics_auth_key_.value();
  }
  const std::string* flags_auth_key() const { return &flags_auth_key_.value(); }

 private:
  const base::ListFlag& addresses_;
  const base::BoolListFlag& proxy_protocol_;
  const base::StringFlag& path_prefix_;
  const base::DurationFlag& connection_age_max_;
  const base::DurationFlag& idle_max_;
  const base::DurationFlag& shutdown_delay_;
  const base::DurationFlag& graceful_max_;
  const base::BoolFlag& disable_compression_;
  const base::BoolFlag& disable_cors_;
  std::vector<const base::BoolListFlag*> tls_;
  const base::BoolFlag& enable_ipv6_;
  const base::StringFlag& user_;
  const base::StringFlag& password_;
  const base::StringFlag& metrics_auth_key_;
  const base::StringFlag& flags_auth_key_;
};

struct CommonRouteOptions {
  const base::FlagSet* flags = nullptr;
  const telemetry::Metrics* metrics = nullptr;
  const ServerFlags* server_flags = nullptr;
  const Lifecycle* lifecycle = nullptr;
  std::string program;  // the title of /
  // Shown on /: path and what it is.
  std::vector<std::pair<std::string, std::string>> links = {};
};

std::vector<Route> CommonRoutes(const CommonRouteOptions& options);

// Listens as the flags say, and logs where. The transport outlives the result.
absl::StatusOr<std::unique_ptr<Server>> StartServer(const ServerFlags& flags,
                                                    telemetry::Metrics* metrics,
                                                    net::Transport* transport,
                                                    std::vector<Route> routes);

}  // namespace varve::http

#endif  // VARVE_NET_HTTP_COMMON_ROUTES_H_
