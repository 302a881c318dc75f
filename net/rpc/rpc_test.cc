#include "net/rpc/rpc.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <catch2/catch.hpp>
#include <future>
#include <thread>

#include "lib/base/clock.h"
#include "lib/base/mutex.h"
#include "lib/base/status.h"
#include "lib/telemetry/metrics.h"
#include "net/rpc/frame.h"
#include "net/rpc/local_channel.h"
#include "net/rpc/tcp_channel.h"
#include "net/rpc/tcp_server.h"
#include "tests/support/becomes_true.h"

namespace varve::rpc {
namespace {

constexpr Method kEcho = 1;
constexpr Method kStream = 2;  // payload: how many messages of 64 KiB
constexpr Method kFail = 3;
constexpr Method kWaitForCancel = 4;
constexpr size_t kPieceBytes = 64 << 10;

int64_t In(int64_t ms) { return base::SystemClock().SteadyMs() + ms; }
// Longer than any test should take; not waited for unless it fails.
int64_t Soon() { return In(20'000); }

class TestService final : public Service {
 public:
  std::string Hello() override { return "server greets"; }
  absl::Status Accept(std::string_view hello) override {
    if (hello == "old") return base::FailedPrecondition("version 0");
    return absl::OkStatus();
  }
  absl::Status Handle(ServerCall& call) override {
    switch (call.method()) {
      case kEcho:
        return call.Send(call.payload());
      case kStream:
        for (int64_t n = std::stoll(std::string(call.payload())); n > 0; --n) {
          RETURN_IF_ERROR(call.Send(std::string(kPieceBytes, 'x')));
          ++sent;
        }
        return absl::OkStatus();
      case kFail:
        return base::InvalidArgument("bad ", call.payload());
      case kWaitForCancel: {
        entered.set_value();
        while (!call.cancelled()) std::this_thread::yield();
        cancelled.set_value();
        return absl::OkStatus();
      }
      default:
        return base::Unimplemented("method ", int{call.method()});
    }
  }

  std::atomic<int64_t> sent{0};
  std::promise<void> entered;
  std::promise<void> cancelled;
};

// A channel and how to cut it.
struct Pair {
  virtual ~Pair() = default;
  virtual Channel& channel() = 0;
  virtual void Cut() = 0;
  TestService service;
};

struct LocalPair final : Pair {
  Channel& channel() override { return local; }
  void Cut() override { local.SetConnected(false); }
  LocalChannel local{"here", &service, "client greets"};
};

struct TcpPair final : Pair {
  explicit TcpPair(std::string hello = "client greets",
                   TcpServerOptions options = {})
      : options(std::move(options)) {
    this->options.address = "127.0.0.1:0";
    Serve();
    address = server->address();
    TcpChannelOptions client;
    client.address = address;
    client.hello = [hello] { return hello; };
    client.on_first_connect = [this] { connected.set_value(); };
    client.backoff_min = absl::Milliseconds(1);
    client.backoff_max = absl::Milliseconds(5);
    tcp = std::make_unique<TcpChannel>(&transport, std::move(client));
    if (hello != "old") connected.get_future().wait();
  }
  void Serve() {
    auto started = TcpServer::Start(&transport, &service, options);
    REQUIRE(started.ok());
    server = *std::move(started);
  }
  Channel& channel() override { return *tcp; }
  void Cut() override { server->Stop(absl::ZeroDuration()); }

  TcpServerOptions options;
  std::promise<void> connected;
  std::string address;
  net::EventLoop loop{2};
  net::Transport transport{&loop};
  std::unique_ptr<TcpServer> server;
  std::unique_ptr<TcpChannel> tcp;
};

std::unique_ptr<Pair> MakePair(bool tcp) {
  if (tcp) return std::make_unique<TcpPair>();
  return std::make_unique<LocalPair>();
}

TEST_CASE("a call has its answer, an error its code and text", "[rpc]") {
  const auto pair = MakePair(GENERATE(false, true));
  Channel& channel = pair->channel();
  CHECK(channel.connected());
  CHECK(channel.peer_hello() == "server greets");
  CHECK(channel.connection_epoch() == 1);
  for (const size_t bytes : {size_t{0}, size_t{1}, size_t{5'000'000}}) {
    const std::string payload(bytes, 'p');
    auto answer = CallOnce(channel, kEcho, payload, Soon());
    REQUIRE(answer.ok());
    CHECK(*answer == payload);
  }
  CHECK(CallOnce(channel, kFail, "x", Soon()).status() ==
        absl::InvalidArgumentError("bad x"));
  CHECK(absl::IsUnimplemented(CallOnce(channel, 99, "", Soon()).status()));
  CHECK(absl::IsDataLoss(CallOnce(channel, kStream, "0", Soon()).status()));
  CHECK(absl::IsDataLoss(CallOnce(channel, kStream, "2", Soon()).status()));
}

TEST_CASE("a slow reader stops the sender within its credits", "[rpc]") {
  const auto pair = MakePair(GENERATE(false, true));
  const auto call = pair->channel().Start(kStream, "1000");
  // The sender stands still once its credits are used.
  constexpr auto kMost = static_cast<int64_t>(kCreditBytes / kPieceBytes);
  REQUIRE(tests::BecomesTrue([&] { return pair->service.sent >= kMost; }));
  CHECK(pair->service.sent == kMost);
  int64_t got = 0;
  for (;;) {
    auto message = call->Next(Soon());
    REQUIRE(message.ok());
    if (!*message) break;
    CHECK((*message)->size() == kPieceBytes);
    ++got;
    CHECK(pair->service.sent <= got + kMost);
  }
  CHECK(got == 1000);
}

TEST_CASE("a dropped call cancels its handler", "[rpc]") {
  const auto pair = MakePair(GENERATE(false, true));
  auto call = pair->channel().Start(kWaitForCancel, "");
  pair->service.entered.get_future().wait();
  CHECK(absl::IsDeadlineExceeded(call->Next(In(1)).status()));
  call.reset();
  pair->service.cancelled.get_future().wait();
  auto blocked = pair->channel().Start(kStream, "1000");
  REQUIRE(blocked->Next(Soon()).ok());
  blocked.reset();
  CHECK(CallOnce(pair->channel(), kEcho, "on", Soon()).ok());
}

TEST_CASE("a cut connection makes calls unavailable", "[rpc]") {
  const auto pair = MakePair(GENERATE(false, true));
  const auto call = pair->channel().Start(kWaitForCancel, "");
  pair->service.entered.get_future().wait();
  pair->Cut();
  CHECK(absl::IsUnavailable(call->Next(Soon()).status()));
  pair->service.cancelled.get_future().wait();
  REQUIRE(
      tests::BecomesTrue([&] { return !pair->channel().connected(); }));
  CHECK(absl::IsUnavailable(
      CallOnce(pair->channel(), kEcho, "", Soon()).status()));
}

TEST_CASE("many threads share one connection", "[rpc]") {
  const auto pair = MakePair(GENERATE(false, true));
  std::vector<std::thread> threads;
  std::atomic<int> good{0};
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 100; ++i) {
        const std::string payload(static_cast<size_t>(t * 1000 + i), 'a' + t);
        auto answer = CallOnce(pair->channel(), kEcho, payload, Soon());
        if (answer.ok() && *answer == payload) ++good;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(good == 800);
}

TEST_CASE("readiness is told for calls that are read together", "[rpc]") {
  const auto pair = MakePair(GENERATE(false, true));
  const auto call = pair->channel().Start(kEcho, "x");
  std::promise<void> ready;
  std::atomic<bool> told{false};
  call->OnReady([&] {
    if (!told.exchange(true)) ready.set_value();
  });
  ready.get_future().wait();
  CHECK(call->ready());
  CHECK(call->Next(In(0)).ok());
  call->OnReady(nullptr);
}

TEST_CASE("a channel comes back by itself in a new epoch", "[rpc]") {
  TcpPair pair;
  pair.options.address = pair.address;
  pair.server.reset();
  REQUIRE(tests::BecomesTrue([&] { return !pair.tcp->connected(); }));
  CHECK(pair.tcp->peer_hello().empty());
  pair.Serve();
  REQUIRE(tests::BecomesTrue([&] { return pair.tcp->connected(); }));
  CHECK(pair.tcp->connection_epoch() == 2);
  CHECK(CallOnce(*pair.tcp, kEcho, "again", Soon()).ok());
}

TEST_CASE("a greeting that is not accepted is told why", "[rpc]") {
  telemetry::Metrics metrics("test", nullptr);
  TcpServerOptions options;
  options.refused = &metrics.AddCounter("refused");
  TcpPair pair("old", options);
  std::string text;
  while (text.find("version 0") == std::string::npos) {
    const auto answer = CallOnce(*pair.tcp, kEcho, "", Soon());
    CHECK(absl::IsUnavailable(answer.status()));
    text = std::string(base::Message(answer.status()));
  }
  CHECK(pair.tcp->connection_epoch() == 0);
  CHECK(options.refused->value() > 0);
  TestService service;
  LocalChannel local("here", &service, "old");
  CHECK_FALSE(local.connected());
  CHECK(absl::IsUnavailable(CallOnce(local, kEcho, "", Soon()).status()));
}

TEST_CASE("requests over the byte budget are read one after another",
          "[rpc]") {
  TcpServerOptions options;
  options.request_bytes_max = 1000;
  TcpPair pair("client greets", options);
  std::vector<std::unique_ptr<Call>> calls;
  for (int i = 0; i < 50; ++i) {
    calls.push_back(pair.tcp->Start(kEcho, std::string(900, 'x')));
  }
  for (const auto& call : calls) CHECK(call->Next(Soon()).ok());
}

TEST_CASE("stop lets running handlers end and refuses new calls", "[rpc]") {
  TcpPair pair;
  auto running = pair.tcp->Start(kWaitForCancel, "");
  pair.service.entered.get_future().wait();
  auto stopping = std::async(std::launch::async, [&] {
    pair.server->Stop(absl::Seconds(20));
  });
  while (!absl::IsUnavailable(
      CallOnce(*pair.tcp, kEcho, "", Soon()).status())) {
  }
  CHECK(pair.tcp->connected());
  running.reset();  // cancels: the handler ends, and with it the stop
  stopping.wait();
}

TEST_CASE("closed connections come back while the server listens",
          "[rpc]") {
  TcpPair pair;
  pair.server->CloseConnections(absl::ZeroDuration());
  REQUIRE(tests::BecomesTrue([&] {
    return pair.tcp->connected() && pair.tcp->connection_epoch() == 2;
  }));
  CHECK(CallOnce(*pair.tcp, kEcho, "again", Soon()).ok());
  pair.server->StopListening();
  CHECK(CallOnce(*pair.tcp, kEcho, "still there", Soon()).ok());
  pair.server->CloseConnections(absl::Milliseconds(1));
  REQUIRE(tests::BecomesTrue([&] { return !pair.tcp->connected(); }));
  CHECK(pair.tcp->connection_epoch() == 2);
  CHECK(absl::IsUnavailable(
      CallOnce(*pair.tcp, kEcho, "nobody listens", Soon()).status()));
}

TEST_CASE("a connection that is to be closed waits for its calls", "[rpc]") {
  TcpPair pair;
  auto running = pair.tcp->Start(kWaitForCancel, "");
  pair.service.entered.get_future().wait();
  pair.server->StopListening();
  auto closing = std::async(std::launch::async, [&] {
    pair.server->CloseConnections(absl::ZeroDuration());
  });
  running.reset();  // the call ends
  closing.wait();
  REQUIRE(tests::BecomesTrue([&] { return !pair.tcp->connected(); }));
}

TEST_CASE("connections that their peers close are not waited for", "[rpc]") {
  TcpPair pair;
  std::promise<void> connected;
  TcpChannelOptions options;
  options.address = pair.address;
  options.hello = [] { return std::string("client greets"); };
  options.on_first_connect = [&connected] { connected.set_value(); };
  auto other = std::make_unique<TcpChannel>(&pair.transport, options);
  connected.get_future().wait();
  pair.server->StopListening();
  auto closing = std::async(std::launch::async, [&] {
    pair.server->CloseConnections(absl::Hours(10));
  });
  // The one whose turn is first is closed; the other's is in five hours.
  REQUIRE(tests::BecomesTrue([&] {
    return !pair.tcp->connected() || !other->connected();
  }));
  pair.tcp.reset();
  other.reset();
  closing.wait();
}

// A peer that speaks bytes of its own choice.
class RawPeer {
 public:
  explicit RawPeer(const std::string& address) {
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(static_cast<uint16_t>(
        std::stoi(address.substr(address.rfind(':') + 1))));
    inet_pton(AF_INET, "127.0.0.1", &to.sin_addr);
    fd_ = ::socket(AF_INET, SOCK_STREAM, 0);
    REQUIRE(::connect(fd_, reinterpret_cast<sockaddr*>(&to), sizeof(to)) == 0);
  }
  ~RawPeer() { ::close(fd_); }
  void Send(std::string_view bytes) {
    (void)!::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
  }
  std::string ReadToEnd() {
    std::string got;
    char buffer[4096];
    ssize_t n;
    while ((n = ::recv(fd_, buffer, sizeof(buffer), 0)) > 0) {
      got.append(buffer, static_cast<size_t>(n));
    }
    return got;
  }

 private:
  int fd_ = -1;
};

std::string Bytes(FrameKind kind, std::string_view payload) {
  const auto header = EncodeHeader(kind, kEcho, 1, payload);
  return std::string(header.data(), header.size()) + std::string(payload);
}

TEST_CASE("a peer with damaged or unexpected frames is cut off", "[rpc]") {
  TcpPair pair;
  const std::string hello = Bytes(FrameKind::kHello, "client greets");
  std::string bad_sum = Bytes(FrameKind::kRequest, "abc");
  bad_sum.back() = 'x';
  std::string oversize = Bytes(FrameKind::kRequest, "abc");
  oversize[7] = '\x7f';
  for (const std::string& bytes :
       {std::string("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"),
        Bytes(FrameKind::kRequest, "no greeting"), hello + bad_sum,
        hello + oversize, hello + Bytes(FrameKind::kAnswer, ""),
        hello + hello}) {
    RawPeer peer(pair.address);
    peer.Send(bytes);
    (void)peer.ReadToEnd();  // ends: that is the promise
  }
  CHECK(CallOnce(*pair.tcp, kEcho, "others go on", Soon()).ok());
}

TEST_CASE("a peer that never greets is closed", "[rpc]") {
  TcpServerOptions options;
  options.greet_timeout = absl::Milliseconds(10);
  TcpPair pair("client greets", options);
  RawPeer peer(pair.address);
  CHECK(peer.ReadToEnd().empty());
}

}  // namespace
}  // namespace varve::rpc
