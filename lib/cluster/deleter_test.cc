#include "lib/cluster/deleter.h"

#include <catch2/catch.hpp>

#include "lib/base/status.h"
#include "lib/wire/hello.h"
#include "lib/wire/methods.h"
#include "net/rpc/local_channel.h"
#include "proto/varve_rpc.pb.h"

namespace varve::cluster {
namespace {

// A storage node that keeps the last delete.
class FakeNode final : public rpc::Service {
 public:
  std::string Hello() override { return wire::EncodeStorageHello(1, 1, ""); }
  absl::Status Accept(std::string_view) override { return absl::OkStatus(); }
  absl::Status Handle(rpc::ServerCall& call) override {
    if (call.method() != wire::kDelete ||
        !last.ParseFromString(std::string(call.payload()))) {
      return base::InvalidArgument("no delete");
    }
    return call.Send(proto::DeleteResponse().SerializeAsString());
  }
  proto::DeleteRequest last;
};

TEST_CASE("deletes are accepted one after another, or when a level above did",
          "[cluster]") {
  FakeNode node;
  NodeSet nodes({std::make_shared<const Node>(
      "s:8401", "", std::make_unique<rpc::LocalChannel>("s:8401", &node, ""))});
  const base::ManualClock clock(1'000'000);
  Deleter deleter(&nodes, &clock);
  DeleteCommand command;
  for (const int64_t accept_ms : {1'000'000, 1'000'001}) {
    REQUIRE(deleter.Delete(command).ok());
    CHECK(node.last.accept_ms() == accept_ms);
  }
  command.accept_ms = 77;
  REQUIRE(deleter.Delete(command).ok());
  CHECK(node.last.accept_ms() == 77);
}

}  // namespace
}  // namespace varve::cluster
