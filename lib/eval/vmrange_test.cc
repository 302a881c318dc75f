#include "lib/eval/vmrange.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

namespace varve::eval {
namespace {

std::string TextOf(double value) {
  const auto range = VmrangeOf(value);
  return range ? VmrangeText(*range) : "none";
}

TEST_CASE("a range holds its upper bound", "[eval]") {
  CHECK(TextOf(1) == "8.799e-01...1.000e+00");
  CHECK(TextOf(5) == "4.642e+00...5.275e+00");
  CHECK(TextOf(1.0001) == "1.000e+00...1.136e+00");
}

TEST_CASE("what is beyond the ranges has two of its own", "[eval]") {
  CHECK(TextOf(0) == "0...1.000e-09");
  CHECK(TextOf(1e-12) == "0...1.000e-09");
  CHECK(TextOf(1e20) == "1.000e+18...+Inf");
  CHECK(TextOf(std::numeric_limits<double>::infinity()) == "1.000e+18...+Inf");
  CHECK(TextOf(-1) == "none");
  CHECK(TextOf(std::nan("")) == "none");
}

TEST_CASE("every value lies in the range that its text says", "[eval]") {
  CHECK(VmrangeCount() == 27 * 18 + 2);
  for (double value = 1.7e-9; value < 1e18; value *= 1.37) {
    const std::string text = TextOf(value);
    CAPTURE(value, text);
    const size_t dots = text.find("...");
    // The texts have four digits.
    CHECK(std::stod(text.substr(0, dots)) < value * 1.001);
    CHECK(std::stod(text.substr(dots + 3)) > value * 0.999);
  }
}

EvalSeries Series(const char* label, const char* text,
                  std::vector<double> values) {
  EvalSeries series;
  series.labels = {{"__name__", "h"}, {label, text}};
  series.values = std::move(values);
  return series;
}

std::string Text(const std::vector<EvalSeries>& series) {
  std::string text;
  for (const EvalSeries& s : series) {
    text += std::string(s.labels.Get("le")) + ":";
    for (double value : s.values) {
      text += ' ';
      text += std::to_string(static_cast<int>(value));
    }
    text += "; ";
  }
  return text;
}

TEST_CASE("ranges become cumulative buckets, with one before each gap",
          "[eval]") {
  std::vector<EvalSeries> series = {Series("vmrange", "4...5", {1, Absent()}),
                                    Series("vmrange", "1...2", {3, 2}),
                                    Series("vmrange", "2...3", {0, 5}),
                                    Series("vmrange", "8...9", {0, 0})};
  VmrangeToLe(series);
  CHECK(Text(series) == "1: 0 0; 2: 3 2; 3: 3 7; 4: 3 7; 5: 4 7; +Inf: 4 7; ");
}

TEST_CASE("the lowest and the highest range need no bucket beside them",
          "[eval]") {
  std::vector<EvalSeries> series = {Series("vmrange", "0...1.000e-09", {1}),
                                    Series("vmrange", "1.000e+18...+Inf", {2})};
  VmrangeToLe(series);
  CHECK(Text(series) == "1.000e-09: 1; 1.000e+18: 1; +Inf: 3; ");
}

TEST_CASE("series without vmrange stay, those without a range go", "[eval]") {
  std::vector<EvalSeries> series = {
      Series("le", "7", {1}), Series("x", "7", {1}),
      Series("vmrange", "broken", {1}), Series("vmrange", "a...b", {1})};
  VmrangeToLe(series);
  CHECK(Text(series) == "7: 1; : 1; ");
}

}  // namespace
}  // namespace varve::eval
