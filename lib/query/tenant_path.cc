#include "lib/query/tenant_path.h"

#include <charconv>
#include <cstdint>
#include <string>

#include "lib/base/status.h"

namespace varve::query {
namespace {

absl::StatusOr<uint32_t> HeaderNumber(const http::Request& request,
                                      std::string_view name) {
  const std::string_view text = request.Header(name);
  if (text.empty()) return 0;
  uint32_t value = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error == std::errc() && stop == end) return value;
  return base::InvalidArgument("auth error: the header ", name,
                               " must be a number below 2^32; got \"", text,
                               "\"");
}

void AppendRune(std::string& out, uint32_t rune) {
  if (rune < 0x80) {
    out.push_back(static_cast<char>(rune));
    return;
  }
  if (rune >= 0x10000) {
    out.push_back(static_cast<char>(0xF0 | rune >> 18));
    out.push_back(static_cast<char>(0x80 | (rune >> 12 & 0x3F)));
  } else if (rune >= 0x800) {
    out.push_back(static_cast<char>(0xE0 | rune >> 12));
  }
  if (rune >= 0x800) {
    out.push_back(static_cast<char>(0x80 | (rune >> 6 & 0x3F)));
  } else {
    out.push_back(static_cast<char>(0xC0 | rune >> 6));
  }
  out.push_back(static_cast<char>(0x80 | (rune & 0x3F)));
}

}  // namespace

absl::StatusOr<model::TenantId> TenantOfPath(std::string_view part,
                                             std::string_view path) {
  auto tenant = model::ParseTenant(part);
  if (tenant.ok()) return tenant;
  if (part.find(':') == part.npos) {
    return base::InvalidArgument("unsupported path requested: \"", path, "\"");
  }
  return base::InvalidArgument("auth error: ", base::Message(tenant.status()));
}

absl::StatusOr<QueryTenants> TenantsOfHeaders(const http::Request& request) {
  QueryTenants found;
  if (request.Header("accountid") == kMultitenant) {
    found.all = true;
    return found;
  }
  const std::string_view scope = request.Header("x-scope-orgid");
  if (!scope.empty() && request.Header("accountid").empty() &&
      request.Header("projectid").empty()) {
    absl::StatusOr<std::vector<model::Tenant>> named =
        model::ParseOrgIds(scope);
    if (!named.ok()) return base::Annotate(named.status(), "auth error");
    found.tenants = *std::move(named);
    return found;
  }
  ASSIGN_OR_RETURN(const uint32_t account, HeaderNumber(request, "accountid"));
  ASSIGN_OR_RETURN(const uint32_t project, HeaderNumber(request, "projectid"));
  found.tenants[0].id = model::TenantId::Numeric(account, project);
  return found;
}

std::string QueryTenants::Text() const {
  if (all) return std::string(kMultitenant);
  if (tenants.size() == 1) return model::TenantText(one());
  std::string text;
  for (const model::Tenant& tenant : tenants) {
    base::StrAppend(&text, text.empty() ? "" : "|", model::OrgIdText(tenant));
  }
  return text;
}

std::string UnescapedName(std::string_view name) {
  if (!name.starts_with("U__")) return std::string(name);
  const std::string_view text = name.substr(3);
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '_') {
      out.push_back(text[i]);
      continue;
    }
    if (i + 1 < text.size() && text[i + 1] == '_') {
      out.push_back('_');
      ++i;
      continue;
    }
    const size_t end = text.find('_', i + 1);
    uint32_t rune = 0;
    const char* last = text.data() + (end == text.npos ? i + 1 : end);
    const auto [stop, error] =
        std::from_chars(text.data() + i + 1, last, rune, 16);
    // Not of that form after all: the name means itself.
    if (end == text.npos || error != std::errc() || stop != last ||
        rune > 0x10FFFF) {
      return std::string(name);
    }
    AppendRune(out, rune);
    i = end;
  }
  return out;
}

}  // namespace varve::query
