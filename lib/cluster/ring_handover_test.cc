// Which rings storage nodes are handed, and what is asked for them.
#include <algorithm>
#include <catch2/catch.hpp>
#include <optional>
#include <vector>

#include "lib/cluster/fake_cluster.h"
#include "lib/wire/methods.h"

namespace varve::cluster {
namespace {

// How often each node is asked for its rings from now on.
void CountAsked(FakeCluster& c, std::vector<int>& asked) {
  asked.assign(c.fakes.size(), 0);
  for (size_t i = 0; i < c.fakes.size(); ++i) {
    c.fakes[i]->interfere =
        [&asked, i](rpc::Method method) -> std::optional<Answer> {
      asked[i] += method == wire::kGetRings;
      return std::nullopt;
    };
  }
}

bool Knows(const FakeNode& node, uint64_t ring_id) {
  return std::any_of(node.rings.begin(), node.rings.end(),
                     [ring_id](const proto::Ring& one) {
                       return one.ring_id() == ring_id;
                     });
}

// Another node has come to its address, in an empty directory.
void Empty(FakeNode& node) {
  node.id = 22;
  node.ref_epoch = 22;
  node.refs.clear();
  node.rings.clear();
  node.connection = 2;
}

TEST_CASE("a node that connects again is asked for its rings alone",
          "[cluster]") {
  FakeCluster c(3);
  c.Start(2);
  REQUIRE(c.Write(10, 1000).ok());
  c.AddNode();
  c.nodes->Replace(c.List());
  REQUIRE(c.Write(10, 2000).ok());
  std::vector<int> asked;
  CountAsked(c, asked);
  const size_t rings = c.fakes[1]->rings.size();
  c.fakes[1]->connection = 2;
  REQUIRE(c.Write(10, 3000).ok());
  CHECK(asked == std::vector<int>{0, 1, 0, 0});
  CHECK(c.fakes[1]->rings.size() == rings + 1);
}

TEST_CASE("a node that connects again without a ring is given it",
          "[cluster]") {
  FakeCluster c(3);
  c.Start(2);
  REQUIRE(c.Write(10, 1000).ok());
  const uint64_t before = c.fakes[1]->rings[0].ring_id();
  c.AddNode();
  c.nodes->Replace(c.List());
  REQUIRE(c.Write(10, 2000).ok());
  FakeNode& node = *c.fakes[1];
  std::erase_if(node.rings, [before](const proto::Ring& one) {
    return one.ring_id() == before;
  });
  node.connection = 2;
  REQUIRE(c.Write(10, 3000).ok());
  CHECK(Knows(node, before));
}

TEST_CASE("a node in place of another one gets rings that one node alone has",
          "[cluster]") {
  FakeCluster c(3);
  c.Start(2);
  REQUIRE(c.Write(10, 1000).ok());
  // By another insert node, while the others were down.
  proto::Ring& other = c.fakes[2]->rings.emplace_back();
  other.set_ring_id(77);
  other.add_members()->set_node_id(3);
  FakeNode& replaced = *c.fakes[1];
  Empty(replaced);
  REQUIRE(c.Write(10, 2000).ok());
  CHECK(Knows(replaced, 77));
  CHECK(Knows(*c.fakes[0], 77));
}

TEST_CASE("a node in place of another one gets rings although nobody who has "
          "them is up", "[cluster]") {
  FakeCluster c(3);
  c.Start(2);
  REQUIRE(c.Write(10, 1000).ok());
  const uint64_t before = c.fakes[0]->rings[0].ring_id();
  FakeNode& replaced = *c.fakes[1];
  Empty(replaced);
  c.fakes[0]->up = false;
  c.fakes[2]->up = false;
  (void)c.Write(10, 2000);
  CHECK(Knows(replaced, before));
}

TEST_CASE("rings that another insert node put come to all in the end",
          "[cluster]") {
  FakeCluster c(3);
  c.Start(2);
  REQUIRE(c.Write(10, 1000).ok());
  proto::Ring& other = c.fakes[2]->rings.emplace_back();
  other.set_ring_id(77);
  other.add_members()->set_node_id(3);
  c.clock.Advance(600'000);
  REQUIRE(c.Write(10, 2000).ok());
  for (const auto& fake : c.fakes) CHECK(Knows(*fake, 77));
}

}  // namespace
}  // namespace varve::cluster
