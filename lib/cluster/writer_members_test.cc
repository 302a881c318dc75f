#include <algorithm>
#include <catch2/catch.hpp>
#include <set>
#include <string>

#include "lib/cluster/fake_cluster.h"

namespace varve::cluster {
namespace {

// To the list, where it comes last.
void AddAddress(FakeCluster& c, FakeNode& other) {
  auto list = c.List();
  list.push_back(std::make_shared<const Node>(
      "other:8400", "", std::make_unique<FakeChannel>(&other, "")));
  c.nodes->Replace(std::move(list));
}

TEST_CASE("a node that joins takes its share of the series", "[cluster]") {
  constexpr int kSeries = 2'000;
  FakeCluster c(3);
  c.Start(1);
  REQUIRE(c.Write(kSeries, 1000).ok());
  const std::shared_ptr<const WriteView> before = c.writer->View();
  c.AddNode();
  c.nodes->Replace(c.List());
  REQUIRE(c.Write(kSeries, 2000).ok());
  CHECK(c.TotalRows() == 2 * kSeries);
  CHECK(c.Sent() == 2 * kSeries);
  CHECK(c.Incomplete() == 0);
  // A quarter of them, and nothing else has moved.
  const auto moved = static_cast<double>(c.fakes[3]->rows());
  CHECK(moved == Approx(kSeries / 4.0).epsilon(0.1));
  size_t stayed = 0;
  for (int i = 0; i < 3; ++i) {
    for (const auto& [ref, rows] : c.fakes[i]->samples) {
      stayed += rows.size() == 2;
    }
  }
  CHECK(stayed == kSeries - c.fakes[3]->rows());
  // All nodes know both rings, the new one too; writes of before go on with
  // what they have.
  for (int i = 0; i < 3; ++i) CHECK(c.fakes[i]->rings.size() == 2);
  CHECK(c.fakes[3]->rings.size() == 2);
  CHECK(before->nodes->size() == 3);
  CHECK(before->generation != c.writer->View()->generation);
}

TEST_CASE("a node of twice the weight takes twice as many series, also for a "
          "writer that has never met it", "[cluster]") {
  constexpr int kSeries = 3'000;
  FakeCluster c(2);
  c.fakes[1]->weight = 2;
  c.Start(1);
  REQUIRE(c.Write(kSeries, 1000).ok());
  CHECK(static_cast<double>(c.fakes[1]->rows()) ==
        Approx(kSeries * 2 / 3.0).epsilon(0.1));
  const uint64_t ring_id = c.fakes[0]->rings[0].ring_id();
  c.fakes[1]->up = false;
  c.routes.clear();
  c.Start(1);
  REQUIRE(c.Write(1, 2000).ok());
  CHECK(c.fakes[0]->rings.back().ring_id() == ring_id);
}

TEST_CASE("a node that left the list is written to no more", "[cluster]") {
  FakeCluster c(3);
  c.Start(2);
  REQUIRE(c.Write(100, 1000).ok());
  const size_t rows = c.fakes[1]->rows();
  c.nodes->Replace(c.List(/*left_out=*/1));
  REQUIRE(c.Write(100, 2000).ok());
  CHECK(c.fakes[1]->rows() == rows);
  CHECK(c.TotalRows() == 400);
  CHECK(c.Incomplete() == 0);
  // Nor asked for anything: its numbers in the list are another's now.
  CHECK(c.fakes[1]->rings.size() == 1);
  CHECK(c.fakes[2]->rings.size() == 2);
}

TEST_CASE("without nodes writes are refused until there are some",
          "[cluster]") {
  FakeCluster c(2);
  c.Start(2);
  c.nodes->Replace({});
  CHECK(absl::IsUnavailable(c.Write(1, 1000)));
  c.nodes->Replace(c.List());
  REQUIRE(c.Write(1, 1000).ok());
  CHECK(c.TotalRows() == 2);
}

TEST_CASE("a cluster that grows past its factor makes all copies",
          "[cluster]") {
  FakeCluster c(1);
  c.Start(2);
  REQUIRE(c.Write(10, 1000).ok());
  // The list may be short of nodes: what it has is not all.
  CHECK(c.Incomplete() == 10);
  CHECK(c.fakes[0]->missed.size() == 1);
  c.AddNode();
  c.nodes->Replace(c.List());
  REQUIRE(c.Write(10, 2000).ok());
  CHECK(c.fakes[0]->rows() == 20);
  CHECK(c.fakes[1]->rows() == 10);
  CHECK(c.Incomplete() == 10);
}

TEST_CASE("a list that is short of nodes does not lower the least copies",
          "[cluster]") {
  FakeCluster c(1);
  c.Start(2, /*copies_min=*/2);
  CHECK(absl::IsUnavailable(c.Write(1, 1000)));
}

TEST_CASE("nodes found late are waited for before a ring is made",
          "[cluster]") {
  FakeCluster c(2);
  c.Start(1);
  c.nodes->Replace({});
  CHECK_FALSE(c.Write(1, 1000).ok());
  c.clock.Advance(60'000);
  c.fakes[1]->up = false;
  c.nodes->Replace(c.List());
  CHECK(absl::IsUnavailable(c.Write(1, 1000)));
  CHECK(c.fakes[0]->rings.empty());
  c.fakes[1]->up = true;
  REQUIRE(c.Write(1, 1000).ok());
  CHECK(c.fakes[0]->rings.size() == 1);
  CHECK(c.fakes[1]->rings.size() == 1);
}

TEST_CASE("nodes found late are waited for no longer than those at the start",
          "[cluster]") {
  FakeCluster c(2);
  c.Start(1);
  c.clock.Advance(60'000);
  c.fakes[1]->up = false;
  c.nodes->Replace(c.List());
  CHECK(absl::IsUnavailable(c.Write(1, 1000)));
  // Nobody writes meanwhile.
  c.clock.Advance(5'000);
  CHECK(c.Write(1, 1000).ok());
}

TEST_CASE("a node under a new address is one node", "[cluster]") {
  FakeCluster c(2);
  c.Start(1);
  REQUIRE(c.Write(50, 1000).ok());
  const size_t rows = c.fakes[0]->rows();
  // Its old address stays in the list and answers no more.
  FakeNode gone = *c.fakes[0];
  auto list = c.List();
  list.push_back(std::make_shared<const Node>(
      "new:8400", "", std::make_unique<FakeChannel>(c.fakes[0].get(), "")));
  gone.up = false;
  list[0] = std::make_shared<const Node>(
      "s0:8400", "", std::make_unique<FakeChannel>(&gone, ""));
  c.nodes->Replace(std::move(list));
  REQUIRE(c.Write(50, 2000).ok());
  CHECK(c.fakes[0]->rows() == 2 * rows);
  CHECK(c.TotalRows() == 100);
  // The others are told where it is, though their ring is the same.
  const auto& told = c.fakes[1]->rings;
  REQUIRE(told.size() == 2);
  CHECK(told[0].ring_id() == told[1].ring_id());
  const auto known = [&told](const std::string& address) {
    const auto& members = told.back().members();
    return std::any_of(members.begin(), members.end(),
                       [&address](const proto::Ring::Member& member) {
                         return member.address() == address;
                       });
  };
  CHECK(known("new:8400"));
  CHECK_FALSE(known("s0:8400"));
}

TEST_CASE("a cluster below is up while one of its insert nodes is",
          "[cluster]") {
  FakeCluster c(2);
  for (const auto& fake : c.fakes) fake->role = "insert";
  c.Start(2);
  FakeNode other;
  other.id = c.fakes[0]->id;
  other.role = "insert";
  AddAddress(c, other);
  REQUIRE(c.Write(50, 1000).ok());
  CHECK(c.writer->View()->all_live);
  const uint32_t generation = c.writer->View()->generation;
  // It did not write, and is back: nothing changes.
  other.up = false;
  REQUIRE(c.Write(50, 2000).ok());
  CHECK(c.writer->View()->all_live);
  other.up = true;
  other.connection = 2;
  REQUIRE(c.Write(50, 3000).ok());
  CHECK(c.writer->View()->generation == generation);
  // The one that writes goes: all series have routes over the other one.
  c.fakes[0]->up = false;
  REQUIRE(c.Write(50, 4000).ok());
  CHECK(c.writer->View()->all_live);
  CHECK(other.rows() == 50);
  CHECK(c.fakes[1]->rows() == 200);
  CHECK(c.Incomplete() == 0);
  other.up = false;
  REQUIRE(c.Write(50, 5000).ok());
  CHECK_FALSE(c.writer->View()->all_live);
  CHECK(c.Incomplete() == 50);
  CHECK(c.fakes[1]->missed.size() == 1);
}

TEST_CASE("of a cluster below another insert node takes over at once",
          "[cluster]") {
  FakeCluster c(2);
  for (const auto& fake : c.fakes) fake->role = "insert";
  c.Start(2);
  FakeNode other;
  other.id = c.fakes[0]->id;
  other.role = "insert";
  other.ref_epoch = 77;
  AddAddress(c, other);
  REQUIRE(c.Write(50, 1000).ok());
  CHECK(c.fakes[0]->rows() == 50);
  CHECK(other.rows() == 0);
  // Connected, and failing: the write is made again by way of the other one.
  c.fakes[0]->interfere = [](rpc::Method) -> std::optional<Answer> {
    return base::Unavailable("stopping");
  };
  REQUIRE(c.Write(50, 2000).ok());
  CHECK(other.rows() == 50);
  c.fakes[0]->up = false;
  REQUIRE(c.Write(50, 3000).ok());
  CHECK(other.rows() == 100);
  CHECK(c.Incomplete() == 0);
  CHECK(c.fakes[1]->missed.empty());
  // Back again.
  c.fakes[0]->interfere = nullptr;
  c.fakes[0]->up = true;
  c.fakes[0]->connection = 2;
  other.up = false;
  REQUIRE(c.Write(50, 4000).ok());
  CHECK(c.fakes[0]->rows() == 100);
  CHECK(c.Incomplete() == 0);
}

TEST_CASE("insert nodes of a cluster below are one node while lists differ",
          "[cluster]") {
  FakeCluster c(2);
  for (const auto& fake : c.fakes) {
    fake->role = "insert";
    fake->member_ids = {fake->id * 10, fake->id * 10 + 1};
  }
  c.Start(2);
  FakeNode other;
  other.id = 90;
  other.role = "insert";
  other.member_ids = {10, 11, 12};
  auto list = c.List();
  list.insert(list.begin(),
              std::make_shared<const Node>(
                  "other:8400", "",
                  std::make_unique<FakeChannel>(&other, "")));
  c.nodes->Replace(std::move(list));
  REQUIRE(c.Write(50, 1000).ok());
  CHECK(c.writer->View()->all_live);
  CHECK(c.writer->View()->ring->members().size() == 2);
  CHECK(other.rows() == 50);
  CHECK(c.fakes[0]->rows() == 0);
  CHECK(c.fakes[1]->rows() == 50);
  // The write is made again by way of the other one, under the same id.
  const uint64_t ring = c.writer->View()->ring->id();
  other.interfere = [](rpc::Method) -> std::optional<Answer> {
    return base::Unavailable("stopping");
  };
  REQUIRE(c.Write(50, 2000).ok());
  CHECK(c.fakes[0]->rows() == 50);
  other.interfere = nullptr;
  other.up = false;
  REQUIRE(c.Write(50, 3000).ok());
  CHECK(c.writer->View()->ring->id() == ring);
  CHECK(c.Incomplete() == 0);
  // Its copy is missed under an id that one of the two has told.
  c.fakes[0]->up = false;
  REQUIRE(c.Write(50, 4000).ok());
  REQUIRE(c.fakes[1]->missed.size() == 1);
  CHECK(c.fakes[1]->missed[0].owner() == c.fakes[0]->id);
  // Both have the new list; then the first has a storage node no more.
  c.fakes[0]->up = other.up = true;
  c.fakes[0]->connection = other.connection = 2;
  c.fakes[0]->id = 90;
  c.fakes[0]->member_ids = other.member_ids;
  REQUIRE(c.Write(50, 5000).ok());
  CHECK(c.writer->View()->ring->members()[1].node_id == 90);
  c.fakes[0]->connection = 3;
  c.fakes[0]->id = 1;
  c.fakes[0]->member_ids = {14, 15};
  REQUIRE(c.Write(50, 6000).ok());
  CHECK(c.writer->View()->ring->members().size() == 3);
}

TEST_CASE("an address of a cluster below that is down is not waited for",
          "[cluster]") {
  FakeCluster c(1);
  c.fakes[0]->role = "insert";
  FakeNode other;
  other.role = "insert";
  other.id = c.fakes[0]->id;
  const auto start = [&] {
    c.Start(1);
    AddAddress(c, other);
  };
  start();
  REQUIRE(c.Write(50, 1000).ok());
  CHECK(c.fakes[0]->rows() == 50);
  const bool first_is_down = GENERATE(true, false);
  const bool id_has_changed = GENERATE(true, false);
  FakeNode& down = first_is_down ? *c.fakes[0] : other;
  FakeNode& up = first_is_down ? other : *c.fakes[0];
  down.up = false;
  if (id_has_changed) up.id = 77;
  const size_t before = up.rows();
  start();
  c.routes.clear();
  REQUIRE(c.Write(50, 2000).ok());
  CHECK(up.rows() == before + 50);
  CHECK(c.writer->View()->all_live);
  CHECK(c.writer->View()->ring->members()[0].node_id == up.id);
}

}  // namespace
}  // namespace varve::cluster
