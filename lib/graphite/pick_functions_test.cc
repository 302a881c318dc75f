// Other names, fewer series, another order.
#include "lib/graphite/test_graphite.h"

namespace varve::graphite {
namespace {

TEST_CASE("names come from nodes, tags and patterns", "[graphite]") {
  Graphite g;
  CHECK(g.Run("alias(web.a.load,'x')") == "x=1,2,4,8,16,32");
  CHECK(g.Run("aliasByNode(scale(web.a.load,1),1,-1)") ==
        "a.load=1,2,4,8,16,32");
  CHECK(g.Run("aliasByTags(db.a.load,'dc',0)") == "x.db=6,5,4,3,2,1");
  CHECK(g.Run("aliasByMetric(offset(db.a.load,0))") == "load=6,5,4,3,2,1");
  CHECK(g.Run("aliasSub(db.a.load,'^(\\w+)\\.(\\w+).*','\\2-\\1')") ==
        "a-db=6,5,4,3,2,1");
  CHECK(g.Run("aliasSub(db.a.load,'(','x')").starts_with("error"));
  CHECK(g.Run("aliasSub(db.a.load,'a','\\3')").starts_with("error"));
}

TEST_CASE("series are picked and sorted by their values and names",
          "[graphite]") {
  Graphite g;
  CHECK(g.Values("highestMax(*.*.load,1)") == "10,20,-,40,50,60");
  CHECK(g.Values("highestCurrent(*.*.load,2)") ==
        "10,20,-,40,50,60;1,2,4,8,16,32");
  CHECK(g.Values("highestAverage(*.*.load)") == "10,20,-,40,50,60");
  CHECK(g.Values("lowestCurrent(*.*.load)") == "0,0,0,0,0,0");
  CHECK(g.Values("highest(*.*.load,1,'min')") == "10,20,-,40,50,60");
  CHECK(g.Values("averageAbove(*.*.load,11)") == "10,20,-,40,50,60");
  CHECK(g.Values("maximumBelow(*.*.load,6)") == "6,5,4,3,2,1;0,0,0,0,0,0");
  CHECK(g.Run("aliasByNode(sortByName(*.*.load),0,1)").starts_with("db.a="));
  CHECK(g.Run("aliasByNode(sortByName(*.*.load,false,true),0,1)")
            .starts_with("web.b="));
  CHECK(g.Run("aliasByNode(sortByMaxima(*.*.load),0,1)").starts_with("web.b"));
  CHECK(g.Run("aliasByNode(sortByMinima(*.*.load),0,1)").starts_with("db.b"));
  CHECK(g.Run("limit(*.*.load,1)") == "web.a.load=1,2,4,8,16,32");
  CHECK(g.Run("removeEmptySeries(group(empty,web.a.load))") ==
        "web.a.load=1,2,4,8,16,32");
  CHECK(g.Values("removeEmptySeries(web.b.load,0.9)") == "");
  CHECK(g.Run("exclude(*.a.load,'web')") == "db.a.load=6,5,4,3,2,1");
  CHECK(g.Run("grep(*.a.load,'^web')") == "web.a.load=1,2,4,8,16,32");
  CHECK(g.Run("unique(web.a.load,web.a.load)") == "web.a.load=1,2,4,8,16,32");
  CHECK(g.Values("fallbackSeries(nothing,web.a.load)") == "1,2,4,8,16,32");
}

TEST_CASE("numbers in names sort as numbers if asked to", "[graphite]") {
  Graphite g;
  g.host.Add("n.10", {1});
  g.host.Add("n.9", {1});
  g.host.Add("n.09a", {1});
  CHECK(g.Run("limit(sortByName(n.*),1)").starts_with("n.09a="));
  CHECK(g.Run("limit(sortByName(n.*,natural=true),1)").starts_with("n.9="));
}

}  // namespace
}  // namespace varve::graphite
