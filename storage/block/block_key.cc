#include "storage/block/block_key.h"

#include <cassert>

#include "absl/time/civil_time.h"
#include "lib/base/byte_coding.h"
#include "lib/base/status.h"

namespace varve::storage {
namespace {

constexpr absl::CivilDay kEpoch(1970, 1, 1);
constexpr size_t kDayNameBytes = 9;  // d20261120

SeriesKey SeriesKeyAt(std::string_view bytes) {
  return {model::TenantFromKey(bytes),
          base::LoadBe<uint64_t>(bytes.data() + model::kTenantKeyBytes),
          base::LoadBe<uint64_t>(bytes.data() + model::kTenantKeyBytes + 8)};
}

}  // namespace

void AppendSeriesKey(std::string& out, const SeriesKey& key) {
  AppendMetricPrefix(out, key.tenant, key.metric_id);
  base::PutFixedBe(out, key.series_id);
}

absl::StatusOr<SeriesKey> ParseSeriesKey(std::string_view bytes) {
  if (bytes.size() != kSeriesKeyBytes) {
    return base::DataLoss("series key of ", bytes.size(), " bytes");
  }
  return SeriesKeyAt(bytes);
}

void AppendClosedKey(std::string& out, const ClosedKey& key) {
  assert(key.day >= 0);
  base::PutFixedBe(out, static_cast<uint32_t>(key.day));
  AppendSeriesKey(out, key.series);
}

absl::StatusOr<ClosedKey> ParseClosedKey(std::string_view bytes) {
  if (bytes.size() != kClosedKeyBytes) {
    return base::DataLoss("closed key of ", bytes.size(), " bytes");
  }
  const auto day = static_cast<int32_t>(base::LoadBe<uint32_t>(bytes.data()));
  if (day < 0) return base::DataLoss("closed key of day ", day);
  return ClosedKey{day, SeriesKeyAt(bytes.substr(4))};
}

void AppendMetricPrefix(std::string& out, const model::TenantId& tenant,
                        uint64_t metric_id) {
  model::AppendTenantKey(out, tenant);
  base::PutFixedBe(out, metric_id);
}

std::string DayFamilyName(int32_t day) {
  assert(day >= 0);
  const absl::CivilDay civil = kEpoch + day;
  const int64_t number =
      civil.year() * 10'000 + civil.month() * 100 + civil.day();
  return base::StrCat("d", number);
}

absl::StatusOr<int32_t> ParseDayFamilyName(std::string_view name) {
  int64_t number = 0;
  bool digits = name.size() == kDayNameBytes && name[0] == 'd';
  for (size_t i = 1; digits && i < name.size(); ++i) {
    digits = name[i] >= '0' && name[i] <= '9';
    number = number * 10 + (name[i] - '0');
  }
  if (digits) {
    const absl::CivilDay civil(number / 10'000, number / 100 % 100,
                               number % 100);
    const auto day = static_cast<int32_t>(civil - kEpoch);
    // A date that is none, such as 20260231, normalizes to another name.
    if (day >= 0 && DayFamilyName(day) == name) return day;
  }
  return base::InvalidArgument("not a day family: \"", name, "\"");
}

}  // namespace varve::storage
