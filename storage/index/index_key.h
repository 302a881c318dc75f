// Keys of the index's families. Integers are big endian, so that keys sort as
// numbers do; `tenant` is the 9 bytes of lib/model/tenant.h.
//
//   series   tenant page:u64                    label page (page = id >> 6)
//   hash     tenant hash:u128                   id:varint
//   post     tenant name~ value~ shard:u32      ids (posting.h)
//   names    tenant name                        (empty)
//   metrics  tenant metric name                 metric id:varint
//   active   tenant day:u32, offset by 2^31     ids (posting.h)
//   usage    tenant metric name                 queries:varint last_s:varint
//   meta     name                               u64, little endian
//
// x~ is x with each 00 byte as 00 FF, ended by 00 01: no value's bytes can
// run into what follows, and the order is kept. In `post` the value "" holds
// all series that have the label, the name "" all series of the tenant.
#ifndef VARVE_STORAGE_INDEX_INDEX_KEY_H_
#define VARVE_STORAGE_INDEX_INDEX_KEY_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "lib/model/label.h"
#include "lib/model/tenant.h"

namespace varve::storage {

inline constexpr std::string_view kSeriesFamily = "series";
inline constexpr std::string_view kHashFamily = "hash";
inline constexpr std::string_view kPostFamily = "post";
inline constexpr std::string_view kNamesFamily = "names";
inline constexpr std::string_view kMetricsFamily = "metrics";
inline constexpr std::string_view kActiveFamily = "active";
inline constexpr std::string_view kUsageFamily = "usage";
inline constexpr std::string_view kMetaFamily = "meta";

inline constexpr int kPageShift = 6;
inline constexpr uint64_t kPageSeries = 1 << kPageShift;

std::string TenantKey(const model::TenantId& tenant);
std::string PageKey(const model::TenantId& tenant, uint64_t page);
std::string HashKey(const model::TenantId& tenant,
                    const model::SeriesHash& hash);
// Up to and with the value's end; the shard follows.
std::string PostPrefix(const model::TenantId& tenant, std::string_view name,
                       std::string_view value);
// All keys of a name whose values begin with `value_prefix`.
std::string PostNamePrefix(const model::TenantId& tenant,
                           std::string_view name,
                           std::string_view value_prefix);
void AppendShard(std::string& key, uint32_t shard);
std::string ActiveKey(const model::TenantId& tenant, int32_t day);
// names and metrics
std::string NameKey(const model::TenantId& tenant, std::string_view name);

struct PostKey {
  std::string name;
  std::string value;
  uint32_t shard = 0;
};
// False for bytes that are no key of `post`. Reuses the strings of `out`.
bool ParsePostKey(std::string_view key, PostKey& out);

struct ActiveKeyParts {
  model::TenantId tenant;
  int32_t day = 0;
};
std::optional<ActiveKeyParts> ParseActiveKey(std::string_view key);

// The first key after all keys that begin with `prefix`; "" when there is
// none.
std::string PrefixEnd(std::string prefix);

}  // namespace varve::storage

#endif  // VARVE_STORAGE_INDEX_INDEX_KEY_H_
