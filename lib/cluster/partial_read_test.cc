// When an answer is partial.
#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "lib/base/status.h"
#include "lib/cluster/fake_read_cluster.h"
#include "lib/cluster/reader.h"

namespace varve::cluster {
namespace {

using Cluster = FakeReadCluster;

TEST_CASE("an answer is partial when a group lost its replicas",
          "[cluster]") {
  Cluster cluster(2);
  cluster.nodes[1]->series = {{kUp, Columns({{1, 1}})}};
  cluster.channels[0]->SetConnected(false);
  REQUIRE(cluster.Search().ok());
  CHECK(cluster.outcome.is_partial);
  REQUIRE(cluster.outcome.warnings.size() == 1);
  CHECK(cluster.outcome.warnings[0].find("node0") != std::string::npos);
  ReadRequest deny;
  deny.deny_partial = true;
  CHECK(absl::IsUnavailable(cluster.Search(deny).status()));
  cluster.options.replication_factors = {{"", 2}};
  REQUIRE(cluster.Search(deny).ok());
  CHECK_FALSE(cluster.outcome.is_partial);
  cluster.channels[1]->SetConnected(false);
  CHECK(absl::IsUnavailable(cluster.Search().status()));
}

TEST_CASE("groups count against the global replication factor",
          "[cluster]") {
  Cluster cluster(4, {"a", "a", "b", "b"});
  cluster.options.replication_factors = {{"a", 2}, {"b", 1}};
  cluster.options.global_replication_factor = 2;
  cluster.channels[0]->SetConnected(false);
  cluster.channels[2]->SetConnected(false);
  REQUIRE(cluster.Search().ok());
  CHECK_FALSE(cluster.outcome.is_partial);  // only b has failed
  cluster.channels[1]->SetConnected(false);
  REQUIRE(cluster.Search().ok());
  CHECK(cluster.outcome.is_partial);
}

TEST_CASE("a node that replays makes the answer partial, with its data",
          "[cluster]") {
  const size_t size = GENERATE(1, 2);
  Cluster cluster(size);
  cluster.nodes[0]->series = {{kUp, Columns({{1, 1}})}};
  cluster.nodes[0]->coverage.set_replaying(true);
  CHECK(cluster.Search()->size() == 1);
  CHECK(cluster.outcome.is_partial);
}

TEST_CASE("a level below whose answer is partial is a node that failed",
          "[cluster]") {
  Cluster cluster(2);
  cluster.nodes[0]->series[kUp] = Columns({{1'000, 1}});
  cluster.nodes[1]->series[kUp] = Columns({{2'000, 2}});
  cluster.nodes[0]->coverage.set_partial(true);
  cluster.nodes[0]->coverage.add_warnings("storage node s3: gone");
  const auto found = cluster.Search();
  REQUIRE(found.ok());
  CHECK(found->at(kUp).size() == 2);
  CHECK(cluster.outcome.is_partial);
  REQUIRE(cluster.outcome.warnings.size() == 1);
  CHECK(cluster.outcome.warnings[0] ==
        "storage node node0: its answer is partial: storage node s3: gone");
  cluster.options.replication_factors = {{"", 2}};
  REQUIRE(cluster.Search().ok());
  CHECK(!cluster.outcome.is_partial);
}

TEST_CASE("a level below that lacks rows counts beside one that failed",
          "[cluster]") {
  Cluster cluster(2);
  cluster.options.replication_factors = {{"", 2}};
  // The one was down when the other took rows.
  cluster.nodes[0]->coverage.add_cluster_ids(70);
  cluster.nodes[0]->coverage.add_cluster_ids(71);
  cluster.nodes[1]->coverage.add_cluster_ids(80);
  cluster.nodes[1]->coverage.add_missed()->set_owner(71);
  REQUIRE(cluster.Search().ok());
  CHECK_FALSE(cluster.outcome.is_partial);
  CHECK(cluster.outcome.lacking == std::vector<uint64_t>{71});
  cluster.nodes[1]->coverage.set_partial(true);
  REQUIRE(cluster.Search().ok());
  CHECK(cluster.outcome.is_partial);
  CHECK(cluster.outcome.warnings.size() == 2);
  cluster.nodes[1]->coverage.mutable_missed(0)->set_owner(72);
  REQUIRE(cluster.Search().ok());
  CHECK_FALSE(cluster.outcome.is_partial);
}

TEST_CASE("a level below that does not tell who it is may lack any rows",
          "[cluster]") {
  Cluster cluster(2);
  cluster.options.replication_factors = {{"", 2}};
  cluster.nodes[1]->coverage.add_cluster_ids(80);
  cluster.nodes[1]->coverage.set_partial(true);
  REQUIRE(cluster.Search().ok());
  CHECK_FALSE(cluster.outcome.is_partial);  // nobody lacks any
  cluster.nodes[1]->coverage.add_missed()->set_owner(71);
  REQUIRE(cluster.Search().ok());
  CHECK(cluster.outcome.is_partial);
  cluster.nodes[0]->coverage.add_cluster_ids(70);
  REQUIRE(cluster.Search().ok());
  CHECK_FALSE(cluster.outcome.is_partial);
}

TEST_CASE("rows of a ring that was short of members are with who tells so",
          "[cluster]") {
  Cluster cluster(3);
  cluster.options.replication_factors = {{"", 2}};
  const auto tell = [&cluster](size_t node, uint64_t ring) {
    proto::Coverage::MissedSpan& told =
        *cluster.nodes[node]->coverage.add_missed();
    told.set_ring(ring);
    return &told;
  };
  proto::Coverage::MissedSpan* const first = tell(0, 5);
  REQUIRE(cluster.Search().ok());
  CHECK_FALSE(cluster.outcome.is_partial);
  // Another node that fails has none of these rows.
  cluster.nodes[2]->coverage.set_damaged(true);
  REQUIRE(cluster.Search().ok());
  CHECK_FALSE(cluster.outcome.is_partial);
  cluster.nodes[2]->coverage.set_damaged(false);
  cluster.nodes[0]->coverage.set_damaged(true);
  REQUIRE(cluster.Search().ok());
  CHECK(cluster.outcome.is_partial);
  CHECK_FALSE(cluster.outcome.warnings.empty());
  SECTION("a member that is whole has them") {
    tell(1, 5);
    REQUIRE(cluster.Search().ok());
    CHECK_FALSE(cluster.outcome.is_partial);
  }
  SECTION("one of another ring has others") {
    tell(1, 6);
    REQUIRE(cluster.Search().ok());
    CHECK(cluster.outcome.is_partial);
  }
  SECTION("a level above judges its own") {
    first->set_levels_above(1);
    REQUIRE(cluster.Search().ok());
    CHECK_FALSE(cluster.outcome.is_partial);
    CHECK(cluster.outcome.short_rings ==
          std::vector<ReadOutcome::ShortRing>{{.ring = 5, .levels_above = 1}});
  }
  SECTION("a release that does not tell rings") {
    first->set_ring(0);
    REQUIRE(cluster.Search().ok());
    CHECK_FALSE(cluster.outcome.is_partial);
  }
}

TEST_CASE("without a node there is no answer", "[cluster]") {
  Cluster cluster(0);
  CHECK(absl::IsUnavailable(cluster.Search().status()));
  Reader reader(cluster.set.get(), cluster.options);
  ReadOutcome outcome;
  CHECK(absl::IsUnavailable(
      reader.Labels(ReadRequest(), "", 0, outcome).status()));
  CHECK(absl::IsUnavailable(reader.ResetNameUsage(ReadRequest())));
}

TEST_CASE("a node's old address is not a node that failed", "[cluster]") {
  Cluster cluster(2);
  cluster.nodes[0]->series = {{kUp, Columns({{1, 1}})}};
  cluster.nodes[0]->coverage.set_node_id(7);
  cluster.nodes[1]->coverage.set_node_id(8);
  REQUIRE(cluster.Search().ok());
  CHECK_FALSE(cluster.outcome.is_partial);
  cluster.nodes[1]->error = base::Unavailable("gone");
  REQUIRE(cluster.Search().ok());
  CHECK(cluster.outcome.is_partial);
  // Now the first address reaches what the second one did.
  cluster.nodes[0]->coverage.set_node_id(8);
  REQUIRE(cluster.Search().ok());
  CHECK_FALSE(cluster.outcome.is_partial);
}

TEST_CASE("a stream cut before its end is a failed node", "[cluster]") {
  const size_t size = GENERATE(1, 2);
  Cluster cluster(size);
  cluster.nodes[0]->series = {{kUp, Columns({{1, 1}})}};
  cluster.nodes[0]->error = base::Unavailable("cut");
  REQUIRE(cluster.Search().ok());
  CHECK(cluster.outcome.is_partial);
}

}  // namespace
}  // namespace varve::cluster
