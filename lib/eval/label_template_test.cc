#include "lib/eval/label_template.h"

#include <catch2/catch.hpp>
#include <string>

namespace varve::eval {
namespace {

std::string Expand(const char* pattern, const char* text, const char* input) {
  const RE2 regex(pattern);
  std::string out = "unchanged";
  return LabelTemplate(regex, text).Expand(input, out) ? out : "no match";
}

TEST_CASE("references stand for groups by number and name", "[eval]") {
  CHECK(Expand("^(?s:a(.*)c(?P<rest>.*))$", "$1-${1}x-$rest-$2", "abcd") ==
        "b-bx-d-d");
}

TEST_CASE("a name is as long as it can be", "[eval]") {
  CHECK(Expand("^(.*)$", "<$1x>", "a") == "<>");
  CHECK(Expand("^(.*)$", "<$9>", "a") == "<>");
}

TEST_CASE("a dollar that starts nothing stands for itself", "[eval]") {
  CHECK(Expand("^(.*)$", "$$1 $ ${1 $-", "a") == "$1 $ ${1 $-");
  CHECK(Expand("^(.*)$", "$", "a") == "$");
}

TEST_CASE("only the whole value matches", "[eval]") {
  CHECK(Expand("^(?s:b)$", "x", "abc") == "no match");
  CHECK(Expand("^(?s:.*)$", "", "a\nb") == "");
}

}  // namespace
}  // namespace varve::eval
