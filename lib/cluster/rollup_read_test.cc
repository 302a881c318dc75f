// Aggregations made by the nodes when one of them fails within its answer.
#include "lib/cluster/rollup_read.h"

#include <catch2/catch.hpp>
#include <map>
#include <string>

#include "lib/base/status.h"
#include "lib/cluster/fake_owning_cluster.h"

namespace varve::cluster {
namespace {

TEST_CASE("each group comes from one node", "[cluster]") {
  OwningCluster cluster(3, 2);
  std::map<int, int> groups;
  REQUIRE(cluster.Aggregate(groups).ok());
  CHECK(groups == EachOnce());
  CHECK(cluster.SentOfShares() == kSeries);
  CHECK(cluster.outcome.histories.size() == 3);
}

TEST_CASE("of a node that fails others aggregate the share, and no more",
          "[cluster]") {
  OwningCluster cluster(3, 2);
  telemetry::Trace trace("query");
  cluster.trace = &trace;
  // The last that is read: the others have answered for theirs.
  OwningNode& failing = *cluster.nodes[2];
  std::string why = "connection lost";
  SECTION("at once") { failing.failure = base::Unavailable(why); }
  SECTION("after some groups") {
    failing.failure = base::Unavailable(why);
    failing.series_before_failure = 10;
  }
  SECTION("at its end") {
    failing.damaged = true;
    why = "a node is not complete";
  }
  std::map<int, int> groups;
  REQUIRE(cluster.Aggregate(groups).ok());
  CHECK(groups == EachOnce());
  CHECK_FALSE(cluster.outcome.is_partial);
  CHECK(cluster.outcome.histories.empty());
  CHECK(cluster.WholeReads() == 0);
  CHECK(cluster.SentOfShares() == kSeries + failing.sent_of_shares);
  CHECK(cluster.nodes[0]->shares == 2);
  CHECK(cluster.nodes[1]->shares == 2);
  CHECK(cluster.asked_again.value() == 1);
  std::map<std::string, int> parts;
  trace.ForEachChild([&](const telemetry::Trace& part) {
    ++parts[part.message()];
  });
  const std::string again = "aggregate share of node3, which failed (" + why +
                            "), at storage node ";
  CHECK(parts[again + "node1"] == 1);
  CHECK(parts[again + "node2"] == 1);
  CHECK(parts["aggregate at storage node node3: " + why] == 1);
}

TEST_CASE("the share of a substitute that fails is aggregated by the next",
          "[cluster]") {
  OwningCluster cluster(4, 3);
  cluster.nodes[3]->failure = base::Unavailable("connection lost");
  cluster.nodes[3]->series_before_failure = 10;
  OwningNode& substitute = *cluster.nodes[0];
  substitute.failure = base::Unavailable("shut down");
  substitute.shares_before_failure = 1;
  substitute.series_before_failure = 5;
  std::map<int, int> groups;
  REQUIRE(cluster.Aggregate(groups).ok());
  CHECK(groups == EachOnce());
  CHECK_FALSE(cluster.outcome.is_partial);
  CHECK(cluster.asked_again.value() == 2);
}

TEST_CASE("what nobody else may aggregate is to be read as series",
          "[cluster]") {
  SECTION("slots of one owner") {
    OwningCluster cluster(2, 1);
    cluster.nodes[1]->failure = base::Unavailable("connection lost");
    std::map<int, int> groups;
    CHECK(absl::IsAborted(cluster.Aggregate(groups)));
  }
  SECTION("of a substitute whose coverage has changed") {
    OwningCluster cluster(2, 2);
    cluster.nodes[1]->failure = base::Unavailable("connection lost");
    cluster.nodes[0]->failure = absl::AbortedError("coverage has changed");
    cluster.nodes[0]->shares_before_failure = 1;
    std::map<int, int> groups;
    CHECK(absl::IsAborted(cluster.Aggregate(groups)));
  }
}

TEST_CASE("an answer that is too large to be held is given as it comes",
          "[cluster]") {
  OwningCluster cluster(3, 2, {.memory_bytes_max = 64});
  std::map<int, int> groups;
  REQUIRE(cluster.Aggregate(groups).ok());
  CHECK(groups == EachOnce());
  cluster.nodes[2]->failure = base::Unavailable("connection lost");
  cluster.nodes[2]->series_before_failure = 30;
  CHECK(absl::IsAborted(cluster.Aggregate(groups)));
  CHECK(cluster.asked_again.value() == 0);
}

TEST_CASE("what a node cannot aggregate is read, by the same plan",
          "[cluster]") {
  OwningCluster cluster(3, 2);
  std::map<int, int> series;
  REQUIRE(cluster.Read(true, series).ok());
  const int calls = cluster.nodes[0]->coverage_calls;
  cluster.nodes[1]->failure = base::Unimplemented("aggregation 99");
  CHECK(absl::IsAborted(cluster.Aggregate(series)));
  CHECK(cluster.asked_again.value() == 0);
  cluster.nodes[1]->failure = absl::OkStatus();
  REQUIRE(cluster.Read(true, series).ok());
  CHECK(series == EachOnce());
  CHECK(cluster.nodes[0]->coverage_calls == calls);
}

}  // namespace
}  // namespace varve::cluster
