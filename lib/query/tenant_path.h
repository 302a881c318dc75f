// Whose data a request is about: the tenant of its path or its headers.
//
// A tenant in the path wins over headers. Without one, AccountID and
// ProjectID count, each 0 when absent.
//
// Errors:  InvalidArgument; its text is the answer's.
// Threads: free functions without state.
#ifndef VARVE_LIB_QUERY_TENANT_PATH_H_
#define VARVE_LIB_QUERY_TENANT_PATH_H_

#include <string_view>

#include "absl/status/statusor.h"
#include "lib/model/tenant.h"
#include "net/http/server.h"

namespace varve::query {

absl::StatusOr<model::TenantId> TenantOfPath(std::string_view part,
                                             std::string_view path);
absl::StatusOr<model::TenantId> TenantOfHeaders(const http::Request& request);

// Undoes Prometheus' escaping of names in URLs: U__ and then _XX_ for the
// character of hexadecimal number XX, __ for an underscore. Other names are
// as they are.
std::string UnescapedName(std::string_view name);

}  // namespace varve::query

#endif  // VARVE_LIB_QUERY_TENANT_PATH_H_
