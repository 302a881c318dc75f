#include "lib/relabel/regex.h"

#include <re2/re2.h>

#include <catch2/catch.hpp>

#include "lib/base/status.h"
#include "lib/relabel/graphite.h"
#include "lib/relabel/replacement.h"

namespace varve::relabel {
namespace {

constexpr int64_t kBytes = 1 << 20;

TEST_CASE("shortcuts match what RE2 matches", "[relabel]") {
  for (const std::string pattern :
       {"", "a", "a|b", "a||b", "foo.*", "foo.+", ".*", ".+", "(.*)", "^a$",
        "^foo.*$", "foo\\$", "foo\\\\$", "a.b", "a.b|foo", "foo.+|x[yz]|bar.*",
        "fo+", "foo|b.+r", "[a|b]", "(a|b)", "foo.*|foo", "a$|b", "a|^b",
        "fo.", "f.*o.*", "(?i)FOO", "a{2}", "foo.*?", "."}) {
    const auto regex = Regex::Make(pattern, kBytes);
    REQUIRE(regex.ok());
    re2::RE2::Options options;
    options.set_dot_nl(true);
    const re2::RE2 oracle("(?:" + pattern + ")", options);
    for (const std::string text :
         {"", "a", "b", "ab", "aa", "foo", "foob", "foobar", "bar", "barx",
          "foo$", "foo\\", "xy", "a.b", "axb", "foo\n", "foo\nx", "fooo",
          "FOO", "br", "b1r", "\n"}) {
      CAPTURE(pattern, text);
      CHECK(regex->Matches(text) == re2::RE2::FullMatch(text, oracle));
      std::vector<std::string_view> groups;
      CHECK(regex->Capture(text, groups) == regex->Matches(text));
    }
  }
}

TEST_CASE("a regex that does not parse or is too large is told", "[relabel]") {
  CHECK(base::Message(Regex::Make("a[", kBytes).status()) ==
        "bad regular expression a[: missing ]: [");
  CHECK_FALSE(Regex::Make("(?=a)", kBytes).ok());
  const std::string large(100'000, '.');
  CHECK_FALSE(Regex::Make(large, kBytes).ok());
  CHECK(Regex::Make(large, 64 << 20).ok());
}

std::string Expanded(std::string_view text, std::string_view pattern,
                     std::string_view source) {
  const auto regex = Regex::Make(pattern, kBytes);
  REQUIRE(regex.ok());
  std::vector<std::string_view> groups;
  REQUIRE(regex->Capture(source, groups));
  std::string out;
  CHECK(Replacement(text, *regex, Replacement::LabelReferences::kNo)
            .Append(groups, {}, 1000, out));
  return out;
}

TEST_CASE("dollars expand as in Go", "[relabel]") {
  CHECK(Expanded("$1-$2", "(a)(b)", "ab") == "a-b");
  CHECK(Expanded("${1}x$1x$1-", "(a)(b)", "ab") == "axa-");
  CHECK(Expanded("$$1$", "(a)", "a") == "$1$");
  CHECK(Expanded("${1", "(a)", "a") == "${1");
  CHECK(Expanded("${}$-", "(a)", "a") == "${}$-");
  CHECK(Expanded("$0$3${x}", "(a)", "a") == "a");
  CHECK(Expanded("$w${w}2", "(?P<w>a)", "a") == "aa2");
  CHECK(Expanded("$99999999999999999999", "(a)", "a").empty());
  CHECK(Expanded("{{a}}", "(a)", "a") == "{{a}}");
}

bool Matched(std::string_view pattern, std::string_view name,
             const std::vector<std::string_view>& stars) {
  std::vector<std::string_view> groups;
  if (!GraphitePattern(pattern).Match(name, groups)) return false;
  std::vector<std::string_view> expected = stars;
  expected.insert(expected.begin(), name);
  CHECK(groups == expected);
  return true;
}

TEST_CASE("a star stands for a text without dots", "[relabel]") {
  CHECK(Matched("", "", {}));
  CHECK_FALSE(Matched("", "foobar", {}));
  CHECK(Matched("foo", "foo", {}));
  CHECK_FALSE(Matched("foo", "", {}));
  CHECK(Matched("*", "foobar", {"foobar"}));
  CHECK_FALSE(Matched("**", "foobar", {}));
  CHECK_FALSE(Matched("*", "foo.bar", {}));
  CHECK(Matched("*foo", "barfoo", {"bar"}));
  CHECK(Matched("*foo", "foo", {""}));
  CHECK_FALSE(Matched("*foo", "bar.foo", {}));
  CHECK(Matched("foo*", "foo", {""}));
  CHECK_FALSE(Matched("foo*", "foo.bar", {}));
  CHECK_FALSE(Matched("foo.*", "foobar", {}));
  CHECK(Matched("foo.*", "foo.bar", {"bar"}));
  CHECK_FALSE(Matched("foo.*", "foo.bar.baz", {}));
  CHECK(Matched("*.*.baz", "foo.bar.baz", {"foo", "bar"}));
  CHECK_FALSE(Matched("*.bar", "foo.bar.baz", {}));
  CHECK_FALSE(Matched("*.bar", "foo.baz", {}));
  CHECK(Matched("app*prod.requests", "app42prod.requests", {"42"}));
}

std::string Expanded(std::string_view text,
                     std::vector<std::string_view> groups) {
  std::string out;
  CHECK(GraphiteTemplate(text).Append(groups, 1000, out));
  return out;
}

TEST_CASE("graphite templates leave alone what names no group",
          "[relabel]") {
  CHECK(Expanded("", {}).empty());
  CHECK(Expanded("foo", {}) == "foo");
  CHECK(Expanded("$", {}) == "$");
  CHECK(Expanded("$1", {}) == "$1");
  CHECK(Expanded("${123", {}) == "${123");
  CHECK(Expanded("${123}", {}) == "${123}");
  CHECK(Expanded("${foo}45$sdf$3", {}) == "${foo}45$sdf$3");
  CHECK(Expanded("${-1}${}", {"a"}) == "${-1}${}");
  CHECK(Expanded("$0-$1_x-${0}-$1", {"foo", "bar"}) == "foo-bar_x-foo-bar");
  std::string out;
  const std::vector<std::string_view> groups = {"foo"};
  CHECK_FALSE(GraphiteTemplate("$0$0").Append(groups, 5, out));
}

}  // namespace
}  // namespace varve::relabel
