#include <catch2/catch.hpp>
#include <string>

#include "lib/base/status.h"
#include "lib/promql/parser.h"
#include "lib/promql/printer.h"

namespace varve::promql {
namespace {

struct Case {
  const char* query;
  const char* error;  // after "parse error: "
};

constexpr Case kCases[] = {
    {"", "no expression found in input"},
    {"# only a comment", "no expression found in input"},
    {"1+", "unexpected end of input"},
    {"foo bar", "unexpected identifier \"bar\""},
    {"*1", "unexpected <op:*>"},
    {"on", "unexpected <on>"},
    {"rate(", "unclosed left parenthesis"},
    {"nosuch(a)", "unknown function with name \"nosuch\""},
    {"rate(1)",
     "expected type range vector in call to function \"rate\", got scalar"},
    {"rate(a[5m], 1)", "expected 1 argument(s) in call to \"rate\", got 2"},
    {"hour(a, b)", "expected at most 1 argument(s) in call to \"hour\", got 2"},
    {"label_join(a, \"x\")",
     "expected at least 3 argument(s) in call to \"label_join\", got 2"},
    {"sum()", "no arguments for aggregate expression provided"},
    {"topk(1, a, b)",
     "wrong number of arguments for aggregate expression provided, expected "
     "2, got 3"},
    {"topk(a)",
     "wrong number of arguments for aggregate expression provided, expected "
     "2, got 1"},
    {"sum(1)",
     "expected type instant vector in aggregation expression, got scalar"},
    {"topk(\"a\", b)",
     "expected type scalar in aggregation parameter, got string"},
    {"count_values(1, b)",
     "expected type string in aggregation parameter, got scalar"},
    {"sum by x (a)",
     "unexpected identifier \"x\" in grouping opts, expected \"(\""},
    {"sum by (1) (a)",
     "unexpected number \"1\" in grouping opts, expected label"},
    {"1 == 1", "comparisons between scalars must use BOOL modifier"},
    {"a + bool b", "bool modifier can only be used on comparison operators"},
    {"a and 1", "set operator \"and\" not allowed in binary scalar expression"},
    {"a + on(x) 1", "vector matching only allowed between instant vectors"},
    {"a and on(x) group_left b", "no grouping allowed for \"and\" operation"},
    {"a + on(x) group_left(x) b",
     "label \"x\" must not occur in ON and GROUP clause at once"},
    {"a + group_left b", "unexpected <group_left>"},
    {"a or fill(0) b",
     "filling in missing series not allowed for set operators"},
    {"a + \"b\"",
     "binary expression must contain only scalar and instant vector types"},
    {"-\"a\"",
     "unary expression only allowed on expressions of type scalar or instant "
     "vector, got \"string\""},
    {"{}", "vector selector must contain at least one non-empty matcher"},
    {"{x=\"\"}", "vector selector must contain at least one non-empty matcher"},
    {"{x=~\".*\"}",
     "vector selector must contain at least one non-empty matcher"},
    {"a{__name__=\"b\"}", "metric name must not be set twice: \"a\" or \"b\""},
    {"{\"a\",\"b\"}", "metric name must not be set twice: \"a\" or \"b\""},
    {"a{x}",
     "unexpected \"}\" in label matching, expected label matching operator"},
    {"a{x=1}", "unexpected character inside braces: '1'"},
    {"a{+}", "unexpected character inside braces: '+'"},
    {"a{x=y}",
     "unexpected identifier \"y\" in label matching, expected string"},
    {"a{x=\"y\" z}",
     "unexpected identifier \"z\" in label matching, expected \",\" or \"}\""},
    {"a[5m", "unclosed left bracket"},
    {"a[]",
     "unexpected \"]\" in subquery or range selector, expected number, "
     "duration, step(), or range()"},
    {"a[0]", "duration must be greater than 0"},
    {"a[1m-1m]", "duration must be greater than 0"},
    {"a[1m/0]", "division by zero"},
    {"a[5m][5m]", "ranges only allowed for vector selectors"},
    {"(a)[5m]", "ranges only allowed for vector selectors"},
    {"a offset 5m [5m]", "no offset modifiers allowed before range"},
    {"a @ 5 [5m]", "no @ modifiers allowed before range"},
    {"a[5m:1m", "unclosed left bracket"},
    {"1[5m:]",
     "subquery is only allowed on instant vector, got scalar instead"},
    {"a offset",
     "unexpected end of input in offset, expected number, duration, step(), "
     "or range()"},
    {"a offset 1m offset 2m", "offset may not be set multiple times"},
    {"1 offset 1m",
     "offset modifier must be preceded by an instant vector selector or range "
     "vector selector or a subquery"},
    {"a @ x", "unexpected identifier \"x\" in @, expected timestamp"},
    {"a @ Inf", "timestamp out of bounds for @ modifier: +Inf"},
    {"a @ 1 @ 2", "@ <timestamp> may not be set multiple times"},
    {"time() @ 1",
     "@ modifier must be preceded by an instant vector selector or range "
     "vector selector or a subquery"},
    {"sum(a) @ 1 @ 2", "@ <timestamp> may not be set multiple times"},
    {"(a, b", "unclosed left parenthesis"},
    {"a[5i5m]", "bad number or duration syntax: \"5i5m\""},
    {"5Kib + 5Kx", "bad number or duration syntax: \"5Kx\""},
    {"sum(a) limit 0.5", "limit 0.5 is not a whole number of groups"},
    {"a smoothed smoothed",
     "anchored and smoothed modifiers may not be set twice"},
    {"a[5m:1m] anchored",
     "anchored modifier must be preceded by an instant vector selector or "
     "range vector selector"},
    {"with (x = 1", "unclosed left parenthesis"},
    {"m offset (1m * (2 < 3))",
     "unexpected <op:<> in offset, expected number, duration, step(), or "
     "range()"},
    {"m offset (1m) % min(other)",
     "unexpected identifier \"other\" in offset, expected number, duration, "
     "step(), or range()"},
    {"m offset (1m) % 0", "modulo by zero"},
    {"with (x) x", "unexpected \")\" in WITH, expected \"=\""},
    {"with (x = ) x", "unexpected \")\" in WITH, expected an expression"},
    {"with (x = 1, x = 2) x", "the WITH template \"x\" is defined twice"},
    {"with (f(a, a) = a) f(1, 2)", "the parameter \"a\" is named twice"},
    {"with (f(a) = a) f(1, 2)",
     "the WITH template \"f\" takes 1 argument(s), got 2"},
    {"with (x = a + b) m{x}", "the WITH template \"x\" is no {…} without `or`"},
    {"with (x = a) m{l=x}", "the WITH template \"x\" is no string"},
    {"with (x = a + b) x{l=\"v\"}", "the WITH template \"x\" is no selector"},
    {"with (x = a + b) sum by (x) (m)",
     "the WITH template \"x\" is no list of labels"},
    {"with (x = a) m[x]", "the template is no duration"},
    {"info(a, b)",
     "expected label selectors only, got vector selector instead"},
    {"info(a, sum(b))", "expected label selectors only"},
    {"default_rollup(1)",
     "expected type range vector in call to function \"default_rollup\", got "
     "scalar"},
    {"300y", "duration out of range: \"300y\""},
};

TEST_CASE("malformed queries are refused in Prometheus' words", "[promql]") {
  for (const Case& c : kCases) {
    CAPTURE(c.query);
    const auto expr = ParseExpr(c.query);
    REQUIRE_FALSE(expr.ok());
    CHECK(expr.status().code() == absl::StatusCode::kInvalidArgument);
    const std::string_view text = base::Message(expr.status());
    const size_t at = text.find("parse error: ");
    REQUIRE(at != text.npos);
    CHECK(text.substr(at + 13) == c.error);
  }
}

TEST_CASE("an error names line and column", "[promql]") {
  const auto message = [](std::string_view query) {
    return std::string(base::Message(ParseExpr(query).status()));
  };
  CHECK(message("1 +\n  foo bar").starts_with("2:7: parse error: "));
  CHECK(message("").starts_with("1:1: parse error: "));
  CHECK(message("a{x=~\"(\"}").starts_with("1:3: parse error: "));
}

TEST_CASE("nesting is bounded", "[promql]") {
  const std::string deep =
      std::string(10'000, '(') + "1" + std::string(10'000, ')');
  CHECK_FALSE(ParseExpr(deep).ok());
  CHECK_FALSE(ParseExpr(std::string(10'000, '-') + "a").ok());
  std::string power = "a";
  for (int i = 0; i < 10'000; ++i) power += "^a";
  CHECK_FALSE(ParseExpr(power).ok());
  std::string subqueries = "a";
  for (int i = 0; i < 5'000; ++i) subqueries += "[5m:1m]";
  CHECK_FALSE(ParseExpr(subqueries).ok());
  std::string duration =
      "a[" + std::string(5'000, '(') + "1m" + std::string(5'000, ')') + "]";
  CHECK_FALSE(ParseExpr(duration).ok());

  const std::string fine = std::string(900, '(') + "1" + std::string(900, ')');
  CHECK(ParseExpr(fine).ok());
}

TEST_CASE("a chain of operators may be as long as a query", "[promql]") {
  std::string chain = "a";
  for (int i = 0; i < 10'000; ++i) chain += i % 2 == 0 ? " + a" : " or a";
  const auto expr = ParseExpr(chain);
  REQUIRE(expr.ok());
  CHECK((*expr)->height < 10);
  CHECK(ExprText(**expr) == chain);
}

TEST_CASE("WITH templates are bounded", "[promql]") {
  // Doubles at each of 40 steps.
  std::string doubling = "with (x0 = a";
  for (int i = 0; i < 40; ++i) {
    const std::string x = "x" + std::to_string(i);
    doubling += ", x" + std::to_string(i + 1) + " = " + x + " + " + x;
  }
  const auto refused = ParseExpr(doubling + ") x40");
  REQUIRE_FALSE(refused.ok());
  CHECK(base::Message(refused.status())
            .ends_with("WITH templates expand to more than 500000 tokens or "
                       "4194304 bytes"));
  // Few tokens, many bytes.
  const std::string text(8000, 'a');
  std::string wide = "with (x = m{a=\"" + text + "\"}, y = x";
  for (int i = 0; i < 1000; ++i) wide += "+x";
  const auto too_wide = ParseExpr(wide + ") y");
  REQUIRE_FALSE(too_wide.ok());
  CHECK(base::Message(too_wide.status()).ends_with("4194304 bytes"));
  // A template never knows itself: here x is a metric.
  CHECK(ExprText(*ParseExpr("with (x = x + 1) x").value()) == "(x + 1)");

  std::string deep = "a";
  for (int i = 0; i < 2'000; ++i) deep = "with (x = 1) " + deep;
  CHECK_FALSE(ParseExpr(deep).ok());
}

TEST_CASE("a query cut at any byte never crashes", "[promql]") {
  const std::string query =
      "sum by (x) (rate(a{b=~\"c.*\",d!='e'}[5m:1m] @ start() offset -1h)) > "
      "bool on(x) group_left(y) fill(0) topk(5, {\"f.g\"}) + with (w = "
      "{x=\"y\"}, "
      "f(p) = p{w or z=\"1\"+\"2\"}) f(m) keep_metric_names default 8Ki # end";
  for (size_t keep = 0; keep <= query.size(); ++keep) {
    const auto expr = ParseExpr(std::string_view(query).substr(0, keep));
    if (expr.ok()) CHECK_FALSE(ExprText(**expr).empty());
  }
}

}  // namespace
}  // namespace varve::promql
