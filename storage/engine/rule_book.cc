#include "storage/engine/rule_book.h"

namespace varve::storage {

bool EngineRuleBook::empty() const {
  return tombstones_->empty() && retention_ == nullptr;
}

bool EngineRuleBook::RulesOf(const model::TenantId& tenant, uint64_t series_id,
                             std::string_view labels,
                             SeriesRules& rules) const {
  rules.clear();
  if (retention_ != nullptr) {
    retention_->RulesOf(tenant, labels, now_ms_, rules.oldest_ms,
                        rules.downsampling);
  }
  const auto id = static_cast<uint32_t>(series_id);
  for (const TombstoneRef& one : *tombstones_) {
    if (one->tenant == tenant && one->ids.contains(id)) {
      rules.deleted.push_back({one->below_generation, one->range});
    }
  }
  return rules.oldest_ms > 0 || !rules.deleted.empty() ||
         !rules.downsampling.empty();
}

int64_t EngineRuleBook::interval_ms_max() const {
  return retention_ == nullptr ? 0 : retention_->interval_ms_max();
}

}  // namespace varve::storage
