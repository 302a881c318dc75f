#include "lib/repair/forgotten_nodes.h"

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "lib/base/log.h"
#include "lib/base/status.h"
#include "lib/base/strings.h"

namespace varve::repair {
namespace {

constexpr std::string_view kPrefix = "forgotten/";

std::string Hex(uint64_t number) { return absl::StrFormat("%016x", number); }

std::optional<ForgottenNodes::Node> Parse(const std::string& value) {
  const std::vector<std::string> words = absl::StrSplit(value, ' ');
  ForgottenNodes::Node node;
  if (!absl::SimpleAtoi(words[0], &node.rings_ms)) return std::nullopt;
  for (size_t i = 1; i < words.size(); ++i) {
    if (!absl::SimpleHexAtoi(words[i], &node.hint_logs.emplace_back())) {
      return std::nullopt;
    }
  }
  return node;
}

}  // namespace

absl::Status ForgottenNodes::Put(storage::Engine& engine, uint64_t node_id,
                                 const Node& node) {
  std::string value = base::StrCat(node.rings_ms);
  for (const uint64_t log : node.hint_logs) {
    base::StrAppend(&value, " ", Hex(log));
  }
  return engine.PutState(base::StrCat(kPrefix, Hex(node_id)), value);
}

ForgottenNodes ForgottenNodes::Of(const storage::Engine& engine) {
  ForgottenNodes forgotten;
  const auto kept = engine.ListState(kPrefix);
  if (!kept.ok()) {
    base::LogWarn("forgotten nodes: ", base::Message(kept.status()));
    return forgotten;
  }
  for (const auto& [key, value] : *kept) {
    uint64_t node_id = 0;
    std::optional<Node> node = Parse(value);
    if (!node ||
        !absl::SimpleHexAtoi(key.substr(kPrefix.size()), &node_id)) {
      continue;
    }
    forgotten.nodes_[node_id] = *std::move(node);
  }
  return forgotten;
}

void ForgottenNodes::Hide(proto::Ring& ring) const {
  if (nodes_.empty()) return;
  for (proto::Ring::Member& member : *ring.mutable_members()) {
    const auto found = nodes_.find(member.node_id());
    if (found == nodes_.end()) continue;
    if (ring.last_ms() <= found->second.rings_ms) member.clear_address();
  }
}

bool ForgottenNodes::HasHints(uint64_t owner, uint64_t log) const {
  const auto found = nodes_.find(owner);
  return found != nodes_.end() &&
         std::ranges::count(found->second.hint_logs, log) > 0;
}

}  // namespace varve::repair
