#include "storage/index/index_key.h"

#include "lib/base/byte_coding.h"

namespace varve::storage {
namespace {

constexpr char kEscape = '\0';
constexpr char kEscapedZero = '\xff';
constexpr char kEnd = '\x01';
constexpr uint32_t kDayOffset = uint32_t{1} << 31;

void AppendEscaped(std::string& out, std::string_view bytes) {
  for (const char c : bytes) {
    out.push_back(c);
    if (c == kEscape) out.push_back(kEscapedZero);
  }
}

void AppendEnded(std::string& out, std::string_view bytes) {
  AppendEscaped(out, bytes);
  out.push_back(kEscape);
  out.push_back(kEnd);
}

bool TakeEnded(std::string_view& rest, std::string& out) {
  out.clear();
  while (true) {
    const size_t zero = rest.find(kEscape);
    if (zero == std::string_view::npos || zero + 1 >= rest.size()) return false;
    out.append(rest.substr(0, zero));
    const char next = rest[zero + 1];
    rest.remove_prefix(zero + 2);
    if (next == kEnd) return true;
    if (next != kEscapedZero) return false;
    out.push_back(kEscape);
  }
}

}  // namespace

std::string TenantKey(const model::TenantId& tenant) {
  std::string key;
  model::AppendTenantKey(key, tenant);
  return key;
}

std::string PageKey(const model::TenantId& tenant, uint64_t page) {
  std::string key = TenantKey(tenant);
  base::PutFixedBe<uint64_t>(key, page);
  return key;
}

std::string HashKey(const model::TenantId& tenant,
                    const model::SeriesHash& hash) {
  std::string key = TenantKey(tenant);
  base::PutFixedBe<uint64_t>(key, hash.high);
  base::PutFixedBe<uint64_t>(key, hash.low);
  return key;
}

std::string PostPrefix(const model::TenantId& tenant, std::string_view name,
                       std::string_view value) {
  std::string key = TenantKey(tenant);
  AppendEnded(key, name);
  AppendEnded(key, value);
  return key;
}

std::string PostNamePrefix(const model::TenantId& tenant,
                           std::string_view name,
                           std::string_view value_prefix) {
  std::string key = TenantKey(tenant);
  AppendEnded(key, name);
  AppendEscaped(key, value_prefix);
  return key;
}

void AppendShard(std::string& key, uint32_t shard) {
  base::PutFixedBe<uint32_t>(key, shard);
}

std::string ActiveKey(const model::TenantId& tenant, int32_t day) {
  std::string key = TenantKey(tenant);
  base::PutFixedBe<uint32_t>(key, static_cast<uint32_t>(day) + kDayOffset);
  return key;
}

std::string NameKey(const model::TenantId& tenant, std::string_view name) {
  std::string key = TenantKey(tenant);
  key.append(name);
  return key;
}

bool ParsePostKey(std::string_view key, PostKey& out) {
  if (key.size() < model::kTenantKeyBytes) return false;
  std::string_view rest = key.substr(model::kTenantKeyBytes);
  if (!TakeEnded(rest, out.name) || !TakeEnded(rest, out.value)) return false;
  if (rest.size() != sizeof(uint32_t)) return false;
  out.shard = base::LoadBe<uint32_t>(rest.data());
  return true;
}

std::optional<ActiveKeyParts> ParseActiveKey(std::string_view key) {
  if (key.size() != model::kTenantKeyBytes + sizeof(uint32_t)) {
    return std::nullopt;
  }
  ActiveKeyParts parts;
  parts.tenant = model::TenantFromKey(key);
  parts.day = static_cast<int32_t>(
      base::LoadBe<uint32_t>(key.data() + model::kTenantKeyBytes) -
      kDayOffset);
  return parts;
}

std::string PrefixEnd(std::string prefix) {
  while (!prefix.empty() && prefix.back() == '\xff') prefix.pop_back();
  if (!prefix.empty()) ++prefix.back();
  return prefix;
}

}  // namespace varve::storage
