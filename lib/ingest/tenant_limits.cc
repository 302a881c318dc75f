#include "lib/ingest/tenant_limits.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <utility>

#include "absl/strings/cord.h"
#include "lib/base/log.h"
#include "lib/base/status.h"

namespace varve::ingest {
namespace {

constexpr const char* kRetryAfterPayload = "varve/retry-after-seconds";

// Seconds of its rate that a tenant may send at once, when the file says
// nothing: a scrape of everything at the same moment, once over.
constexpr double kBurstSeconds = 10;

TokenRate RateOf(const TenantLimit& limit) {
  return {.per_second = limit.ingestion_rate,
          .burst = limit.ingestion_burst_size > 0
                       ? limit.ingestion_burst_size
                       : limit.ingestion_rate * kBurstSeconds};
}

// 1000 as "1000", 0.5 as "0.5".
std::string NumberText(double number) {
  char text[32];
  const auto end = std::to_chars(text, text + sizeof(text), number,
                                 std::abs(number) < 1e15
                                     ? std::chars_format::fixed
                                     : std::chars_format::general);
  return std::string(text, end.ptr);
}

bool SameLabelLimits(const TenantLimit& a, const TenantLimit& b) {
  SeriesLimits left = a.series;
  left.active_series_max = b.series.active_series_max;  // asked of new ones only
  return left == b.series;
}

}  // namespace

TenantLimits::TenantLimits(const TenantLimit& flags,
                           std::function<int64_t(uint16_t)> active,
                           telemetry::Metrics* metrics,
                           const base::Clock* clock)
    : flags_(flags),
      active_(std::move(active)),
      metrics_(*metrics),
      clock_(*clock) {
  base::MutexLock lock(mutex_);
  file_.defaults = flags;
  rest_.limit = std::make_shared<TenantLimit>(flags);
  rest_.use.text = "(one of many)";
}

TenantLimits::~TenantLimits() { metrics_.RemoveCallbacks(this); }

std::shared_ptr<const TenantLimit> TenantLimits::LimitOf(
    const model::TenantId& tenant) const {
  const auto found = file_.overrides.find(tenant);
  return std::make_shared<TenantLimit>(
      found == file_.overrides.end() ? file_.defaults : found->second);
}

TenantLimits::Kept& TenantLimits::Add(const model::Tenant& tenant) {
  auto kept = std::make_unique<Kept>();
  kept->limit = LimitOf(tenant.id);
  // Not what it was while it had those of the rest.
  kept->labels_generation = rest_.labels_generation + 1;
  kept->use.text = model::TenantText(tenant);
  if (owners_.size() < kSeriesOwnersMax - 1) MakeOwner(tenant, kept->use);
  return *kept_.emplace(tenant.id, std::move(kept)).first->second;
}

void TenantLimits::MakeOwner(const model::Tenant& tenant, TenantUse& use) {
  owners_.push_back(tenant.id);
  use.owner = static_cast<uint16_t>(owners_.size());
  use.labels = tenant.id.kind == 0
                   ? telemetry::MetricLabels{
                         {"accountID", base::StrCat(tenant.id.account_id())},
                         {"projectID", base::StrCat(tenant.id.project_id())}}
                   : telemetry::MetricLabels{{"tenant", use.text}};
  use.refused_requests = &metrics_.AddCounter(
      "varve_tenant_requests_over_rate_total", use.labels);
  metrics_.AddCallback(this, "varve_tenant_active_series", use.labels,
                       [this, owner = use.owner] {
                         return static_cast<double>(active_(owner));
                       });
}

void TenantLimits::AddOverrides() {
  for (const auto& [tenant, limit] : file_.overrides) {
    if (kept_.contains(tenant)) continue;
    const auto name = file_.names.find(tenant);
    const bool named = tenant.kind != 0 && name != file_.names.end();
    Add({tenant, named ? name->second : ""});
  }
}

void TenantLimits::TenantsOf(std::span<const SeriesEntry> entries,
                             std::span<model::TenantId> tenants) const {
  base::MutexLock lock(mutex_);
  for (size_t i = 0; i < entries.size(); ++i) {
    const uint16_t owner = entries[i].owner;
    if (owner != 0) tenants[i] = owners_[owner - 1];
  }
}

TenantNow TenantLimits::Of(const model::Tenant& tenant) {
  base::MutexLock lock(mutex_);
  const auto found = kept_.find(tenant.id);
  Kept& kept = found != kept_.end()                    ? *found->second
               : owners_.size() < kSeriesOwnersMax - 1 ? Add(tenant)
                                                       : rest_;
  return {.limit = kept.limit,
          .use = &kept.use,
          .labels_generation = kept.labels_generation};
}

absl::Status TenantLimits::OverRate(const TenantNow& tenant, int64_t rows,
                                    absl::Duration wait) const {
  if (tenant.use->refused_requests != nullptr) {
    tenant.use->refused_requests->Increment();
  }
  const TokenRate rate = RateOf(*tenant.limit);
  const int64_t seconds =
      std::max<int64_t>(1, absl::ToInt64Seconds(absl::Ceil(
                               wait, absl::Seconds(1))));
  absl::Status status = base::ResourceExhausted(
      "tenant ", tenant.use->text, " is over its ingestion rate: a request of ",
      rows, " samples does not fit into ", NumberText(rate.per_second),
      " samples/s with a burst of ", NumberText(rate.burst),
      " (ingestion_rate, ingestion_burst_size of ", kTenantLimitsFlag,
      "); nothing of it is stored, it fits in ", seconds, " s");
  status.SetPayload(kRetryAfterPayload, absl::Cord(absl::StrCat(seconds)));
  return status;
}

absl::Status TenantLimits::Admit(const TenantNow& tenant) const {
  if (tenant.limit->ingestion_rate <= 0) return absl::OkStatus();
  const TokenRate rate = RateOf(*tenant.limit);
  const int64_t now_ms = clock_.SteadyMs();
  const TokenBucket& bucket = tenant.use->samples;
  if (bucket.Wait(1, rate, now_ms) <= absl::ZeroDuration()) {
    return absl::OkStatus();
  }
  // Requests of a sender are alike: this one will ask for as many rows as the
  // last one did.
  const int64_t rows = tenant.use->request_rows.load();
  return OverRate(tenant, rows, bucket.Wait(rows, rate, now_ms));
}

absl::Status TenantLimits::Take(const TenantNow& tenant, int64_t rows,
                                bool started) const {
  if (tenant.limit->ingestion_rate <= 0 || rows == 0) return absl::OkStatus();
  const TokenRate rate = RateOf(*tenant.limit);
  const int64_t now_ms = clock_.SteadyMs();
  if (started) {
    tenant.use->samples.Charge(rows, rate, now_ms);
    return absl::OkStatus();
  }
  tenant.use->request_rows = rows;
  const absl::Duration wait = tenant.use->samples.Take(rows, rate, now_ms);
  if (wait <= absl::ZeroDuration()) return absl::OkStatus();
  return OverRate(tenant, rows, wait);
}

absl::Duration TenantLimits::TakeLater(const TenantNow& tenant,
                                       int64_t rows) const {
  if (tenant.limit->ingestion_rate <= 0) return absl::ZeroDuration();
  return tenant.use->samples.Take(rows, RateOf(*tenant.limit),
                                  clock_.SteadyMs());
}

void TenantLimits::ChargeForOthers(const TenantNow& tenant,
                                   int64_t rows) const {
  if (tenant.limit->ingestion_rate <= 0) return;
  tenant.use->samples.ChargeWithinBurst(rows, RateOf(*tenant.limit),
                                        clock_.SteadyMs());
}

void TenantLimits::GiveBack(const TenantNow& tenant, int64_t rows) const {
  if (tenant.limit->ingestion_rate <= 0) return;
  tenant.use->samples.GiveBack(rows, RateOf(*tenant.limit));
}

void TenantLimits::CountIgnored(const TenantNow& tenant, Rejection why,
                                int64_t rows) {
  TenantUse& use = *tenant.use;
  if (use.labels.empty()) return;
  auto& slot = use.ignored_rows[static_cast<size_t>(why)];
  telemetry::Counter* counter = slot.load(std::memory_order_acquire);
  if (counter == nullptr) {
    telemetry::MetricLabels labels = use.labels;
    labels.emplace_back("reason", ReasonOf(why));
    counter = &metrics_.AddCounter("varve_tenant_rows_ignored_total", labels);
    slot.store(counter, std::memory_order_release);
  }
  counter->Add(rows);
}

std::vector<uint16_t> TenantLimits::Set(const TenantLimitsFile& file) {
  std::vector<uint16_t> changed;
  base::MutexLock lock(mutex_);
  file_ = file;
  for (const auto& [tenant, kept] : kept_) {
    std::shared_ptr<const TenantLimit> limit = LimitOf(tenant);
    if (!SameLabelLimits(*limit, *kept->limit)) {
      ++kept->labels_generation;
      if (kept->use.owner != 0) changed.push_back(kept->use.owner);
    }
    kept->limit = std::move(limit);
  }
  if (!SameLabelLimits(file_.defaults, *rest_.limit)) ++rest_.labels_generation;
  rest_.limit = std::make_shared<TenantLimit>(file_.defaults);
  AddOverrides();
  return changed;
}

absl::StatusOr<std::vector<uint16_t>> TenantLimits::Load(
    std::string_view yaml) {
  ASSIGN_OR_RETURN(const TenantLimitsFile file,
                   ParseTenantLimits(yaml, flags_));
  return Set(file);
}

std::optional<int64_t> RetryAfterSeconds(const absl::Status& status) {
  const auto payload = status.GetPayload(kRetryAfterPayload);
  if (!payload) return std::nullopt;
  int64_t seconds = 0;
  const std::string text(*payload);
  std::from_chars(text.data(), text.data() + text.size(), seconds);
  return seconds;
}

}  // namespace varve::ingest
