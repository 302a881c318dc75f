#include "net/http/server.h"

#include <catch2/catch.hpp>

#include "lib/base/strings.h"
#include "lib/compress/compress.h"
#include "lib/telemetry/metrics.h"
#include "net/http/raw_client.h"

namespace varve::http {
namespace {

const std::string kKey = "secret";

// Says what it received.
void Echo(const Request& request, ResponseWriter& writer) {
  std::string text = base::StrCat(request.method, " ", request.path, "\n");
  for (const auto& [name, value] : request.arguments) {
    base::StrAppend(&text, name, "=", value, "\n");
  }
  for (const auto& capture : request.captures) {
    base::StrAppend(&text, "capture ", capture, "\n");
  }
  base::StrAppend(&text, "body ", request.body.size(), ":",
                  request.body.substr(0, 100), "\n");
  writer.Send(200, "text/plain", text);
}

std::vector<Route> Routes() {
  std::vector<Route> routes;
  routes.push_back({.pattern = "/echo/{}", .handler = Echo});
  routes.push_back({.pattern = "/raw", .raw_body = true, .handler = Echo});
  routes.push_back({.pattern = "/key", .auth_key = &kKey, .handler = Echo});
  routes.push_back({.pattern = "/health", .handler = Echo});
  routes.push_back({.pattern = "/none",
                    .handler = [](const Request&, ResponseWriter&) {}});
  routes.push_back({.pattern = "/empty",
                    .handler = [](const Request&, ResponseWriter& writer) {
                      writer.Send(204, "", "");
                    }});
  routes.push_back(
      {.pattern = "/stream/{}",
       .handler = [](const Request& request, ResponseWriter& writer) {
         writer.Begin(200, "text/plain");
         const int64_t pieces = std::atoll(request.captures[0].c_str());
         for (int64_t i = 0; i < pieces; ++i) {
           if (!writer.Write(std::string(1000, 'a' + i % 26)).ok()) return;
         }
         if (request.HasArgument("abort")) writer.Abort();
       }});
  return routes;
}

struct TestServer {
  explicit TestServer(ServerOptions options = {}) {
    options.addresses = {"127.0.0.1:0"};
    options.metrics = &metrics;
    auto started = Server::Start(std::move(options), Routes());
    REQUIRE(started.ok());
    server = *std::move(started);
  }
  const std::string& address() const { return server->addresses()[0]; }

  telemetry::Metrics metrics{"vmtest", nullptr};
  std::unique_ptr<Server> server;
};

TEST_CASE("a connection serves one request after another", "[http]") {
  TestServer test;
  RawClient client(test.address());
  for (int i = 0; i < 3; ++i) {
    const auto answer = client.Get(base::StrCat("/echo/", i, "?a=b&a=c"));
    CHECK(answer.status() == 200);
    CHECK(answer.body == base::StrCat("GET /echo/", i, "\na=b\na=c\ncapture ",
                                      i, "\nbody 0:\n"));
    CHECK(answer.Has("X-Server-Hostname: "));
    CHECK(answer.Has("Vary: Accept-Encoding"));
  }
  CHECK(test.metrics.Text().find(
            "vm_http_requests_total{path=\"/echo/{}\"} 3") !=
        std::string::npos);
  CHECK(test.metrics.Text().find("vm_tcplistener_accepts_total{name=\"http\"") !=
        std::string::npos);
}

TEST_CASE("pipelined requests are answered in order", "[http]") {
  TestServer test;
  RawClient client(test.address());
  std::string bytes;
  for (int i = 0; i < 50; ++i) {
    base::StrAppend(&bytes, "POST /echo/", i,
                    " HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc");
  }
  client.Send(bytes);
  for (int i = 0; i < 50; ++i) {
    CHECK(client.ReadAnswer().body ==
          base::StrCat("POST /echo/", i, "\ncapture ", i, "\nbody 3:abc\n"));
  }
}

TEST_CASE("a request cut into single bytes is one request", "[http]") {
  TestServer test;
  RawClient client(test.address());
  for (const char c : std::string_view(
           "POST /echo/x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: "
           "chunked\r\n\r\n3\r\nabc\r\n2;e=1\r\nde\r\n0\r\n\r\n")) {
    client.Send({&c, 1});
  }
  CHECK(client.ReadAnswer().body ==
        "POST /echo/x\ncapture x\nbody 5:abcde\n");
}

TEST_CASE("100-continue is answered before the body", "[http]") {
  TestServer test;
  RawClient client(test.address());
  client.Send(
      "POST /echo/x HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n"
      "Content-Length: 2\r\n\r\n");
  CHECK(client.ReadUntil("\r\n\r\n") == "HTTP/1.1 100 Continue\r\n\r\n");
  client.Send("ab");
  CHECK(client.ReadAnswer().body == "POST /echo/x\ncapture x\nbody 2:ab\n");
}

TEST_CASE("an unknown path is 400 and the connection goes on", "[http]") {
  TestServer test;
  RawClient client(test.address());
  const auto answer = client.Get("/no//such?x=1");
  CHECK(answer.status() == 400);
  CHECK(answer.Has("Content-Type: text/plain"));
  CHECK(answer.body == "unsupported path requested: \"/no/such\"\n");
  CHECK(client.Get("/echo/1").status() == 200);
  CHECK(test.metrics.Text().find("vm_http_request_errors_total{path=\"*\","
                                 "reason=\"unsupported\"} 1") !=
        std::string::npos);
}

TEST_CASE("OPTIONS is 204 with CORS", "[http]") {
  TestServer test;
  RawClient client(test.address());
  client.Send("OPTIONS /any HTTP/1.1\r\nHost: x\r\n\r\n");
  const auto answer = client.ReadAnswer();
  CHECK(answer.status() == 204);
  CHECK(answer.Has("Access-Control-Allow-Origin: *"));
  CHECK(client.Get("/echo/1").status() == 200);
}

TEST_CASE("what is not HTTP is 400 and the end", "[http]") {
  TestServer test;
  for (const char* bytes :
       {"garbage\r\n\r\n", "GET /echo/%zz HTTP/1.1\r\nHost: x\r\n\r\n",
        "POST /echo/1 HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        "POST /echo/1 HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"}) {
    CAPTURE(bytes);
    RawClient client(test.address());
    client.Send(bytes);
    CHECK(client.ReadAnswer().status() == 400);
  }
}

TEST_CASE("large answers are gzip, small ones are as they are", "[http]") {
  TestServer test;
  RawClient client(test.address());
  const std::string accept = "Accept-Encoding: zstd, gzip;q=0.5\r\n";
  CHECK_FALSE(client.Get("/echo/1", accept).Has("Content-Encoding"));
  CHECK_FALSE(client.Get("/stream/10").Has("Content-Encoding"));
  for (const char* pieces : {"10", "100", "5000"}) {
    CAPTURE(pieces);
    const auto answer =
        client.Get(std::string("/stream/") + pieces, accept);
    REQUIRE(answer.complete);
    CHECK(answer.Has("Content-Encoding: gzip"));
    std::string plain;
    REQUIRE(compress::GzipDecompress(answer.body, 1 << 24, plain).ok());
    CHECK(plain.size() ==
          static_cast<size_t>(std::atoi(pieces)) * size_t{1000});
  }
  const auto zstd =
      client.Get("/stream/100", "Accept-Encoding: gzip;q=0, zstd\r\n");
  CHECK(zstd.Has("Content-Encoding: zstd"));
  std::string plain;
  REQUIRE(compress::ZstdDecompress(zstd.body, 1 << 24, plain).ok());
  CHECK(plain.size() == 100'000);
}

TEST_CASE("a streamed answer comes whole in chunks", "[http]") {
  TestServer test;
  RawClient client(test.address());
  const auto small = client.Get("/stream/3");
  CHECK(small.Has("Content-Length: 3000"));
  const auto large = client.Get("/stream/20000");
  CHECK(large.Has("Transfer-Encoding: chunked"));
  CHECK(large.complete);
  CHECK(large.body.size() == 20'000'000);
  CHECK(client.Get("/stream/0").Has("Content-Length: 0"));
}

TEST_CASE("HTTP/1.0 gets no chunks", "[http]") {
  TestServer test;
  RawClient client(test.address());
  client.Send("GET /stream/1000 HTTP/1.0\r\n\r\n");
  const auto answer = client.ReadUntil("\r\n\r\n");
  CHECK(answer.find("chunked") == std::string::npos);
  CHECK(client.ReadToEnd().size() == 1'000'000);
}

TEST_CASE("HEAD has a head and no body", "[http]") {
  TestServer test;
  RawClient client(test.address());
  client.Send("HEAD /echo/1 HTTP/1.1\r\nHost: x\r\n\r\n");
  CHECK(client.ReadUntil("\r\n\r\n").find("Content-Length: 31") !=
        std::string::npos);
  CHECK(client.Get("/echo/1").status() == 200);
}

TEST_CASE("an aborted answer is seen to be cut", "[http]") {
  TestServer test;
  for (const char* target : {"/stream/1?abort", "/stream/1000?abort"}) {
    CAPTURE(target);
    RawClient client(test.address());
    const auto answer = client.Get(target);
    CHECK(answer.status() == 200);
    CHECK_FALSE(answer.complete);
    CHECK(client.AtEnd());
  }
}

TEST_CASE("a handler without an answer is 500", "[http]") {
  TestServer test;
  RawClient client(test.address());
  CHECK(client.Get("/none").status() == 500);
  CHECK(client.Get("/empty").status() == 204);
  CHECK(client.Get("/echo/1").status() == 200);
}

TEST_CASE("forms become arguments unless the route says data", "[http]") {
  TestServer test;
  RawClient client(test.address());
  const std::string head =
      " HTTP/1.1\r\nHost: x\r\nContent-Type: "
      "application/x-www-form-urlencoded\r\nContent-Length: 7\r\n\r\na=1%2B2";
  client.Send("POST /echo/x?u=1" + head);
  CHECK(client.ReadAnswer().body ==
        "POST /echo/x\nu=1\na=1+2\ncapture x\nbody 7:a=1%2B2\n");
  client.Send("POST /raw" + head);
  CHECK(client.ReadAnswer().body == "POST /raw\nbody 7:a=1%2B2\n");
}

TEST_CASE("an auth key is asked of its route", "[http]") {
  TestServer test;
  RawClient client(test.address());
  CHECK(client.Get("/key").status() == 401);
  CHECK(client.Get("/key?authKey=wrong!").status() == 401);
  CHECK(client.Get("/key?authKey=secret").status() == 200);
}

TEST_CASE("a password is asked of all routes but probes", "[http]") {
  ServerOptions options;
  options.user = "u";
  options.password = "p";
  TestServer test(options);
  RawClient client(test.address());
  const auto refused = client.Get("/echo/1");
  CHECK(refused.status() == 401);
  CHECK(refused.Has("WWW-Authenticate: Basic realm=\"VictoriaMetrics\""));
  CHECK(client.Get("/echo/1", "Authorization: Basic dTpx\r\n").status() == 401);
  CHECK(client.Get("/echo/1", "Authorization: Basic dTpw\r\n").status() == 200);
  CHECK(client.Get("/health").status() == 200);
}

TEST_CASE("the path prefix is taken away and asked for", "[http]") {
  ServerOptions options;
  options.path_prefix = std::string("/a/b/");
  TestServer test(options);
  RawClient client(test.address());
  CHECK(client.Get("/a/b/echo/1").body ==
        "GET /echo/1\ncapture 1\nbody 0:\n");
  CHECK(client.Get("/health").status() == 200);
  CHECK(client.Get("/echo/1").status() == 400);
  CHECK(client.Get("/a%2Fb").status() == 400);
  CHECK(client.Get("/a/bb/echo/1").status() == 400);
}

}  // namespace
}  // namespace varve::http
