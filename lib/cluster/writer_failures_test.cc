// Nodes that fail, or are late, while they are written to.
#include <catch2/catch.hpp>
#include <string>

#include "lib/base/status.h"
#include "lib/cluster/fake_cluster.h"
#include "lib/wire/methods.h"

namespace varve::cluster {
namespace {

constexpr int kSeries = 300;

TEST_CASE("a node that fails while it is written to gets hints for the rows",
          "[cluster]") {
  FakeCluster c(3);
  c.Start(2);
  REQUIRE(c.Write(kSeries, 1000).ok());
  const size_t before = c.fakes[2]->rows();
  c.fakes[2]->interfere =
      Failing({wire::kData}, base::DeadlineExceeded("too slow"));
  REQUIRE(c.Write(kSeries, 2000).ok());
  CHECK(c.TotalHintRows() == before);
  CHECK(c.Incomplete() == 0);
  // Without a ping that is answered it is not tried again.
  int calls = 0;
  c.fakes[2]->interfere = [&](rpc::Method) -> std::optional<Answer> {
    ++calls;
    return Answer(base::DeadlineExceeded("hangs"));
  };
  for (int i = 0; i < 100; ++i) {
    c.clock.Advance(1'000);
    REQUIRE(c.Write(kSeries, 3000 + i).ok());
  }
  CHECK(calls <= 9);  // 1, 2, 4, 8, 16, 30, 30 s apart
  CHECK(c.TotalHintRows() == 101 * before);
  c.fakes[2]->interfere = nullptr;
  for (int i = 0; i < 2; ++i) {  // the last ping has failed already
    c.clock.Advance(30'000);
    REQUIRE(c.Write(kSeries, 9000 + i).ok());
  }
  CHECK(c.fakes[2]->rows() == 2 * before);
}

TEST_CASE("a node that fails at the definition of new series gets hints",
          "[cluster]") {
  FakeCluster c(3);
  c.Start(2);
  REQUIRE(c.Write(1, 1000).ok());
  c.fakes[1]->interfere =
      Failing({wire::kDefine}, base::Unavailable("connection lost"));
  REQUIRE(c.Write(kSeries, 2000).ok());
  CHECK(c.fakes[1]->hint_rows() == 0);
  CHECK(c.TotalHintRows() > 0);
  CHECK(c.TotalRows() + c.TotalHintRows() >= 2 * kSeries);
  CHECK(c.Incomplete() == 0);
}

TEST_CASE("a holder that dies while it is written to is replaced",
          "[cluster]") {
  FakeCluster c(4);
  c.Start(2);
  REQUIRE(c.Write(kSeries, 1000).ok());
  c.fakes[3]->up = false;
  c.fakes[0]->interfere = Failing({wire::kHintData, wire::kData},
                                  base::Unavailable("connection lost"));
  REQUIRE(c.Write(kSeries, 2000).ok());
  CHECK(c.Incomplete() == 0);
  for (const int alive : {1, 2}) {
    for (const auto& [owner, log] : c.fakes[alive]->hints) {
      CHECK((owner == 1 || owner == 4));
    }
  }
  for (int i = 0; i < kSeries; ++i) {
    const auto nodes = c.NodesWith(base::StrCat("0/series", i));
    CHECK(nodes.contains(2) + nodes.contains(3) == 2);
  }
}

TEST_CASE("each step of a write has the time of a laggard for itself",
          "[cluster]") {
  FakeCluster c(3);
  c.Start(2);
  REQUIRE(c.Write(kSeries, 1000).ok());
  const size_t before = c.fakes[2]->rows();
  c.fakes[2]->up = false;
  for (const auto& fake : c.fakes) {
    fake->takes_ms = {{wire::kHintDefine, 1'500},
                      {wire::kData, 1'500},
                      {wire::kMissed, 1'500}};
  }
  const size_t rows = c.TotalRows();
  REQUIRE(c.Write(kSeries, 2000).ok());
  // Nobody was given up on, or they had rows of each other as hints.
  CHECK(c.TotalHintRows() == before);
  CHECK(c.TotalRows() == rows + 2 * kSeries - before);
  CHECK(c.Incomplete() == 0);
  CHECK_FALSE(c.fakes[0]->hints.contains(2));
  CHECK_FALSE(c.fakes[1]->hints.contains(1));
  // More than that is too much at each step.
  c.fakes[1]->takes_ms = {{wire::kData, 2'001}};
  c.fakes[0]->takes_ms.clear();
  REQUIRE(c.Write(kSeries, 3000).ok());
  CHECK(c.fakes[0]->hints.contains(2));
}

TEST_CASE("a node that nothing can take the place of has all the time",
          "[cluster]") {
  FakeCluster c(3);
  const WriterOptions options = {.hint_age_max = absl::ZeroDuration(),
                                 .reroute_slow = false};
  c.Start(2, 2, options);
  REQUIRE(c.Write(kSeries, 1000).ok());
  c.fakes[2]->takes_ms = {{wire::kData, 9'000}};
  CHECK(c.Write(kSeries, 2000).ok());
  c.clock.Advance(60'000);
  // One copy is enough: a slow node is done without.
  c.Start(2, 1, options);
  const int64_t start_ms = c.clock.SteadyMs();
  CHECK(c.Write(kSeries, 3000).ok());
  CHECK(c.clock.SteadyMs() - start_ms == 2'000);
}

TEST_CASE("a node that is lost while the view is made has its copies hinted",
          "[cluster]") {
  FakeCluster c(3);
  c.Start(2);
  REQUIRE(c.Write(kSeries, 1000).ok());
  const size_t before = c.fakes[2]->rows();
  c.fakes[2]->greets = false;
  ++c.fakes[2]->connection;
  REQUIRE(c.Write(kSeries, 2000).ok());
  CHECK(c.TotalHintRows() == before);
  CHECK(c.Incomplete() == 0);
  // The next view sees that it is down, and the references are good in it.
  c.fakes[2]->up = false;
  const int hint_defines =
      c.fakes[0]->hint_defines + c.fakes[1]->hint_defines;
  REQUIRE(c.Write(kSeries, 3000).ok());
  CHECK(c.TotalHintRows() == 2 * before);
  CHECK(c.fakes[0]->hint_defines + c.fakes[1]->hint_defines == hint_defines);
}

TEST_CASE("a node that comes and goes has each row once", "[cluster]") {
  FakeCluster c(3);
  c.Start(2);
  for (int round = 0; round < 10; ++round) {
    c.fakes[2]->up = round % 2 == 0;
    if (c.fakes[2]->up) ++c.fakes[2]->connection;
    REQUIRE(c.Write(kSeries, 1000 + round).ok());
  }
  CHECK(c.TotalRows() + c.TotalHintRows() == 20 * kSeries);
  CHECK(c.TotalHintRows() > 0);
  CHECK(c.Incomplete() == 0);
}

}  // namespace
}  // namespace varve::cluster
