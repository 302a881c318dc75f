#include "tests/simulation/memory_hints.h"

#include <algorithm>

#include "lib/base/status.h"
#include "lib/encoding/record_refs.h"
#include "lib/wire/record_rows.h"

namespace varve::simulation {

bool MemoryHintLog::Holds(int64_t sample) const {
  return std::any_of(records.begin(), records.end(), [sample](const auto& one) {
    return std::find(one.samples.begin(), one.samples.end(), sample) !=
           one.samples.end();
  });
}

absl::StatusOr<uint64_t> MemoryHints::Define(
    uint64_t owner, const std::vector<std::string>& labels, int64_t now_ms,
    std::vector<uint64_t>& refs) {
  if (full) return base::ResourceExhausted("hints are full");
  auto found = logs_.lower_bound({owner, 0});
  if (found == logs_.end() || found->first.first != owner) {
    found = logs_.try_emplace({owner, node_id_ * 10'000 + ++begun_}).first;
    found->second.created_ms = now_ms;
  }
  MemoryHintLog& log = found->second;
  log.taken_ms = now_ms;
  for (const std::string& one : labels) {
    const auto [entry, is_new] = log.refs.try_emplace(one, log.series.size());
    if (is_new) log.series.push_back(one);
    refs.push_back(entry->second);
  }
  return found->first.second;
}

absl::StatusOr<bool> MemoryHints::Append(const LogKey& key,
                                         std::string_view record,
                                         int64_t now_ms) {
  if (full) return base::ResourceExhausted("hints are full");
  ASSIGN_OR_RETURN(const encoding::RecordRefs refs,
                   encoding::CheckRefs(record));
  const auto found = logs_.find(key);
  if (found == logs_.end() || refs.end > found->second.series.size()) {
    return false;
  }
  ASSIGN_OR_RETURN(const wire::RecordRows rows, wire::DecodeRecordRows(record));
  MemoryHintLog& log = found->second;
  log.taken_ms = now_ms;
  MemoryHintLog::Record& kept = log.records.emplace_back();
  kept.bytes = std::string(record);
  for (const wire::TenantRows& one : rows.tenants) {
    for (const double value : one.values) {
      kept.samples.push_back(static_cast<int64_t>(value));
    }
  }
  return true;
}

storage::HintState MemoryHints::StateOf(const LogKey& key) const {
  if (done_.contains(key)) return storage::HintState::kDone;
  return logs_.contains(key) ? storage::HintState::kPending
                             : storage::HintState::kUnknown;
}

std::vector<MemoryHints::LogKey> MemoryHints::Pending() const {
  std::vector<LogKey> keys;
  for (const auto& [key, log] : logs_) keys.push_back(key);
  std::stable_sort(keys.begin(), keys.end(),
                   [this](const LogKey& a, const LogKey& b) {
                     return logs_.at(a).created_ms < logs_.at(b).created_ms;
                   });
  return keys;
}

bool MemoryHints::Finish(const LogKey& key) {
  const auto found = logs_.find(key);
  if (found == logs_.end()) return true;
  if (!found->second.records.empty()) return false;
  done_.insert(key);
  logs_.erase(found);
  return true;
}

}  // namespace varve::simulation
