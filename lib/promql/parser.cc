#include "lib/promql/parser.h"

#include <limits>
#include <utility>

#include "lib/base/status.h"
#include "lib/promql/grammar.h"
#include "lib/promql/type_check.h"

namespace varve::promql {

absl::StatusOr<ExprPtr> ParseExpr(std::string_view text) {
  ASSIGN_OR_RETURN(ExprPtr expr, Grammar(text).ParseQuery());
  RETURN_IF_ERROR(CheckTypes(text, *expr));
  return expr;
}

absl::StatusOr<model::Matchers> ParseSelector(std::string_view text,
                                              bool allow_match_all) {
  ASSIGN_OR_RETURN(const ExprPtr expr, Grammar(text).ParseOnlySelector());
  auto& selector = static_cast<VectorSelector&>(*expr);
  if (!allow_match_all) RETURN_IF_ERROR(CheckTypes(text, selector));
  return std::move(selector.matchers);
}

absl::StatusOr<int64_t> ParseDurationMs(std::string_view text) {
  struct Unit {
    std::string_view name;
    int64_t ms;
  };
  static constexpr Unit kUnits[] = {
      {"y", 365LL * 86'400'000},
      {"w", 7LL * 86'400'000},
      {"d", 86'400'000},
      {"h", 3'600'000},
      {"m", 60'000},
      {"s", 1'000},
      {"ms", 1},
  };
  // Prometheus keeps durations as int64 nanoseconds.
  constexpr int64_t kMsMax = std::numeric_limits<int64_t>::max() / 1'000'000;
  if (text == "0") return 0;
  if (text.empty()) return base::InvalidArgument("empty duration string");
  auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  int64_t total = 0;
  const Unit* unit = std::begin(kUnits);
  for (size_t i = 0; i < text.size();) {
    int64_t count = 0;
    const size_t digits = i;
    for (; i < text.size() && is_digit(text[i]); ++i) {
      count = std::min(kMsMax, count) * 10 + (text[i] - '0');
    }
    const size_t unit_begin = i;
    while (i < text.size() && !is_digit(text[i])) ++i;
    const auto name = text.substr(unit_begin, i - unit_begin);
    while (unit != std::end(kUnits) && unit->name != name) ++unit;
    if (digits == unit_begin || unit == std::end(kUnits)) {
      return base::InvalidArgument("not a valid duration string: \"", text,
                                   "\"");
    }
    if (count > kMsMax / unit->ms || total > kMsMax - count * unit->ms) {
      return base::InvalidArgument("duration out of range: \"", text, "\"");
    }
    total += count * unit->ms;
    ++unit;
  }
  return total;
}

}  // namespace varve::promql
