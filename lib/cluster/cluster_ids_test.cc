#include "lib/cluster/cluster_ids.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <future>

#include "lib/cluster/fake_cluster.h"
#include "lib/placement/ring.h"

namespace varve::cluster {
namespace {

std::vector<uint64_t> Sorted(std::vector<uint64_t> ids) {
  std::sort(ids.begin(), ids.end());
  return ids;
}

TEST_CASE("a cluster has an id of each ring that it was written by",
          "[cluster]") {
  FakeCluster cluster(2);
  cluster.Start(2);
  ClusterIds ids(cluster.nodes.get(), &cluster.clock);
  CHECK(ids.Get().empty());
  REQUIRE(cluster.Write(1, 1000).ok());
  const uint64_t first = cluster.writer->View()->ClusterId();
  CHECK(first != 0);
  CHECK(ids.Get().empty());  // it was just asked
  cluster.clock.Advance(10'001);
  CHECK(ids.Get() == std::vector<uint64_t>{first});
  // Whichever node is down.
  cluster.fakes[0]->up = false;
  CHECK(ids.Get() == std::vector<uint64_t>{first});
  CHECK(cluster.writer->View()->ClusterId() == first);
  cluster.fakes[0]->up = true;
  cluster.AddNode();
  cluster.nodes->Replace(cluster.List());
  REQUIRE(cluster.Write(1, 1001).ok());
  const uint64_t grown = cluster.writer->View()->ClusterId();
  CHECK(grown != first);
  CHECK(Sorted(ids.Get()) == Sorted({first, grown}));
}

TEST_CASE("a node that does not tell its rings is asked again soon",
          "[cluster]") {
  FakeCluster cluster(1);
  cluster.Start(1);
  REQUIRE(cluster.Write(1, 1000).ok());
  int asked = 0;
  cluster.fakes[0]->interfere =
      [&asked](rpc::Method method) -> std::optional<Answer> {
    if (method != wire::kGetRings || ++asked > 1) return std::nullopt;
    return base::Unavailable("busy");
  };
  ClusterIds ids(cluster.nodes.get(), &cluster.clock);
  CHECK(ids.Get().empty());
  cluster.clock.Advance(1'000);
  CHECK(ids.Get().size() == 1);
  cluster.clock.Advance(9'000);
  CHECK(ids.Get().size() == 1);
  CHECK(asked == 2);
}

TEST_CASE("while no id is known, who asks waits for the one who calls",
          "[cluster]") {
  FakeCluster cluster(1);
  cluster.Start(1);
  REQUIRE(cluster.Write(1, 1000).ok());
  ClusterIds ids(cluster.nodes.get(), &cluster.clock);
  std::promise<void> calls;
  std::promise<void> goes_on;
  cluster.fakes[0]->interfere =
      [&](rpc::Method) -> std::optional<Answer> {
    calls.set_value();  // once: a second call would throw
    goes_on.get_future().wait();
    return std::nullopt;
  };
  auto first = std::async(std::launch::async, [&ids] { return ids.Get(); });
  calls.get_future().wait();
  auto second = std::async(std::launch::async, [&ids] { return ids.Get(); });
  goes_on.set_value();
  CHECK(first.get().size() == 1);
  CHECK(second.get().size() == 1);
}

}  // namespace
}  // namespace varve::cluster
