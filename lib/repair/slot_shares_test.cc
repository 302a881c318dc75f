#include "lib/repair/slot_shares.h"

#include <catch2/catch.hpp>
#include <string>

#include "lib/placement/ring.h"
#include "lib/repair/test_rings.h"

namespace varve::repair {
namespace {

// Who owns what by a ring of two copies.
class Owners {
 public:
  explicit Owners(std::vector<uint64_t> ids) : ring_(Make(ids)) {}
  bool Has(uint64_t id, uint16_t slot) const {
    for (const uint16_t owner : ring_.Owners(slot)) {
      if (ring_.members()[owner].node_id == id) return true;
    }
    return false;
  }

 private:
  static placement::Ring Make(const std::vector<uint64_t>& ids) {
    std::vector<placement::Member> members;
    for (const uint64_t one : ids) members.push_back({.node_id = one});
    return placement::Ring::Make(members, 2);
  }
  const placement::Ring ring_;
};

const SlotShare* Find(const SlotShares& shares, uint64_t id) {
  for (const SlotShare& one : shares.others) {
    if (one.node_id == id) return &one;
  }
  return nullptr;
}

TEST_CASE("of one ring two nodes share what both own", "[repair]") {
  const std::vector<proto::Ring> rings = {RingOf({1, 2, 3}, 10)};
  const SlotShares shares = SharesOf(2, rings);
  CHECK(shares.ring_id == 10);
  REQUIRE(shares.others.size() == 2);
  const SlotShare* const one = Find(shares, 1);
  REQUIRE(one != nullptr);
  CHECK(one->address == "node1");
  CHECK(one->is_member);
  const SlotShares back = SharesOf(1, rings);
  const Owners owners({1, 2, 3});
  bool right = true;
  for (uint32_t i = 0; i < placement::kSlots; ++i) {
    const auto slot = static_cast<uint16_t>(i);
    const bool both = owners.Has(1, slot) && owners.Has(2, slot);
    right = right && one->slots.Has(slot) == both;
  }
  CHECK(right);
  REQUIRE(Find(back, 2) != nullptr);
  CHECK(Find(back, 2)->slots.Bytes() == one->slots.Bytes());
}

TEST_CASE("a new node shares what it owns now with whoever did before",
          "[repair]") {
  const std::vector<proto::Ring> rings = {RingOf({1, 2, 3, 4}, 20),
                                          RingOf({1, 2, 3}, 10)};
  const SlotShares shares = SharesOf(4, rings);
  CHECK(shares.ring_id == 20);
  REQUIRE(shares.others.size() == 3);
  const Owners before({1, 2, 3});
  const Owners now({1, 2, 3, 4});
  bool right = true;
  for (uint32_t i = 0; i < placement::kSlots; ++i) {
    const auto slot = static_cast<uint16_t>(i);
    const bool mine = now.Has(4, slot);
    for (const SlotShare& other : shares.others) {
      const bool its = before.Has(other.node_id, slot) ||
                       now.Has(other.node_id, slot);
      right = right && other.slots.Has(slot) == (mine && its);
    }
  }
  CHECK(right);
}

TEST_CASE("a node that has left shares what it had, and is no member",
          "[repair]") {
  const std::vector<proto::Ring> rings = {RingOf({1, 2}, 20),
                                          RingOf({1, 2, 3}, 10)};
  const SlotShares shares = SharesOf(1, rings);
  REQUIRE(Find(shares, 3) != nullptr);
  CHECK_FALSE(Find(shares, 3)->is_member);
  CHECK(Find(shares, 2)->is_member);
}

TEST_CASE("a node that was replaced at its address is left out", "[repair]") {
  std::vector<proto::Ring> rings = {RingOf({1, 2}, 10), RingOf({1, 3}, 20)};
  rings[1].mutable_members(1)->set_address("node2");
  const SlotShares shares = SharesOf(1, rings);
  REQUIRE(shares.others.size() == 1);
  CHECK(shares.others[0].node_id == 3);
  CHECK(shares.others[0].address == "node2");
}

TEST_CASE("a node that has left by the newest ring shares nothing",
          "[repair]") {
  const std::vector<proto::Ring> rings = {RingOf({1, 2}, 20),
                                          RingOf({1, 2, 3}, 10)};
  CHECK(SharesOf(3, rings).others.empty());
}

TEST_CASE("a ring that comes back is the newest again", "[repair]") {
  const std::vector<proto::Ring> rings = {RingOf({1, 2, 3}, 20),
                                          RingOf({1, 2, 3, 4}, 15)};
  const SlotShares shares = SharesOf(1, rings);
  CHECK(shares.ring_id == 20);
  REQUIRE(Find(shares, 4) != nullptr);
  CHECK_FALSE(Find(shares, 4)->is_member);
  CHECK(Find(shares, 4)->slots.Count() > 0);
  CHECK(Find(shares, 4)->last_ms == 15);
}

TEST_CASE("what a node owns and another never did are strays there",
          "[repair]") {
  const SlotShares shares =
      SharesOf(2, std::vector<proto::Ring>{RingOf({1, 2, 3}, 10)});
  REQUIRE(shares.others.size() == 2);
  // From the next one on.
  CHECK(shares.others[0].node_id == 3);
  CHECK(shares.others[1].node_id == 1);
  const Owners owners({1, 2, 3});
  bool right = true;
  for (uint32_t i = 0; i < placement::kSlots; ++i) {
    const auto slot = static_cast<uint16_t>(i);
    for (const SlotShare& other : shares.others) {
      const bool stray =
          owners.Has(2, slot) && !owners.Has(other.node_id, slot);
      right = right && other.strays.Has(slot) == stray;
    }
  }
  CHECK(right);
}

TEST_CASE("a node that is in no ring shares nothing", "[repair]") {
  proto::Ring unknown;
  unknown.set_ring_id(7);
  const std::vector<proto::Ring> rings = {unknown, RingOf({1, 2}, 10)};
  CHECK(SharesOf(3, rings).others.empty());
  CHECK(SharesOf(3, rings).ring_id == 0);
  CHECK(SharesOf(1, rings).others.size() == 1);
  CHECK(SharesOf(1, {}).others.empty());
}

}  // namespace
}  // namespace varve::repair
