// Makes each ring once: the linker sends calls of placement::Ring::Make here
// (--wrap in BUILD.bazel), and seeds that have few node ids have few rings. A
// ring takes tens of milliseconds, a whole seed is to take a few.
//
// Threads: those of the simulation, one.
#include <map>
#include <utility>
#include <vector>

#include "lib/placement/ring.h"

using varve::placement::Member;
using varve::placement::Ring;

extern "C" {
// Names as both g++ and clang mangle them.
Ring __real__ZN5varve9placement4Ring4MakeESt6vectorINS0_6MemberESaIS3_EEj(
    std::vector<Member> members, uint32_t replication_factor);

Ring __wrap__ZN5varve9placement4Ring4MakeESt6vectorINS0_6MemberESaIS3_EEj(
    std::vector<Member> members, uint32_t replication_factor) {
  std::vector<std::tuple<uint64_t, std::string, uint32_t>> key;
  for (const Member& one : members) {
    key.emplace_back(one.node_id, one.zone, one.weight);
  }
  static std::map<std::pair<decltype(key), uint32_t>, Ring> made;
  const auto found = made.find({key, replication_factor});
  if (found != made.end()) return found->second;
  Ring ring =
      __real__ZN5varve9placement4Ring4MakeESt6vectorINS0_6MemberESaIS3_EEj(
          std::move(members), replication_factor);
  return made.emplace(std::pair(std::move(key), replication_factor), ring)
      .first->second;
}
}
