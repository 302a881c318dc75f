#include "net/line/line_server.h"

#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdlib>
#include <map>
#include <vector>

#include "lib/base/mutex.h"
#include "lib/base/status.h"
#include "net/tcp/event_loop.h"
#include "tests/support/becomes_true.h"

namespace varve::net {
namespace {

using tests::BecomesTrue;

class Client {
 public:
  explicit Client(const std::string& address, int type = SOCK_STREAM) {
    const size_t colon = address.rfind(':');
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(
        static_cast<uint16_t>(std::atoi(address.c_str() + colon + 1)));
    inet_pton(AF_INET, address.substr(0, colon).c_str(), &to.sin_addr);
    fd_ = ::socket(AF_INET, type, 0);
    REQUIRE(::connect(fd_, reinterpret_cast<sockaddr*>(&to), sizeof(to)) == 0);
    const timeval limit{20, 0};
    setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
  }
  ~Client() { ::close(fd_); }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  void Send(std::string_view bytes) {
    REQUIRE(::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL) ==
            static_cast<ssize_t>(bytes.size()));
  }
  // False when the connection has ended.
  bool TrySend(std::string_view bytes) {
    return ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL) > 0;
  }
  bool EndsWithin(int ms) {
    pollfd wait{fd_, POLLIN, 0};
    return ::poll(&wait, 1, ms) > 0;
  }
  // Ends the connection by a reset.
  void Break() {
    const linger now{1, 0};
    setsockopt(fd_, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
  }
  // "" at the end of the connection.
  std::string Receive() {
    char buffer[1024];
    const ssize_t n = ::recv(fd_, buffer, sizeof(buffer), 0);
    return n > 0 ? std::string(buffer, static_cast<size_t>(n)) : "";
  }

 private:
  int fd_ = -1;
};

// Keeps the blocks it takes; those that hold a word of `refused` it refuses.
class Kept {
 public:
  absl::Status Take(const LineBlock& block) {
    base::MutexLock lock(mutex_);
    for (const auto& [word, status] : refused_) {
      if (block.lines.find(word) == std::string_view::npos) continue;
      refusals_.push_back(block.received_ms);
      return status;
    }
    text_ += block.lines;
    last_received_ms_ = block.received_ms;
    return absl::OkStatus();
  }
  void Refuse(const std::string& word, absl::Status status) {
    base::MutexLock lock(mutex_);
    refused_[word] = std::move(status);
  }
  void Accept() {
    base::MutexLock lock(mutex_);
    refused_.clear();
  }
  void Clear() {
    base::MutexLock lock(mutex_);
    text_.clear();
  }
  std::string text() {
    base::MutexLock lock(mutex_);
    return text_;
  }
  std::vector<int64_t> refusals() {
    base::MutexLock lock(mutex_);
    return refusals_;
  }
  int64_t last_received_ms() {
    base::MutexLock lock(mutex_);
    return last_received_ms_;
  }
  std::atomic<int> long_lines{0};

 private:
  base::Mutex mutex_;
  std::map<std::string, absl::Status> refused_ GUARDED_BY(mutex_);
  std::string text_ GUARDED_BY(mutex_);
  std::vector<int64_t> refusals_ GUARDED_BY(mutex_);
  int64_t last_received_ms_ GUARDED_BY(mutex_) = 0;
};

struct Served {
  explicit Served(LineServerOptions options = {}) {
    options.address = "127.0.0.1:0";
    options.type = "graphite";
    options.metrics = &metrics;
    options.sink = [this](const LineBlock& block) { return kept.Take(block); };
    options.on_long_line = [this] { ++kept.long_lines; };
    auto started = LineServer::Start(&transport, std::move(options));
    REQUIRE(started.ok());
    server = *std::move(started);
  }
  const std::string& address() const { return server->address(); }

  telemetry::Metrics metrics{"test", nullptr};
  Kept kept;
  EventLoop loop{2};
  Transport transport{&loop};
  std::unique_ptr<LineServer> server;
};

TEST_CASE("the last line of a connection needs no newline", "[net]") {
  Served s;
  {
    Client client(s.address());
    client.Send("a 1\nb ");
    client.Send("2\nc 3");
  }
  CHECK(BecomesTrue([&] { return s.kept.text() == "a 1\nb 2\nc 3"; }));
}

TEST_CASE("half a line of a broken connection is dropped", "[net]") {
  Served s;
  {
    Client client(s.address());
    client.Send("a 1\nb 2");
    REQUIRE(BecomesTrue([&] { return s.kept.text() == "a 1\n"; }));
    client.Break();
  }
  {
    Client other(s.address());
    other.Send("c 3\n");
  }
  REQUIRE(BecomesTrue([&] { return s.kept.text().size() >= 8; }));
  s.server->Stop(absl::Seconds(20));
  CHECK(s.kept.text() == "a 1\nc 3\n");
}

TEST_CASE("each datagram is lines of its own", "[net]") {
  Served s;
  Client client(s.address(), SOCK_DGRAM);
  client.Send("a 1");
  client.Send("b 2\nc 3\n");
  client.Send("");
  client.Send(std::string(60'000, 'x'));
  CHECK(BecomesTrue([&] {
    return s.kept.text() ==
           "a 1\nb 2\nc 3\n" + std::string(60'000, 'x') + "\n";
  }));
}

TEST_CASE("who sends what cannot be taken now waits; others go on", "[net]") {
  Served s;
  s.kept.Refuse("a", base::Unavailable("no storage node is up"));
  Client waits(s.address());
  waits.Send("a 1\n");
  REQUIRE(BecomesTrue([&] { return s.kept.refusals().size() >= 2; }));
  waits.Send("more 2\n");
  Client other(s.address());
  other.Send("b 1\n");
  REQUIRE(BecomesTrue([&] { return s.kept.text() == "b 1\n"; }));
  const std::vector<int64_t> times = s.kept.refusals();
  s.kept.Accept();
  REQUIRE(BecomesTrue([&] { return s.kept.text().size() > 4; }));
  CHECK(BecomesTrue([&] { return s.kept.text() == "b 1\na 1\nmore 2\n"; }));
  CHECK(times.front() == times.back());
}

TEST_CASE("what can never be taken is given up and counted", "[net]") {
  Served s;
  s.kept.Refuse("a", base::InvalidArgument("not a line"));
  Client client(s.address());
  client.Send("a 1\n");
  REQUIRE(BecomesTrue([&] { return s.kept.refusals().size() == 1; }));
  client.Send("b 2\n");
  CHECK(BecomesTrue([&] { return s.kept.text() == "b 2\n"; }));
  CHECK(s.metrics
            .AddCounter("vm_ingestserver_request_errors_total",
                        {{"type", "graphite"}, {"name", "write"},
                         {"net", "tcp"}})
            .value() == 1);
}

TEST_CASE("lines over the limit are passed over, their neighbours stay",
          "[net]") {
  Served s({.line_bytes_max = 1'000});
  Client client(s.address());
  client.Send("a 1\n");
  for (int i = 0; i < 1'000; ++i) client.Send(std::string(997, 'x'));
  client.Send("\nb 2\n");
  REQUIRE(BecomesTrue([&] { return s.kept.long_lines > 0; }));
  REQUIRE(BecomesTrue([&] { return s.kept.text().ends_with("b 2\n"); }));
  CHECK(s.kept.text().starts_with("a 1\n"));
}

TEST_CASE("a line that is never finished ends its connection", "[net]") {
  Served s({.unfinished_max = absl::Milliseconds(50)});
  Client idle(s.address());
  Client unfinished(s.address());
  unfinished.Send("a 1\nb");
  CHECK(unfinished.Receive().empty());
  idle.Send("c 3\n");
  CHECK(BecomesTrue([&] { return s.kept.text() == "a 1\nc 3\n"; }));
}

TEST_CASE("a line that comes a byte at a time ends its connection",
          "[net]") {
  Served s({.unfinished_max = absl::Milliseconds(200)});
  Client slow(s.address());
  CHECK(BecomesTrue([&] { return slow.EndsWithin(5) || !slow.TrySend("x"); }));
}

TEST_CASE("who waits for storage is not cut off", "[net]") {
  Served s({.idle_max = absl::Milliseconds(200),
            .unfinished_max = absl::Milliseconds(200)});
  s.kept.Refuse("a", base::Unavailable("no storage node is up"));
  Client client(s.address());
  client.Send("a 1\nb ");
  // Their pauses are more than half a second together.
  REQUIRE(BecomesTrue([&] { return s.kept.refusals().size() >= 5; }));
  client.Send("2\nc 3\n");
  s.kept.Accept();
  CHECK(BecomesTrue([&] { return s.kept.text() == "a 1\nb 2\nc 3\n"; }));
}

TEST_CASE("too many unfinished lines: long ones are passed over, all others "
          "go on", "[net]") {
  Served s({.connections_max = 10, .held_bytes_max = 1'000});
  const std::string long_line(600, 'x');
  Client first(s.address());
  first.Send("a 1\n" + long_line);
  REQUIRE(BecomesTrue([&] { return s.kept.text() == "a 1\n"; }));
  Client second(s.address());
  second.Send(long_line);
  Client third(s.address());
  third.Send(long_line);
  REQUIRE(BecomesTrue([&] { return s.kept.long_lines == 2; }));
  Client fourth(s.address());
  fourth.Send("b 2\n" + std::string(100, 'y'));
  REQUIRE(BecomesTrue([&] { return s.kept.text() == "a 1\nb 2\n"; }));
  s.kept.Clear();
  Client datagram(s.address(), SOCK_DGRAM);
  datagram.Send("c 3");
  REQUIRE(BecomesTrue([&] { return s.kept.text() == "c 3\n"; }));
  s.kept.Clear();
  first.Send("\n");
  REQUIRE(BecomesTrue([&] { return s.kept.text() == long_line + "\n"; }));
  s.kept.Clear();
  second.Send("\nd 4\n");
  CHECK(BecomesTrue([&] { return s.kept.text() == "d 4\n"; }));
  CHECK(s.kept.long_lines == 2);
}

TEST_CASE("idle connections end while nobody is read", "[net]") {
  Served s({.idle_max = absl::Milliseconds(200), .held_bytes_max = 1});
  s.kept.Refuse("a", base::Unavailable("no storage node is up"));
  Client waits(s.address());
  waits.Send("a 1\n");
  REQUIRE(BecomesTrue([&] { return !s.kept.refusals().empty(); }));
  Client idle(s.address());
  REQUIRE(idle.Receive().empty());
  const std::string left =
      "vm_tcplistener_conns{name=\"graphite\",addr=\"127.0.0.1:0\"} 1\n";
  CHECK(BecomesTrue([&] {
    return s.metrics.Text().find(left) != std::string::npos;
  }));
  s.kept.Accept();
  CHECK(BecomesTrue([&] { return s.kept.text() == "a 1\n"; }));
}

TEST_CASE("another protocol's connection is handed over unread", "[net]") {
  std::atomic<bool> got{false};
  LineServerOptions options;
  options.is_other = [](char c) { return c == 'G'; };
  options.take_other = [&](std::unique_ptr<Stream> stream) {
    char buffer[8];
    const IoResult result = stream->Read(buffer);
    got = std::string_view(buffer, result.bytes) == "GET / HT";
    (void)stream->WriteAll("hello", absl::Seconds(1));
  };
  Served s(std::move(options));
  Client other(s.address());
  other.Send("GET / HTTP/1.1\r\n");
  CHECK(other.Receive() == "hello");
  CHECK(got);
  Client lines(s.address());
  lines.Send("a 1\n");
  CHECK(BecomesTrue([&] { return s.kept.text() == "a 1\n"; }));
}

TEST_CASE("stopping hands on what has arrived and no half lines", "[net]") {
  Served s;
  Client client(s.address());
  client.Send("first 0\n");
  REQUIRE(BecomesTrue([&] { return !s.kept.text().empty(); }));
  std::string sent;
  for (int i = 0; i < 10'000; ++i) sent += "name 1\n";
  client.Send(sent);
  client.Send("half");
  s.server->Stop(absl::Seconds(20));
  const std::string text = s.kept.text();
  CHECK(text == "first 0\n" + sent);
  CHECK(client.Receive().empty());
}

TEST_CASE("stopping does not wait for a sink that takes nothing", "[net]") {
  Served s;
  s.kept.Refuse("a", base::Unavailable("no storage node is up"));
  Client client(s.address());
  client.Send("a 1\n");
  REQUIRE(BecomesTrue([&] { return !s.kept.refusals().empty(); }));
  s.server->Stop(absl::Hours(1));
  CHECK(s.kept.text().empty());
}

}  // namespace
}  // namespace varve::net
