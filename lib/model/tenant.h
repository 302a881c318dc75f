// Whose data it is: {kind, id}, part of every key, frame and cache key.
//
// Kind 0 is numeric: id = account_id << 32 | project_id. Kind 1 is a name
// (X-Scope-OrgID): id = xxh3 of the name; storage nodes keep the name, by
// which they tell two names of one id apart.
#ifndef VARVE_LIB_MODEL_TENANT_H_
#define VARVE_LIB_MODEL_TENANT_H_

#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"

namespace varve::model {

struct TenantId {
  uint8_t kind = 0;
  uint64_t id = 0;

  static TenantId Numeric(uint32_t account_id, uint32_t project_id) {
    return {0, static_cast<uint64_t>(account_id) << 32 | project_id};
  }
  uint32_t account_id() const { return static_cast<uint32_t>(id >> 32); }
  uint32_t project_id() const { return static_cast<uint32_t>(id); }

  friend auto operator<=>(const TenantId&, const TenantId&) = default;
  template <typename H>
  friend H AbslHashValue(H state, const TenantId& tenant) {
    return H::combine(std::move(state), tenant.kind, tenant.id);
  }
};

// "42" or "42:7"; InvalidArgument for anything else, overflow included.
absl::StatusOr<TenantId> ParseTenant(std::string_view text);

// "42:7" for kind 0, "name#<16 hex digits>" for kind 1.
std::string TenantText(const TenantId& tenant);

// A tenant with its name.
struct Tenant {
  TenantId id;
  std::string name;  // of kind 1; "" of kind 0

  friend auto operator<=>(const Tenant&, const Tenant&) = default;
};

// The name, or as TenantText of its id.
std::string TenantText(const Tenant& tenant);

// One tenant of the header X-Scope-OrgID: a plain number below 2^32 is an
// account, anything else of at most 150 letters, digits and !-_.*'() a name.
// InvalidArgument for others, for "." and "..", and for digits that are no
// such number (007 is not 7, and must not be taken for it).
// Source: Grafana dskit, tenant.ValidTenantID.
absl::StatusOr<Tenant> ParseOrgId(std::string_view text);

// "a|b|a": each once, in the order of their texts. InvalidArgument also for
// an empty part and for more than kOrgIdsMax.
inline constexpr size_t kOrgIdsMax = 1'000;
absl::StatusOr<std::vector<Tenant>> ParseOrgIds(std::string_view text);

// What ParseOrgId reads as this tenant. REQUIRES: a name or no project.
std::string OrgIdText(const Tenant& tenant);

// 9 bytes, kind then id big endian: keys of one tenant are neighbours.
inline constexpr size_t kTenantKeyBytes = 9;
void AppendTenantKey(std::string& out, const TenantId& tenant);
// REQUIRES: `key` has at least kTenantKeyBytes bytes.
TenantId TenantFromKey(std::string_view key);

}  // namespace varve::model

#endif  // VARVE_LIB_MODEL_TENANT_H_
