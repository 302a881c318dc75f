#include "net/http/common_routes.h"

#include <algorithm>
#include <thread>
#include <utility>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/status.h"
#include "lib/base/strings.h"
#include "lib/base/version.h"
#include "lib/telemetry/metrics.h"
#include "net/http/request_target.h"

namespace varve::http {
namespace {

constexpr std::string_view kText = "text/plain; charset=utf-8";

Route Make(std::string pattern, Handler handler,
           const std::string* auth_key = nullptr) {
  Route route;
  route.pattern = std::move(pattern);
  route.auth_key = auth_key;
  // These pages take no bodies; a stray one is small.
  route.body_bytes_max = 64 << 10;
  route.prompt = true;
  route.handler = std::move(handler);
  return route;
}

Route MakeText(std::string pattern, std::string text) {
  return Make(std::move(pattern),
              [text = std::move(text)](const Request&, ResponseWriter& out) {
                out.Send(200, kText, text);
              });
}

// True, and answered with 503, while the process starts or drains.
bool AnsweredUnavailable(const Lifecycle& lifecycle, ResponseWriter& out) {
  if (!lifecycle.ready()) {
    out.Send(503, kText, "starting\n");
    return true;
  }
  const int64_t left_s = lifecycle.drain_left_s();
  if (left_s == 0) return false;
  out.Send(503, kText,
           base::StrCat("The server is in delayed shutdown mode, which will "
                        "end in ",
                        left_s, "s"));
  return true;
}

std::string IndexPage(const CommonRouteOptions& options) {
  std::string page =
      base::StrCat("<!DOCTYPE html><html><head><title>", options.program,
                   "</title></head><body><h2>", options.program, " ",
                   base::kVersion, "</h2><ul>");
  auto add = [&](std::string_view path, std::string_view what) {
    base::StrAppend(&page, "<li><a href=\"", path.substr(1), "\">", path,
                    "</a> - ", what, "</li>");
  };
  for (const auto& [path, what] : options.links) add(path, what);
  add("/metrics", "metrics of this process");
  add("/flags", "flags that are set");
  add("/health", "OK while this process takes requests");
  page += "</ul></body></html>\n";
  return page;
}

}  // namespace

void Lifecycle::Drain(absl::Duration delay) {
  const int64_t delay_ms = absl::ToInt64Milliseconds(delay);
  if (delay_ms <= 0) return;
  drain_end_steady_ms_ = base::SystemClock().SteadyMs() + delay_ms;
  // The one sleep in the code: load balancers need the time.
  std::this_thread::sleep_for(std::chrono::milliseconds(delay_ms));
}

int64_t Lifecycle::drain_left_s() const {
  const int64_t end_ms = drain_end_steady_ms_;
  if (end_ms == 0) return 0;
  const int64_t left_ms = end_ms - base::SystemClock().SteadyMs();
  // Past the end the process is going away: still not healthy.
  return left_ms <= 0 ? 1 : (left_ms + 999) / 1000;
}

ServerFlags::ServerFlags(base::FlagSet& flags, std::string default_address)
    : addresses_(flags.List("httpListenAddr", std::move(default_address),
                            "TCP addresses to listen on for HTTP requests")),
      proxy_protocol_(flags.BoolList(
          "httpListenAddr.useProxyProtocol",
          "Whether connections to the -httpListenAddr at the same place come "
          "through a proxy and begin with a PROXY header; one value is for "
          "all")),
      path_prefix_(flags.String(
          "http.pathPrefix", "",
          "Prefix of all HTTP paths, as a proxy in front adds it")),
      connection_age_max_(flags.Duration(
          "http.connTimeout", "2m",
          "Client connections are closed after this time, so that load "
          "spreads over restarted or added processes")),
      idle_max_(flags.Duration("http.idleConnTimeout", "1m",
                               "Idle connections are closed after this time")),
      shutdown_delay_(flags.Duration(
          "http.shutdownDelay", "0",
          "How long to answer /health with 503 before closing the server, so "
          "that load balancers send no more requests")),
      graceful_max_(flags.Duration(
          "http.maxGracefulShutdownDuration", "7s",
          "How long running requests may take to finish at shutdown")),
      disable_compression_(
          flags.Bool("http.disableResponseCompression", false,
                     "Do not compress answers: saves CPU, costs network")),
      disable_cors_(flags.Bool("http.disableCORS", false,
                               "Do not send Access-Control-Allow-Origin: *")),
      enable_ipv6_(
          flags.Bool("enableTCP6", false, "Listen and dial over IPv6 too")),
      user_(flags.String("httpAuth.username", "",
                         "User name of HTTP basic authentication; none is "
                         "asked for if empty")),
      password_(flags.Secret("httpAuth.password",
                             "Password of HTTP basic authentication")),
      metrics_auth_key_(flags.Secret(
          "metricsAuthKey", "Value of ?authKey= that /metrics asks for")),
      flags_auth_key_(flags.Secret("flagsAuthKey",
                                   "Value of ?authKey= that /flags asks for")) {
  for (const char* name : {"tls", "mtls", "cluster.tls", "clusternative.tls"}) {
    tls_.push_back(
        &flags.BoolList(name, "TLS is not supported yet: refused when true"));
  }
  for (const char* name : {"tlsCertFile", "tlsKeyFile", "tlsMinVersion",
                           "tlsCipherSuites", "mtlsCAFile", "tlsAutocertHosts",
                           "tlsAutocertEmail", "tlsAutocertCacheDir"}) {
    flags.Accept(name, "Without -tls it has no effect");
  }
  for (const std::string prefix : {"cluster.", "clusternative."}) {
    for (const char* name : {"tlsCAFile", "tlsCertFile", "tlsKeyFile",
                             "tlsCipherSuites", "tlsInsecureSkipVerify"}) {
      flags.Accept(prefix + name, "Without TLS it has no effect");
    }
  }
  flags.Accept("pprofAuthKey", "No Go profiles are served");
  flags.Accept("http.disableKeepAlive", "Connections are kept alive");
  flags.Accept("http.header.csp", "Not sent");
  flags.Accept("http.header.frameOptions", "Not sent");
  flags.Accept("http.header.hsts", "Not sent");
  flags.Accept("http.header.disableServerHostname", "Not sent");
}

absl::Status ServerFlags::Validate() const {
  for (const base::BoolListFlag* flag : tls_) {
    if (std::ranges::find(flag->value(), true) != flag->value().end()) {
      return base::Unimplemented(
          "-", flag->name(),
          " is not supported yet; without it connections are in the open");
    }
  }
  return absl::OkStatus();
}

ServerAccess ServerFlags::access() const {
  return {NormalPrefix(path_prefix_.value()), user_.value(),
          password_.value()};
}

ServerOptions ServerFlags::Options(telemetry::Metrics* metrics) const {
  ServerOptions options;
  options.addresses = addresses_.value();
  const std::vector<bool>& proxied = proxy_protocol_.value();
  for (size_t i = 0; i < options.addresses.size() && !proxied.empty(); ++i) {
    const bool has_own = i < proxied.size();
    if (!has_own && proxied.size() > 1) break;
    options.proxy_headers.push_back(proxied[has_own ? i : 0]);
  }
  options.path_prefix = path_prefix_.value();
  options.user = user_.value();
  options.password = password_.value();
  options.connection_age_max = connection_age_max_.value();
  options.idle_max = idle_max_.value();
  options.compress = !disable_compression_.value();
  options.cors = !disable_cors_.value();
  options.metrics = metrics;
  return options;
}

std::vector<Route> CommonRoutes(const CommonRouteOptions& options) {
  std::vector<Route> routes;
  const Lifecycle* lifecycle = options.lifecycle;
  routes.push_back(
      Make("/health", [lifecycle](const Request&, ResponseWriter& out) {
        if (!AnsweredUnavailable(*lifecycle, out)) out.Send(200, kText, "OK");
      }));
  routes.push_back(MakeText("/-/healthy", "VictoriaMetrics is Healthy.\n"));
  routes.push_back(
      Make("/-/ready", [lifecycle](const Request&, ResponseWriter& out) {
        if (!AnsweredUnavailable(*lifecycle, out)) {
          out.Send(200, kText, "VictoriaMetrics is Ready.\n");
        }
      }));
  routes.push_back(
      Make("/ping", [](const Request& request, ResponseWriter& out) {
        const bool verbose = request.Argument("verbose") == "true";
        // What InfluxDB's clients ask before they write.
        out.SetHeader("X-Influxdb-Version", "1.8.0");
        out.Send(verbose ? 200 : 204, kText, "");
      }));
  routes.push_back(Make(
      "/metrics",
      [metrics = options.metrics](const Request&, ResponseWriter& out) {
        out.Send(200, "text/plain; version=0.0.4; charset=utf-8",
                 metrics->Text());
      },
      options.server_flags->metrics_auth_key()));
  routes.push_back(Make(
      "/flags",
      [flags = options.flags](const Request&, ResponseWriter& out) {
        out.Send(200, kText, flags->FlagsText());
      },
      options.server_flags->flags_auth_key()));
  routes.push_back(
      MakeText("/debug/pprof/{*}", "profiles of this program: use perf\n"));
  routes.push_back(MakeText("/robots.txt", "User-agent: *\nDisallow: /\n"));
  routes.push_back(MakeText("/favicon.ico", ""));
  routes.push_back(Make(
      "/", [page = IndexPage(options)](const Request&, ResponseWriter& out) {
        out.Send(200, "text/html; charset=utf-8", page);
      }));
  return routes;
}

absl::StatusOr<std::unique_ptr<Server>> StartServer(
    const ServerFlags& flags, telemetry::Metrics* metrics,
    net::Transport* transport, std::vector<Route> routes) {
  ServerOptions options = flags.Options(metrics);
  options.transport = transport;
  ASSIGN_OR_RETURN(std::unique_ptr<Server> server,
                   Server::Start(std::move(options), std::move(routes)));
  for (const std::string& address : server->addresses()) {
    base::LogInfo("started server at http://", address, "/");
  }
  return server;
}

}  // namespace varve::http
