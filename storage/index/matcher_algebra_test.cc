#include "storage/index/matcher_algebra.h"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

namespace varve::storage {
namespace {

TEST_CASE("a regular expression's literals and prefix", "[index]") {
  using Literals = std::vector<std::string>;
  CHECK(RegexLiterals("a|b\\.c|") == Literals{"a", "b.c", ""});
  CHECK(RegexLiterals("(a|b)") == Literals{"a", "b"});
  CHECK(RegexLiterals("") == Literals{""});
  for (const char* regex : {"a.b", "a\\d", "(a)|(b)", "(?i)a", "a+", "\\Qa\\E",
                            "(a\\)", "[ab]", "a\\"}) {
    CAPTURE(regex);
    CHECK_FALSE(RegexLiterals(regex).has_value());
  }
  CHECK(RegexPrefix("abc.*") == "abc");
  CHECK(RegexPrefix("abc*") == "ab");
  CHECK(RegexPrefix("ab\xc3\xa4?x") == "ab");
  CHECK(RegexPrefix("abc+") == "abc");
  CHECK(RegexPrefix("a\\.b(c|d)") == "a.b");
  CHECK(RegexPrefix("abc|d") == "");
  CHECK(RegexPrefix("a[|]b|c") == "");
  CHECK(RegexPrefix("(?i)abc") == "");
}

}  // namespace
}  // namespace varve::storage
