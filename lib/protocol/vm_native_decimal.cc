#include "lib/protocol/vm_native_decimal.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <string_view>

#include "lib/model/sample.h"

namespace varve::protocol {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr int64_t kPositiveInfinity = INT64_MAX;
constexpr int64_t kNegativeInfinity = INT64_MIN;
constexpr int64_t kStale = INT64_MAX - 1;

// Powers beyond it are infinite in the format's arithmetic.
constexpr int kExponentMax = 308;

// All below it are integers of their own in 64 bits, specials left out.
constexpr double kMagnitudeMax = 9.2e18;

constexpr double kIntegersExactBelow = 0x1p53;

// 10^n by two factors, as the format's arithmetic has it: the product is not
// always the double nearest to 10^n.
double PowerOfTen(int n) {
  constexpr double kSmall[] = {
      1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10,
      1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21,
      1e22, 1e23, 1e24, 1e25, 1e26, 1e27, 1e28, 1e29, 1e30, 1e31};
  constexpr double kBy32[] = {1e0,   1e32,  1e64,  1e96,  1e128,
                              1e160, 1e192, 1e224, 1e256, 1e288};
  return n > kExponentMax ? kInfinity : kBy32[n / 32] * kSmall[n % 32];
}

bool IsSpecial(double value) {
  return std::isinf(value) || model::IsStaleNan(value);
}

// The power of ten of the last digit of `value`; of integers 0.
int LastDigit(double value) {
  if (std::abs(value) < kIntegersExactBelow && value == std::trunc(value)) {
    return 0;
  }
  char text[40];
  const auto end = std::to_chars(text, text + sizeof(text), std::abs(value),
                                 std::chars_format::scientific);
  const std::string_view shortest(text, static_cast<size_t>(end.ptr - text));
  const size_t e = shortest.find('e');
  int exponent = 0;
  const size_t plus = shortest[e + 1] == '+' ? 1 : 0;
  (void)std::from_chars(text + e + 1 + plus, end.ptr, exponent);
  return exponent - (e > 2 ? static_cast<int>(e) - 2 : 0);
}

// `value` in units of 10^e.
double InUnits(double value, int e) {
  return e < 0 ? value * PowerOfTen(-e) : value / PowerOfTen(e);
}

int64_t Nearest(double value, int e) {
  return static_cast<int64_t>(std::clamp(std::nearbyint(InUnits(value, e)),
                                         -kMagnitudeMax, kMagnitudeMax));
}

}  // namespace

double FromDecimal(int64_t v, int e) {
  if (v == kPositiveInfinity) return kInfinity;
  if (v == kNegativeInfinity) return -kInfinity;
  if (v == kStale) return model::StaleNan();
  if (v == 0) return 0;
  const auto number = static_cast<double>(v);
  return e < 0 ? number / PowerOfTen(-e) : number * PowerOfTen(e);
}

std::optional<int64_t> ToDecimal(double value, int e) {
  if (value == kInfinity) return kPositiveInfinity;
  if (value == -kInfinity) return kNegativeInfinity;
  if (model::IsStaleNan(value)) return kStale;
  if (value == 0) return 0;
  double up = std::nearbyint(InUnits(value, e));
  double down = up;
  // Scaling rounds, and so does scaling back: the number that comes back as
  // `value` is near.
  for (int steps = 0; steps <= 2; ++steps) {
    for (const double near : {up, down}) {
      if (!(std::abs(near) < kMagnitudeMax)) continue;
      const auto v = static_cast<int64_t>(near);
      if (FromDecimal(v, e) == value) return v;
    }
    // Of small numbers the next integer, of large ones the next double.
    up = std::max(up + 1, std::nextafter(up, kInfinity));
    down = std::min(down - 1, std::nextafter(down, -kInfinity));
  }
  return std::nullopt;
}

std::optional<int> ToDecimals(std::span<const double> values,
                              std::vector<int64_t>& out) {
  int e = kExponentMax;
  double largest = 0;
  for (const double value : values) {
    if (IsSpecial(value) || value == 0) continue;
    e = std::min(e, LastDigit(value));
    largest = std::max(largest, std::abs(value));
  }
  e = largest == 0 ? 0 : std::max(e, -kExponentMax);
  while (InUnits(largest, e) >= kMagnitudeMax) ++e;
  const auto convert = [&](int exponent) {
    out.clear();
    for (const double value : values) {
      const std::optional<int64_t> v = ToDecimal(value, exponent);
      if (!v) return false;
      out.push_back(*v);
    }
    return true;
  };
  if (convert(e)) return e;
  if (values.size() > 1) return std::nullopt;
  for (int other = e + 2; other >= e - 4; --other) {
    if (other >= -kExponentMax && other <= kExponentMax && convert(other)) {
      return other;
    }
  }
  out.assign(1, Nearest(values[0], e));
  return e;
}

}  // namespace varve::protocol
