#include "lib/placement/ring.h"

#include <catch2/catch.hpp>
#include <set>

namespace varve::placement {
namespace {

std::vector<Member> Nodes(int n, int zones = 1) {
  std::vector<Member> members;
  for (int i = 0; i < n; ++i) {
    members.push_back(
        {.node_id = 1000 + static_cast<uint64_t>(i) * 7919,
         .zone = std::string(1, static_cast<char>('a' + i % zones))});
  }
  return members;
}

TEST_CASE("slots are spread evenly over equal nodes", "[placement]") {
  const Ring ring = Ring::Make(Nodes(5), 2);
  std::vector<int> owned(5);
  for (uint32_t slot = 0; slot < kSlots; ++slot) {
    const auto owners = ring.Owners(static_cast<uint16_t>(slot));
    REQUIRE(owners.size() == 2);
    REQUIRE(owners[0] != owners[1]);
    for (uint16_t owner : owners) ++owned[owner];
  }
  for (int slots : owned) {
    CHECK(slots == Approx(kSlots * 2 / 5).epsilon(0.03));
  }
}

TEST_CASE("a node of twice the weight owns twice the slots", "[placement]") {
  std::vector<Member> members = Nodes(3);
  members[1].weight = 2;
  const Ring ring = Ring::Make(members, 1);
  std::vector<int> owned(3);
  for (uint32_t slot = 0; slot < kSlots; ++slot) {
    ++owned[ring.Owners(static_cast<uint16_t>(slot))[0]];
  }
  CHECK(owned[1] == Approx(kSlots / 2).epsilon(0.03));
  CHECK(owned[0] == Approx(kSlots / 4).epsilon(0.03));
}

TEST_CASE("when a node leaves only its own slots move", "[placement]") {
  const Ring before = Ring::Make(Nodes(4), 2);
  std::vector<Member> fewer = Nodes(4);
  const uint64_t gone = fewer[2].node_id;
  fewer.erase(fewer.begin() + 2);
  const Ring after = Ring::Make(fewer, 2);
  const auto owner_ids = [](const Ring& ring, uint32_t slot) {
    std::set<uint64_t> ids;
    for (uint16_t owner : ring.Owners(static_cast<uint16_t>(slot))) {
      ids.insert(ring.members()[owner].node_id);
    }
    return ids;
  };
  for (uint32_t slot = 0; slot < kSlots; ++slot) {
    std::set<uint64_t> kept = owner_ids(before, slot);
    kept.erase(gone);
    const std::set<uint64_t> now = owner_ids(after, slot);
    for (uint64_t id : kept) REQUIRE(now.contains(id));
  }
  CHECK(before.id() != after.id());
}

TEST_CASE("a node that joins takes one share of the slots, and no others move",
          "[placement]") {
  for (const int n : {1, 2, 3, 5, 8}) {
    CAPTURE(n);
    const Ring before = Ring::Make(Nodes(n), 1);
    const Ring after = Ring::Make(Nodes(n + 1), 1);
    const uint64_t joined = Nodes(n + 1).back().node_id;
    uint32_t moved = 0;
    for (uint32_t slot = 0; slot < kSlots; ++slot) {
      const auto s = static_cast<uint16_t>(slot);
      const uint64_t old_id = before.members()[before.Owners(s)[0]].node_id;
      const uint64_t new_id = after.members()[after.Owners(s)[0]].node_id;
      if (old_id == new_id) continue;
      REQUIRE(new_id == joined);
      ++moved;
    }
    CHECK(moved == Approx(kSlots / (n + 1.0)).epsilon(0.02));
  }
}

TEST_CASE("with two copies no zone's loss takes all of a slot",
          "[placement]") {
  for (const int zones : {2, 3, 4}) {
    CAPTURE(zones);
    // One zone has more nodes, and weight, than all others together.
    std::vector<Member> members = Nodes(12, zones);
    for (size_t i = 0; i < members.size(); ++i) {
      if (i >= 6) members[i].zone = members[0].zone;
      members[i].weight = members[i].zone == members[0].zone ? 5 : 1;
    }
    const Ring ring = Ring::Make(members, 2);
    for (uint32_t slot = 0; slot < kSlots; ++slot) {
      const auto owners = ring.Owners(static_cast<uint16_t>(slot));
      REQUIRE(ring.members()[owners[0]].zone !=
              ring.members()[owners[1]].zone);
    }
  }
}

TEST_CASE("shares follow the weights, and a changed one moves its node only",
          "[placement]") {
  std::vector<Member> members = Nodes(4);
  const std::vector<uint32_t> weights = {1, 2, 3, 4};
  for (size_t i = 0; i < 4; ++i) members[i].weight = weights[i];
  const Ring before = Ring::Make(members, 1);
  std::vector<uint32_t> owned(4);
  for (uint32_t slot = 0; slot < kSlots; ++slot) {
    ++owned[before.Owners(static_cast<uint16_t>(slot))[0]];
  }
  for (size_t i = 0; i < 4; ++i) {
    CHECK(owned[i] == Approx(kSlots * weights[i] / 10.0).epsilon(0.02));
  }
  members[0].weight = 6;
  const Ring after = Ring::Make(members, 1);
  uint32_t of_first = 0;
  for (uint32_t slot = 0; slot < kSlots; ++slot) {
    const uint16_t was = before.Owners(static_cast<uint16_t>(slot))[0];
    const uint16_t is = after.Owners(static_cast<uint16_t>(slot))[0];
    of_first += is == 0;
    REQUIRE((is == was || is == 0));
  }
  CHECK(of_first == Approx(kSlots * 6 / 15.0).epsilon(0.02));
}

TEST_CASE("the owners of a slot are in distinct zones while there are enough",
          "[placement]") {
  const Ring ring = Ring::Make(Nodes(7, 3), 3);
  for (uint32_t slot = 0; slot < kSlots; ++slot) {
    std::set<std::string> zones;
    for (uint16_t owner : ring.Owners(static_cast<uint16_t>(slot))) {
      zones.insert(ring.members()[owner].zone);
    }
    REQUIRE(zones.size() == 3);
  }
}

TEST_CASE("preference begins with the owners and names every member once",
          "[placement]") {
  const Ring ring = Ring::Make(Nodes(6, 2), 3);
  for (uint32_t slot = 0; slot < kSlots; slot += 101) {
    const auto order = ring.Preference(static_cast<uint16_t>(slot));
    const auto owners = ring.Owners(static_cast<uint16_t>(slot));
    REQUIRE(order.size() == 6);
    REQUIRE(std::equal(owners.begin(), owners.end(), order.begin()));
    REQUIRE(std::set<uint16_t>(order.begin(), order.end()).size() == 6);
  }
}

TEST_CASE("a ring does not depend on the order members are given in",
          "[placement]") {
  std::vector<Member> reversed = Nodes(4, 2);
  std::reverse(reversed.begin(), reversed.end());
  const Ring a = Ring::Make(Nodes(4, 2), 2);
  const Ring b = Ring::Make(reversed, 2);
  CHECK(a.id() == b.id());
  for (uint32_t slot = 0; slot < kSlots; slot += 13) {
    const auto x = a.Owners(static_cast<uint16_t>(slot));
    const auto y = b.Owners(static_cast<uint16_t>(slot));
    REQUIRE(std::equal(x.begin(), x.end(), y.begin()));
  }
}

TEST_CASE("a factor above the number of members is cut to it", "[placement]") {
  CHECK(Ring::Make(Nodes(2), 3).replication_factor() == 2);
  CHECK(Ring::Make(Nodes(1), 1).Owners(65'535)[0] == 0);
}

// These values may never change: data on disk lies where they say.
TEST_CASE("placement is the same for ever", "[placement]") {
  const Ring ring = Ring::Make(Nodes(5, 2), 2);
  CHECK(ring.id() == 0xd3193458aab5c222);
  std::vector<uint16_t> seen;
  for (uint16_t slot : {0, 1, 2, 255, 4096, 65'535}) {
    const auto owners = ring.Owners(slot);
    seen.insert(seen.end(), owners.begin(), owners.end());
  }
  CHECK(seen == std::vector<uint16_t>{2, 3, 1, 2, 2, 1, 2, 3, 4, 3, 2, 1});
}

TEST_CASE("a cluster's id is of its nodes' ids alone", "[placement]") {
  const Ring ring = Ring::Make(Nodes(5), 2);
  const uint64_t id = ClusterId(ring.members());
  CHECK(ClusterId(Ring::Make(Nodes(5, 3), 3).members()) == id);
  std::vector<Member> members = Nodes(5);
  std::swap(members[0], members[3]);
  CHECK(ClusterId(members) == id);
  CHECK(ClusterId(Nodes(4)) != id);
  CHECK(id != 0);
  CHECK(id != ring.id());
}

}  // namespace
}  // namespace varve::placement
