#include "net/http/route_table.h"

#include <catch2/catch.hpp>

namespace varve::http {
namespace {

using Parts = std::vector<std::string>;

TEST_CASE("literal parts win over captures, captures over the rest",
          "[http]") {
  RouteTable table;
  REQUIRE(table.Add("/", 0).ok());
  REQUIRE(table.Add("/select/{}/query", 1).ok());
  REQUIRE(table.Add("/select/prometheus/query", 2).ok());
  REQUIRE(table.Add("/select/{}/vmui/{*}", 3).ok());
  REQUIRE(table.Add("/select/{}/dir/", 4).ok());
  Parts captures;
  CHECK(table.Find(Parts{}, false, captures) == 0);
  CHECK(table.Find(Parts{"select", "42", "query"}, false, captures) == 1);
  CHECK(captures == Parts{"42"});
  CHECK(table.Find(Parts{"select", "prometheus", "query"}, false, captures) ==
        2);
  CHECK(captures.empty());
  CHECK(table.Find(Parts{"select", "prometheus", "vmui", "a", "b"}, false,
                   captures) == 3);
  CHECK(captures == Parts{"prometheus", "a/b"});
  CHECK(table.Find(Parts{"select", "1", "vmui"}, true, captures) == 3);
  CHECK(captures == Parts{"1", ""});
  CHECK(table.Find(Parts{"select", "1", "dir"}, true, captures) == 4);
  CHECK(table.Find(Parts{"select", "1", "dir"}, false, captures) == 4);
  CHECK(table.Find(Parts{"select", "1"}, false, captures) == -1);
  CHECK(table.Find(Parts{"select", "1", "query", "x"}, false, captures) == -1);
}

TEST_CASE("patterns that cannot be meant are refused", "[http]") {
  RouteTable table;
  REQUIRE(table.Add("/a/{}", 0).ok());
  for (const char* bad : {"", "a", "/a/{}", "/{*}/a"}) {
    CAPTURE(bad);
    CHECK(absl::IsInvalidArgument(table.Add(bad, 1)));
  }
}

}  // namespace
}  // namespace varve::http
