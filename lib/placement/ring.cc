#include "lib/placement/ring.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <unordered_map>
#include <utility>

#include "lib/base/byte_coding.h"
#include "lib/base/hash.h"

namespace varve::placement {
namespace {

// Seeds keep the three uses of the hash apart; part of the format: for ever.
constexpr uint64_t kScoreSeed = 0x7661727665'01;
constexpr uint64_t kRingSeed = 0x7661727665'02;
constexpr uint64_t kClusterSeed = 0x7661727665'03;

uint64_t Draw(uint64_t node_id, uint16_t slot) {
  char key[10];
  std::memcpy(key, &node_id, sizeof(node_id));
  std::memcpy(key + 8, &slot, sizeof(slot));
  return base::Hash64Of({key, sizeof(key)}, kScoreSeed);
}

// -w / ln(u) with u in (0, 1): grows with the draw and with the weight.
double Score(uint64_t draw, uint32_t weight) {
  const double u = (static_cast<double>(draw >> 11) + 0.5) * 0x1p-53;
  return -static_cast<double>(weight) / std::log(u);
}

uint64_t RingId(const std::vector<Member>& members, uint32_t factor) {
  std::string key;
  base::PutVarint(key, factor);
  for (const Member& member : members) {
    base::PutFixedLe(key, member.node_id);
    base::PutVarint(key, member.weight);
    base::PutLengthPrefixed(key, member.zone);
  }
  return base::Hash64Of(key, kRingSeed);
}

struct Candidate {
  uint16_t member = 0;
  uint16_t round = 0;  // how many of its zone come before it
  double score = 0;
  uint64_t draw = 0;
};

}  // namespace

Ring Ring::Make(std::vector<Member> members, uint32_t replication_factor) {
  assert(!members.empty() && members.size() <= 65'535);
  Ring ring;
  std::sort(
      members.begin(), members.end(),
      [](const Member& a, const Member& b) { return a.node_id < b.node_id; });
  ring.members_ = std::move(members);
  ring.replication_factor_ = std::clamp<uint32_t>(
      replication_factor, 1, static_cast<uint32_t>(ring.members_.size()));
  ring.id_ = RingId(ring.members_, ring.replication_factor_);
  ring.owners_.reserve(size_t{kSlots} * ring.replication_factor_);
  for (uint32_t slot = 0; slot < kSlots; ++slot) {
    const std::vector<uint16_t> order =
        ring.Preference(static_cast<uint16_t>(slot));
    ring.owners_.insert(ring.owners_.end(), order.begin(),
                        order.begin() + ring.replication_factor_);
  }
  return ring;
}

std::vector<uint16_t> Ring::Preference(uint16_t slot) const {
  // Equal weights are ordered by the draws themselves, which no libm can
  // round differently from one machine to the next.
  const bool equal_weights = std::all_of(
      members_.begin(), members_.end(), [this](const Member& member) {
        return member.weight == members_.front().weight;
      });
  std::vector<Candidate> candidates(members_.size());
  for (size_t i = 0; i < members_.size(); ++i) {
    Candidate& candidate = candidates[i];
    candidate.member = static_cast<uint16_t>(i);
    candidate.draw = Draw(members_[i].node_id, slot);
    candidate.score =
        equal_weights ? 0 : Score(candidate.draw, members_[i].weight);
  }
  const auto better = [](const Candidate& a, const Candidate& b) {
    if (a.round != b.round) return a.round < b.round;
    if (a.score != b.score) return a.score > b.score;
    if (a.draw != b.draw) return a.draw > b.draw;
    return a.member < b.member;
  };
  std::sort(candidates.begin(), candidates.end(), better);
  // The best of each zone first, then the second of each, and so on.
  std::unordered_map<std::string_view, uint16_t> seen;
  for (Candidate& candidate : candidates) {
    candidate.round = seen[members_[candidate.member].zone]++;
  }
  std::sort(candidates.begin(), candidates.end(), better);
  std::vector<uint16_t> order(candidates.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = candidates[i].member;
  return order;
}

uint64_t ClusterId(std::span<const Member> members) {
  std::vector<uint64_t> ids;
  ids.reserve(members.size());
  for (const Member& member : members) ids.push_back(member.node_id);
  std::sort(ids.begin(), ids.end());
  std::string key;
  for (const uint64_t id : ids) base::PutFixedLe(key, id);
  return base::Hash64Of(key, kClusterSeed);
}

}  // namespace varve::placement
