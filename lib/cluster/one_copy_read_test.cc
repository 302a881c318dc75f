// Reads of one copy each when a node fails: before it gave anything, in the
// middle of what it gives, at its end.
#include <catch2/catch.hpp>
#include <map>
#include <string>

#include "lib/base/status.h"
#include "lib/cluster/fake_owning_cluster.h"

namespace varve::cluster {
namespace {

TEST_CASE("each series is sent by one node", "[cluster]") {
  OwningCluster cluster(3, 2);
  std::map<int, int> series;
  REQUIRE(cluster.Read(true, series).ok());
  CHECK(series == EachOnce());
  for (const auto& node : cluster.nodes) CHECK(node->sent_of_shares > 0);
  CHECK(cluster.SentOfShares() == kSeries);
  CHECK(cluster.outcome.histories.size() == 3);
  CHECK(cluster.asked_again.value() == 0);
}

TEST_CASE("the share of a node that fails is read from others, and no more",
          "[cluster]") {
  OwningCluster cluster(3, 2);
  telemetry::Trace trace("query");
  cluster.trace = &trace;
  OwningNode& failing = *cluster.nodes[1];
  failing.failure = base::Unavailable("connection lost");
  SECTION("at once") {}
  SECTION("after some series") { failing.series_before_failure = 10; }
  SECTION("after all but the end") { failing.series_before_failure = kSeries; }
  std::map<int, int> series;
  REQUIRE(cluster.Read(true, series).ok());
  CHECK(series == EachOnce());
  CHECK_FALSE(cluster.outcome.is_partial);
  CHECK(cluster.outcome.warnings.empty());
  // It has not told its history: nothing is kept of the answer.
  CHECK(cluster.outcome.histories.empty());
  CHECK(cluster.WholeReads() == 0);
  // What it gave is read once more, and left out.
  CHECK(cluster.SentOfShares() == kSeries + failing.sent_of_shares);
  CHECK(cluster.nodes[0]->shares == 2);
  CHECK(cluster.nodes[2]->shares == 2);
  CHECK(cluster.asked_again.value() == 1);
  std::map<std::string, int> parts;
  trace.ForEachChild([&](const telemetry::Trace& part) {
    ++parts[part.message()];
  });
  const std::string again =
      "search share of node2, which failed (connection lost), at storage node ";
  CHECK(parts[again + "node1"] == 1);
  CHECK(parts[again + "node3"] == 1);
  CHECK(parts["search own share at storage node node2: connection lost"] == 1);
}

TEST_CASE("the plan goes with a node that fails", "[cluster]") {
  OwningCluster cluster(3, 2);
  cluster.nodes[1]->failure = base::Unavailable("connection lost");
  std::map<int, int> series;
  REQUIRE(cluster.Read(true, series).ok());
  const int calls = cluster.nodes[0]->coverage_calls;
  cluster.nodes[1]->failure = absl::OkStatus();
  REQUIRE(cluster.Read(true, series).ok());
  CHECK(series == EachOnce());
  CHECK(cluster.nodes[0]->coverage_calls == calls + 1);
}

TEST_CASE("the share of a substitute that fails goes on to the next",
          "[cluster]") {
  OwningCluster cluster(4, 3);
  cluster.nodes[1]->failure = base::Unavailable("connection lost");
  cluster.nodes[1]->series_before_failure = 10;
  OwningNode& substitute = *cluster.nodes[2];
  substitute.failure = base::Unavailable("shut down");
  substitute.shares_before_failure = 1;
  SECTION("at once") {}
  SECTION("after some series") { substitute.series_before_failure = 5; }
  std::map<int, int> series;
  REQUIRE(cluster.Read(true, series).ok());
  CHECK(series == EachOnce());
  CHECK_FALSE(cluster.outcome.is_partial);
  CHECK(cluster.WholeReads() == 0);
  CHECK(cluster.asked_again.value() == 2);
  CHECK(cluster.nodes[1]->shares == 1);
  CHECK(substitute.shares == 2);
}

TEST_CASE("two nodes may fail where there are three copies", "[cluster]") {
  OwningCluster cluster(3, 3);
  for (const size_t i : {0, 2}) {
    cluster.nodes[i]->failure = base::Unavailable("connection lost");
    cluster.nodes[i]->series_before_failure = 10;
  }
  std::map<int, int> series;
  REQUIRE(cluster.Read(true, series).ok());
  CHECK(series == EachOnce());
  CHECK_FALSE(cluster.outcome.is_partial);
  CHECK(cluster.WholeReads() == 0);
}

TEST_CASE("a share that nobody else may read begins the read again",
          "[cluster]") {
  OwningCluster cluster(2, 2);
  OwningNode& failing = *cluster.nodes[1];
  failing.failure = base::Unavailable("connection lost");
  OwningNode& substitute = *cluster.nodes[0];
  SECTION("no other node answers") {
    substitute.failure = base::Unavailable("shut down");
    substitute.shares_before_failure = 1;
  }
  SECTION("the substitute's coverage has changed") {
    substitute.failure = absl::AbortedError("coverage has changed");
    substitute.shares_before_failure = 1;
  }
  SECTION("a node may not tell of damage before its answer ends") {
    failing.lacked_features = wire::kFeatureEndsAtDamage;
  }
  std::map<int, int> given;
  // Series have been given out: the caller begins again with all copies.
  failing.series_before_failure = 10;
  REQUIRE(absl::IsAborted(cluster.Read(true, given)));
  CHECK(given.size() < kSeries);
  std::map<int, int> series;
  REQUIRE(cluster.Read(false, series).ok());
  CHECK(series == EachOnce());
  CHECK(cluster.WholeReads() == 2);
}

TEST_CASE("slots that had one owner are not made up for", "[cluster]") {
  OwningCluster cluster(2, 1);
  cluster.nodes[1]->failure = base::Unavailable("connection lost");
  std::map<int, int> series;
  SECTION("before anything was given out") {
    cluster.nodes[0]->failure = cluster.nodes[1]->failure;
    // All copies are read at once.
    REQUIRE(cluster.Read(true, series).ok());
    CHECK(series == EachOnce());
    CHECK(cluster.WholeReads() == 2);
  }
  SECTION("after some series") {
    cluster.nodes[1]->series_before_failure = 10;
    REQUIRE(absl::IsAborted(cluster.Read(true, series)));
  }
  CHECK(cluster.asked_again.value() == 0);
}

TEST_CASE("what was given is not remembered beyond a query's memory",
          "[cluster]") {
  OwningCluster cluster(3, 2, {.memory_bytes_max = 64});
  std::map<int, int> series;
  REQUIRE(cluster.Read(true, series).ok());
  CHECK(series == EachOnce());
  cluster.nodes[1]->failure = base::Unavailable("connection lost");
  cluster.nodes[1]->series_before_failure = 30;
  const absl::Status status = cluster.Read(true, series);
  REQUIRE(absl::IsAborted(status));
  CHECK(std::string(base::Message(status)).find("-search.maxMemoryPerQuery") !=
        std::string::npos);
}

TEST_CASE("a read gives back the memory of what it remembered", "[cluster]") {
  base::MemoryPool pool(0);
  OwningCluster cluster(3, 2, {.memory_pool = &pool});
  cluster.nodes[1]->failure = base::Unavailable("connection lost");
  cluster.nodes[1]->series_before_failure = 10;
  std::map<int, int> series;
  REQUIRE(cluster.Read(true, series).ok());
  CHECK(pool.bytes() == 0);
  REQUIRE(cluster.Aggregate(series).ok());
  CHECK(pool.bytes() == 0);
}

TEST_CASE("a node that refuses the plan begins the read again", "[cluster]") {
  OwningCluster cluster(3, 2);
  // It has given nothing, nor, as it is the first, has anybody.
  for (const auto& node : cluster.nodes) {
    node->failure = absl::AbortedError("coverage has changed");
  }
  std::map<int, int> series;
  REQUIRE(cluster.Read(true, series).ok());
  CHECK(series == EachOnce());
  CHECK(cluster.WholeReads() == 3);
}

TEST_CASE("no other node is asked for what none could answer", "[cluster]") {
  OwningCluster cluster(3, 2);
  cluster.nodes[1]->series_before_failure = 10;
  std::map<int, int> series;
  SECTION("the request's fault") {
    cluster.nodes[1]->failure = base::ResourceExhausted("too many series");
    CHECK(absl::IsResourceExhausted(cluster.Read(true, series)));
    CHECK(absl::IsResourceExhausted(cluster.Aggregate(series)));
  }
  SECTION("the time is over") {
    cluster.nodes[1]->failure = base::DeadlineExceeded("gave up");
    CHECK(absl::IsAborted(cluster.Read(true, series)));
    CHECK(absl::IsAborted(cluster.Aggregate(series)));
  }
  CHECK(cluster.asked_again.value() == 0);
}

TEST_CASE("only a node that said nothing may have known of missing copies",
          "[cluster]") {
  OwningCluster cluster(3, 2);
  cluster.nodes[1]->failure = base::Unavailable("connection lost");
  // It has not heard the one that fails since it was started.
  cluster.nodes[2]->lacks_without = 2;
  std::map<int, int> series;
  SECTION("it gave some") {
    cluster.nodes[1]->series_before_failure = 1;
    REQUIRE(cluster.Read(true, series).ok());
    CHECK(series == EachOnce());
    CHECK_FALSE(cluster.outcome.is_partial);
    CHECK(cluster.outcome.histories.empty());
  }
  SECTION("it gave nothing") {
    CHECK(absl::IsAborted(cluster.Read(true, series)));
    CHECK(absl::IsAborted(cluster.Aggregate(series)));
  }
}

TEST_CASE("a node whose coverage changes within a read is not trusted",
          "[cluster]") {
  OwningCluster cluster(2, 2);
  std::map<int, int> series;
  REQUIRE(cluster.Read(true, series).ok());
  // What it gives ends with a coverage that the plan was not made of.
  ++cluster.nodes[1]->version;
  REQUIRE(absl::IsAborted(cluster.Read(true, series)));
  // Asked again, the plan is made of the new one.
  REQUIRE(cluster.Read(true, series).ok());
  CHECK(series == EachOnce());
}

}  // namespace
}  // namespace varve::cluster
