// Why a series is not taken although its request is fine: the verdict of one
// series in an answer to DEFINE, and the reason under which its rows count.
//
// The numbers are on the wire: never used again for something else.
#ifndef VARVE_LIB_MODEL_REFUSAL_H_
#define VARVE_LIB_MODEL_REFUSAL_H_

#include <cstdint>
#include <string_view>

namespace varve::model {

enum class Refusal : uint8_t {
  kNone = 0,           // taken
  kInvalidLabels = 1,  // not canonical bytes, or none
  kHashCollision = 2,  // another label set has the hash
  kHourlyLimit = 3,    // -storage.maxHourlySeries, in all or of the tenant
  kDailyLimit = 4,     // -storage.maxDailySeries, likewise
};
inline constexpr int kRefusals = 5;

// The reason label of vm_rows_ignored_total. Numbers of later releases are
// invalid labels to this one.
constexpr std::string_view RefusalReason(Refusal refusal) {
  switch (refusal) {
    case Refusal::kHashCollision:
      return "hash_collision";
    case Refusal::kHourlyLimit:
      return "hourly_limit_exceeded";
    case Refusal::kDailyLimit:
      return "daily_limit_exceeded";
    default:
      return "invalid_raw_metric_name";
  }
}

}  // namespace varve::model

#endif  // VARVE_LIB_MODEL_REFUSAL_H_
