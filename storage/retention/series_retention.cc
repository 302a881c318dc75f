#include "storage/retention/series_retention.h"

#include <algorithm>

#include "lib/model/time_range.h"

namespace varve::storage {

SeriesRetention::SeriesRetention(std::vector<model::RetentionFilter> filters,
                                 model::DownsampleRules downsampling)
    : filters_(std::move(filters)), downsampling_(std::move(downsampling)) {
  for (const model::DownsampleRule& rule : downsampling_) {
    for (const model::DownsampleStep& step : rule.steps) {
      interval_ms_max_ = std::max(interval_ms_max_, step.interval_ms);
    }
  }
}

void SeriesRetention::RulesOf(const model::TenantId& tenant,
                              std::string_view labels, int64_t now_ms,
                              int64_t& oldest_ms,
                              model::DownsampleSteps& steps) const {
  oldest_ms = 0;
  for (const model::RetentionFilter& one : filters_) {
    const int64_t oldest = now_ms - one.retention_ms;
    if (oldest > oldest_ms && one.filter.Matches(tenant, labels)) {
      oldest_ms = oldest;
    }
  }
  steps.clear();
  for (const model::DownsampleRule& rule : downsampling_) {
    if (!rule.filter.Matches(tenant, labels)) continue;
    steps = rule.steps;
    break;
  }
}

int64_t SeriesRetention::UntouchedMs(int64_t now_ms) const {
  int64_t untouched_ms = 0;
  for (const model::RetentionFilter& one : filters_) {
    untouched_ms = std::max(untouched_ms, now_ms - one.retention_ms);
  }
  for (const model::DownsampleRule& rule : downsampling_) {
    for (const model::DownsampleStep& step : rule.steps) {
      untouched_ms = std::max(untouched_ms, now_ms - step.offset_ms);
    }
  }
  return untouched_ms;
}

uint64_t SeriesRetention::Stage(int32_t day, int64_t now_ms) const {
  const int64_t end_ms = (int64_t{day} + 1) * model::kDayMs;
  uint64_t stage = 0;
  for (const model::RetentionFilter& one : filters_) {
    stage += end_ms <= now_ms - one.retention_ms;
  }
  for (const model::DownsampleRule& rule : downsampling_) {
    for (const model::DownsampleStep& step : rule.steps) {
      stage += end_ms <= now_ms - step.offset_ms - step.interval_ms;
    }
  }
  return stage;
}

}  // namespace varve::storage
