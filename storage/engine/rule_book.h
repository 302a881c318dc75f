// The engine's RuleBook: its deletes, and what retention filters and
// downsampling flags say (storage/retention).
//
// Threads: never changes; read from any thread.
#ifndef VARVE_STORAGE_ENGINE_RULE_BOOK_H_
#define VARVE_STORAGE_ENGINE_RULE_BOOK_H_

#include <memory>

#include "storage/compaction/series_rules.h"
#include "storage/engine/tombstone.h"
#include "storage/retention/series_retention.h"

namespace varve::storage {

class EngineRuleBook final : public RuleBook {
 public:
  // `retention` may be null: no filters and no downsampling.
  EngineRuleBook(std::shared_ptr<const TombstoneList> tombstones,
                 std::shared_ptr<const SeriesRetention> retention,
                 int64_t now_ms)
      : tombstones_(std::move(tombstones)),
        retention_(std::move(retention)),
        now_ms_(now_ms) {}

  bool empty() const override;
  bool RulesOf(const model::TenantId& tenant, uint64_t series_id,
               std::string_view labels, SeriesRules& rules) const override;

  // Labels make no difference: callers may give "".
  bool ignores_labels() const { return retention_ == nullptr; }
  // The longest downsampling interval; 0 without.
  int64_t interval_ms_max() const;
  int64_t now_ms() const { return now_ms_; }
  const TombstoneList& tombstones() const { return *tombstones_; }

 private:
  const std::shared_ptr<const TombstoneList> tombstones_;
  const std::shared_ptr<const SeriesRetention> retention_;
  const int64_t now_ms_;
};

}  // namespace varve::storage

#endif  // VARVE_STORAGE_ENGINE_RULE_BOOK_H_
