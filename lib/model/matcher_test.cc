#include "lib/model/matcher.h"

#include <catch2/catch.hpp>

namespace varve::model {
namespace {

CompiledMatcher Make(MatchType type, std::string value) {
  return *CompiledMatcher::Make({type, "job", std::move(value)});
}

TEST_CASE("regular expressions are anchored and match newlines", "[model]") {
  const CompiledMatcher matcher = Make(MatchType::kRegex, "a.c|b");
  CHECK(matcher.Matches("abc"));
  CHECK(matcher.Matches("a\nc"));
  CHECK(matcher.Matches("b"));
  CHECK_FALSE(matcher.Matches("xabc"));
  CHECK_FALSE(matcher.Matches("bb"));
  CHECK_FALSE(matcher.MatchesEmpty());
}

TEST_CASE("an absent label is the empty value", "[model]") {
  CHECK(Make(MatchType::kEqual, "").MatchesEmpty());
  CHECK(Make(MatchType::kNotEqual, "x").MatchesEmpty());
  CHECK(Make(MatchType::kRegex, ".*").MatchesEmpty());
  CHECK(Make(MatchType::kNotRegex, ".+").MatchesEmpty());
  CHECK_FALSE(Make(MatchType::kNotEqual, "").MatchesEmpty());
}

TEST_CASE("a broken regular expression is named in the error", "[model]") {
  auto matcher = CompiledMatcher::Make({MatchType::kRegex, "job", "a(b"});
  REQUIRE(absl::IsInvalidArgument(matcher.status()));
  CHECK(std::string(matcher.status().message()).find("job=~\"a(b\"") !=
        std::string::npos);
}

}  // namespace
}  // namespace varve::model
