#include "lib/cluster/node_set.h"

#include <catch2/catch.hpp>

#include "lib/cluster/dial_nodes.h"
#include "lib/wire/hello.h"
#include "net/rpc/tcp_server.h"
#include "tests/support/becomes_true.h"

namespace varve::cluster {
namespace {

TEST_CASE("node addresses have groups and default ports", "[cluster]") {
  auto nodes = ParseNodeAddresses({"a:1", "b", "g/c", "g/[::1]", "[::1]:7"},
                                  8401);
  REQUIRE(nodes.ok());
  CHECK((*nodes)[0].address == "a:1");
  CHECK((*nodes)[1].address == "b:8401");
  CHECK((*nodes)[1].text == "b");
  CHECK((*nodes)[2].group == "g");
  CHECK((*nodes)[2].address == "c:8401");
  CHECK((*nodes)[3].address == "[::1]:8401");
  CHECK((*nodes)[4].address == "[::1]:7");
}

TEST_CASE("node lists that cannot be meant are refused", "[cluster]") {
  using Texts = std::vector<std::string>;
  for (const Texts& bad :
       {Texts{}, Texts{""}, Texts{"g/"}, Texts{"a/b/c"}, Texts{"a:1", "a:1"},
        Texts{"a", "a:8401"}, Texts{"srv+x"}}) {
    CHECK(absl::IsInvalidArgument(ParseNodeAddresses(bad, 8401).status()));
  }
}

class GreetingService final : public rpc::Service {
 public:
  std::string Hello() override {
    return wire::EncodeStorageHello(42, 43, "zone");
  }
  absl::Status Accept(std::string_view hello) override {
    return wire::AcceptHello(hello, "");
  }
  absl::Status Handle(rpc::ServerCall&) override { return absl::OkStatus(); }
};

TEST_CASE("a node that starts later is reached and tells who it is",
          "[cluster]") {
  net::EventLoop loop;
  net::Transport transport(&loop);
  GreetingService service;
  std::string address;
  {
    auto listener = transport.Listen("127.0.0.1:0", {}, [](auto) {});
    REQUIRE(listener.ok());
    address = (*listener)->address();
  }
  DialNodesOptions options;
  options.nodes = {address};
  options.role = "insert";
  const auto dialed = DialNodes(&transport, options);
  REQUIRE(dialed.ok());
  const NodeSet* const nodes = dialed->get();
  CHECK(absl::IsUnavailable(nodes->Greeting(0).status()));
  rpc::TcpServerOptions server_options;
  server_options.address = address;
  auto server = rpc::TcpServer::Start(&transport, &service, server_options);
  REQUIRE(server.ok());
  REQUIRE(tests::BecomesTrue([&] { return nodes->connected(0); }));
  const auto greeting = nodes->Greeting(0);
  REQUIRE(greeting.ok());
  CHECK(greeting->node_id == 42);
  CHECK(greeting->ref_epoch == 43);
  CHECK(greeting->zone == "zone");
}

}  // namespace
}  // namespace varve::cluster
