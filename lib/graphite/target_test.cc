#include "lib/graphite/target.h"

#include <catch2/catch.hpp>
#include <string>

#include "lib/base/status.h"

namespace varve::graphite {
namespace {

// How a text prints once parsed; "error".
std::string Printed(const std::string& text) {
  const auto target = ParseTarget(text);
  return target.ok() ? TargetText(*target) : "error";
}

TEST_CASE("paths, calls and values are told apart", "[graphite]") {
  using Kind = Target::Kind;
  const auto target =
      ParseTarget("f(a.{b,c}.[0-9]*, 1.5, -2e3, \"x, y)\", true, None, n=7)");
  REQUIRE(target.ok());
  CHECK(target->kind == Kind::kCall);
  CHECK(target->text == "f");
  REQUIRE(target->arguments.size() == 7);
  CHECK(target->arguments[0].kind == Kind::kPath);
  CHECK(target->arguments[0].text == "a.{b,c}.[0-9]*");
  CHECK(target->arguments[1].number == 1.5);
  CHECK(target->arguments[2].number == -2000);
  CHECK(target->arguments[3].kind == Kind::kText);
  CHECK(target->arguments[3].text == "x, y)");
  CHECK(target->arguments[4].kind == Kind::kBool);
  CHECK(target->arguments[5].kind == Kind::kNone);
  CHECK(target->arguments[6].keyword == "n");
  CHECK(target->arguments[6].number == 7);
}

TEST_CASE("what stands before | is the first argument", "[graphite]") {
  CHECK(Printed("a.b|scale(2)|alias('x')") == "alias(scale(a.b,2),'x')");
  CHECK(Printed(" a.* | sumSeries() ") == "sumSeries(a.*)");
  CHECK(Printed("a|b") == "error");
}

TEST_CASE("quotes hide commas and brackets, a backslash a quote",
          "[graphite]") {
  CHECK(Printed(R"(f("it's"))") == R"(f('it\'s'))");
  CHECK(Printed(R"(f('a\'b\\c\d'))") == R"(f('a\'b\\c\\d'))");
  CHECK(Printed(Printed(R"(f('a\'b\\c\d'))")) == R"(f('a\'b\\c\\d'))");
}

TEST_CASE("broken targets are errors that show the place", "[graphite]") {
  for (const char* text : {"", "  ", "f(", "f(a", "f(a,)", "f(,a)", "f(a))",
                           "f(a) b", "'a", "f(\"a)", ")", "f(a b)", "|f()"}) {
    CAPTURE(text);
    CHECK(Printed(text) == "error");
  }
  const auto broken = ParseTarget("f(a,,b)");
  CHECK(base::Message(broken.status()).find("position 4") !=
        std::string_view::npos);
}

TEST_CASE("no path becomes another argument by its place", "[graphite]") {
  CHECK(TargetText(*ParseTarget("f(a=b)")) == "f(a=b)");
  CHECK(TargetText(*ParseTarget("a=b")) == "a=b");
  CHECK(TargetText(*ParseTarget("a;t=b|f()")) == "f(a;t=b)");
  CHECK(TargetText(*ParseTarget("f(a=b|g())")) == "f(a=g(b))");
  for (const char* text : {"a=b|f()", "a=|f()", "f(a=b=c|g())"}) {
    CAPTURE(text);
    CHECK_FALSE(ParseTarget(text).ok());
  }
}

TEST_CASE("nesting and length have bounds", "[graphite]") {
  const auto nested = [](int depth) {
    std::string text;
    for (int i = 0; i < depth; ++i) text += "f(";
    return text + "a" + std::string(static_cast<size_t>(depth), ')');
  };
  CHECK(Printed(nested(kTargetDepthMax)) != "error");
  CHECK(Printed(nested(kTargetDepthMax + 1)) == "error");
  CHECK(Printed(nested(20'000)) == "error");
  std::string pipes = "a";
  for (int i = 0; i < kTargetDepthMax + 1; ++i) pipes += "|f()";
  CHECK(Printed(pipes) == "error");
  // Each wraps what is deep already.
  std::string wrapped = nested(kTargetDepthMax - 3);
  CHECK(Printed(wrapped + "|f()|f()|f()") != "error");
  CHECK(Printed(wrapped + "|f()|f()|f()|f()") == "error");
  CHECK(Printed("g(" + wrapped + "|f()|f()|f())") == "error");
  CHECK(Printed(std::string(kTargetBytesMax, 'a')) != "error");
  CHECK(Printed(std::string(kTargetBytesMax + 1, 'a')) == "error");
}

TEST_CASE("the first path of a name is found within calls", "[graphite]") {
  CHECK(FirstPath("a.b") == "a.b");
  CHECK(FirstPath("a.b;dc=x") == "a.b");
  CHECK(FirstPath("scale(sumSeries(a.b,c.d),2)") == "a.b");
  CHECK(FirstPath("asPercent(scale(x.y;t=1,3),sumSeries(z))") == "x.y");
  CHECK(FirstPath("not (a call") == "not (a call");
}

}  // namespace
}  // namespace varve::graphite
