#include "lib/cluster/joined_nodes.h"

#include <catch2/catch.hpp>

namespace varve::cluster {
namespace {

using Ids = std::vector<uint64_t>;

TEST_CASE("storage nodes are told by their ids", "[cluster]") {
  CHECK(JoinedIds({}).empty());
  const std::vector<ToldNode> told = {
      {.id = 7, .up = true}, {.id = 0, .up = false}, {.id = 5, .up = true},
      {.id = 7, .up = false}, {.id = 0, .up = true}};
  CHECK(JoinedIds(told) == Ids{7, 0, 5, 7, 0});
}

TEST_CASE("insert nodes whose lists share a storage node are one node",
          "[cluster]") {
  const Ids first{1, 2};
  const Ids grown{1, 2, 3};
  const Ids moved{3, 4};
  const Ids other{8, 9};
  std::vector<ToldNode> told = {{.id = 70, .up = true, .members = first},
                                {.id = 60, .up = true, .members = other},
                                {.id = 50, .up = true, .members = grown}};
  CHECK(JoinedIds(told) == Ids{50, 60, 50});
  // By way of one that shares with both.
  told.push_back({.id = 40, .up = true, .members = moved});
  CHECK(JoinedIds(told) == Ids{40, 60, 40, 40});
  // That one is gone.
  told[2].members = first;
  CHECK(JoinedIds(told) == Ids{50, 60, 50, 40});
  // A release that does not tell its list.
  told[2].members = {};
  told[2].id = 60;
  CHECK(JoinedIds(told) == Ids{70, 60, 60, 40});
}

TEST_CASE("an address that is down makes no two that are up one", "[cluster]") {
  const Ids first{1, 2};
  const Ids before{1, 2, 3};
  const Ids other{3, 4};
  std::vector<ToldNode> told = {{.id = 10, .up = false, .members = before},
                                {.id = 20, .up = true, .members = first},
                                {.id = 30, .up = true, .members = other}};
  CHECK(JoinedIds(told) == Ids{10, 10, 30});
  told[0].up = true;
  CHECK(JoinedIds(told) == Ids{10, 10, 10});
  // None of them is up.
  for (ToldNode& one : told) one.up = false;
  CHECK(JoinedIds(told) == Ids{10, 10, 10});
}

}  // namespace
}  // namespace varve::cluster
