#include "lib/promql/filter_flags.h"

#include <catch2/catch.hpp>

#include "lib/base/flags.h"
#include "lib/model/time_range.h"

namespace varve::promql {
namespace {

using model::kDayMs;
constexpr int64_t kMinute = 60'000;

std::vector<std::string> Items(std::string_view text) {
  return base::SplitList(text);
}

std::string Refused(std::string_view text) {
  const auto retention = ParseRetentionFilters(Items(text), 365 * kDayMs);
  const auto steps = ParseDownsampling(Items(text), 0);
  return std::string(retention.status().message()) + "\n" +
         std::string(steps.status().message());
}

TEST_CASE("retention filters are read with commas in their braces",
          "[promql]") {
  const auto filters = ParseRetentionFilters(
      Items(R"({vm_account_id="5",env="dev"}:5d,{team=~"a|b:c"}:1w)"),
      365 * kDayMs);
  INFO(filters.status());
  REQUIRE(filters.ok());
  REQUIRE(filters->size() == 2);
  CHECK((*filters)[0].retention_ms == 5 * kDayMs);
  CHECK((*filters)[1].retention_ms == 7 * kDayMs);
  const auto tenant = model::TenantId::Numeric(5, 0);
  CHECK((*filters)[0].filter.Matches(tenant, model::LabelSet{{"env", "dev"}}));
  CHECK_FALSE((*filters)[0].filter.Matches(model::TenantId::Numeric(6, 0),
                                           model::LabelSet{{"env", "dev"}}));
  CHECK((*filters)[1].filter.Matches(tenant, model::LabelSet{{"team", "b:c"}}));
}

TEST_CASE("a retention filter is bounded on both sides", "[promql]") {
  const auto text = [](const char* item) {
    const std::string items[] = {item};
    return std::string(
        ParseRetentionFilters(items, 30 * kDayMs).status().message());
  };
  CHECK(text(R"({a="b"}:30d)").empty());
  CHECK(text(R"({a="b"}:31d)").find("-retentionPeriod") != std::string::npos);
  CHECK(text(R"({a="b"}:1h)").find("a day") != std::string::npos);
}

TEST_CASE("downsampling steps gather under their filters", "[promql]") {
  const auto rules = ParseDownsampling(
      Items(R"({env="prod"}:0s:0s,{env="dev"}:30d:30m,{env="dev"}:7d:5m,)"
            R"(180d:1h,30d:5m)"),
      15'000);
  INFO(rules.status());
  REQUIRE(rules.ok());
  REQUIRE(rules->size() == 3);
  CHECK((*rules)[0].steps.empty());
  CHECK((*rules)[1].steps == model::DownsampleSteps{
                                 {7 * kDayMs, 5 * kMinute},
                                 {30 * kDayMs, 30 * kMinute}});
  CHECK((*rules)[2].steps == model::DownsampleSteps{
                                 {30 * kDayMs, 5 * kMinute},
                                 {180 * kDayMs, 60 * kMinute}});
  CHECK((*rules)[2].filter.Matches({}, model::LabelSet{{"env", "x"}}));
}

TEST_CASE("what is no filter flag is refused by name", "[promql]") {
  for (const char* text :
       {R"({a="b"})", R"({a="b"}3d)", R"({a="b"}:)", R"({a="b"}:x:y)",
        R"({a=}:3d:5m)", "3d", "3d:", ":5m", "}:3d:4d", R"({a=~"("}:3d:1m)"}) {
    CAPTURE(text);
    const std::string told = Refused(text);
    CHECK(told.find("-retentionFilter") != std::string::npos);
    if (std::string_view(text) != "3d") {
      CHECK(told.find("-downsampling.period") != std::string::npos);
    }
  }
  CHECK(Refused("30d:5m,60d:7m").find("multiple") != std::string::npos);
}

}  // namespace
}  // namespace varve::promql
