#include <catch2/catch.hpp>
#include <future>

#include "lib/base/mutex.h"
#include "lib/base/strings.h"
#include "lib/telemetry/metrics.h"
#include "net/http/raw_client.h"
#include "net/http/server.h"

namespace varve::http {
namespace {

struct Gate {
  std::promise<void> entered;
  std::promise<void> open;
  std::atomic<bool> saw_client_go{false};
};

std::vector<Route> Routes(Gate* gate) {
  std::vector<Route> routes;
  routes.push_back({.pattern = "/small",
                    .body_bytes_max = 1000,
                    .limit_flag = "maxInsertRequestSize",
                    .handler = [](const Request&, ResponseWriter& writer) {
                      writer.Send(204, "", "");
                    }});
  routes.push_back({.pattern = "/prompt",
                    .prompt = true,
                    .handler = [](const Request&, ResponseWriter& writer) {
                      writer.Send(204, "", "");
                    }});
  routes.push_back({.pattern = "/gate",
                    .handler = [gate](const Request&, ResponseWriter& writer) {
                      gate->entered.set_value();
                      gate->open.get_future().wait();
                      gate->saw_client_go = writer.client_gone();
                      writer.Send(200, "text/plain", "through");
                    }});
  routes.push_back({.pattern = "/endless",
                    .handler = [gate](const Request&, ResponseWriter& writer) {
                      writer.Begin(200, "text/plain");
                      const std::string piece(1 << 20, 'x');
                      while (writer.Write(piece).ok()) {
                      }
                      gate->saw_client_go = writer.client_gone();
                      gate->entered.set_value();
                    }});
  return routes;
}

struct TestServer {
  explicit TestServer(ServerOptions options = {}) {
    options.addresses = {"127.0.0.1:0"};
    options.metrics = &metrics;
    auto started = Server::Start(std::move(options), Routes(&gate));
    REQUIRE(started.ok());
    server = *std::move(started);
  }
  const std::string& address() const { return server->addresses()[0]; }

  telemetry::Metrics metrics{"vmtest", nullptr};
  Gate gate;
  std::unique_ptr<Server> server;
};

TEST_CASE("a prompt route answers while all handlers wait", "[http]") {
  ServerOptions options;
  options.handler_threads_max = 1;
  TestServer test(std::move(options));
  RawClient waiting(test.address());
  waiting.Send("GET /gate HTTP/1.1\r\nHost: x\r\n\r\n");
  test.gate.entered.get_future().wait();
  RawClient probe(test.address());
  CHECK(probe.Get("/prompt").status() == 204);
  test.gate.open.set_value();
  CHECK(waiting.ReadAnswer().body == "through");
}

TEST_CASE("a transfer coding that is not known ends the connection",
          "[http]") {
  TestServer test;
  for (const std::string coding :
       {"xchunked", "identity", "gzip, chunked", "chunked, gzip", ""}) {
    INFO(coding);
    RawClient client(test.address());
    client.Send("POST /small HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: " +
                coding + "\r\n\r\nGET /small HTTP/1.1\r\nHost: x\r\n\r\n");
    CHECK(client.ReadAnswer().status() == 400);
    CHECK(client.AtEnd());
  }
}

TEST_CASE("what surrounds chunks is bounded", "[http]") {
  TestServer test;
  for (const std::string beginning : {"3;", "0\r\n", "3\r\nabc\r\n0\r\nX: "}) {
    INFO(beginning);
    RawClient client(test.address());
    client.Send(
        "POST /small HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" +
        beginning + std::string(100'000, 'x'));
    CHECK(client.ReadAnswer().status() == 400);
    CHECK(client.AtEnd());
  }
}

TEST_CASE("a body over the route's limit is 400 and names the flag",
          "[http]") {
  TestServer test;
  RawClient client(test.address());
  client.Send("POST /small HTTP/1.1\r\nHost: x\r\nContent-Length: 1001\r\n\r\n");
  client.Send(std::string(1001, 'x'));
  const auto answer = client.ReadAnswer();
  CHECK(answer.status() == 400);
  CHECK(answer.body ==
        "too big request body: 1001 bytes; the limit is "
        "-maxInsertRequestSize=1000 bytes\n");
  CHECK(client.AtEnd());

  RawClient chunked(test.address());
  chunked.Send(
      "POST /small HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
      "3e9\r\n" + std::string(1001, 'x') + "\r\n0\r\n\r\n");
  const auto second = chunked.ReadAnswer();
  CHECK(second.status() == 400);
  CHECK(second.body.find("-maxInsertRequestSize=1000") != std::string::npos);

  RawClient exact(test.address());
  exact.Send("POST /small HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n");
  exact.Send(std::string(1000, 'x'));
  CHECK(exact.ReadAnswer().status() == 204);
}

TEST_CASE("no 100-continue invites a body that is refused", "[http]") {
  TestServer test;
  RawClient client(test.address());
  client.Send("POST /small HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n"
              "Content-Length: 100000\r\n\r\n");
  CHECK(client.ReadAnswer().status() == 400);
}

TEST_CASE("a head over 64 KiB is 400", "[http]") {
  TestServer test;
  RawClient client(test.address());
  client.Send("GET /small HTTP/1.1\r\nA: " + std::string(70'000, 'x') +
              "\r\n\r\n");
  const auto answer = client.ReadAnswer();
  CHECK(answer.status() == 400);
  CHECK(answer.body.find("65536") != std::string::npos);
}

TEST_CASE("too many bytes in flight are 503 with Retry-After", "[http]") {
  ServerOptions options;
  options.body_bytes_in_flight_max = 500;
  TestServer test(options);
  RawClient client(test.address());
  client.Send("POST /small HTTP/1.1\r\nHost: x\r\nContent-Length: 600\r\n\r\n" +
              std::string(600, 'x'));
  const auto answer = client.ReadAnswer();
  CHECK(answer.status() == 503);
  CHECK(answer.Has("Retry-After: "));
  RawClient next(test.address());
  next.Send("POST /small HTTP/1.1\r\nHost: x\r\nContent-Length: 400\r\n\r\n" +
            std::string(400, 'x'));
  CHECK(next.ReadAnswer().status() == 204);
}

TEST_CASE("slow heads, slow bodies and idle connections are closed",
          "[http]") {
  ServerOptions options;
  options.read_timeout = absl::Milliseconds(50);
  options.idle_max = absl::Milliseconds(50);
  TestServer test(options);
  for (const char* bytes :
       {"", "GET /small HT",
        "POST /small HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc"}) {
    CAPTURE(bytes);
    RawClient client(test.address());
    client.Send(bytes);
    CHECK(client.AtEnd());
  }
}

TEST_CASE("an old connection is closed after its answer", "[http]") {
  ServerOptions options;
  options.connection_age_max = absl::ZeroDuration();
  TestServer test(options);
  RawClient client(test.address());
  const auto answer = client.Get("/small");
  CHECK(answer.Has("Connection: close"));
  CHECK(client.AtEnd());
}

TEST_CASE("a client that goes ends the handler's writes", "[http]") {
  TestServer test;
  {
    RawClient client(test.address());
    client.Send("GET /endless HTTP/1.1\r\nHost: x\r\n\r\n");
    CHECK(client.Read(3 << 20).size() == 3 << 20);
  }
  test.gate.entered.get_future().wait();
  CHECK(test.gate.saw_client_go);
}

TEST_CASE("stop waits for a running handler and closes the idle", "[http]") {
  TestServer test;
  RawClient idle(test.address());
  CHECK(idle.Get("/small").status() == 204);
  RawClient busy(test.address());
  busy.Send("GET /gate HTTP/1.1\r\nHost: x\r\n\r\n");
  test.gate.entered.get_future().wait();
  auto stopping = std::async(std::launch::async, [&] {
    test.server->Stop(absl::Seconds(20));
  });
  CHECK(idle.AtEnd());
  CHECK_FALSE(RawClient(test.address()).connected());
  test.gate.open.set_value();
  const auto answer = busy.ReadAnswer();
  CHECK(answer.body == "through");
  CHECK(answer.Has("Connection: close"));
  stopping.wait();
}

TEST_CASE("stop without grace cuts the handler off", "[http]") {
  TestServer test;
  RawClient busy(test.address());
  busy.Send("GET /gate HTTP/1.1\r\nHost: x\r\n\r\n");
  test.gate.entered.get_future().wait();
  test.server->Stop(absl::ZeroDuration());
  CHECK(busy.AtEnd());
  test.gate.open.set_value();
  test.server.reset();
  CHECK(test.gate.saw_client_go);
}

TEST_CASE("a pattern given twice keeps the server from starting", "[http]") {
  telemetry::Metrics metrics("vmtest", nullptr);
  Gate gate;
  ServerOptions options;
  options.metrics = &metrics;
  std::vector<Route> routes = Routes(&gate);
  routes.push_back(routes[0]);
  CHECK(absl::IsInvalidArgument(
      Server::Start(options, routes).status()));
}

}  // namespace
}  // namespace varve::http
