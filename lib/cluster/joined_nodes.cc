#include "lib/cluster/joined_nodes.h"

#include <algorithm>
#include <cstddef>
#include <numeric>

namespace varve::cluster {
namespace {

bool Share(const ToldNode& a, const ToldNode& b) {
  if (a.id == b.id) return a.id != 0;
  auto at = b.members.begin();
  for (const uint64_t member : a.members) {
    at = std::lower_bound(at, b.members.end(), member);
    if (at == b.members.end()) return false;
    if (*at == member) return true;
  }
  return false;
}

}  // namespace

std::vector<uint64_t> JoinedIds(std::span<const ToldNode> addresses) {
  // By address: the first one of its node.
  std::vector<size_t> first(addresses.size());
  std::iota(first.begin(), first.end(), 0);
  const auto join = [&](size_t i, size_t other) {
    const size_t to = std::min(first[i], first[other]);
    const size_t from = std::max(first[i], first[other]);
    std::replace(first.begin(), first.end(), from, to);
  };
  for (size_t i = 0; i < addresses.size(); ++i) {
    for (size_t k = 0; addresses[i].up && k < i; ++k) {
      if (addresses[k].up && Share(addresses[i], addresses[k])) join(i, k);
    }
  }
  std::vector<bool> joined(addresses.size());
  for (size_t i = 0; i < addresses.size(); ++i) joined[i] = addresses[i].up;
  for (size_t i = 0; i < addresses.size(); ++i) {
    for (size_t k = 0; !joined[i] && k < addresses.size(); ++k) {
      if (!joined[k] || !Share(addresses[i], addresses[k])) continue;
      first[i] = first[k];
      joined[i] = true;
    }
    joined[i] = true;
  }
  std::vector<uint64_t> ids(addresses.size());
  for (size_t i = 0; i < addresses.size(); ++i) {
    uint64_t& id = ids[first[i]];
    if (id == 0 || (addresses[i].id != 0 && addresses[i].id < id)) {
      id = addresses[i].id;
    }
  }
  for (size_t i = 0; i < addresses.size(); ++i) {
    ids[i] = addresses[i].id == 0 ? 0 : ids[first[i]];
  }
  return ids;
}

}  // namespace varve::cluster
