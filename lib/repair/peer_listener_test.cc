#include "lib/repair/peer_listener.h"

#include <atomic>
#include <catch2/catch.hpp>
#include <set>
#include <string>

#include "lib/wire/hello.h"
#include "net/rpc/local_channel.h"
#include "proto/varve_rpc.pb.h"
#include "storage/engine/test_node.h"
#include "tests/support/becomes_true.h"

namespace varve::repair {
namespace {

constexpr uint64_t kPeer = 7;

// It knows of nothing that is missing.
struct Peer final : rpc::Service {
  std::string Hello() override {
    return wire::EncodeStorageHello(kPeer, /*ref_epoch=*/1, /*zone=*/"");
  }
  absl::Status Accept(std::string_view) override { return absl::OkStatus(); }
  absl::Status Handle(rpc::ServerCall& call) override {
    return call.Send(proto::Coverage().SerializeAsString());
  }
};

// Counts how often somebody looks whether it is connected.
class CountedChannel final : public rpc::Channel {
 public:
  CountedChannel(std::string address, rpc::Service* peer,
                 std::atomic<int>* looks, std::atomic<bool>* is_up)
      : channel_(std::move(address), peer,
                 wire::EncodeHello(wire::kStorageRole, "")),
        looks_(*looks),
        is_up_(*is_up) {}
  std::unique_ptr<rpc::Call> Start(rpc::Method method,
                                   std::string payload) override {
    return channel_.Start(method, std::move(payload));
  }
  bool connected() const override { return is_up_; }
  std::string peer_hello() const override {
    ++looks_;
    return is_up_ ? channel_.peer_hello() : "";
  }
  uint64_t connection_epoch() const override { return 1; }
  const std::string& address() const override { return channel_.address(); }

 private:
  rpc::LocalChannel channel_;
  std::atomic<int>& looks_;
  std::atomic<bool>& is_up_;
};

TEST_CASE("a node that is away is looked for soon, then less and less often",
          "[repair]") {
  storage::TestNode node;
  node.Open();
  proto::Ring ring;
  ring.set_ring_id(1);
  proto::Ring::Member& member = *ring.add_members();
  member.set_node_id(kPeer);
  member.set_address("peer:8400");
  REQUIRE(node.engine->PutState("ring/1", ring.SerializeAsString()).ok());
  Peer peer;
  std::atomic<int> rounds = 0;
  std::atomic<int> looks = 0;
  std::atomic<bool> is_up = false;
  std::atomic<bool> heard = false;
  // Nothing would happen any more in this test after a failure that put the
  // next look off by as much as an answer does.
  const PeerListener listener(
      node.engine.get(),
      {.listens = [] { return true; },
       .members =
           [&rounds] {
             ++rounds;
             return std::set<uint64_t>{kPeer};
           },
       .heard = [&heard](uint64_t, std::vector<model::TimeRange>, int64_t) {
         heard = true;
       }},
      [&](const std::string& address) {
        return std::make_unique<CountedChannel>(address, &peer, &looks, &is_up);
      },
      /*interval=*/absl::Hours(1));
  // Ten rounds take a second.
  CHECK(tests::BecomesTrue([&rounds] { return rounds > 10; }));
  CHECK(looks > 1);
  CHECK(looks < 9);
  is_up = true;
  CHECK(tests::BecomesTrue([&heard] { return heard.load(); }));
}

}  // namespace
}  // namespace varve::repair
