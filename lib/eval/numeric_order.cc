#include "lib/eval/numeric_order.h"

#include <cstddef>

#include "absl/strings/numbers.h"
#include "lib/base/strings.h"

namespace varve::eval {
namespace {

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// The number that `text` begins with: sign, digits, at most one dot.
std::string_view NumberOf(std::string_view text) {
  size_t end = !text.empty() && (text[0] == '-' || text[0] == '+') ? 1 : 0;
  bool digits = false;
  bool dot = false;
  for (; end < text.size(); ++end) {
    if (text[end] == '.' && !dot) {
      dot = true;
    } else if (IsDigit(text[end])) {
      digits = true;
    } else {
      break;
    }
  }
  return digits ? text.substr(0, end) : std::string_view();
}

std::string_view TextOf(std::string_view text) {
  size_t end = 0;
  while (end < text.size() && !IsDigit(text[end])) ++end;
  return text.substr(0, end);
}

double ValueOf(std::string_view number) {
  double value = 0;
  // What NumberOf gives is always a number.
  (void)absl::SimpleAtod(base::ToAbsl(number), &value);
  return value;
}

}  // namespace

bool NumericLess(std::string_view a, std::string_view b) {
  while (!a.empty() && !b.empty()) {
    const std::string_view x = NumberOf(a);
    const std::string_view y = NumberOf(b);
    if (x.empty() != y.empty()) return y.empty();
    if (!x.empty() && ValueOf(x) != ValueOf(y)) return ValueOf(x) < ValueOf(y);
    a.remove_prefix(x.size());
    b.remove_prefix(y.size());
    const std::string_view text_a = TextOf(a);
    const std::string_view text_b = TextOf(b);
    if (text_a != text_b) return text_a < text_b;
    a.remove_prefix(text_a.size());
    b.remove_prefix(text_b.size());
  }
  return a.empty() && !b.empty();
}

}  // namespace varve::eval
