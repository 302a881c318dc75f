#include "lib/cluster/dial_nodes.h"

#include <atomic>
#include <catch2/catch.hpp>
#include <fstream>

#include "lib/base/status.h"
#include "lib/wire/hello.h"
#include "net/rpc/tcp_server.h"
#include "proto/varve_rpc.pb.h"
#include "tests/support/becomes_true.h"
#include "tests/support/temp_dir.h"

namespace varve::cluster {
namespace {

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
  const auto nodes = (*dialed)->set()->list();
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

class FarService final : public rpc::Service {
 public:
  std::string Hello() override {
    proto::Hello hello;
    hello.set_version(9);
    hello.set_role("storage");
    hello.set_node_id(42);
    return hello.SerializeAsString();
  }
  absl::Status Accept(std::string_view) override { return absl::OkStatus(); }
  absl::Status Handle(rpc::ServerCall&) override { return absl::OkStatus(); }
};

TEST_CASE("a node of a release too far away is not used, and is counted",
          "[cluster]") {
  net::EventLoop loop;
  net::Transport transport(&loop);
  telemetry::Metrics metrics("vminsert", nullptr);
  FarService service;
  rpc::TcpServerOptions server_options;
  server_options.address = "127.0.0.1:0";
  auto server = rpc::TcpServer::Start(&transport, &service, server_options);
  REQUIRE(server.ok());
  DialNodesOptions options;
  options.nodes = {(*server)->address()};
  options.role = "insert";
  options.metrics_name = "vminsert";
  options.metrics = &metrics;
  options.first_wait = absl::ZeroDuration();
  const auto dialed = DialNodes(&transport, options);
  REQUIRE(dialed.ok());
  const telemetry::Counter& errors =
      metrics.AddCounter("vm_rpc_handshake_errors_total",
                         {{"name", "vminsert"}, {"addr", options.nodes[0]}});
  REQUIRE(tests::BecomesTrue([&] { return errors.value() > 1; }));
  const auto nodes = (*dialed)->set()->list();
  CHECK_FALSE(nodes->connected(0));
  rpc::Channel& channel = nodes->channel(0);
  const auto answer = rpc::CallOnce(channel, 1, "", 0);
  CHECK(base::Message(answer.status()).find("HELLO of version 9") !=
        std::string::npos);
}

// Replaced at once, so that no half of it is read.
void WriteFile(const std::string& path, const std::string& text) {
  std::ofstream(path + ".new") << text;
  REQUIRE(std::rename((path + ".new").c_str(), path.c_str()) == 0);
}

TEST_CASE("nodes of a file come and go with its lines", "[cluster]") {
  net::EventLoop loop;
  net::Transport transport(&loop);
  telemetry::Metrics metrics("vminsert", nullptr);
  const tests::TempDir folder;
  const std::string path = folder.path() + "/nodes";
  DialNodesOptions options;
  options.nodes = {"file:" + path, "127.0.0.1:3"};
  options.role = "insert";
  options.metrics = &metrics;
  options.first_wait = absl::ZeroDuration();
  options.discovery_interval = absl::Milliseconds(1);
  options.filter = "127[.]0[.]0[.]1:";
  const auto dialed = DialNodes(&transport, options);
  REQUIRE(dialed.ok());
  NodeSet* const set = (*dialed)->set();
  telemetry::Counter& errors =
      metrics.AddCounter("varve_storage_node_discovery_errors_total");
  const auto addresses = [set] {
    const auto list = set->list();
    std::vector<std::string> all;
    for (const auto& node : list->nodes()) {
      all.push_back(node->group + "/" + node->address);
    }
    return all;
  };
  using Texts = std::vector<std::string>;
  // The file is not there yet.
  CHECK(addresses() == Texts{"/127.0.0.1:3"});
  CHECK(errors.value() > 0);

  WriteFile(path, "127.0.0.1:2\n127.0.0.1:1\nelsewhere:1\n127.0.0.1:3\n");
  REQUIRE(tests::BecomesTrue([&] { return addresses().size() == 3; }));
  CHECK(addresses() ==
        Texts{"/127.0.0.1:1", "/127.0.0.1:2", "/127.0.0.1:3"});
  const auto first = set->list();

  WriteFile(path, "127.0.0.1:2\n127.0.0.1:4\n");
  REQUIRE(tests::BecomesTrue([&] {
    return addresses() == Texts{"/127.0.0.1:2", "/127.0.0.1:4", "/127.0.0.1:3"};
  }));
  // Who stayed kept its connection.
  CHECK(set->list()->nodes()[0] == first->nodes()[1]);
  CHECK(set->list()->nodes()[2] == first->nodes()[2]);

  // What is not there at one look alone was being written.
  // What cannot be meant changes nothing.
  const int64_t errors_before = errors.value();
  WriteFile(path, "");
  REQUIRE(tests::BecomesTrue([&] { return errors.value() > errors_before; }));
  CHECK(addresses().size() == 3);
}

TEST_CASE("a node that is new in a list comes when it is connected",
          "[cluster]") {
  net::EventLoop loop;
  net::Transport transport(&loop);
  GreetingService service;
  const auto start = [&] {
    rpc::TcpServerOptions options;
    options.address = "127.0.0.1:0";
    auto server = rpc::TcpServer::Start(&transport, &service, options);
    REQUIRE(server.ok());
    return *std::move(server);
  };
  const auto first = start();
  const auto second = start();
  const tests::TempDir folder;
  const std::string path = folder.path() + "/nodes";
  WriteFile(path, first->address() + "\n");
  DialNodesOptions options;
  options.nodes = {"file:" + path};
  options.role = "select";
  options.first_wait = absl::Seconds(30);
  options.discovery_interval = absl::Milliseconds(1);
  const auto dialed = DialNodes(&transport, options);
  REQUIRE(dialed.ok());
  NodeSet* const set = (*dialed)->set();
  std::atomic<bool> changed = false;
  std::atomic<bool> connected = false;
  set->Listen([&] {
    const auto list = set->list();
    connected = list->size() == 2 && list->connected(0) && list->connected(1);
    changed = true;
  });
  WriteFile(path, first->address() + "\n" + second->address() + "\n");
  REQUIRE(tests::BecomesTrue([&] { return changed.load(); }));
  CHECK(connected);
  set->Listen(nullptr);
}

TEST_CASE("a filter that is no regular expression is refused", "[cluster]") {
  net::EventLoop loop;
  net::Transport transport(&loop);
  DialNodesOptions options;
  options.nodes = {"127.0.0.1:1"};
  options.filter = "(";
  CHECK(absl::IsInvalidArgument(DialNodes(&transport, options).status()));
}

}  // namespace
}  // namespace varve::cluster
