// Whose data it is: {kind, id}, part of every key, frame and cache key.
//
// Kind 0 is numeric: id = account_id << 32 | project_id. Kind 1 is a name
// (X-Scope-OrgID): id = xxh3 of the name; storage nodes keep the name.
#ifndef VARVE_LIB_MODEL_TENANT_H_
#define VARVE_LIB_MODEL_TENANT_H_

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

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

// 9 bytes, kind then id big endian: keys of one tenant are neighbours.
inline constexpr size_t kTenantKeyBytes = 9;
void AppendTenantKey(std::string& out, const TenantId& tenant);
// REQUIRES: `key` has at least kTenantKeyBytes bytes.
TenantId TenantFromKey(std::string_view key);

}  // namespace varve::model

#endif  // VARVE_LIB_MODEL_TENANT_H_
