#include "lib/model/tenant.h"

#include <algorithm>
#include <charconv>

#include "absl/strings/str_format.h"
#include "lib/base/byte_coding.h"
#include "lib/base/hash.h"
#include "lib/base/status.h"

namespace varve::model {
namespace {

bool ParseUint32(std::string_view text, uint32_t& value) {
  const char* end = text.data() + text.size();
  const auto result = std::from_chars(text.data(), end, value);
  return !text.empty() && result.ec == std::errc() && result.ptr == end;
}

constexpr size_t kNameBytesMax = 150;

bool IsNameByte(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
         (c >= '0' && c <= '9') ||
         std::string_view("!-_.*'()").find(c) != std::string_view::npos;
}

// As the text of an error: what is not a name's byte may be anything.
std::string Shown(std::string_view text) {
  std::string shown(text.substr(0, 40));
  for (char& c : shown) {
    if (!IsNameByte(c) && c != '|' && c != ' ') c = '?';
  }
  return shown + (text.size() > 40 ? "..." : "");
}

}  // namespace

absl::StatusOr<TenantId> ParseTenant(std::string_view text) {
  const size_t colon = text.find(':');
  uint32_t account_id = 0;
  uint32_t project_id = 0;
  const bool good =
      ParseUint32(text.substr(0, colon), account_id) &&
      (colon == std::string_view::npos ||
       ParseUint32(text.substr(colon + 1), project_id));
  if (!good) {
    return base::InvalidArgument(
        "bad tenant \"", text,
        "\": want accountID or accountID:projectID, each from 0 to "
        "4294967295");
  }
  return TenantId::Numeric(account_id, project_id);
}

std::string TenantText(const TenantId& tenant) {
  if (tenant.kind == 0) {
    return absl::StrFormat("%d:%d", tenant.account_id(), tenant.project_id());
  }
  return absl::StrFormat("name#%016x", tenant.id);
}

std::string TenantText(const Tenant& tenant) {
  return tenant.name.empty() ? TenantText(tenant.id) : tenant.name;
}

absl::StatusOr<Tenant> ParseOrgId(std::string_view text) {
  if (text.empty()) return base::InvalidArgument("X-Scope-OrgID is empty");
  if (text.size() > kNameBytesMax) {
    return base::InvalidArgument("X-Scope-OrgID \"", Shown(text), "\" has ",
                                 text.size(), " bytes; at most ",
                                 kNameBytesMax, " are a tenant's");
  }
  if (!std::all_of(text.begin(), text.end(), IsNameByte)) {
    return base::InvalidArgument(
        "X-Scope-OrgID \"", Shown(text),
        "\" has characters other than letters, digits and !-_.*'()");
  }
  if (text == "." || text == "..") {
    return base::InvalidArgument("X-Scope-OrgID must not be ", text);
  }
  if (text.find_first_not_of("0123456789") != std::string_view::npos) {
    return Tenant{{.kind = 1, .id = base::Hash64Of(text)}, std::string(text)};
  }
  uint32_t account_id = 0;
  if (!ParseUint32(text, account_id) || (text[0] == '0' && text.size() > 1)) {
    return base::InvalidArgument(
        "X-Scope-OrgID ", Shown(text),
        " is not a number from 0 to 4294967295 without leading zeros, and "
        "digits alone are no name");
  }
  return Tenant{TenantId::Numeric(account_id, 0), ""};
}

absl::StatusOr<std::vector<Tenant>> ParseOrgIds(std::string_view text) {
  std::vector<Tenant> tenants;
  while (true) {
    const size_t bar = text.find('|');
    if (tenants.size() == kOrgIdsMax) {
      return base::InvalidArgument("X-Scope-OrgID has over ", kOrgIdsMax,
                                   " tenants");
    }
    ASSIGN_OR_RETURN(tenants.emplace_back(), ParseOrgId(text.substr(0, bar)));
    if (bar == std::string_view::npos) break;
    text.remove_prefix(bar + 1);
  }
  std::sort(tenants.begin(), tenants.end(), [](const auto& a, const auto& b) {
    return OrgIdText(a) < OrgIdText(b);
  });
  tenants.erase(std::unique(tenants.begin(), tenants.end()), tenants.end());
  return tenants;
}

std::string OrgIdText(const Tenant& tenant) {
  return tenant.name.empty() ? std::to_string(tenant.id.account_id())
                             : tenant.name;
}

void AppendTenantKey(std::string& out, const TenantId& tenant) {
  base::PutFixedBe<uint8_t>(out, tenant.kind);
  base::PutFixedBe<uint64_t>(out, tenant.id);
}

TenantId TenantFromKey(std::string_view key) {
  return {static_cast<uint8_t>(key[0]), base::LoadBe<uint64_t>(key.data() + 1)};
}

}  // namespace varve::model
