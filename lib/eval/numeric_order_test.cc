#include "lib/eval/numeric_order.h"

#include <catch2/catch.hpp>
#include <cstddef>
#include <string_view>
#include <vector>

namespace varve::eval {
namespace {

void CheckOrder(const std::vector<std::string_view>& sorted) {
  for (size_t i = 0; i < sorted.size(); ++i) {
    for (size_t j = 0; j < sorted.size(); ++j) {
      CAPTURE(std::string(sorted[i]), std::string(sorted[j]));
      CHECK(NumericLess(sorted[i], sorted[j]) == (i < j));
    }
  }
}

TEST_CASE("texts are in order of the numbers in them", "[eval]") {
  CheckOrder({"", "-2", "0.5", "1", "2", "2a", "10"});
  CheckOrder({"", "a", "a1", "a9.5b", "a10", "b"});
}

TEST_CASE("a number comes before a text at the same place", "[eval]") {
  CheckOrder({"1", "a"});
  CheckOrder({"a7", "a-b"});
}

}  // namespace
}  // namespace varve::eval
