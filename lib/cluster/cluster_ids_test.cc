#include "lib/cluster/cluster_ids.h"

#include <algorithm>
#include <catch2/catch.hpp>

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

}  // namespace
}  // namespace varve::cluster
