#include "lib/repair/lost_copies.h"

#include <catch2/catch.hpp>

#include "lib/repair/test_rings.h"

namespace varve::repair {
namespace {

using Ids = std::vector<uint64_t>;

TEST_CASE("as long as all members are there nothing is lost", "[repair]") {
  CHECK(LostCopiesOf(1, {}).members.empty());
  const std::vector<proto::Ring> grown = {RingOf({1, 2}, 10),
                                          RingOf({1, 2, 3}, 20)};
  for (const uint64_t id : {1, 2, 3, 4}) {
    CHECK(LostCopiesOf(id, grown).members.empty());
  }
}

TEST_CASE("who takes the slots of a member that is gone lacks its rows",
          "[repair]") {
  const std::vector<proto::Ring> replaced = {RingOf({1, 2, 3}, 10),
                                             RingOf({1, 2, 4}, 20)};
  CHECK(LostCopiesOf(4, replaced).members == Ids{3});
  CHECK(LostCopiesOf(4, replaced).until_ms == 10);
  const std::vector<proto::Ring> removed = {RingOf({1, 2, 3}, 10),
                                            RingOf({1, 2}, 20)};
  CHECK(LostCopiesOf(1, removed).members == Ids{3});
  CHECK(LostCopiesOf(2, removed).members == Ids{3});
  // It is not asked for anything.
  CHECK(LostCopiesOf(3, removed).members.empty());
}

TEST_CASE("who had a copy of every slot goes on with it", "[repair]") {
  const std::vector<proto::Ring> replaced = {RingOf({1, 2}, 10),
                                             RingOf({1, 3}, 20)};
  CHECK(LostCopiesOf(1, replaced).members.empty());
  CHECK(LostCopiesOf(3, replaced).members == Ids{2});
}

TEST_CASE("of several rings all count, up to the last", "[repair]") {
  std::vector<proto::Ring> rings = {RingOf({1, 2, 3}, 10),
                                    RingOf({1, 2, 4}, 30),
                                    RingOf({1, 2, 5}, 40)};
  CHECK(LostCopiesOf(5, rings).members == Ids{3, 4});
  CHECK(LostCopiesOf(5, rings).until_ms == 30);
  // It was written under until the newest one began.
  rings[2].set_first_ms(35);
  CHECK(LostCopiesOf(5, rings).until_ms == 35);
  // A ring that came back is the newest.
  rings[0].set_last_ms(50);
  CHECK(LostCopiesOf(3, rings).members == Ids{4, 5});
}

TEST_CASE("a whole comparison makes up for rows that were at rest",
          "[repair]") {
  const LostCopies lost{.members = {3}, .until_ms = 1'000'000};
  CHECK_FALSE(MadeUp(lost, 0));
  CHECK_FALSE(MadeUp(lost, 1'000'000));
  CHECK_FALSE(MadeUp(lost, 1'029'999));
  CHECK(MadeUp(lost, 1'030'000));
  CHECK(MadeUp({}, 0));
}

}  // namespace
}  // namespace varve::repair
