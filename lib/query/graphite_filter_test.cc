#include "lib/query/graphite_filter.h"

#include <catch2/catch.hpp>
#include <string>

#include "lib/base/status.h"
#include "lib/promql/parser.h"

namespace varve::query {
namespace {

// Whether `name` is selected by {__graphite__ <type> "pattern"}.
bool Selects(const std::string& pattern, const std::string& name,
             model::MatchType type = model::MatchType::kEqual) {
  std::vector<model::Matchers> groups = {
      {{type, std::string(kGraphiteLabel), pattern}}};
  REQUIRE(PathsToNames(groups).ok());
  REQUIRE(groups[0][0].name == model::kMetricName);
  return model::CompiledMatcher::Make(groups[0][0]).value().Matches(name);
}

TEST_CASE("a path selects the names that it matches as a whole", "[query]") {
  CHECK(Selects("web.a.load", "web.a.load"));
  CHECK_FALSE(Selects("web.a.load", "web.a.load.1"));
  CHECK_FALSE(Selects("web.a.load", "webXaXload"));
  CHECK(Selects("web.*.load", "web.a.load"));
  CHECK_FALSE(Selects("web.*.load", "web.a.b.load"));
  CHECK_FALSE(Selects("web.*", "web.a.load"));
  CHECK(Selects("web.*.*", "web.a.load"));
  CHECK(Selects("*.a*.l[m-p]ad", "web.abc.load"));
  CHECK(Selects("web.{a,b*}.load", "web.bcd.load"));
  CHECK_FALSE(Selects("web.{a,b}.load", "web.c.load"));
}

TEST_CASE("a path may hold the alternatives of a dashboard's variable",
          "[query]") {
  CHECK(Selects("web.(a|b).load", "web.b.load"));
  CHECK_FALSE(Selects("web.(a|b).load", "web.c.load"));
  CHECK(Selects("web.(.*).load", "web.c.load"));
  CHECK_FALSE(Selects("web.(.*).load", "web.c.d.load"));
  CHECK(Selects("web.(a", "web.(a"));
}

TEST_CASE("a path's sign and not its kind of comparison counts", "[query]") {
  using model::MatchType;
  CHECK(Selects("web.*", "web.a", MatchType::kRegex));
  CHECK_FALSE(Selects("web.*", "webXa", MatchType::kRegex));
  CHECK_FALSE(Selects("web.*", "web.a", MatchType::kNotEqual));
  CHECK(Selects("web.*", "web.a.b", MatchType::kNotRegex));
  CHECK_FALSE(Selects("web.a", "web.a", MatchType::kNotEqual));
}

TEST_CASE("a bad path is refused, other labels are left alone", "[query]") {
  std::vector<model::Matchers> groups = {
      {{model::MatchType::kEqual, "job", "a.*"}},
      {{model::MatchType::kEqual, std::string(kGraphiteLabel), "a.{b"}}};
  const absl::Status bad = PathsToNames(groups);
  CHECK(absl::IsInvalidArgument(bad));
  CHECK(bad.message().find("a.{b") != absl::string_view::npos);
  CHECK(groups[0][0].name == "job");
}

// Of the query {job='a',__graphite__<comparison>}, up to the names.
absl::Status Reads(const std::string& comparison) {
  const auto expr =
      promql::ParseExpr("{job='a',__graphite__" + comparison + "}");
  RETURN_IF_ERROR(expr.status());
  const auto& selector = static_cast<const promql::VectorSelector&>(**expr);
  std::vector<model::Matchers> groups = selector.MatcherGroups();
  return PathsToNames(groups);
}

TEST_CASE("queries hold paths, behind =~ those that are expressions too",
          "[query]") {
  for (const char* good : {"='*.load'", "!='*.{a,b}.load'", "=~'web.*.load'",
                           "=~'web.(a|b).load'", "!~'web.{a,b}.load'"}) {
    CAPTURE(good);
    CHECK(Reads(good).ok());
  }
  for (const char* bad : {"=~'*.load'", "!~'*'", "='{a.b,c}'", "='(a.b|c)'",
                          "='web.{a'"}) {
    CAPTURE(bad);
    CHECK(absl::IsInvalidArgument(Reads(bad)));
  }
}

}  // namespace
}  // namespace varve::query
