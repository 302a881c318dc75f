#include "lib/eval/natural_order.h"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

namespace varve::eval {
namespace {

TEST_CASE("numbers inside of text compare as numbers", "[eval]") {
  const std::vector<std::string> sorted = {
      "",  "1",  "2",  "10",  "10a",  "99999999999999999999999",
      "a", "a1", "a2", "a10", "a10b", "b"};
  for (size_t i = 0; i < sorted.size(); ++i) {
    for (size_t j = 0; j < sorted.size(); ++j) {
      CAPTURE(sorted[i], sorted[j]);
      CHECK(NaturalLess(sorted[i], sorted[j]) == (i < j));
    }
  }
}

TEST_CASE("one number written twice has an order all the same", "[eval]") {
  CHECK(NaturalLess("a01", "a1"));
  CHECK_FALSE(NaturalLess("a1", "a01"));
}

}  // namespace
}  // namespace varve::eval
