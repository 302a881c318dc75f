#include "lib/promql/parser.h"

#include <catch2/catch.hpp>
#include <string>

#include "lib/base/status.h"
#include "lib/promql/duration.h"
#include "lib/promql/printer.h"

namespace varve::promql {
namespace {

struct Case {
  const char* query;
  const char* text;  // null: the query itself is canonical
};

constexpr Case kCases[] = {
    {"1", nullptr},
    {"-1", nullptr},
    {"+1", "1"},
    {"- -1", "1"},
    {"0x1F", "31"},
    {"017", "15"},
    {"1_000.5", "1000.5"},
    {"Inf", "+Inf"},
    {"-inf", "-Inf"},
    {"NaN", nullptr},
    {"5m", nullptr},
    {"90m", "1h30m"},
    {"-1h", nullptr},
    {"\"a\\nb\"", nullptr},
    {"'it\\'s'", "\"it's\""},
    {"`raw\\d`", "\"raw\\\\d\""},
    {"up", nullptr},
    {"up{}", "up"},
    {"up{job=\"x\",a!=\"b\",}", "up{a!=\"b\",job=\"x\"}"},
    {"{__name__=~\"a|b\",x!~\"y\"}", nullptr},
    {"{\"foo.bar\",\"a.b\"=\"c\"}", "{\"a.b\"=\"c\",__name__=\"foo.bar\"}"},
    {"{\"up\"}", "{__name__=\"up\"}"},
    {"foo:bar:rate5m", nullptr},
    {"sum", nullptr},
    {"by", nullptr},
    {"offset", nullptr},
    {"and", nullptr},
    {"start + end", nullptr},
    {"sum{sum=\"by\"}", nullptr},
    {"rate(up[5m])", nullptr},
    {"rate(up[300])", "rate(up[5m])"},
    {"up[5m] offset 1h", nullptr},
    {"up offset -1h", nullptr},
    {"up offset 100 + 2", "up offset 1m40s + 2"},
    {"up offset (100 + 2)", "up offset 1m42s"},
    {"up offset (-2 ^ 2)", "up offset -4s"},
    {"up offset -step()", nullptr},
    {"up @ 1609746000", "up @ 1609746000.000"},
    {"up @ -1.5", "up @ -1.500"},
    {"up @ start() offset 5m", nullptr},
    {"up offset 5m @ end()", "up @ end() offset 5m"},
    {"rate(up[5m] @ 10)", "rate(up[5m] @ 10.000)"},
    {"up[1h:5m]", nullptr},
    {"up[1h:]", nullptr},
    {"rate(up[5m])[1h:5m] offset 1d", nullptr},
    {"up[29s+1s:5s+5s]", "up[30s:10s]"},
    {"up[24m+((1.5*2m)+2m)]", "up[29m]"},
    {"up[-5m+35m]", "up[30m]"},
    {"up[1h/2]", "up[30m]"},
    {"up[30m1s-30m1s % 1m]", "up[30m]"},
    {"up[step() + 1m]", nullptr},
    {"up[max(step(), 1m):min_of(1m, 2m)]", "up[max(step(), 1m):1m]"},
    {"up[range()]", nullptr},
    {"1 + 2 * 3 ^ 4 ^ 5", nullptr},
    {"a or b and c unless d", nullptr},
    {"a atan2 b % c", nullptr},
    {"-a ^ 2", nullptr},
    {"a ^ -b * c", nullptr},
    {"+a", nullptr},
    {"(a)", nullptr},
    {"a == bool b", nullptr},
    {"1 > bool 2", nullptr},
    {"a + on(x, \"y.z\") b", "a + on (x, \"y.z\") b"},
    {"a + on() b", "a + on () b"},
    {"a * ignoring(x) group_left(y) b", "a * ignoring (x) group_left (y) b"},
    {"a * on(x) group_right b", "a * on (x) group_right () b"},
    {"a + on(x) fill(0) b", "a + on (x) fill (0) b"},
    {"a + fill_left(-1) fill_right(2) b",
     "a + fill_left (-1) fill_right (2) b"},
    {"a + fill", nullptr},
    {"a and on(x) b", "a and on (x) b"},
    {"h </ 5", nullptr},
    {"h >/ 0.5", nullptr},
    {"sum(a)", nullptr},
    {"SUM(a) BY (x)", "sum by (x) (a)"},
    {"sum by (x, by, on, sum) (a)", nullptr},
    {"sum by () (a)", "sum(a)"},
    {"avg without (x) (a)", nullptr},
    {"topk(5, a)", nullptr},
    {"count_values(\"v\", a)", nullptr},
    {"quantile by (x) (0.9, a)", nullptr},
    {"limitk(2, a)", nullptr},
    {"limit_ratio(-0.5, a)", nullptr},
    {"time()", nullptr},
    {"hour()", nullptr},
    {"start() + end() + step() + range()", nullptr},
    {"round(a, 5)", nullptr},
    {"label_join(a, \"x\", \",\")", nullptr},
    {"label_replace(a, \"x\", \"$1\", \"y\", \"(.*)\")", nullptr},
    {"histogram_quantile(0.9, sum by (le) (rate(a[5m])))", nullptr},
    {"info(a, {x=\"\"})", nullptr},
    {"default_rollup(a[5m])", nullptr},
    {"default_rollup(a)", nullptr},
    {"absent_over_time(a[5m:1m])", nullptr},
    {"max_of(1, 2) + min_of(1, 2)", nullptr},
    {"a # comment\n + b", "a + b"},
};

TEST_CASE("queries print in canonical form and parse again", "[promql]") {
  for (const Case& c : kCases) {
    CAPTURE(c.query);
    const auto expr = ParseExpr(c.query);
    CHECK(base::Message(expr.status()) == "");
    if (!expr.ok()) continue;
    const std::string text = ExprText(**expr);
    CHECK(text == (c.text != nullptr ? c.text : c.query));
    const auto again = ParseExpr(text);
    REQUIRE(again.ok());
    CHECK(ExprText(**again) == text);
    CHECK((*again)->type == (*expr)->type);
  }
}

template <typename T>
const T& As(const ExprPtr& expr) {
  return dynamic_cast<const T&>(*expr);
}

TEST_CASE("precedence and associativity are Prometheus'", "[promql]") {
  const auto sum = ParseExpr("1 + 2 * 3").value();
  CHECK(As<BinaryExpr>(sum).op == BinaryOp::kAdd);
  const auto power = ParseExpr("2 ^ 3 ^ 4").value();
  CHECK(As<BinaryExpr>(power).rhs->kind == ExprKind::kBinary);
  const auto minus = ParseExpr("a - b - c").value();
  CHECK(As<BinaryExpr>(minus).lhs->kind == ExprKind::kBinary);
  const auto negated = ParseExpr("-2 ^ 2").value();
  CHECK(negated->kind == ExprKind::kUnary);
  const auto product = ParseExpr("-a * b").value();
  CHECK(product->kind == ExprKind::kBinary);
  const auto set = ParseExpr("a or b unless c").value();
  CHECK(As<BinaryExpr>(set).op == BinaryOp::kOr);
}

TEST_CASE("types and matching follow from the operands", "[promql]") {
  CHECK(ParseExpr("1 + 1").value()->type == ValueType::kScalar);
  CHECK(ParseExpr("a + 1").value()->type == ValueType::kVector);
  CHECK(ParseExpr("-(1)").value()->type == ValueType::kScalar);
  CHECK(ParseExpr("a[5m]").value()->type == ValueType::kMatrix);
  CHECK(ParseExpr("\"a\"").value()->type == ValueType::kString);
  CHECK_FALSE(As<BinaryExpr>(ParseExpr("a + 1").value()).matching.has_value());
  CHECK(As<BinaryExpr>(ParseExpr("a and b").value()).matching->cardinality ==
        MatchCardinality::kManyToMany);
}

TEST_CASE("positions are byte ranges of the query", "[promql]") {
  const auto expr = ParseExpr("  foo{a=\"b\"} + sum(bar)").value();
  const auto& binary = As<BinaryExpr>(expr);
  CHECK(binary.lhs->position.begin == 2);
  CHECK(binary.lhs->position.end == 12);
  CHECK(binary.rhs->position.begin == 15);
  CHECK(binary.rhs->position.end == 23);
}

TEST_CASE("a selector by itself gives its matchers", "[promql]") {
  const auto matchers = ParseSelector("up{job=\"x\"}").value();
  REQUIRE(matchers.size() == 2);
  CHECK(matchers[1].name == "__name__");
  CHECK(matchers[1].value == "up");
  CHECK(ParseSelector("{__name__!=\"\"}").ok());
  CHECK_FALSE(ParseSelector("{}").ok());
  CHECK(ParseSelector("{}", true).ok());
  CHECK_FALSE(ParseSelector("up[5m]").ok());
  CHECK_FALSE(ParseSelector("up offset 5m").ok());
  CHECK_FALSE(ParseSelector("1").ok());
  CHECK_FALSE(ParseSelector("").ok());
}

TEST_CASE("durations are read and written", "[promql]") {
  CHECK(ParseDurationMs("1h30m").value() == 5'400'000);
  CHECK(ParseDurationMs("1w2d").value() == 9 * 86'400'000);
  CHECK(ParseDurationMs("1y").value() == 365LL * 86'400'000);
  CHECK(ParseDurationMs("5ms").value() == 5);
  CHECK(ParseDurationMs("0").value() == 0);
  for (const char* bad : {"", "5", "m", "1m1h", "1.5h", "-1m", "5m ", "1x",
                          "300y", "99999999999999999999s"}) {
    CAPTURE(bad);
    CHECK_FALSE(ParseDurationMs(bad).ok());
  }
  CHECK(DurationText(0) == "0s");
  CHECK(DurationText(366LL * 86'400'000) == "366d");
  CHECK(DurationText(14LL * 86'400'000) == "2w");
  CHECK(DurationText(-61'001) == "-1m1s1ms");
}

TEST_CASE("a deferred duration has a value at evaluation", "[promql]") {
  const auto expr = ParseExpr("m[max(2*step(), range()/10)]").value();
  const auto& range = As<MatrixSelector>(expr).range;
  REQUIRE(range.expr != nullptr);
  CHECK(DurationMs(range, {15'000, 100'000}).value() == 30'000);
  CHECK(DurationMs(range, {15'000, 1'000'000}).value() == 100'000);
  const auto divided = ParseExpr("m[1m/step()]").value();
  CHECK_FALSE(DurationMs(As<MatrixSelector>(divided).range, {}).ok());
}

}  // namespace
}  // namespace varve::promql
