// Which metric names queries read.
#include <algorithm>

#include "lib/base/byte_coding.h"
#include "lib/base/status.h"
#include "storage/engine/engine_impl.h"

namespace varve::storage {
namespace {

// A node's answer; more names than any one tenant should have.
constexpr size_t kNamesMax = 500'000;

}  // namespace

void EngineImpl::CountNames(const model::TenantId& tenant,
                            std::span<const std::string> names) {
  if (name_usage_ == nullptr) return;
  const int64_t now_s = options_.clock->NowMs() / 1000;
  for (const std::string& name : names) {
    if (!name.empty()) name_usage_->Count(tenant, name, now_s);
  }
}

std::string MetricNameOf(std::string_view canonical) {
  base::ByteReader reader(canonical);
  while (reader.ok() && !reader.empty()) {
    const std::string_view name = reader.LengthPrefixed();
    const std::string_view value = reader.LengthPrefixed();
    if (reader.ok() && name == model::kMetricName) return std::string(value);
  }
  return {};
}

absl::StatusOr<NameStatistics> EngineImpl::NameUsageOf(
    const model::TenantId& tenant) {
  RETURN_IF_ERROR(CheckRunning());
  NameStatistics out;
  if (name_usage_ == nullptr) {
    return base::InvalidArgument(
        "metric names are not tracked: -storage.trackMetricNamesStats=false");
  }
  out.since_s = name_usage_->since_s();
  ASSIGN_OR_RETURN(const std::vector<std::string> names,
                   index_->LabelValues(tenant, {}, DayRange{},
                                       model::kMetricName, kNamesMax));
  for (const std::string& name : names) {
    const NameUsageEntry found = name_usage_->Find(tenant, name);
    out.names.push_back({name, found.queries, found.last_s});
  }
  return out;
}

absl::Status EngineImpl::ResetNameUsage() {
  RETURN_IF_ERROR(CheckRunning());
  if (name_usage_ == nullptr) return absl::OkStatus();
  return name_usage_->Reset(options_.clock->NowMs() / 1000);
}

}  // namespace varve::storage
