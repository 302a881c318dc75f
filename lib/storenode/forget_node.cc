#include "lib/storenode/forget_node.h"

#include <algorithm>
#include <map>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_format.h"
#include "lib/base/log.h"
#include "lib/base/status.h"
#include "lib/repair/forgotten_nodes.h"
#include "storage/engine/hints.h"

namespace varve::storenode {
namespace {

constexpr size_t kIdDigits = 16;

struct KnownNode {
  std::string address;  // of the newest ring with it
  bool is_member = false;  // of the newest ring
};

struct KnownNodes {
  std::map<uint64_t, KnownNode> nodes;
  int64_t rings_ms = 0;  // of the newest ring
};

std::string TextOf(uint64_t node_id, const KnownNode& node) {
  std::string text = absl::StrFormat("%016x", node_id);
  if (!node.address.empty()) base::StrAppend(&text, " at ", node.address);
  return text;
}

// 0: it is no id.
uint64_t IdOf(std::string_view text) {
  uint64_t id = 0;
  if (text.size() != kIdDigits ||
      !absl::SimpleHexAtoi(base::ToAbsl(text), &id)) {
    return 0;
  }
  return id;
}

// From rings as they were put: who is forgotten already can be so again.
absl::StatusOr<KnownNodes> Find(const ForgetParts& parts) {
  ASSIGN_OR_RETURN(const auto kept,
                   parts.engine->ListState(storage::kRingStatePrefix));
  std::vector<proto::Ring> rings;
  for (const auto& [key, value] : kept) {
    if (!rings.emplace_back().ParseFromString(value)) {
      return base::DataLoss("kept state ", key, " cannot be read");
    }
    if (rings.back().members().empty()) rings.pop_back();
  }
  std::ranges::sort(rings, [](const auto& a, const auto& b) {
    return std::pair(a.last_ms(), a.ring_id()) >
           std::pair(b.last_ms(), b.ring_id());
  });
  KnownNodes known;
  for (const proto::Ring& ring : rings) {
    for (const proto::Ring::Member& one : ring.members()) {
      known.nodes.try_emplace(
          one.node_id(),
          KnownNode{one.address(), /*is_member=*/&ring == &rings[0]});
    }
  }
  if (!rings.empty()) known.rings_ms = rings[0].last_ms();
  // Of rings that nobody told this node.
  ASSIGN_OR_RETURN(const std::vector<proto::Missed> missed,
                   parts.kept->Missed());
  for (const proto::Missed& one : missed) {
    known.nodes.try_emplace(one.owner());
  }
  for (const storage::HintReplay& log : parts.engine->hints().Pending()) {
    known.nodes.try_emplace(log.owner());
  }
  // A node that nobody has heard yet, and this one.
  known.nodes.erase(0);
  known.nodes.erase(parts.engine->node_id());
  return known;
}

absl::StatusOr<std::vector<uint64_t>> Choose(const ForgetParts& parts,
                                             const KnownNodes& known,
                                             std::string_view node,
                                             bool force) {
  const uint64_t id = IdOf(node);
  const auto before = repair::ForgottenNodes::Of(*parts.engine);
  std::vector<uint64_t> chosen;
  std::vector<uint64_t> again;  // were there and are forgotten already
  absl::Status none = base::NotFound("nothing here is about a node ", node);
  for (const auto& [node_id, one] : known.nodes) {
    if (node_id != id && one.address != node) continue;
    if (one.is_member) {
      // Of an address it may be the one that came after those that are gone.
      none = base::FailedPrecondition(
          "node ", TextOf(node_id, one),
          " is a member of the newest ring: take it off the lists of all "
          "insert nodes first");
      continue;
    }
    if (!force && parts.progress->WasReached(node_id)) {
      return base::FailedPrecondition(
          "node ", TextOf(node_id, one),
          " was up when repair came to it last: stop it, and begin a pass "
          "(/internal/force_repair) or add force=1");
    }
    const bool is_again = node_id != id && before.Has(node_id);
    (is_again ? again : chosen).push_back(node_id);
  }
  if (!chosen.empty()) return chosen;
  // The one that is meant may be the member, lost too.
  if (again.empty() || absl::IsFailedPrecondition(none)) return none;
  return again;
}

absl::StatusOr<ForgottenNode> Forget(const ForgetParts& parts,
                                     const KnownNodes& known,
                                     uint64_t node_id) {
  ForgottenNode forgotten{.node_id = node_id,
                          .address = known.nodes.at(node_id).address};
  repair::ForgottenNodes::Node record{.rings_ms = known.rings_ms,
                                      .hint_logs = {}};
  for (const storage::HintReplay& log : parts.engine->hints().Pending()) {
    if (log.owner() != node_id) continue;
    record.hint_logs.push_back(log.log());
    forgotten.hint_bytes += log.bytes();
  }
  RETURN_IF_ERROR(
      repair::ForgottenNodes::Put(*parts.engine, node_id, record));
  ASSIGN_OR_RETURN(forgotten.missed_records,
                   parts.kept->StrikeOwner(node_id));
  base::LogInfo("node ", TextOf(node_id, known.nodes.at(node_id)),
                " is forgotten: ", forgotten.missed_records,
                " MISSED records are struck out, hints of ",
                forgotten.hint_bytes, " bytes are dropped");
  return forgotten;
}

}  // namespace

absl::StatusOr<std::vector<ForgottenNode>> ForgetNode(const ForgetParts& parts,
                                                      std::string_view node,
                                                      bool force) {
  if (node.empty()) {
    return base::InvalidArgument(
        "missing the argument `node`: an id of 16 hex digits or an address for "
        "insert");
  }
  ASSIGN_OR_RETURN(const KnownNodes known, Find(parts));
  ASSIGN_OR_RETURN(const std::vector<uint64_t> chosen,
                   Choose(parts, known, node, force));
  std::vector<ForgottenNode> forgotten;
  for (const uint64_t node_id : chosen) {
    ASSIGN_OR_RETURN(forgotten.emplace_back(),
                     Forget(parts, known, node_id));
  }
  return forgotten;
}

}  // namespace varve::storenode
