// Keys of the data families: series of one tenant and metric are neighbours.
//
//    day family     tenant(9) | metric_id(8 BE) | series_id(8 BE)
//    closed family  day(4 BE) | tenant(9) | metric_id(8 BE) | series_id(8 BE)
//
// A day family holds one UTC day and is named for it: "d20261120". metric_id 0
// is reserved for shared timestamp columns, so metric ids start at 1.
//
// Errors:  DataLoss for a key of the wrong size, InvalidArgument for a name.
// Threads: free functions without state.
#ifndef VARVE_STORAGE_BLOCK_BLOCK_KEY_H_
#define VARVE_STORAGE_BLOCK_BLOCK_KEY_H_

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "lib/model/tenant.h"

namespace varve::storage {

inline constexpr size_t kSeriesKeyBytes = model::kTenantKeyBytes + 8 + 8;
inline constexpr size_t kClosedKeyBytes = 4 + kSeriesKeyBytes;

// Compares as its bytes do.
struct SeriesKey {
  model::TenantId tenant;
  uint64_t metric_id = 0;
  uint64_t series_id = 0;
  friend auto operator<=>(const SeriesKey&, const SeriesKey&) = default;
};

struct ClosedKey {
  int32_t day = 0;  // model::DayOf
  SeriesKey series;
  friend auto operator<=>(const ClosedKey&, const ClosedKey&) = default;
};

void AppendSeriesKey(std::string& out, const SeriesKey& key);
absl::StatusOr<SeriesKey> ParseSeriesKey(std::string_view bytes);

// REQUIRES: key.day >= 0: stored timestamps start at 1970.
void AppendClosedKey(std::string& out, const ClosedKey& key);
absl::StatusOr<ClosedKey> ParseClosedKey(std::string_view bytes);

// What all keys of one metric of a tenant start with, in a day family.
void AppendMetricPrefix(std::string& out, const model::TenantId& tenant,
                        uint64_t metric_id);

// REQUIRES: day >= 0.
std::string DayFamilyName(int32_t day);
// Accepts what DayFamilyName makes and nothing else.
absl::StatusOr<int32_t> ParseDayFamilyName(std::string_view name);

}  // namespace varve::storage

#endif  // VARVE_STORAGE_BLOCK_BLOCK_KEY_H_
