#include "lib/query/top_queries.h"

#include <catch2/catch.hpp>

namespace varve::query {
namespace {

RanQuery Ran(std::string text, int64_t end_ms, int64_t duration_ms,
             int64_t bytes = 0, model::TenantId tenant = {}) {
  RanQuery query;
  query.query = std::move(text);
  query.tenants.tenants = {{tenant, ""}};
  query.end_steady_ms = end_ms;
  query.duration_ms = duration_ms;
  query.memory_bytes = bytes;
  return query;
}

const auto kAll = [](const RanQuery&) { return true; };

TEST_CASE("queries are summed up by text, tenant and range", "[query]") {
  TopQueries top({});
  top.Add(Ran("a", 10, 100, 1000));
  top.Add(Ran("a", 20, 300, 3000));
  top.Add(Ran("b", 20, 1));
  top.Add(Ran("a", 20, 50, 0, model::TenantId::Numeric(7, 0)));
  auto all = top.Summaries(0, kAll);
  REQUIRE(all.size() == 3);
  const auto first = [](const RanQuery& one) {
    return one.tenants == QueryTenants();
  };
  all = top.Summaries(0, first);
  REQUIRE(all.size() == 2);
  CHECK(all[0].query.query == "a");
  CHECK(all[0].count == 2);
  CHECK(all[0].sum_duration_s == 0.4);
  CHECK(all[0].sum_memory_bytes == 4000);
  CHECK(top.Summaries(15, first)[0].count == 1);
}

TEST_CASE("the last queries are kept, small ones are not", "[query]") {
  TopQueries top({.queries_max = 2, .duration_ms_min = 5});
  top.Add(Ran("small", 1, 4, 10));
  CHECK(top.Summaries(0, kAll).empty());
  top.Add(Ran("large", 1, 4, 10'000));
  top.Add(Ran("x", 1, 5));
  top.Add(Ran("y", 1, 6));
  const auto all = top.Summaries(0, kAll);
  REQUIRE(all.size() == 2);
  CHECK(all[0].query.query == "x");
  CHECK(all[1].query.query == "y");
}

TEST_CASE("long texts push out more of the older ones", "[query]") {
  TopQueries top({.text_bytes_max = 100});
  for (int i = 0; i < 30; ++i) top.Add(Ran(std::string(10, 'a' + i), 1, 100));
  CHECK(top.Summaries(0, kAll).size() == 10);
  top.Add(Ran(std::string(95, 'x'), 1, 100));
  CHECK(top.Summaries(0, kAll).size() == 1);
  top.Add(Ran(std::string(101, 'y'), 1, 100));  // more than all may take
  CHECK(top.Summaries(0, kAll).empty());
}

}  // namespace
}  // namespace varve::query
