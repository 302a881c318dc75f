#include "net/http/client.h"

#include <catch2/catch.hpp>
#include <memory>
#include <string>
#include <vector>

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

}  // namespace
}  // namespace varve::http
