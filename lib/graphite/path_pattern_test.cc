#include "lib/graphite/path_pattern.h"

#include <catch2/catch.hpp>

#include "lib/base/status.h"

namespace varve::graphite {
namespace {

// Whether the pattern takes the name.
bool Takes(std::string_view pattern, const std::string& name) {
  const auto parsed = PathPattern::Parse(pattern);
  REQUIRE(parsed.ok());
  return model::CompiledMatcher::Make(
             {model::MatchType::kRegex, "__name__", parsed->regex()})
      ->Matches(name);
}

TEST_CASE("patterns match whole nodes, and what is below them", "[graphite]") {
  CHECK(Takes("a.b", "a.b"));
  CHECK(Takes("a.b", "a.b.c"));
  CHECK_FALSE(Takes("a.b", "a.bc"));
  CHECK_FALSE(Takes("a.b", "axb"));
  CHECK(Takes("a.*", "a.bc.d"));
  CHECK_FALSE(Takes("a.*.c", "a.b.x.c"));
  CHECK(Takes("a.?", "a.b"));
  CHECK_FALSE(Takes("a.?", "a.bc"));
  CHECK(Takes("a.[b-d]x", "a.cx"));
  CHECK_FALSE(Takes("a.[!b-d]x", "a.cx"));
  CHECK(Takes("a.{one,t*}.c", "a.two.c"));
  CHECK_FALSE(Takes("a.{one,t*}.c", "a.four.c"));
  CHECK(Takes("a+(b)|c", "a+(b)|c"));
  CHECK(PathPattern::Parse("a.b.c")->nodes() == 3);
}

TEST_CASE("a bad pattern is told", "[graphite]") {
  for (const char* bad : {"", "a.[b", "a.[]", "a.{b", "a.{b.c}", "a.[!]"}) {
    CAPTURE(bad);
    CHECK(absl::IsInvalidArgument(PathPattern::Parse(bad).status()));
  }
  CHECK_FALSE(PathPattern::Parse(std::string(2000, 'a')).ok());
}

TEST_CASE("names are cut at the pattern's last node", "[graphite]") {
  const auto pattern = PathPattern::Parse("a.*").value();
  CHECK(NodesAt(pattern, {"a.b", "a.b.c", "a.b.d", "a.e.f"}) ==
        std::vector<PathNode>{{"a.b", false}, {"a.b", true}, {"a.e", false}});
}

TEST_CASE("tag expressions are matchers", "[graphite]") {
  using model::MatchType;
  const auto parsed = [](std::string_view text) {
    return ParseTagExpression(text).value();
  };
  CHECK(parsed("name=a.b") ==
        model::Matcher{MatchType::kEqual, "__name__", "a.b"});
  CHECK(parsed("dc!=x=y") == model::Matcher{MatchType::kNotEqual, "dc", "x=y"});
  CHECK(parsed("dc=~a|b") ==
        model::Matcher{MatchType::kRegex, "dc", "(?:a|b).*"});
  CHECK(parsed("dc!=~a") ==
        model::Matcher{MatchType::kNotRegex, "dc", "(?:a).*"});
  for (const char* bad : {"", "dc", "=x", "!=x", "dc=~("}) {
    CAPTURE(bad);
    CHECK_FALSE(ParseTagExpression(bad).ok());
  }
}

TEST_CASE("paths with tags come back", "[graphite]") {
  const model::LabelSet labels{{"__name__", "disk.used"}, {"dc", "a=b"}};
  CHECK(TaggedPath(labels) == "disk.used;dc=a=b");
  CHECK(ParseTaggedPath("disk.used;dc=a=b").value() == labels);
  for (const char* bad : {"", ";a=b", "x;", "x;=b", "x;a"}) {
    CAPTURE(bad);
    CHECK_FALSE(ParseTaggedPath(bad).ok());
  }
}

}  // namespace
}  // namespace varve::graphite
