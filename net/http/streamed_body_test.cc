#include <catch2/catch.hpp>
#include <future>
#include <thread>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "lib/base/status.h"
#include "lib/base/strings.h"
#include "lib/compress/compress.h"
#include "lib/telemetry/metrics.h"
#include "net/http/body_reader.h"
#include "net/http/raw_client.h"
#include "net/http/server.h"

namespace varve::http {
namespace {

// "/sum" answers with the decoded body's size and how much of it was there
// when the handler began; "/refuse" reads nothing.
struct TestServer {
  explicit TestServer(absl::Duration read_timeout = absl::Seconds(30),
                      int stream_threads = 0) {
    ServerOptions options;
    options.addresses = {"127.0.0.1:0"};
    options.metrics = &metrics;
    options.read_timeout = read_timeout;
    options.handler_threads_max = 1;
    options.stream_threads_max = stream_threads;
    std::vector<Route> routes;
    routes.push_back({.pattern = "/sum",
                      .body_bytes_max = 1000,
                      .limit_flag = "limit",
                      .raw_body = true,
                      .streamed = true,
                      .streamed_rate_min = 8 << 20,
                      .streamed_rate_flag = "-test.rate",
                      .handler = [this](const Request& request,
                                        ResponseWriter& writer) {
                        Sum(request, writer);
                      }});
    routes.push_back({.pattern = "/refuse",
                      .streamed = true,
                      .handler = [](const Request&, ResponseWriter& writer) {
                        writer.Send(400, "text/plain", "no");
                      }});
    routes.push_back({.pattern = "/other",
                      .handler = [](const Request&, ResponseWriter& writer) {
                        writer.Send(204, "", "");
                      }});
    auto started = Server::Start(std::move(options), std::move(routes));
    REQUIRE(started.ok());
    server = *std::move(started);
  }
  void Sum(const Request& request, ResponseWriter& writer) {
    begun.store(true);
    BodyReader reader(request, 1000, "limit");
    std::string piece;
    size_t bytes = 0;
    uint8_t sum = 0;
    do {
      piece.clear();
      const absl::Status status = reader.Read(64 << 10, piece);
      if (!status.ok()) {
        failed = base::Message(status);
        return writer.Send(400, "text/plain", base::Message(status));
      }
      bytes += piece.size();
      for (const char c : piece) sum = static_cast<uint8_t>(sum * 31 + c);
    } while (!piece.empty());
    writer.Send(200, "text/plain", base::StrCat(bytes, " ", int{sum}));
  }
  double Errors(const std::string& reason) {
    return metrics
        .AddCounter("vm_http_request_errors_total",
                    {{"path", "*"}, {"reason", reason}})
        .value();
  }
  // What /metrics shows of `name`.
  double Shown(const std::string& name) const {
    const std::string text = metrics.Text();
    const size_t at = text.find("\n" + name + "{");
    const size_t value = text.find("} ", at);
    return at == std::string::npos ? 0 : std::stod(text.substr(value + 2));
  }
  const std::string& address() const { return server->addresses()[0]; }

  telemetry::Metrics metrics{"vmtest", nullptr};
  std::atomic<bool> begun{false};
  std::string failed;
  std::unique_ptr<Server> server;
};

std::string Bytes(size_t size) {
  std::string bytes(size, 'x');
  uint32_t random = 1;  // so that it is none of the bombs
  for (size_t i = 0; i < size; i += 7) {
    random = random * 1'664'525 + 1'013'904'223;
    bytes[i] = static_cast<char>(random >> 24);
  }
  return bytes;
}

std::string Expected(std::string_view bytes) {
  uint8_t sum = 0;
  for (const char c : bytes) sum = static_cast<uint8_t>(sum * 31 + c);
  return base::StrCat(bytes.size(), " ", int{sum});
}

std::string Chunked(std::string_view bytes, size_t piece) {
  std::string out;
  for (size_t at = 0; at < bytes.size(); at += piece) {
    const std::string_view part = bytes.substr(at, piece);
    char size[20];
    std::snprintf(size, sizeof(size), "%zx\r\n", part.size());
    out += size;
    out += part;
    out += "\r\n";
  }
  return out + "0\r\n\r\n";
}

TEST_CASE("a streamed body of any size, framing and coding is read whole",
          "[http]") {
  TestServer test;
  RawClient client(test.address());
  for (const size_t size : {size_t{5}, kStreamedBytes - 1, kStreamedBytes,
                            size_t{20} << 20}) {
    const std::string plain = Bytes(size);
    std::string gzip, zstd;
    compress::GzipCompress(plain, 1, gzip);
    compress::ZstdCompress(plain, 1, zstd);
    for (const auto& [coding, body] :
         {std::pair<std::string, std::string>{"identity", plain},
          {"gzip", gzip},
          {"zstd", zstd}}) {
      CAPTURE(size, coding);
      const std::string head =
          "POST /sum HTTP/1.1\r\nHost: x\r\nContent-Encoding: " + coding +
          "\r\n";
      // The same connection, with the next request right behind.
      client.Send(head + base::StrCat("Content-Length: ", body.size()) +
                  "\r\n\r\n" + body + head +
                  "Transfer-Encoding: chunked\r\n\r\n" +
                  Chunked(body, 100'000) +
                  "GET /other HTTP/1.1\r\nHost: x\r\n\r\n");
      CHECK(client.ReadAnswer().body == Expected(plain));
      CHECK(client.ReadAnswer().body == Expected(plain));
      CHECK(client.ReadAnswer().status() == 204);
    }
  }
}

TEST_CASE("a handler of a streamed body begins when some of it is there",
          "[http]") {
  TestServer test;
  RawClient client(test.address());
  client.Send(base::StrCat("POST /sum HTTP/1.1\r\nHost: x\r\nContent-Length: ",
                           int64_t{1} << 40, "\r\n\r\n"));
  client.Send(std::string(kStreamedBytes / 2, 'x'));
  while (test.Shown("vm_tcplistener_read_bytes_total") <
         static_cast<double>(kStreamedBytes) / 2) {
    std::this_thread::yield();
  }
  // Holds no thread yet, and when it does, none that others need.
  CHECK(RawClient(test.address()).Get("/other").status() == 204);
  CHECK_FALSE(test.begun.load());
  client.Send(std::string(kStreamedBytes, 'x'));
  while (!test.begun.load()) std::this_thread::yield();
  CHECK(RawClient(test.address()).Get("/other").status() == 204);
}

TEST_CASE("a streamed body that stalls or breaks ends its connection",
          "[http]") {
  const std::string head =
      "POST /sum HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n";
  const std::string good = "200000\r\n" + std::string(0x200000, 'x') + "\r\n";
  {
    TestServer test(absl::Seconds(1));  // long enough to send all of it
    RawClient client(test.address());
    client.Send(head + good);
    // As nobody else waits, only the silence ends it.
    const RawClient::Answer answer = client.ReadAnswer();
    CHECK(answer.body.find("it is given up") != std::string::npos);
    CHECK(answer.Has("Connection: close"));
    CHECK(client.AtEnd());
    CHECK(test.Errors("slow_streamed_body") == 1);
  }
  for (const std::string& bad :
       {std::string("xyz\r\n"), "3;" + std::string(200'000, 'x'),
        "0\r\nA: " + std::string(200'000, 'x')}) {
    TestServer test;
    RawClient client(test.address());
    client.Send(head + good + bad);
    const RawClient::Answer answer = client.ReadAnswer();
    CHECK(answer.status() == 400);
    CHECK(answer.Has("Connection: close"));
    CHECK(client.AtEnd());
  }
}

constexpr const char* kLongHead =
    "POST /sum HTTP/1.1\r\nHost: x\r\nContent-Length: 9000000\r\n\r\n";

TEST_CASE("a streamed body that drips ends its connection", "[http]") {
  TestServer test(absl::Seconds(3));
  RawClient client(test.address());
  client.Send(kLongHead + std::string(kStreamedBytes, 'x'));
  // Each byte in time; it gets to the end of none of this.
  for (int i = 0; i < 200 && client.Send("x"); ++i) {
    const absl::Time next = absl::Now() + absl::Milliseconds(50);
    while (absl::Now() < next) std::this_thread::yield();
  }
  CHECK(client.ReadAnswer().body.find("the limit is 65536 bytes in 3000 ms") !=
        std::string::npos);
  CHECK(test.Errors("slow_streamed_body") == 1);
}

TEST_CASE("a slow streamed body loses its place to one that waits", "[http]") {
  TestServer test(absl::Seconds(6), 1);
  const std::string begin = kLongHead + std::string(kStreamedBytes, 'x');
  RawClient slow(test.address());
  RawClient slow_later(test.address());
  slow.Send(begin);
  while (!test.begun.load()) std::this_thread::yield();
  slow_later.Send(begin);
  while (test.Shown("vm_tcplistener_read_bytes_total") <
         static_cast<double>(2 * begin.size())) {
    std::this_thread::yield();
  }
  // Both places are held. More than the least over a read_timeout, by far.
  slow.Send(std::string(2'000'000, 'x'));
  RawClient refused(test.address());
  refused.Send(begin);
  CHECK(refused.ReadAnswer().status() == 503);
  const RawClient::Answer ended = slow.ReadAnswer();
  CHECK(ended.status() == 400);
  CHECK(ended.body.find("others wait for its place, and the limit is "
                        "-test.rate=8388608 bytes per second") !=
        std::string::npos);
  CHECK(ended.Has("Connection: close"));
  CHECK(slow.AtEnd());  // its place is free by then
  RawClient good(test.address());
  good.Send(begin + std::string(9'000'000 - kStreamedBytes, 'x'));
  CHECK(good.ReadAnswer().status() == 200);
  CHECK(test.Errors("slow_streamed_body") == 2);
}

TEST_CASE("streamed bodies beyond their threads and as many are refused",
          "[http]") {
  TestServer test(absl::Seconds(30), 1);
  const std::string begin = kLongHead + std::string(kStreamedBytes, 'x');
  RawClient running(test.address());
  RawClient waiting(test.address());
  running.Send(begin);
  while (!test.begun.load()) std::this_thread::yield();
  waiting.Send(begin);
  while (test.Shown("vm_tcplistener_read_bytes_total") <
         static_cast<double>(2 * begin.size())) {
    std::this_thread::yield();
  }
  RawClient third(test.address());
  third.Send(begin);
  const RawClient::Answer refused = third.ReadAnswer();
  CHECK(refused.status() == 503);
  CHECK(refused.Has("Retry-After: 5"));
  CHECK(RawClient(test.address()).Get("/other").status() == 204);
  // The first ends, the second gets its turn, others get its place.
  const std::string end(9'000'000 - kStreamedBytes, 'x');
  running.Send(end);
  CHECK(running.ReadAnswer().status() == 200);
  waiting.Send(end);
  CHECK(waiting.ReadAnswer().status() == 200);
  RawClient again(test.address());
  again.Send(begin + end);
  CHECK(again.ReadAnswer().status() == 200);
}

TEST_CASE("an answer before the end of a streamed body is the last", "[http]") {
  TestServer test;
  RawClient client(test.address());
  client.Send("POST /refuse HTTP/1.1\r\nHost: x\r\nContent-Length: 9000000"
              "\r\n\r\n" +
              std::string(2'000'000, 'x'));
  const RawClient::Answer answer = client.ReadAnswer();
  CHECK(answer.status() == 400);
  CHECK(answer.Has("Connection: close"));
  CHECK(answer.body == "no");
}

TEST_CASE("snappy is unpacked whole, within the limit", "[http]") {
  TestServer test;
  const auto post = [&](std::string_view plain) {
    std::string body;
    compress::SnappyCompress(plain, body);
    RawClient client(test.address());
    client.Send(
        base::StrCat("POST /sum HTTP/1.1\r\nHost: x\r\nContent-Encoding: "
                     "snappy\r\nContent-Length: ",
                     body.size(), "\r\n\r\n", body));
    return client.ReadAnswer().body;
  };
  CHECK(post(std::string(1000, 'x')) == Expected(std::string(1000, 'x')));
  CHECK(post(std::string(1001, 'x')).find("-limit=1000") != std::string::npos);
  CHECK(post(Bytes(4 << 20)).find("-limit=1000") != std::string::npos);
}

TEST_CASE("a bomb is refused at the limit, whatever came before it",
          "[http]") {
  TestServer test;
  std::string packed;
  compress::GzipCompress(std::string(64 << 20, 'x'), 9, packed);
  RawClient client(test.address());
  client.Send(base::StrCat("POST /sum HTTP/1.1\r\nHost: x\r\nContent-Encoding: "
                           "gzip\r\nContent-Length: ",
                           packed.size(), "\r\n\r\n", packed));
  const RawClient::Answer answer = client.ReadAnswer();
  CHECK(answer.status() == 400);
  CHECK(answer.body.find("more than 100-fold") != std::string::npos);
  CHECK(answer.body.find("-limit=1000") != std::string::npos);
}

}  // namespace
}  // namespace varve::http
