#include "lib/model/tenant.h"

#include <charconv>

#include "absl/strings/str_format.h"
#include "lib/base/byte_coding.h"
#include "lib/base/status.h"

namespace varve::model {
namespace {

bool ParseUint32(std::string_view text, uint32_t& value) {
  const char* end = text.data() + text.size();
  const auto result = std::from_chars(text.data(), end, value);
  return !text.empty() && result.ec == std::errc() && result.ptr == end;
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

void AppendTenantKey(std::string& out, const TenantId& tenant) {
  base::PutFixedBe<uint8_t>(out, tenant.kind);
  base::PutFixedBe<uint64_t>(out, tenant.id);
}

TenantId TenantFromKey(std::string_view key) {
  return {static_cast<uint8_t>(key[0]), base::LoadBe<uint64_t>(key.data() + 1)};
}

}  // namespace varve::model
