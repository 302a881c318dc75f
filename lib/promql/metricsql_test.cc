#include <catch2/catch.hpp>
#include <string>

#include "lib/base/status.h"
#include "lib/promql/parser.h"
#include "lib/promql/printer.h"

namespace varve::promql {
namespace {

struct Case {
  const char* query;
  const char* text;  // null: the query itself is canonical
};

constexpr Case kCases[] = {
    {"a default 0", nullptr},
    {"0 if a ifnot b", nullptr},
    {"a default b if c or d", nullptr},
    {"a DEFAULT on(x) b", "a default on (x) b"},
    {"if + default + ifnot", nullptr},  // names of metrics
    {"rate(a) keep_metric_names", nullptr},
    {"(a + b) keep_metric_names", nullptr},
    {"a + b keep_metric_names", "(a + b) keep_metric_names"},
    {"a + b * c keep_metric_names", "a + (b * c) keep_metric_names"},
    {"(a + rate(b) keep_metric_names) keep_metric_names", nullptr},
    {"{a=\"1\" or b=\"2\"}", nullptr},
    {"m{a=\"1\",b=\"2\" or c!~\"3\"}", nullptr},
    {"{__name__=\"x\" or __name__=\"y\",z=\"1\"}", nullptr},
    {"{or=\"or\" or or=\"x\"}", nullptr},
    {"8K + 1.5Ki + 2MB + 1TiB + 0.5g",
     "8000 + 1536 + 2000000 + 1099511627776 + 500000000"},
    {"sum(a,)", "sum(a)"},
    {"round(a, 5,)", "round(a, 5)"},
    {"rate(a)", nullptr},
    {"rate(a{x=\"1\"} offset 5m)", nullptr},
    {"rate(a[5i] offset 2i)", nullptr},
    {"max_over_time(a[1.5h])", "max_over_time(a[1h30m])"},
    {"1.5h + 5m", "1h30m + 5m"},
    {"max_over_time(rate(a))", nullptr},
    {"max_over_time((a + b))", nullptr},
    {"sum(a) offset 5m", nullptr},
    {"(a + b) @ 10", "(a + b) @ 10.000"},
    {"rate(sum(a) offset 1h @ end())", "rate(sum(a) @ end() offset 1h)"},
    {"sum(a, b, c)", nullptr},
    {"sum(a) by (x) limit 5", "sum by (x) (a) limit 5"},
    {"limit + prefix", nullptr},
    {"a * on(x) group_left(*) b", "a * on (x) group_left (*) b"},
    {"a * on(x) group_left(y) prefix \"p_\" b",
     "a * on (x) group_left (y) prefix \"p_\" b"},
    {"(a, b, c,)", "union(a, b, c)"},
    {"\"a\" + \"b\" + 'c'", "\"abc\""},
    {"m{x=\"a\"+\"b\"}", "m{x=\"ab\"}"},
    {"m[5m] anchored", nullptr},
    {"rate(m[5m] smoothed offset 1m)", nullptr},
    {"m anchored @ 5", "m anchored @ 5.000"},
    // WITH
    {"with (x = 1) x", "1"},
    {"with (x = a + b) x * 2", "(a + b) * 2"},
    {"with (x = -1) x ^ 2", "(-1) ^ 2"},
    {"WITH (f(a, b) = a / b,) f(x, y + z)", "(x / (y + z))"},
    {"with (f = {job=\"j\"}) up{f, x=\"y\"}", "up{job=\"j\",x=\"y\"}"},
    {"with (f = {job=\"j\"}) up{f or x=\"y\"}", "up{job=\"j\" or x=\"y\"}"},
    {"with (m = up{job=\"j\"}) m{x=\"y\"}", "up{job=\"j\",x=\"y\"}"},
    {"with (m = up{j=\"1\" or j=\"2\"}) m{x=\"y\"}",
     "up{j=\"1\",x=\"y\" or j=\"2\",x=\"y\"}"},
    {"with (s = \"b\") m{x=\"a\"+s}", "m{x=\"ab\"}"},
    {"with (w = 5m, o = 1h) rate(m[w:30s] offset o)",
     "rate(m[5m:30s] offset 1h)"},
    {"with (by_job = (job, instance)) sum by (by_job, x) (m)",
     "sum by (job, instance, x) (m)"},
    {"with (x = 1, y = x + 1, x2 = y + y) x2", "((1 + 1) + (1 + 1))"},
    {"with (f(x) = x + y, y = 1) f(2)", "(2 + y)"},
    {"with (y = 1, f(x) = x + y) with (y = 2) f(y)", "(2 + 1)"},
    {"with (f(x) = rate(x)) sum(f)", "sum(f)"},  // only a function: a metric
    {"with (x = a) rate(x[5m])", "rate(a[5m])"},
    {"2 * with (x = 1) x + x", "2 * (1 + 1)"},
    {"with + 1", nullptr},
    {"m @ (time() - 60)", nullptr},
    {"rate(m[5m] @ (end() - 1h)) @ min_of(1, 2) offset 5m", nullptr},
    {"m @ end() - 5", nullptr},
    {"a\\-b", "{__name__=\"a-b\"}"},
    {"\\sum{a\\x2db=\"1\"}", "{\"a-b\"=\"1\",__name__=\"sum\"}"},
    {"a\\x1 + b", "{__name__=\"ax1\"} + b"},  // not two digits
    {"\\x+1 + b", "{__name__=\"x\"} + 1 + b"},
    {"\\é + \\日b", "{__name__=\"é\"} + {__name__=\"日b\"}"},
    {"m + \\On", "m + {__name__=\"On\"}"},
    {"sum by (a\\-b) (m)", "sum by (\"a-b\") (m)"},
    {"a == (1, 2)", "a == union(1, 2)"},
};

TEST_CASE("MetricsQL's syntax is read, and its text again", "[promql]") {
  for (const Case& c : kCases) {
    CAPTURE(c.query);
    const auto expr = ParseExpr(c.query);
    INFO(expr.status());
    REQUIRE(expr.ok());
    const std::string text = ExprText(**expr);
    CHECK(text == (c.text == nullptr ? c.query : c.text));
    const auto again = ParseExpr(text);
    INFO(again.status());
    REQUIRE(again.ok());
    CHECK(ExprText(**again) == text);
  }
}

TEST_CASE("templates are shown as they were written, in order", "[promql]") {
  CHECK(TemplatesText("sum(m)by(x)") == std::nullopt);
  CHECK(TemplatesText("with(f={a='b', c=~\"d\" or e!=\"\"},x(q)=q*-2,) "
                      "sum(x(m{f}[5m:1m]offset w))by(a,b)/2 # end") ==
        "WITH (\n"
        "  f = {a='b',c=~\"d\" or e!=\"\"},\n"
        "  x(q) = q * -2\n"
        ")\n"
        "sum(x(m{f}[5m:1m] offset w)) by (a, b) / 2");
  CHECK(TemplatesText("1+with(y=with(z=-1)z)y") ==
        "1 + WITH (\n"
        "  y = WITH (\n"
        "    z = -1\n"
        "  )\n"
        "  z\n"
        ")\n"
        "y");
}

TEST_CASE("a time after @ is a scalar", "[promql]") {
  CHECK_FALSE(ParseExpr("m @ (a)").ok());
  CHECK_FALSE(ParseExpr("m @ a").ok());
  CHECK_FALSE(ParseExpr("m @ (1").ok());
  CHECK(ParseExpr("m @ (a)", Dialect::kMetricsql).ok() == false);
  CHECK(ParseExpr("m @ scalar(a)").ok());
}

TEST_CASE("2h-5m is one duration in MetricsQL's dialect", "[promql]") {
  struct Case {
    const char* query;
    const char* metricsql;
    const char* promql;
  };
  constexpr Case kCases[] = {
      {"m[2h-5m]", "m[1h55m]", "m[1h55m]"},
      {"m[2h-5m30s-1m:1m]", "m[1h53m30s:1m]", "m[1h53m30s:1m]"},
      {"m offset 2h-5m", "m offset 1h55m", "m offset 2h - 5m"},
      {"m offset -2h-5m", "m offset -2h5m", "m offset -2h - 5m"},
      {"m offset 2h -5m", "m offset 2h - 5m", "m offset 2h - 5m"},
      {"m offset 2h- 5m", "m offset 2h - 5m", "m offset 2h - 5m"},
      {"2h-5m * 2", "(2h - 5m) * 2", "2h - 5m * 2"},
      {"2h - 5m * 2", "2h - 5m * 2", "2h - 5m * 2"},
      {"-2h-5m", "-(2h - 5m)", "-2h - 5m"},
      {"2h-300", "2h - 300", "2h - 300"},
      {"WITH (w = 2h-5m) m[w] offset w", "m[1h55m] offset 1h55m",
       "m[1h55m] offset 1h55m"},
  };
  for (const Case& one : kCases) {
    CAPTURE(one.query);
    const auto theirs = ParseExpr(one.query, Dialect::kMetricsql);
    INFO(theirs.status());
    REQUIRE(theirs.ok());
    CHECK(ExprText(**theirs) == one.metricsql);
    CHECK(ExprText(*ParseExpr(one.query).value()) == one.promql);
  }
  CHECK(ExprText(*ParseExpr("m offset 2h-3i", Dialect::kMetricsql).value()) ==
        "m offset (2h - 3i)");
  CHECK_FALSE(ParseExpr("m[5m-2h]", Dialect::kMetricsql).ok());
  CHECK_FALSE(ParseExpr("WITH (w = a - 5m) m[w]").ok());
}

TEST_CASE("the operators of MetricsQL bind weakest", "[promql]") {
  const auto top = [](std::string_view query) {
    return static_cast<const BinaryExpr&>(*ParseExpr(query).value()).op;
  };
  CHECK(top("a or b default c") == BinaryOp::kDefault);
  CHECK(top("a default b or c") == BinaryOp::kDefault);
  CHECK(top("a if b default c ifnot d") == BinaryOp::kDefault);
  CHECK(top("a if b or c") == BinaryOp::kIf);
}

TEST_CASE("or-ed matchers make groups with the name in each", "[promql]") {
  const auto groups =
      ParseSelectorGroups("m{a=\"1\" or b=\"2\",c=\"3\"}").value();
  REQUIRE(groups.size() == 2);
  CHECK(groups[0].size() == 2);
  CHECK(groups[1].size() == 3);
  CHECK(groups[1].back().value == "m");
  CHECK_FALSE(ParseSelector("m{a=\"1\" or b=\"2\"}").ok());
  CHECK_FALSE(ParseExpr("{a=\"1\" or b=\"\"}").ok());
}

TEST_CASE("the metricsql dialect makes types fit", "[promql]") {
  struct Fit {
    const char* query;
    ValueType type;
  };
  constexpr Fit kFits[] = {
      {"1 == 1", ValueType::kVector},
      {"(1 > 2) + 3", ValueType::kVector},
      {"1 and 2", ValueType::kVector},
      {"sum(1)", ValueType::kVector},
      {"abs(-1)", ValueType::kVector},
      {"clamp_max(a, b)", ValueType::kVector},
      {"sum(a[5m])", ValueType::kVector},
      {"-a[5m]", ValueType::kVector},
      {"rate(1)", ValueType::kVector},
      {"(a + b)[5m]", ValueType::kMatrix},
      {"1[5m:1m]", ValueType::kMatrix},
      {"{}", ValueType::kVector},
      {"{a=\"\"}", ValueType::kVector},
      {"1 + 1", ValueType::kScalar},
  };
  for (const Fit& fit : kFits) {
    CAPTURE(fit.query);
    const auto expr = ParseExpr(fit.query, Dialect::kMetricsql);
    INFO(expr.status());
    REQUIRE(expr.ok());
    CHECK((*expr)->type == fit.type);
    const std::string_view query = fit.query;
    if (query != "1 + 1") CHECK_FALSE(ParseExpr(query).ok());
    // What was put in between is not printed.
    CHECK(ParseExpr(ExprText(**expr), Dialect::kMetricsql).ok());
  }
  CHECK_FALSE(ParseExpr("sum(\"a\")", Dialect::kMetricsql).ok());
}

}  // namespace
}  // namespace varve::promql
