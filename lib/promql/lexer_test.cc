#include "lib/promql/lexer.h"

#include <catch2/catch.hpp>

#include "lib/promql/quoting.h"

namespace varve::promql {
namespace {

std::string Texts(std::string_view query) {
  const TokenList list = Tokenize(query);
  std::string out;
  for (const Token& token : list.tokens) {
    if (token.kind == TokenKind::kEnd) break;
    if (token.kind == TokenKind::kError) return out + "!" + list.error;
    out += std::string(token.text) + "|";
  }
  return out;
}

TEST_CASE("tokens are cut where they end", "[promql]") {
  CHECK(Texts("") == "");
  CHECK(Texts("a+1.5e3-foo:bar") == "a|+|1.5e3|-|foo:bar|");
  CHECK(Texts("a<=b>=c==d!=e") == "a|<=|b|>=|c|==|d|!=|e|");
  CHECK(Texts("a </ 1 >/ 2") == "a|</|1|>/|2|");
  CHECK(Texts("x{a=~\"b\",c!~'d'}[5m:1m]") ==
        "x|{|a|=~|\"b\"|,|c|!~|'d'|}|[|5m|:|1m|]|");
  CHECK(Texts("x[1h30m:step()]") == "x|[|1h30m|:|step|(|)|]|");
  CHECK(Texts("1 # one\n+ 2 # two") == "1|+|2|");
  CHECK(Texts(":name") == ":name|");
}

TEST_CASE("what is no token is said so", "[promql]") {
  CHECK(Texts("a$b") == "a|!unexpected character: '$'");
  CHECK(Texts("(") == "(|!unclosed left parenthesis");
  CHECK(Texts(")") == "!unexpected right parenthesis ')'");
  CHECK(Texts("a[5m") == "a|[|5m|!unclosed left bracket");
  CHECK(Texts("a{") == "a|{|!unexpected end of input inside braces");
  CHECK(Texts("}") == "!unexpected right brace '}'");
  CHECK(Texts("]") == "!unexpected right bracket ']'");
  CHECK(Texts("\"a") == "!unterminated quoted string");
  CHECK(Texts("`a") == "!unterminated raw string");
  CHECK(Texts("\"\\q\"") == "!unknown escape sequence \\q");
  CHECK(Texts("1.5h 5i 8Ki") == "1.5h|5i|8Ki|");
  CHECK(Texts("1.5hx") == "!bad number or duration syntax: \"1.5hx\"");
  CHECK(Texts("5m3") == "!bad number or duration syntax: \"5m3\"");
  CHECK(Texts("1m1h") == "!bad number or duration syntax: \"1m1h\"");
  CHECK(Texts("!") == "!unexpected character after '!': ''");
  CHECK(Texts("{a!x}") ==
        "{|a|!unexpected character after '!' inside braces: 'x'");
  CHECK(Texts("\xC3\xA9") == "!unexpected character: '\xC3\xA9'");
}

TEST_CASE("quotes are removed and escapes decoded", "[promql]") {
  CHECK(Unquote("\"a\\n\\\"\\x41\\101\\u00e9\\U0001F600\"").value() ==
        "a\n\"AA\xC3\xA9\xF0\x9F\x98\x80");
  CHECK(Unquote("'it\\'s'").value() == "it's");
  CHECK(Unquote("`a\\n`").value() == "a\\n");
  CHECK(Unquote("\"\\xff\"").value() == "\xff");
  CHECK_FALSE(Unquote("\"\\ud800\"").ok());
  CHECK_FALSE(Unquote("\"\\400\"").ok());
  CHECK_FALSE(Unquote("\"\\'\"").ok());
  CHECK_FALSE(Unquote("\"\\x4\"").ok());
}

TEST_CASE("UTF-8 is told from other bytes", "[promql]") {
  CHECK(IsUtf8(""));
  CHECK(IsUtf8("a\xC3\xA9\xE6\x9D\xB1\xF0\x9F\x98\x80"));
  for (const char* bad : {"\x80", "\xC3", "\xC0\x80", "\xED\xA0\x80",
                          "\xF4\x90\x80\x80", "\xFF", "a\xE6\x9D"}) {
    CHECK_FALSE(IsUtf8(bad));
  }
}

}  // namespace
}  // namespace varve::promql
