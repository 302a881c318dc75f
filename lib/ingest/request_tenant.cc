#include "lib/ingest/request_tenant.h"

#include <charconv>
#include <string>

#include "lib/base/status.h"

namespace varve::ingest {
namespace {

constexpr std::string_view kMultitenant = "multitenant";

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

absl::StatusOr<InsertTenant> TenantOfPath(const http::Request& request) {
  const std::string& part = request.captures[0];
  if (part == kMultitenant) return InsertTenant{.tenant = {}, .in_labels = true};
  const absl::StatusOr<model::TenantId> tenant = model::ParseTenant(part);
  if (tenant.ok()) return InsertTenant{.tenant = {*tenant, ""}};
  if (part.find(':') != std::string::npos) {
    return base::Annotate(tenant.status(), "auth error");
  }
  return base::InvalidArgument("unsupported path requested: \"",
                               std::string_view(request.path).substr(0, 200),
                               "\": ", base::Message(tenant.status()));
}

}  // namespace

absl::StatusOr<InsertTenant> RequestTenant(const http::Request& request,
                                           TenantSource source,
                                           const TenantHeaderRules& rules) {
  if (source == TenantSource::kPath) return TenantOfPath(request);
  InsertTenant found;
  if (!rules.enabled) return found;
  const std::string_view account = request.Header("accountid");
  const std::string_view project = request.Header("projectid");
  const std::string_view org = request.Header("x-scope-orgid");
  if (account == kMultitenant) {
    found.in_labels = true;
  } else if (!account.empty() || !project.empty()) {
    ASSIGN_OR_RETURN(const uint32_t account_id,
                     HeaderId(request, "accountid", "AccountID"));
    ASSIGN_OR_RETURN(const uint32_t project_id,
                     HeaderId(request, "projectid", "ProjectID"));
    found.tenant.id = model::TenantId::Numeric(account_id, project_id);
  } else if (!org.empty()) {
    absl::StatusOr<model::Tenant> named = model::ParseOrgId(org);
    if (!named.ok()) return base::Annotate(named.status(), "auth error");
    found.tenant = *std::move(named);
  } else if (source == TenantSource::kMimir && rules.require_org_id) {
    return absl::UnauthenticatedError("no org id");
  }
  return found;
}

}  // namespace varve::ingest
