// Whose data a request is about: the tenant of its path or its headers.
//
// A tenant in the path wins over headers. Without one, AccountID and
// ProjectID count, each 0 when absent; without those two X-Scope-OrgID, which
// may name several tenants, a|b.
//
// Errors:  InvalidArgument; its text is the answer's.
// Threads: free functions without state.
#ifndef VARVE_LIB_QUERY_TENANT_PATH_H_
#define VARVE_LIB_QUERY_TENANT_PATH_H_

#include <compare>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "lib/model/tenant.h"
#include "net/http/server.h"

namespace varve::query {

inline constexpr std::string_view kMultitenant = "multitenant";

// Whose data one request reads.
struct QueryTenants {
  bool all = false;  // of `multitenant`: every tenant there is
  // Those named, sorted; one, unless they are federated. Of no meaning for all.
  std::vector<model::Tenant> tenants = {model::Tenant()};

  bool several() const { return all || tenants.size() > 1; }
  const model::Tenant& one() const { return tenants[0]; }
  // "multitenant", "1:0", "acme", "acme|infra".
  std::string Text() const;

  friend auto operator<=>(const QueryTenants&, const QueryTenants&) = default;
};

absl::StatusOr<model::TenantId> TenantOfPath(std::string_view part,
                                             std::string_view path);
absl::StatusOr<QueryTenants> TenantsOfHeaders(const http::Request& request);

// Undoes Prometheus' escaping of names in URLs: U__ and then _XX_ for the
// character of hexadecimal number XX, __ for an underscore. Other names are
// as they are.
std::string UnescapedName(std::string_view name);

}  // namespace varve::query

#endif  // VARVE_LIB_QUERY_TENANT_PATH_H_
