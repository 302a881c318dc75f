// Whose data a request brings: the path part, else headers.
//
// Errors:  InvalidArgument; the text is for the client.
// Threads: free function without state.
#ifndef VARVE_LIB_INGEST_REQUEST_TENANT_H_
#define VARVE_LIB_INGEST_REQUEST_TENANT_H_

#include "absl/status/statusor.h"
#include "lib/model/tenant.h"
#include "net/http/server.h"

namespace varve::ingest {

// "42", "42:7" in the path wins; without a tenant in the path AccountID and
// ProjectID (0 where missing) are asked when `via_headers`, and a numeric
// X-Scope-OrgID is an account. A named X-Scope-OrgID is refused: storing it
// under 0:0 would mix tenants.
absl::StatusOr<model::TenantId> RequestTenant(const http::Request& request,
                                              bool tenant_in_path,
                                              bool via_headers);

}  // namespace varve::ingest

#endif  // VARVE_LIB_INGEST_REQUEST_TENANT_H_
