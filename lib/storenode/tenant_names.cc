#include "lib/storenode/tenant_names.h"

#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_format.h"
#include "lib/base/log.h"
#include "lib/base/status.h"
#include "lib/wire/convert.h"

namespace varve::storenode {
namespace {

constexpr std::string_view kPrefix = "tenant/";
constexpr size_t kNameBytesMax = 1'024;  // a peer's; far above real ones

// Of no release's data.
constexpr model::TenantId kNobody{.kind = 2, .id = 0};

}  // namespace

TenantNames::TenantNames(storage::Engine* engine, telemetry::Metrics* metrics)
    : engine_(engine),
      metrics_(metrics),
      collisions_(
          &metrics->AddCounter("varve_tenant_name_collisions_total")) {
  const auto kept = engine_->ListState(kPrefix);
  if (!kept.ok()) {
    base::LogError("names of tenants: ", base::Message(kept.status()));
  } else {
    base::MutexLock lock(names_mutex_);
    for (const auto& [key, name] : *kept) {
      uint64_t id = 0;
      if (absl::SimpleHexAtoi(key.substr(kPrefix.size()), &id)) {
        names_[id] = name;
      }
    }
  }
  metrics_->AddCallback(this, "varve_tenant_names", {}, [this] {
    base::MutexLock lock(names_mutex_);
    return static_cast<double>(names_.size());
  });
}

TenantNames::~TenantNames() { metrics_->RemoveCallbacks(this); }

std::string TenantNames::NameOf(const model::TenantId& tenant) const {
  if (tenant.kind != 1) return "";
  base::MutexLock lock(names_mutex_);
  const auto found = names_.find(tenant.id);
  return found == names_.end() ? "" : found->second;
}

absl::StatusOr<bool> TenantNames::RegisterOne(const model::Tenant& tenant) {
  if (tenant.id.kind != 1 || tenant.name.empty() ||
      tenant.name.size() > kNameBytesMax) {
    return base::InvalidArgument("a tenant of kind ", int{tenant.id.kind},
                                 " with a name of ", tenant.name.size(),
                                 " bytes is not registered");
  }
  {
    base::MutexLock lock(names_mutex_);
    const auto found = names_.find(tenant.id.id);
    if (found != names_.end()) return found->second == tenant.name;
    if (names_.size() >= kTenantNamesMax) {
      return absl::OutOfRangeError(base::StrCat(
          kTenantNamesMax, " tenants have names, the most a storage node "
          "keeps; no new one is taken"));
    }
  }
  RETURN_IF_ERROR(engine_->PutState(
      base::StrCat(kPrefix, absl::StrFormat("%016x", tenant.id.id)),
      tenant.name));
  // Only now: who finds it here takes it for durable.
  base::MutexLock lock(names_mutex_);
  names_[tenant.id.id] = tenant.name;
  return true;
}

absl::Status TenantNames::Register(std::span<const model::Tenant> tenants,
                                   std::vector<bool>& refused) {
  refused.clear();
  base::MutexLock lock(register_mutex_);
  for (const model::Tenant& tenant : tenants) {
    ASSIGN_OR_RETURN(const bool taken, RegisterOne(tenant));
    refused.push_back(!taken);
    if (taken) continue;
    collisions_->Increment();
    static base::LogEvery every(10'000);
    if (every.Due()) {
      base::LogError("the tenant ", tenant.name, " is refused: its id ",
                     model::TenantText(tenant.id), " is that of ",
                     NameOf(tenant.id));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<model::TenantId> TenantNames::Readable(
    const proto::Tenant& tenant) const {
  ASSIGN_OR_RETURN(const model::TenantId id, wire::FromProto(tenant));
  if (id.kind != 1 || tenant.name().empty()) return id;
  base::MutexLock lock(names_mutex_);
  const auto found = names_.find(id.id);
  const bool other = found != names_.end() && found->second != tenant.name();
  return other ? kNobody : id;
}

}  // namespace varve::storenode
