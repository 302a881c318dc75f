// What holds of all targets: paths, errors, bounds.
#include <string>

#include "lib/base/status.h"
#include "lib/graphite/test_graphite.h"

namespace varve::graphite {
namespace {

TEST_CASE("paths select by patterns, seriesByTag by tags", "[graphite]") {
  Graphite g;
  CHECK(g.Run("web.a.load") == "web.a.load=1,2,4,8,16,32");
  CHECK(g.Values("web.{a,c}.load") == "1,2,4,8,16,32");
  CHECK(g.Values("*.[ab].load").size() > 40);
  CHECK(g.Run("web.*") == "");  // no leaf has two nodes
  CHECK(g.Run("seriesByTag('dc=~x|z', 'name=db.a.load')") ==
        "db.a.load=6,5,4,3,2,1");
  CHECK(g.Run("seriesByTag()").starts_with("error"));
  CHECK(g.Run("seriesByTag(a.b)").starts_with("error"));
}

TEST_CASE("what cannot be called is an error that says what", "[graphite]") {
  Graphite g;
  CHECK(g.Run("nosuch(web.a.load)").find("unknown function \"nosuch\"") !=
        std::string::npos);
  CHECK(g.Run("scale(web.a.load)").find("`factor`") != std::string::npos);
  CHECK(g.Run("scale(web.a.load,2,3)").find("no parameter for 3") !=
        std::string::npos);
  CHECK(g.Run("scale(web.a.load,factor=2,factor=3)").find("twice") !=
        std::string::npos);
  CHECK(g.Run("scale(web.a.load,size=2)").find("size") != std::string::npos);
  CHECK(g.Run("scale(web.a.load,'2')").find("expected a number") !=
        std::string::npos);
  CHECK(g.Run("scale(3,2)").starts_with("error"));
  CHECK(g.Run("12").starts_with("error"));
}

TEST_CASE("points, memory and life are bounded", "[graphite]") {
  Graphite g;
  g.options.points_max = 5;
  CHECK(g.Run("web.a.load").find("-search.graphiteMaxPointsPerSeries") !=
        std::string::npos);
  g.options.points_max = 10;
  CHECK(g.Run("sumSeries(web.a.load)").find("error") == std::string::npos);
  g.host.bytes_max = 2 * g.host.charged;
  CHECK(g.Run("group(sumSeries(web.*.load),sumSeries(db.*.load))") ==
        "error: too much memory");
  g.host.bytes_max = 1 << 20;
  g.host.alive = base::Cancelled("gone");
  CHECK(g.Run("web.a.load") == "error: gone");
}

TEST_CASE("names are bounded and charged for", "[graphite]") {
  Graphite g;
  std::string twice = "alias(web.a.load,'0123456789')";
  for (int i = 0; i < 30; ++i) {
    twice = "aliasSub(" + twice + ",'.+','\\0\\0')";
  }
  g.host.bytes_max = 1 << 30;
  CHECK(g.Run(twice).find("the maximum is 65536") != std::string::npos);
  CHECK(g.host.charged < 200'000);
  const std::string large(60'000, 'x');
  CHECK(g.Run("aliasSub(alias(web.a.load,'" + large + "'),'.','" +
              large.substr(0, 1000) + "')")
            .find("not taken") != std::string::npos);
  g.host.charged = 0;
  CHECK(g.Run("alias(web.*.load,'" + large + "')").size() > 120'000);
  CHECK(g.host.charged >= 119'000);
  g.host.charged = 0;
  g.host.bytes_max = 100'000;
  CHECK(g.Run("alias(web.*.load,'" + large + "')") ==
        "error: too much memory");
}

TEST_CASE("a path is charged for each series that has it", "[graphite]") {
  Graphite g;
  const std::string path = "{web,db," + std::string(1000, 'x') + "}.*.load";
  CHECK_FALSE(g.Run(path).starts_with("error"));
  CHECK(g.host.charged >= 4000);
}

TEST_CASE("lists of paths in names end where they get long", "[graphite]") {
  Graphite g;
  for (int i = 0; i < 1000; ++i) {
    g.host.Add("many.number" + std::to_string(i), {1});
  }
  g.host.bytes_max = 1 << 30;
  const std::string sum = g.Run("sumSeries(scale(many.*,1))");
  CHECK(sum.find(",…)=1000") != std::string::npos);
  CHECK(sum.size() < 4200);
  std::string list = "many.number0";
  for (int i = 1; i < 1000; ++i) list += ",many.number" + std::to_string(i);
  const std::string listed = g.Run("sumSeries(" + list + ")");
  CHECK(listed.find(",…)=1000") != std::string::npos);
  CHECK(listed.size() < 4200);
  // Each of the thousand names has the list.
  CHECK(g.Run("asPercent(group(" + list + "))").size() < 400'000);
}

TEST_CASE("times out of all ranges are errors", "[graphite]") {
  Graphite g;
  CHECK(g.Run("timeShift(web.a.load,'1y')").find("before 1970") !=
        std::string::npos);
  std::string ahead = "web.a.load";
  for (int i = 0; i < 60; ++i) ahead = "timeShift(" + ahead + ",'+399y')";
  CHECK(g.Run(ahead).starts_with("error"));
  CHECK(g.Run("sumSeriesWithWildcards(web.*.load,1e999)")
            .find("from 0 to 1000000") != std::string::npos);
}

TEST_CASE("the table of functions is sorted, named once, and complete",
          "[graphite]") {
  const auto& all = Functions();
  CHECK(all.size() > 80);
  for (size_t i = 1; i < all.size(); ++i) {
    CHECK(std::string_view(all[i - 1]->name) < all[i]->name);
  }
  for (const FunctionInfo* const one : all) {
    CAPTURE(one->name);
    CHECK(FindFunction(one->name) == one);
    CHECK_FALSE(one->parameters.empty());
  }
  CHECK(FindFunction("scal") == nullptr);
}

}  // namespace
}  // namespace varve::graphite
