#include "net/http/common_routes.h"

#include <catch2/catch.hpp>
#include <map>

#include "lib/base/status.h"
#include "lib/telemetry/metrics.h"

namespace varve::http {
namespace {

class KeptAnswer final : public ResponseWriter {
 public:
  void SetHeader(std::string, std::string) override {}
  void Send(int code, std::string_view, std::string_view text) override {
    status = code;
    body = text;
  }
  void Begin(int, std::string_view) override {}
  absl::Status Write(std::string_view) override { return absl::OkStatus(); }
  void Abort() override {}
  bool client_gone() const override { return false; }

  int status = 0;
  std::string body;
};

struct Fixture {
  explicit Fixture(const std::vector<std::string>& args, bool ready = true)
      : flags("varve-test"),
        server_flags(flags, ":8481"),
        metrics("vmselect", &flags),
        lifecycle(ready) {
    int exit_code = 0;
    CHECK(base::Message(flags.Parse(args, &exit_code)) == "");
  }
  KeptAnswer Get(const std::string& path) {
    KeptAnswer answer;
    for (const Route& route : CommonRoutes(
             {&flags, &metrics, &server_flags, &lifecycle, "varve-test"})) {
      if (route.pattern == path) route.handler({}, answer);
    }
    return answer;
  }
  base::FlagSet flags;
  ServerFlags server_flags;
  telemetry::Metrics metrics;
  Lifecycle lifecycle;
};

TEST_CASE("the routes of every role answer", "[http]") {
  Fixture fixture({"-http.pathPrefix=/p"});
  CHECK(fixture.Get("/health").body == "OK");
  CHECK(fixture.Get("/-/healthy").body == "VictoriaMetrics is Healthy.\n");
  CHECK(fixture.Get("/-/ready").body == "VictoriaMetrics is Ready.\n");
  CHECK(fixture.Get("/ping").status == 204);
  CHECK(fixture.Get("/flags").body.find("-http.pathPrefix=\"/p\"") !=
        std::string::npos);
  CHECK(fixture.Get("/metrics").body.find("vm_app_version") !=
        std::string::npos);
  CHECK(fixture.Get("/").body.find("varve-test") != std::string::npos);
}

TEST_CASE("health is 503 before the start is done and while draining",
          "[http]") {
  Fixture fixture({}, /*ready=*/false);
  CHECK(fixture.Get("/health").status == 503);
  fixture.lifecycle.SetReady();
  CHECK(fixture.Get("/health").status == 200);
  fixture.lifecycle.Drain(absl::Milliseconds(1));
  const KeptAnswer answer = fixture.Get("/health");
  CHECK(answer.status == 503);
  CHECK(answer.body.find("delayed shutdown mode") != std::string::npos);
  CHECK(fixture.Get("/-/healthy").status == 200);
}

TEST_CASE("flags become server options; TLS is refused", "[http]") {
  Fixture fixture({"-httpListenAddr=a:1,b:2", "-http.connTimeout=5s",
                   "-http.disableResponseCompression", "-tls=false",
                   "-httpListenAddr.useProxyProtocol"});
  const ServerOptions options = fixture.server_flags.Options(&fixture.metrics);
  CHECK(options.addresses == std::vector<std::string>{"a:1", "b:2"});
  CHECK(options.connection_age_max == absl::Seconds(5));
  CHECK_FALSE(options.compress);
  CHECK(options.proxy_headers == std::vector<bool>{true, true});
  CHECK(fixture.server_flags.Validate().ok());
  for (const char* flag : {"-tls", "-mtls=true", "-cluster.tls=0,1"}) {
    CHECK_FALSE(Fixture({flag}).server_flags.Validate().ok());
  }
}

}  // namespace
}  // namespace varve::http
