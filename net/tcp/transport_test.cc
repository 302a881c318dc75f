#include "net/tcp/transport.h"

#include <catch2/catch.hpp>
#include <future>
#include <thread>

#include "tests/support/becomes_true.h"

namespace varve::net {
namespace {

using StreamPtr = std::unique_ptr<Stream>;

absl::StatusOr<StreamPtr> DialNow(Transport& transport,
                                  const std::string& address,
                                  DialOptions options = {}) {
  std::promise<absl::StatusOr<StreamPtr>> done;
  transport.Dial(address, std::move(options),
                 [&](absl::StatusOr<StreamPtr> result) {
                   done.set_value(std::move(result));
                 });
  return done.get_future().get();
}

// Reads until `size` bytes or the end, waiting on the loop.
std::string ReadSome(Stream& stream, size_t size) {
  std::string got;
  while (got.size() < size) {
    char buffer[1024];
    const IoResult result = stream.Read(buffer);
    if (result.code == IoResult::Code::kClosed) break;
    if (result.code == IoResult::Code::kOk) {
      got.append(buffer, result.bytes);
      continue;
    }
    std::promise<void> readable;
    stream.strand().Post([&] {
      stream.WhenReadable([&] { readable.set_value(); });
    });
    readable.get_future().wait();
  }
  return got;
}

struct Accepted {
  std::promise<StreamPtr> promise;
  OnAccept Handler() {
    return [this](StreamPtr stream) { promise.set_value(std::move(stream)); };
  }
  StreamPtr Get() { return promise.get_future().get(); }
};

TEST_CASE("bytes go both ways and are counted", "[net]") {
  EventLoop loop(2);
  Transport transport(&loop);
  Accepted accepted;
  auto listener = transport.Listen("127.0.0.1:0", {}, accepted.Handler());
  REQUIRE(listener.ok());
  CHECK((*listener)->address() != "127.0.0.1:0");
  DialOptions options;
  options.counters = std::make_shared<TrafficCounters>();
  auto client = DialNow(transport, (*listener)->address(), options);
  REQUIRE(client.ok());
  StreamPtr server = accepted.Get();
  CHECK((*client)->WriteAll("hello", absl::Seconds(10)).ok());
  CHECK(ReadSome(*server, 5) == "hello");
  CHECK(server->WriteAll("answer", absl::Seconds(10)).ok());
  CHECK(ReadSome(**client, 6) == "answer");
  CHECK((*listener)->counters()->accepts == 1);
  CHECK((*listener)->counters()->connections == 1);
  CHECK((*listener)->counters()->read_bytes == 5);
  CHECK((*listener)->counters()->written_bytes == 6);
  CHECK(options.counters->read_bytes == 6);
  CHECK_FALSE(server->PeerGone());
  // Also behind bytes that nobody has read.
  const std::string_view unread = "unread";
  REQUIRE((*client)->Write({&unread, 1}).bytes == 6);
  CHECK_FALSE(server->PeerGone());
  (*client)->Shutdown();
  CHECK(tests::BecomesTrue([&] { return server->PeerGone(); }));
  CHECK(ReadSome(*server, 6) == "unread");
  CHECK(ReadSome(*server, 1).empty());
  CHECK(server->PeerGone());
  server.reset();
  CHECK((*listener)->counters()->connections == 0);
}

TEST_CASE("a dial to a closed port is unavailable", "[net]") {
  EventLoop loop;
  Transport transport(&loop);
  std::string address;
  {
    auto listener = transport.Listen("127.0.0.1:0", {}, [](StreamPtr) {});
    REQUIRE(listener.ok());
    address = (*listener)->address();
  }
  auto client = DialNow(transport, address);
  CHECK(absl::IsUnavailable(client.status()));
}

TEST_CASE("a name that does not resolve is unavailable", "[net]") {
  EventLoop loop;
  Transport transport(&loop);
  auto client = DialNow(transport, "no-such-host.invalid:80");
  CHECK(absl::IsUnavailable(client.status()));
}

TEST_CASE("all interfaces are meant by an address without host", "[net]") {
  EventLoop loop;
  Transport transport(&loop);
  Accepted accepted;
  auto listener = transport.Listen(":0", {}, accepted.Handler());
  REQUIRE(listener.ok());
  const std::string address = (*listener)->address();
  CHECK(address.substr(0, 8) == "0.0.0.0:");
  REQUIRE(DialNow(transport, "127.0.0.1" + address.substr(7)).ok());
  CHECK(accepted.Get() != nullptr);
}

TEST_CASE("the credential check turns a connection away", "[net]") {
  EventLoop loop;
  Transport transport(&loop);
  ListenOptions options;
  options.check = [](const PeerIdentity&) {
    return absl::PermissionDeniedError("no");
  };
  auto listener = transport.Listen("127.0.0.1:0", options, [](StreamPtr) {
    FAIL("accepted");
  });
  REQUIRE(listener.ok());
  auto client = DialNow(transport, (*listener)->address());
  if (client.ok()) {
    CHECK(ReadSome(**client, 1).empty());
  }
}

TEST_CASE("a busy port is an error that names it", "[net]") {
  EventLoop loop;
  Transport transport(&loop);
  auto first = transport.Listen("127.0.0.1:0", {}, [](StreamPtr) {});
  REQUIRE(first.ok());
  auto second =
      transport.Listen((*first)->address(), {}, [](StreamPtr) {});
  REQUIRE_FALSE(second.ok());
  CHECK(std::string(second.status().message()).find((*first)->address()) !=
        std::string::npos);
}

TEST_CASE("addresses that name no port are refused", "[net]") {
  for (const char* bad : {"", "host", "host:", "host:http", "host:65536",
                          "host:-1", "::1:80", "host:8 "}) {
    CAPTURE(bad);
    CHECK(absl::IsInvalidArgument(ParseHostPort(bad).status()));
  }
  CHECK(ParseHostPort("[::1]:80")->host == "::1");
  CHECK(ParseHostPort(":8480")->port == 8480);
}

TEST_CASE("a strand's tasks run in order and timers fire", "[net]") {
  EventLoop loop(2);
  Strand strand = loop.NewStrand();
  std::vector<int> order;
  std::promise<void> done;
  for (int i = 0; i < 100; ++i) strand.Post([&, i] { order.push_back(i); });
  strand.After(absl::Milliseconds(1), [&] { done.set_value(); });
  done.get_future().wait();
  std::promise<size_t> size;
  strand.Post([&] { size.set_value(order.size()); });
  CHECK(size.get_future().get() == 100);
  CHECK(std::is_sorted(order.begin(), order.end()));
}

TEST_CASE("a connection through a proxy is its client's", "[net]") {
  EventLoop loop(1);
  Transport transport(&loop);
  ListenOptions options;
  options.proxy_header = true;
  Accepted accepted;
  auto listener =
      transport.Listen("127.0.0.1:0", options, accepted.Handler());
  REQUIRE(listener.ok());
  auto client = DialNow(transport, (*listener)->address());
  REQUIRE(client.ok());
  // In parts, and what follows in one with the header's end.
  CHECK((*client)->WriteAll("PROXY TCP4 10.1.2.3 ", absl::Seconds(10)).ok());
  CHECK((*client)->WriteAll("10.0.0.1 5 6\r\nhel", absl::Seconds(10)).ok());
  StreamPtr server = accepted.Get();
  CHECK(server->peer_address() == "10.1.2.3:5");
  CHECK((*client)->WriteAll("lo", absl::Seconds(10)).ok());
  CHECK(ReadSome(*server, 5) == "hello");
  CHECK(server->WriteAll("answer", absl::Seconds(10)).ok());
  CHECK(ReadSome(**client, 6) == "answer");
}

TEST_CASE("a connection without the header of a proxy is closed", "[net]") {
  EventLoop loop(1);
  Transport transport(&loop);
  ListenOptions options;
  options.proxy_header = true;
  auto listener = transport.Listen("127.0.0.1:0", options,
                                   [](StreamPtr) { FAIL("accepted"); });
  REQUIRE(listener.ok());
  for (const char* bytes : {"GET / HTTP/1.1\r\n\r\n", "PROXY TCP9 \r\n"}) {
    auto client = DialNow(transport, (*listener)->address());
    REQUIRE(client.ok());
    CHECK((*client)->WriteAll(bytes, absl::Seconds(10)).ok());
    CHECK(ReadSome(**client, 1).empty());
  }
  // One that has said nothing yet does not keep the listener from closing.
  auto silent = DialNow(transport, (*listener)->address());
  REQUIRE(silent.ok());
  (*listener)->Close();
  CHECK((*listener)->counters()->accept_errors >= 1);
}

}  // namespace
}  // namespace varve::net
