#include "lib/protocol/json_items.h"

#include <catch2/catch.hpp>
#include <vector>

namespace varve::protocol {
namespace {

using Texts = std::vector<std::string>;

// Items as "key:value", and whether the text was complete.
std::pair<Texts, bool> Walk(std::string_view text) {
  JsonItems items(text);
  Texts found;
  std::string_view key, value;
  while (items.Next(key, value)) {
    found.push_back(std::string(key) + ":" + std::string(value));
    key = {};
  }
  return {found, items.complete()};
}

TEST_CASE("items of arrays and objects are spans of their text",
          "[protocol]") {
  CHECK(Walk(" [1, {\"a\":[2,\"]\"]} ,\"x,\\\"\" , null]\n") ==
        std::pair(Texts{":1", ":{\"a\":[2,\"]\"]}", ":\"x,\\\"\"", ":null"},
                  true));
  CHECK(Walk("{\"a\" : 1,\"b\":{\"c\":[]},\"d\":\"}\"}") ==
        std::pair(Texts{"a:1", "b:{\"c\":[]}", "d:\"}\""}, true));
  CHECK(Walk("[]") == std::pair(Texts{}, true));
  CHECK(Walk("{ }") == std::pair(Texts{}, true));
}

TEST_CASE("what is not an array or an object to its end is not complete",
          "[protocol]") {
  for (const char* text :
       {"", "1", "\"[\"", "[", "{", "[1", "[1,", "[1,]", "[,1]", "[1 2]",
        "[]]", "[1]x", "{\"a\"}", "{\"a\":}", "{a:1}", "{\"a\":1,}", "[\"a]",
        "[\"a\\\"]", "[{]", "[}]", "]"}) {
    CAPTURE(text);
    CHECK_FALSE(Walk(text).second);
  }
}

TEST_CASE("deep nesting is walked without recursion and refused when read",
          "[protocol]") {
  const std::string deep =
      std::string(500'000, '[') + std::string(500'000, ']');
  CHECK(Walk(deep).second);
  JsonItemReader reader;
  CHECK_FALSE(reader.Read(deep));
  CHECK_FALSE(reader.Read("\"" + std::string(kJsonItemBytesMax, 'x') + "\""));
  CHECK(reader.Read("{\"a\":1}"));
}

}  // namespace
}  // namespace varve::protocol
