#include "lib/ingest/request_tenant.h"

#include <charconv>
#include <string>

#include "lib/base/status.h"

namespace varve::ingest {
namespace {

absl::StatusOr<uint32_t> HeaderId(const http::Request& request,
                                  std::string_view lower_case_name,
                                  std::string_view shown_name) {
  const std::string_view text = request.Header(lower_case_name);
  if (text.empty()) return 0;
  uint32_t id = 0;
  const char* const end = text.data() + text.size();
  const auto [ptr, ec] = std::from_chars(text.data(), end, id);
  if (ec != std::errc() || ptr != end) {
    return base::InvalidArgument("auth error: the header ", shown_name, ": ",
                                 text.substr(0, 40),
                                 " is not a number from 0 to 4294967295");
  }
  return id;
}

}  // namespace

absl::StatusOr<model::TenantId> RequestTenant(const http::Request& request,
                                              bool tenant_in_path,
                                              bool via_headers) {
  if (tenant_in_path && !request.captures.empty()) {
    const std::string& part = request.captures[0];
    if (part == "multitenant") {
      return base::InvalidArgument(
          "tenants in labels (/insert/multitenant/) are not supported yet; "
          "put the tenant into the path");
    }
    absl::StatusOr<model::TenantId> tenant = model::ParseTenant(part);
    if (tenant.ok()) return tenant;
    if (part.find(':') != std::string::npos) {
      return base::Annotate(tenant.status(), "auth error");
    }
    return base::InvalidArgument("unsupported path requested: \"",
                                 std::string_view(request.path).substr(0, 200),
                                 "\": ", base::Message(tenant.status()));
  }
  if (!via_headers) return model::TenantId{};
  const std::string_view scope = request.Header("x-scope-orgid");
  if (!scope.empty() && request.Header("accountid").empty() &&
      request.Header("projectid").empty()) {
    ASSIGN_OR_RETURN(const uint32_t account,
                     HeaderId(request, "x-scope-orgid", "X-Scope-OrgID"));
    return model::TenantId::Numeric(account, 0);
  }
  ASSIGN_OR_RETURN(const uint32_t account,
                   HeaderId(request, "accountid", "AccountID"));
  ASSIGN_OR_RETURN(const uint32_t project,
                   HeaderId(request, "projectid", "ProjectID"));
  return model::TenantId::Numeric(account, project);
}

}  // namespace varve::ingest
