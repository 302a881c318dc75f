#include "net/http/client.h"

#include <atomic>
#include <catch2/catch.hpp>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/time/clock.h"
#include "lib/base/mutex.h"
#include "lib/base/status.h"
#include "lib/telemetry/metrics.h"
#include "net/http/server.h"
#include "net/tcp/event_loop.h"
#include "net/tcp/transport.h"

namespace varve::http {
namespace {

// Says what it was asked; `/large` is chunks of 1 MiB in all.
class Echo {
 public:
  Echo() : metrics("test", nullptr) {
    Route echo;
    echo.pattern = "/echo/{*}";
    echo.raw_body = true;
    echo.handler = [](const Request& request, ResponseWriter& writer) {
      std::string text = request.method + " " + request.path;
      for (const auto& [name, value] : request.arguments) {
        text += " " + name + "=" + value;
      }
      writer.SetHeader("X-Got", std::string(request.Header("x-sent")));
      writer.SetHeader("X-Takes",
                       std::string(request.Header("accept-encoding")));
      writer.Send(418, "text/plain", text + " " + request.body);
    };
    Route large;
    large.pattern = "/large";
    large.handler = [](const Request&, ResponseWriter& writer) {
      writer.Begin(200, "text/plain");
      for (int i = 0; i < 16; ++i) {
        if (!writer.Write(std::string(64 << 10, 'x')).ok()) return;
      }
    };
    ServerOptions options;
    options.addresses = {"127.0.0.1:0"};
    options.metrics = &metrics;
    auto started = Server::Start(options, {echo, large});
    REQUIRE(started.ok());
    server = *std::move(started);
  }
  std::string address() const { return server->addresses()[0]; }

  telemetry::Metrics metrics;
  std::unique_ptr<Server> server;
};

struct Client {
  absl::StatusOr<ClientAnswer> Get(const std::string& address,
                                   const std::string& target,
                                   ClientLimits limits = {}) {
    return Fetch(transport, {.address = address, .target = target}, limits);
  }
  net::EventLoop loop;
  net::Transport transport{&loop};
};

TEST_CASE("what a server asks for is added to a request", "[http]") {
  ClientRequest request{.target = "/x?a=1"};
  AddAccess({}, request);
  CHECK(request.target == "/x?a=1");
  CHECK(request.headers.empty());
  AddAccess({.path_prefix = "/p q", .user = "Aladdin",
             .password = "open sesame"},
            request);
  CHECK(request.target == "/p%20q/x?a=1");
  // RFC 7617, section 2.
  CHECK(request.headers ==
        Arguments{{"Authorization", "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="}});
}

// Accepts, answers with `bytes` and, if told so, closes.
class Answerer {
 public:
  Answerer(net::Transport& transport, std::string bytes, bool closes) {
    auto listening = transport.Listen(
        "127.0.0.1:0", {},
        [this, bytes = std::move(bytes),
         closes](std::unique_ptr<net::Stream> stream) {
          (void)stream->WriteAll(bytes, absl::Seconds(5));
          if (closes) stream->ShutdownWrite();
          base::MutexLock lock(mutex_);
          streams_.push_back(std::move(stream));
        });
    REQUIRE(listening.ok());
    listener = *std::move(listening);
  }
  ~Answerer() { listener->Close(); }
  std::string address() const { return listener->address(); }

 private:
  base::Mutex mutex_;
  std::vector<std::unique_ptr<net::Stream>> streams_ GUARDED_BY(mutex_);
  std::unique_ptr<net::Listener> listener;
};

TEST_CASE("method, path, arguments, headers and body arrive; the answer too",
          "[net]") {
  Echo echo;
  Client client;
  ClientRequest request;
  request.method = "POST";
  request.address = echo.address();
  request.target = EscapePath("/echo/a b/ü%?") + "?" +
                   EscapeArguments({{"q", "up{a=\"b\"} & c+d"}, {"", "ä"}});
  request.headers = {{"X-Sent", "yes"}};
  request.body = "the body";
  const auto answer = Fetch(client.transport, request, {});
  REQUIRE(answer.ok());
  CHECK(answer->status == 418);
  CHECK(answer->body ==
        "POST /echo/a b/ü%? q=up{a=\"b\"} & c+d =ä the body");
  CHECK(answer->Header("x-got") == "yes");
  CHECK(answer->Header("x-takes") == "identity");  // it decodes nothing
  CHECK(answer->Header("content-type") == "text/plain");
}

TEST_CASE("an answer in chunks is read whole, and one over the bound is not",
          "[net]") {
  Echo echo;
  Client client;
  const auto whole = client.Get(echo.address(), "/large");
  REQUIRE(whole.ok());
  CHECK(whole->body == std::string(1 << 20, 'x'));
  const auto over = client.Get(echo.address(), "/large",
                               {.body_bytes_max = (1 << 20) - 1});
  CHECK(absl::IsResourceExhausted(over.status()));
  CHECK(base::Message(over.status()).find("1048575 bytes") !=
        std::string_view::npos);
}

TEST_CASE("a body of any size can be taken piece by piece", "[net]") {
  Echo echo;
  Client client;
  std::string taken;
  ClientRequest request{.address = echo.address(), .target = "/large"};
  request.take_body = [&taken](std::string_view piece) {
    taken += piece;
    return true;
  };
  const auto answer =
      Fetch(client.transport, request, {.body_bytes_max = 100});
  REQUIRE(answer.ok());
  CHECK(answer->body.empty());
  CHECK(taken == std::string(1 << 20, 'x'));
  request.take_body = [](std::string_view) { return false; };
  CHECK(absl::IsCancelled(
      Fetch(client.transport, request, {}).status()));

  const Answerer sized(client.transport,
                       "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc",
                       /*closes=*/true);
  taken.clear();
  REQUIRE(Fetch(client.transport,
                {.address = sized.address(),
                 .take_body = [&taken](std::string_view piece) {
                   taken += piece;
                   return true;
                 }},
                {.body_bytes_max = 2})
              .ok());
  CHECK(taken == "abc");

  // Only a 200 has what was asked for.
  request.target = "/echo/x";
  request.body = "why";
  request.take_body = [](std::string_view) {
    CHECK(false);
    return false;
  };
  const auto refused = Fetch(client.transport, request, {});
  REQUIRE(refused.ok());
  CHECK(refused->status == 418);
  CHECK(refused->body.find("why") != std::string::npos);
  CHECK(absl::IsResourceExhausted(
      Fetch(client.transport, request, {.body_bytes_max = 5}).status()));
}

TEST_CASE("a body that is cut while it is taken is an error", "[net]") {
  Client client;
  std::string taken;
  const Answerer cut(
      client.transport,
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
      /*closes=*/true);
  ClientRequest request{.address = cut.address()};
  request.take_body = [&taken](std::string_view piece) {
    taken += piece;
    return true;
  };
  CHECK(absl::IsUnavailable(Fetch(client.transport, request, {}).status()));
  CHECK(taken == "abc");
}

TEST_CASE("an answer that does not come is given up at the deadline",
          "[net]") {
  Client client;
  for (const char* begun : {"", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n12"}) {
    const Answerer silent(client.transport, begun, false);
    const auto answer = client.Get(silent.address(), "/",
                                   {.timeout = absl::Milliseconds(100)});
    CHECK(absl::IsDeadlineExceeded(answer.status()));
    CHECK(base::Message(answer.status()).find(silent.address()) == 0);
  }
}

TEST_CASE("cut answers, other protocols and closed ports are unavailable",
          "[net]") {
  Client client;
  for (const char* bytes :
       {"", "HTTP/1.1 200 OK\r\nContent-Le",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n12",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
        "SSH-2.0-OpenSSH_9.2\r\n"}) {
    CAPTURE(bytes);
    const Answerer answerer(client.transport, bytes, true);
    CHECK(absl::IsUnavailable(client.Get(answerer.address(), "/").status()));
  }
  std::string closed;
  {
    const Answerer gone(client.transport, "", true);
    closed = gone.address();
  }
  CHECK(absl::IsUnavailable(client.Get(closed, "/").status()));
}

TEST_CASE("a body without a length ends with the connection", "[net]") {
  Client client;
  const Answerer old(client.transport, "HTTP/1.0 200 OK\r\n\r\nall of it",
                     true);
  const auto answer = client.Get(old.address(), "/");
  REQUIRE(answer.ok());
  CHECK(answer->body == "all of it");
}

TEST_CASE("base URLs have a host, perhaps a port and a path", "[net]") {
  const auto parsed = [](std::string_view text) {
    const auto url = BaseUrl::Parse(text);
    return url.ok() ? url->address + " " + url->path : "error";
  };
  CHECK(parsed("http://vmalert:8880") == "vmalert:8880 ");
  CHECK(parsed("http://vmalert") == "vmalert:80 ");
  CHECK(parsed("http://[::1]") == "[::1]:80 ");
  CHECK(parsed("http://[::1]:8880/a/b/") == "[::1]:8880 /a/b");
  for (const char* wrong :
       {"", "vmalert:8880", "https://a:1", "http://", "http:///a",
        "http://a:1?x=1", "http://a:1/#f", "http://u:p@a:1", "http://a b:1",
        "http://a:port", "http://a:1\r\nX: y"}) {
    CAPTURE(wrong);
    CHECK(parsed(wrong) == "error");
  }
}

TEST_CASE("a caller that gives up does not wait for an answer", "[http]") {
  Client client;
  Answerer silent(client.transport, "", /*closes=*/false);
  int asked = 0;
  const auto answer = Fetch(client.transport,
                            {.address = silent.address(),
                             .given_up = [&asked] { return ++asked > 2; }},
                            {.timeout = absl::Hours(1)});
  CHECK(absl::IsCancelled(answer.status()));
  CHECK(answer.status().message().find("given up: the answer") !=
        std::string::npos);
}

// Sends a head and then a byte now and then.
class Trickle {
 public:
  explicit Trickle(net::Transport& transport) {
    auto listening = transport.Listen(
        "127.0.0.1:0", {}, [this](std::unique_ptr<net::Stream> stream) {
          sender_ = std::thread([this, stream = std::move(stream)] {
            std::string bytes = "HTTP/1.1 200 OK\r\n\r\n";
            while (!stop_ && stream->WriteAll(bytes, absl::Seconds(5)).ok()) {
              bytes = "x";
              absl::SleepFor(absl::Milliseconds(5));
            }
          });
        });
    REQUIRE(listening.ok());
    listener_ = *std::move(listening);
  }
  ~Trickle() {
    stop_ = true;
    listener_->Close();
    if (sender_.joinable()) sender_.join();
  }
  std::string address() const { return listener_->address(); }

 private:
  std::atomic<bool> stop_{false};
  std::thread sender_;
  std::unique_ptr<net::Listener> listener_;
};

TEST_CASE("a caller gives up an answer that comes by and by", "[http]") {
  Client client;
  const Trickle trickle(client.transport);
  int asked = 0;
  const auto answer = Fetch(client.transport,
                            {.address = trickle.address(),
                             .given_up = [&asked] { return ++asked > 9; }},
                            {.timeout = absl::Seconds(3)});
  CHECK(absl::IsCancelled(answer.status()));
}

}  // namespace
}  // namespace varve::http
