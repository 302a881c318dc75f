// Parts of dates in UTC: hour, month, days_in_month ...
#include <array>
#include <cstdint>
#include <limits>
#include <utility>

#include "absl/time/civil_time.h"
#include "absl/time/time.h"
#include "lib/base/status.h"
#include "lib/eval/families.h"

namespace varve::eval {
namespace {

using Part = double (*)(absl::CivilSecond);

double DaysInMonth(absl::CivilSecond time) {
  const absl::CivilMonth month(time);
  return static_cast<double>(absl::CivilDay(month + 1) - absl::CivilDay(month));
}

// Sunday is 0, as in Go.
double DayOfWeek(absl::CivilSecond time) {
  const int from_monday =
      static_cast<int>(absl::GetWeekday(absl::CivilDay(time)));
  return (from_monday + 1) % 7;
}

constexpr std::array<std::pair<std::string_view, Part>, 8> kParts = {{
    {"days_in_month", DaysInMonth},
    {"day_of_month", [](absl::CivilSecond t) { return double(t.day()); }},
    {"day_of_week", DayOfWeek},
    {"day_of_year",
     [](absl::CivilSecond t) {
       return double(absl::GetYearDay(absl::CivilDay(t)));
     }},
    {"hour", [](absl::CivilSecond t) { return double(t.hour()); }},
    {"minute", [](absl::CivilSecond t) { return double(t.minute()); }},
    {"month", [](absl::CivilSecond t) { return double(t.month()); }},
    {"year", [](absl::CivilSecond t) { return double(t.year()); }},
}};

Part FindPart(std::string_view name) {
  for (const auto& [known, part] : kParts) {
    if (known == name) return part;
  }
  return nullptr;
}

double PartOf(Part part, double unix_s) {
  const absl::CivilSecond epoch(1970, 1, 1);
  if (unix_s >= -0x1p63 && unix_s < 0x1p63) {
    return part(epoch + static_cast<int64_t>(unix_s));
  }
  // Go on amd64 makes of NaN and of all that is too large the smallest int64,
  // and its calendar wraps around to 2^63 seconds.
  return part(epoch + std::numeric_limits<int64_t>::max() + 1);
}

absl::StatusOr<Value> PartCall(Evaluation& ev, const promql::Call& call,
                               const StepRange& steps) {
  const Part part = FindPart(call.function);
  Value value;
  if (call.args.empty()) {
    std::vector<double> values(steps.count);
    for (size_t i = 0; i < steps.count; ++i) {
      values[i] = PartOf(part, static_cast<double>(steps.At(i) / 1000));
    }
    value.series.push_back({{}, false, std::move(values)});
    return value;
  }
  ASSIGN_OR_RETURN(value, ev.Eval(*call.args[0], steps));
  for (EvalSeries& series : value.series) {
    series.DropHistograms();
    for (double& v : series.values) {
      if (!IsAbsent(v)) v = PartOf(part, v);
    }
    ev.DropName(series);
  }
  RemoveEmpty(value.series);
  RETURN_IF_ERROR(ev.AfterDrop(value.series));
  return value;
}

}  // namespace

CallFamily FindTimeCall(std::string_view name) {
  return FindPart(name) != nullptr ? PartCall : nullptr;
}

}  // namespace varve::eval
