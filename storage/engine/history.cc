// What happens to rows of the past, for those who keep answers about it.
#include <algorithm>

#include "storage/engine/engine_impl.h"

namespace varve::storage {

History EngineImpl::HistoryOf(const model::TenantId& tenant,
                              const model::TimeRange& range) const {
  const int64_t now_ms = options_.clock->NowMs();
  History history;
  history.settled.start_ms = OldestReadableMs(retention_rule(), now_ms);
  if (series_retention_ != nullptr) {
    history.settled.start_ms = std::max(history.settled.start_ms,
                                        series_retention_->UntouchedMs(now_ms));
  }
  history.settled.end_ms = now_ms - kSettledMs;
  history.changes = history_.Of(tenant, range);
  return history;
}

void EngineImpl::NoteLateRows(const model::TenantId& tenant,
                              const model::TimeRange& span, int64_t now_ms) {
  const int64_t late_end_ms = now_ms - kLateMs;
  if (span.start_ms > late_end_ms) return;
  history_.Add(tenant, {span.start_ms, std::min(span.end_ms, late_end_ms)});
}

void EngineImpl::NoteLateRows(const KindSection& section, int64_t now_ms) {
  if (section.histograms.empty()) return;
  const auto [oldest, newest] =
      std::ranges::minmax(section.histograms, {},
                          &encoding::HistogramRow::timestamp_ms);
  NoteLateRows(section.tenant, {oldest.timestamp_ms, newest.timestamp_ms},
               now_ms);
}

}  // namespace varve::storage
