#include "lib/cluster/read_planner.h"

#include <catch2/catch.hpp>

#include "lib/base/status.h"
#include "lib/placement/ring.h"
#include "lib/wire/features.h"
#include "lib/wire/hello.h"
#include "lib/wire/methods.h"
#include "net/rpc/local_channel.h"

namespace varve::cluster {
namespace {

constexpr model::TimeRange kRange{1'000, 2'000};

// Tells its coverage and its rings.
class TellingNode final : public rpc::Service {
 public:
  explicit TellingNode(uint64_t id) : id_(id) {
    coverage.set_node_id(id);
    coverage.set_coverage_version(id * 100);
  }
  std::string Hello() override {
    proto::Hello hello;
    REQUIRE(hello.ParseFromString(wire::EncodeStorageHello(id_, 1, "")));
    hello.set_features(hello.features() & ~lacked_features);
    return hello.SerializeAsString();
  }
  absl::Status Accept(std::string_view) override { return absl::OkStatus(); }
  absl::Status Handle(rpc::ServerCall& call) override {
    ++calls;
    if (call.method() == wire::kCoverage) {
      return call.Send(coverage.SerializeAsString());
    }
    if (call.method() == wire::kGetRings) {
      return call.Send(rings.SerializeAsString());
    }
    return base::Unimplemented("");
  }

  proto::Coverage coverage;
  proto::RingList rings;
  uint64_t lacked_features = 0;
  int calls = 0;

 private:
  const uint64_t id_;
};

struct Nodes {
  // Ids 1, 2, ...
  explicit Nodes(size_t size, const std::string& group = "") {
    std::vector<std::shared_ptr<const Node>> list;
    for (size_t i = 0; i < size; ++i) {
      told.push_back(std::make_unique<TellingNode>(i + 1));
      const std::string address = "node" + std::to_string(i);
      list.push_back(std::make_shared<const Node>(
          address, group,
          std::make_unique<rpc::LocalChannel>(address, told[i].get(), "")));
    }
    set = std::make_unique<NodeSet>(std::move(list));
  }
  // Puts the ring of these nodes to node `at`.
  placement::Ring Put(const std::vector<uint64_t>& ids, uint32_t factor,
                      size_t at = 0) {
    std::vector<placement::Member> members;
    for (const uint64_t id : ids) members.push_back({.node_id = id});
    return Put(std::move(members), factor, at);
  }
  placement::Ring Put(std::vector<placement::Member> members, uint32_t factor,
                      size_t at = 0) {
    const placement::Ring ring =
        placement::Ring::Make(std::move(members), factor);
    proto::Ring& put = *told[at]->rings.add_rings();
    put.set_ring_id(ring.id());
    put.set_replication_factor(factor);
    for (const placement::Member& member : ring.members()) {
      proto::Ring::Member& to = *put.add_members();
      to.set_node_id(member.node_id);
      to.set_weight(member.weight);
    }
    return ring;
  }
  // It is the newest ring to all nodes; rows of others came until 1,000 ms, and
  // since then all have compared themselves.
  void MakeNewest(const placement::Ring& ring) {
    for (const auto& node : told) {
      auto& newest = *node->coverage.mutable_newest_ring();
      newest.set_ring_id(ring.id());
      for (const placement::Member& member : ring.members()) {
        newest.add_members(member.node_id);
      }
      node->coverage.set_other_rows_ms(1'000);
      node->coverage.set_whole_at_ms(1'000);
      node->coverage.set_whole_from_ms(kRange.start_ms);
    }
  }
  void Miss(size_t teller, uint64_t owner, model::TimeRange span) {
    auto& missed = *told[teller]->coverage.add_missed();
    missed.set_owner(owner);
    missed.set_start_ms(span.start_ms);
    missed.set_end_ms(span.end_ms);
  }

  std::vector<std::unique_ptr<TellingNode>> told;
  std::unique_ptr<NodeSet> set;
};

bool Owns(const placement::Ring& ring, uint16_t slot, uint64_t id) {
  for (const uint16_t member : ring.Owners(slot)) {
    if (ring.members()[member].node_id == id) return true;
  }
  return false;
}

// How many nodes read the slot; a disputed one is read by all.
size_t Readers(const ReadPlan& plan, uint16_t slot) {
  size_t readers = 0;
  for (const model::SlotSet& slots : plan.slots) readers += slots.Has(slot);
  if (plan.disputed.Has(slot)) readers += plan.slots.size();
  return readers;
}

TEST_CASE("each slot is read by one of its owners, evenly", "[cluster]") {
  Nodes nodes(3);
  const placement::Ring ring = nodes.Put({1, 2, 3}, 2);
  ReadPlanner planner;
  const auto plan = planner.PlanFor(nodes.set->list(), kRange);
  REQUIRE(plan != nullptr);
  CHECK(plan->disputed.empty());
  CHECK(plan->coverage_versions == std::vector<uint64_t>{100, 200, 300});
  std::vector<size_t> reads(3);
  for (uint32_t slot = 0; slot < placement::kSlots; ++slot) {
    const auto at = static_cast<uint16_t>(slot);
    REQUIRE(Readers(*plan, at) == 1);
    for (size_t node = 0; node < 3; ++node) {
      if (!plan->slots[node].Has(at)) continue;
      REQUIRE(Owns(ring, at, node + 1));
      ++reads[node];
    }
  }
  for (const size_t count : reads) CHECK(count > placement::kSlots / 4);
}

TEST_CASE("another owner reads what a node that fails was to read",
          "[cluster]") {
  Nodes nodes(3);
  const placement::Ring ring = nodes.Put(
      std::vector<placement::Member>{{.node_id = 1, .weight = 1},
                                     {.node_id = 2, .weight = 2},
                                     {.node_id = 3, .weight = 3}},
      2);
  const auto plan = ReadPlanner().PlanFor(nodes.set->list(), kRange);
  REQUIRE(plan != nullptr);
  for (size_t failed = 0; failed < 3; ++failed) {
    std::vector<bool> gone(3);
    gone[failed] = true;
    const auto shares = plan->Substitutes(plan->slots[failed], gone);
    REQUIRE(shares.has_value());
    CHECK((*shares)[failed].empty());
    int wrong = 0;
    for (uint32_t slot = 0; slot < placement::kSlots; ++slot) {
      const auto at = static_cast<uint16_t>(slot);
      size_t readers = 0;
      for (size_t node = 0; node < 3; ++node) {
        if (!(*shares)[node].Has(at)) continue;
        readers += Owns(ring, at, node + 1) ? 1 : 100;
      }
      if (readers != plan->slots[failed].Has(at)) ++wrong;
    }
    CHECK(wrong == 0);
    // Some slots had just the two that are gone.
    gone[(failed + 1) % 3] = true;
    CHECK_FALSE(plan->Substitutes(plan->slots[failed], gone).has_value());
  }
}

TEST_CASE("the share of a node that fails is read by all others that may",
          "[cluster]") {
  Nodes nodes(4);
  nodes.Put({1, 2, 3, 4}, 3);
  const auto plan = ReadPlanner().PlanFor(nodes.set->list(), kRange);
  REQUIRE(plan != nullptr);
  const size_t share = plan->slots[1].Count();
  const auto shares =
      plan->Substitutes(plan->slots[1], {false, true, false, false});
  REQUIRE(shares.has_value());
  for (const size_t node : {0, 2, 3}) {
    CHECK((*shares)[node].Count() > share / 4);
  }
}

TEST_CASE("who may not read a slot alone does not do so for others",
          "[cluster]") {
  Nodes nodes(3);
  const placement::Ring ring = nodes.Put({1, 2, 3}, 2);
  SECTION("it lacks copies") { nodes.Miss(1, 3, kRange); }
  SECTION("all read disputed slots") {
    nodes.Put({1, 2}, 1, 1);   // an old ring
  }
  SECTION("what a node of an older release gave may lack samples") {
    nodes.told[2]->lacked_features = wire::kFeatureEndsAtDamage;
  }
  const auto plan = ReadPlanner().PlanFor(nodes.set->list(), kRange);
  REQUIRE(plan != nullptr);
  CHECK_FALSE(
      plan->Substitutes(plan->slots[0], {true, false, false}).has_value());
}

TEST_CASE("a node that lacks copies of the range reads no slot alone",
          "[cluster]") {
  Nodes nodes(2);
  nodes.Put({1, 2}, 2);
  nodes.Miss(0, 2, {1'500, 1'600});
  ReadPlanner planner;
  const auto plan = planner.PlanFor(nodes.set->list(), kRange);
  REQUIRE(plan != nullptr);
  CHECK(plan->slots[1].empty());
  CHECK(plan->disputed.empty());
  // Of another time it lacks nothing.
  const auto later = planner.PlanFor(nodes.set->list(), {3'000, 4'000});
  REQUIRE(later != nullptr);
  CHECK_FALSE(later->slots[1].empty());
}

TEST_CASE("slots whose only owner lacks copies are disputed", "[cluster]") {
  Nodes nodes(2);
  const placement::Ring ring = nodes.Put({1, 2}, 1);
  nodes.Miss(0, 2, {0, 9'999});
  ReadPlanner planner;
  const auto plan = planner.PlanFor(nodes.set->list(), kRange);
  REQUIRE(plan != nullptr);
  for (uint32_t slot = 0; slot < placement::kSlots; ++slot) {
    const auto at = static_cast<uint16_t>(slot);
    REQUIRE(plan->disputed.Has(at) == Owns(ring, at, 2));
    REQUIRE(plan->slots[0].Has(at) == Owns(ring, at, 1));
  }
}

TEST_CASE("who owns a slot by one ring only does not read it alone",
          "[cluster]") {
  Nodes nodes(3);
  const placement::Ring old_ring = nodes.Put({1, 2}, 2, 0);
  const placement::Ring new_ring = nodes.Put({1, 2, 3}, 2, 2);
  ReadPlanner planner;
  const auto plan = planner.PlanFor(nodes.set->list(), kRange);
  REQUIRE(plan != nullptr);
  for (uint32_t slot = 0; slot < placement::kSlots; ++slot) {
    const auto at = static_cast<uint16_t>(slot);
    REQUIRE(Readers(*plan, at) >= 1);
    for (size_t node = 0; node < 3; ++node) {
      if (!plan->slots[node].Has(at)) continue;
      REQUIRE(Owns(old_ring, at, node + 1));
      REQUIRE(Owns(new_ring, at, node + 1));
    }
  }
}

// Nodes 7 to 9 were replaced by 1 to 3.
struct ReplacedNodes : Nodes {
  ReplacedNodes() : Nodes(3) {
    Put({7, 8, 9}, 2, 1);
    MakeNewest(ring);
  }
  std::shared_ptr<const ReadPlan> Plan(
      const model::TimeRange& range = kRange,
      ReadPlanner::Rows rows = ReadPlanner::Rows::kSamples) {
    return ReadPlanner().PlanFor(set->list(), range, rows);
  }
  const placement::Ring ring = Put({1, 2, 3}, 2);
};

TEST_CASE("who is whole by the newest ring reads alone what it owns by it",
          "[cluster]") {
  ReplacedNodes nodes;
  const auto plan = nodes.Plan();
  REQUIRE(plan != nullptr);
  CHECK(plan->disputed.empty());
  for (uint32_t slot = 0; slot < placement::kSlots; ++slot) {
    const auto at = static_cast<uint16_t>(slot);
    REQUIRE(Readers(*plan, at) == 1);
    for (size_t node = 0; node < 3; ++node) {
      REQUIRE((!plan->slots[node].Has(at) || Owns(nodes.ring, at, node + 1)));
    }
  }
}

TEST_CASE("who is not whole by the newest ring reads nothing by it",
          "[cluster]") {
  ReplacedNodes nodes;
  proto::Coverage& last = nodes.told[2]->coverage;
  SECTION("it has not compared itself") { last.set_whole_at_ms(0); }
  SECTION("it did so before the last rows by an old ring") {
    last.set_whole_at_ms(999);
  }
  SECTION("it left older days out") {
    last.set_whole_from_ms(kRange.start_ms + 1);
  }
  SECTION("it lacks a copy") { nodes.Miss(0, 3, kRange); }
  const auto plan = nodes.Plan();
  REQUIRE(plan != nullptr);
  CHECK(plan->slots[2].empty());
  CHECK(plan->disputed.empty());  // each has another owner
}

TEST_CASE("rows by an old ring anywhere end what all are whole of",
          "[cluster]") {
  ReplacedNodes nodes;
  nodes.told[1]->coverage.set_other_rows_ms(1'001);
  CHECK(nodes.Plan() == nullptr);
}

TEST_CASE("only members of one newest ring are whole by it", "[cluster]") {
  ReplacedNodes nodes;
  auto& told = *nodes.told[1]->coverage.mutable_newest_ring();
  SECTION("a node knows a newer one") { told.set_ring_id(77); }
  SECTION("a member is none of the nodes") {
    for (const auto& node : nodes.told) {
      node->coverage.mutable_newest_ring()->add_members(4);
    }
  }
  SECTION("a node is no member") {
    for (const auto& node : nodes.told) {
      node->coverage.mutable_newest_ring()->mutable_members()->Set(1, 4);
    }
  }
  SECTION("a node of an older release does not say") {
    told.clear_ring_id();
  }
  CHECK(nodes.Plan() == nullptr);
}

TEST_CASE("what nodes do not compare is not read by the newest ring alone",
          "[cluster]") {
  ReplacedNodes nodes;
  CHECK(nodes.Plan(kRange, ReadPlanner::Rows::kOthers) == nullptr);
}

TEST_CASE("rows by a ring nobody was told of do not matter once all are whole",
          "[cluster]") {
  ReplacedNodes nodes;
  nodes.told[1]->rings.add_rings()->set_ring_id(7);
  CHECK(nodes.Plan() != nullptr);
}

TEST_CASE("nodes are asked again now and then while slots are disputed",
          "[cluster]") {
  ReplacedNodes nodes;
  for (const auto& node : nodes.told) node->coverage.set_whole_at_ms(0);
  base::ManualClock clock(base::SystemClock().SteadyMs());
  ReadPlanner planner(&clock);
  CHECK(planner.PlanFor(nodes.set->list(), kRange) == nullptr);
  for (const auto& node : nodes.told) node->coverage.set_whole_at_ms(1'000);
  CHECK(planner.PlanFor(nodes.set->list(), kRange) == nullptr);
  clock.Advance(10'000);
  CHECK(planner.PlanFor(nodes.set->list(), kRange) != nullptr);
}

TEST_CASE("a ring's member that left answers for nothing", "[cluster]") {
  Nodes nodes(2);
  const placement::Ring ring = nodes.Put({1, 2, 9}, 1);
  ReadPlanner planner;
  const auto plan = planner.PlanFor(nodes.set->list(), kRange);
  REQUIRE(plan != nullptr);
  for (uint32_t slot = 0; slot < placement::kSlots; ++slot) {
    const auto at = static_cast<uint16_t>(slot);
    for (size_t node = 0; node < 2; ++node) {
      REQUIRE(plan->slots[node].Has(at) == Owns(ring, at, node + 1));
    }
    REQUIRE(plan->disputed.Has(at) == Owns(ring, at, 9));
  }
}

TEST_CASE("another list of nodes has plans of its own", "[cluster]") {
  Nodes nodes(3);
  nodes.Put({1, 2, 3}, 2);
  ReadPlanner planner;
  REQUIRE(planner.PlanFor(nodes.set->list(), kRange) != nullptr);
  auto two = nodes.set->list()->nodes();
  two.pop_back();
  nodes.set->Replace(two);
  const auto plan = planner.PlanFor(nodes.set->list(), kRange);
  REQUIRE(plan != nullptr);
  CHECK(plan->slots.size() == 2);
}

TEST_CASE("without knowing all there is no plan", "[cluster]") {
  const auto plan_of = [](Nodes& nodes) {
    return ReadPlanner().PlanFor(nodes.set->list(), kRange);
  };
  {
    Nodes no_ring(2);
    CHECK(plan_of(no_ring) == nullptr);
  }
  {
    Nodes grouped(2, "dc1");
    grouped.Put({1, 2}, 2);
    CHECK(plan_of(grouped) == nullptr);
  }
  {
    Nodes unknown(2);
    unknown.Put({1, 2}, 2);
    unknown.told[1]->rings.add_rings()->set_ring_id(7);
    CHECK(plan_of(unknown) == nullptr);
  }
  {
    Nodes rules(2);
    rules.Put({1, 2}, 2);
    rules.told[1]->coverage.set_dedup_interval_ms(1);
    CHECK(plan_of(rules) == nullptr);
  }
  {
    // Another -retentionPeriod or filter: not the same copies.
    Nodes rules(2);
    rules.Put({1, 2}, 2);
    rules.told[0]->coverage.set_storage_rules(5);
    rules.told[1]->coverage.set_storage_rules(5);
    CHECK(plan_of(rules) != nullptr);
    rules.told[1]->coverage.set_storage_rules(6);
    CHECK(plan_of(rules) == nullptr);
  }
  {
    Nodes damaged(2);
    damaged.Put({1, 2}, 1);
    damaged.told[0]->coverage.set_damaged(true);
    const auto plan = plan_of(damaged);
    REQUIRE(plan != nullptr);
    CHECK(plan->slots[0].empty());
    CHECK_FALSE(plan->disputed.empty());
  }
}

TEST_CASE("nodes are asked once, and again after Forget", "[cluster]") {
  Nodes nodes(2);
  nodes.Put({1, 2}, 2);
  ReadPlanner planner;
  REQUIRE(planner.PlanFor(nodes.set->list(), kRange) != nullptr);
  const int calls = nodes.told[0]->calls;
  REQUIRE(planner.PlanFor(nodes.set->list(), {0, 1}) != nullptr);
  CHECK(nodes.told[0]->calls == calls);
  nodes.told[0]->coverage.set_coverage_version(101);
  planner.Forget();
  const auto plan = planner.PlanFor(nodes.set->list(), kRange);
  REQUIRE(plan != nullptr);
  CHECK(plan->coverage_versions[0] == 101);
}

}  // namespace
}  // namespace varve::cluster
