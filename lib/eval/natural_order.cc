#include "lib/eval/natural_order.h"

#include <cstddef>

namespace varve::eval {
namespace {

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// The run of digits or of other bytes that starts at `at`.
std::string_view RunAt(std::string_view text, size_t at) {
  size_t end = at + 1;
  while (end < text.size() && IsDigit(text[end]) == IsDigit(text[at])) ++end;
  return text.substr(at, end - at);
}

std::string_view WithoutZeros(std::string_view digits) {
  while (digits.size() > 1 && digits[0] == '0') digits.remove_prefix(1);
  return digits;
}

// Of any length, so that no number overflows.
int CompareNumbers(std::string_view a, std::string_view b) {
  a = WithoutZeros(a);
  b = WithoutZeros(b);
  if (a.size() != b.size()) return a.size() < b.size() ? -1 : 1;
  return a.compare(b);
}

}  // namespace

bool NaturalLess(std::string_view a, std::string_view b) {
  size_t i = 0;
  size_t j = 0;
  while (i < a.size() && j < b.size()) {
    const std::string_view x = RunAt(a, i);
    const std::string_view y = RunAt(b, j);
    const bool numbers = IsDigit(x[0]) && IsDigit(y[0]);
    const int order = numbers ? CompareNumbers(x, y) : x.compare(y);
    if (order != 0) return order < 0;
    i += x.size();
    j += y.size();
  }
  if (i < a.size() || j < b.size()) return i == a.size();
  return a < b;
}

}  // namespace varve::eval
