// Whose data a request brings: the path part, else headers.
//
// Errors:  InvalidArgument; Unauthenticated ("no org id") for a request to one
//          of Mimir's paths that must name a tenant and does not. The text is
//          for the client.
// Threads: free function without state.
#ifndef VARVE_LIB_INGEST_REQUEST_TENANT_H_
#define VARVE_LIB_INGEST_REQUEST_TENANT_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "lib/ingest/insert_tenant.h"
#include "net/http/server.h"

namespace varve::ingest {

// Where a route's tenant may come from.
enum class TenantSource : uint8_t {
  kPath,     // /insert/<tenant>/…: "42", "42:7" or "multitenant"
  kHeaders,  // /insert/…
  kMimir,    // headers; /api/v1/push and the like
};

struct TenantHeaderRules {
  bool enabled = true;           // -enableMultitenancyViaHeaders
  bool require_org_id = false;  // -mimir.requireOrgID
};

// A tenant in the path wins. Of headers, AccountID and ProjectID count (0 where
// missing; AccountID may be "multitenant"), without those two X-Scope-OrgID
// (model::ParseOrgId). Without any, and while headers are not enabled, the
// tenant is 0:0.
absl::StatusOr<InsertTenant> RequestTenant(const http::Request& request,
                                           TenantSource source,
                                           const TenantHeaderRules& rules);

}  // namespace varve::ingest

#endif  // VARVE_LIB_INGEST_REQUEST_TENANT_H_
