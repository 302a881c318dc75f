// Several series made one, and groups of them.
#include <vector>

#include "lib/graphite/test_graphite.h"

namespace varve::graphite {
namespace {

TEST_CASE("series are combined point by point, missing values left out",
          "[graphite]") {
  Graphite g;
  CHECK(g.Run("sumSeries(web.*.load)") ==
        "sumSeries(web.*.load)=11,22,4,48,66,92");
  CHECK(g.Run("sum(web.a.load,db.a.load)") ==
        "sumSeries(web.a.load,db.a.load)=7,7,8,11,18,33");
  CHECK(g.Values("averageSeries(web.*.load)") == "5.5,11,4,24,33,46");
  CHECK(g.Values("avg(web.*.load)") == "5.5,11,4,24,33,46");
  CHECK(g.Values("minSeries(web.*.load)") == "1,2,4,8,16,32");
  CHECK(g.Values("maxSeries(web.*.load)") == "10,20,4,40,50,60");
  CHECK(g.Values("rangeOfSeries(web.*.load)") == "9,18,0,32,34,28");
  CHECK(g.Values("stddevSeries(web.*.load)") == "4.5,9,0,16,17,14");
  CHECK(g.Values("diffSeries(web.b.load,web.a.load)") == "9,18,4,32,34,28");
  CHECK(g.Values("multiplySeries(web.*.load)") == "10,40,-,320,800,1920");
  CHECK(g.Values("countSeries(web.*.load)") == "2,2,2,2,2,2");
  CHECK(g.Values("aggregate(web.*.load,'max')") == "10,20,4,40,50,60");
  CHECK(g.Values("aggregate(web.*.load,'sum',1)") == "11,22,-,48,66,92");
  CHECK(g.Values("sumSeries(nothing)") == "");
  CHECK(g.Run("aggregate(web.*.load,'mode')").starts_with("error"));
}

TEST_CASE("quotients have no value where the divisor is zero or missing",
          "[graphite]") {
  Graphite g;
  CHECK(g.Run("divideSeries(web.a.load,web.b.load)") ==
        "divideSeries(web.a.load,web.b.load)=0.1,0.1,-,0.2,0.32,0.533");
  CHECK(g.Values("divideSeries(web.a.load,db.b.load)") == "-,-,-,-,-,-");
  CHECK(g.Run("divideSeries(web.a.load,nothing)") ==
        "divideSeries(web.a.load,MISSING)=-,-,-,-,-,-");
  CHECK(g.Run("divideSeries(web.a.load,web.*.load)").starts_with("error"));
}

TEST_CASE("shares are of a number, a series, the sum, or the sum of a group",
          "[graphite]") {
  Graphite g;
  CHECK(g.Run("asPercent(web.a.load,200)") ==
        "asPercent(web.a.load,200)=0.5,1,2,4,8,16");
  CHECK(g.Values("asPercent(web.a.load,web.b.load)") ==
        "10,10,-,20,32,53.333");
  CHECK(g.Run("asPercent(db.*.load)") ==
        "asPercent(db.a.load,sumSeries(db.*.load))=100,100,100,100,100,100;"
        "asPercent(db.b.load,sumSeries(db.*.load))=0,0,0,0,0,0");
  // By host: web.a and db.a together are 7, 7, 8, 11, 18, 33.
  CHECK(g.Values("asPercent(*.a.load,None,1)") ==
        "14.286,28.571,50,72.727,88.889,96.97;"
        "85.714,71.429,50,27.273,11.111,3.03");
}

TEST_CASE("series are grouped by nodes and tags", "[graphite]") {
  Graphite g;
  CHECK(g.Run("groupByNode(*.*.load,0,'sum')") ==
        "web=11,22,4,48,66,92;db=6,5,4,3,2,1");
  CHECK(g.Run("groupByNodes(*.*.load,'max',-1,1)") ==
        "load.a=6,5,4,8,16,32;load.b=10,20,0,40,50,60");
  CHECK(g.Run("groupByTags(db.*.load,'sum','dc')") ==
        "sum;dc=x=6,5,4,3,2,1;sum;dc=y=0,0,0,0,0,0");
  CHECK(g.Run("groupByTags(db.*.load,'sumSeries','rack','name')")
            .starts_with("db.a.load;rack=1="));
  CHECK(g.Run("sumSeriesWithWildcards(*.*.load,0)") ==
        "a.load=7,7,8,11,18,33;b.load=10,20,0,40,50,60");
}

TEST_CASE("series of unlike steps meet on the larger one", "[graphite]") {
  Graphite g;
  CHECK(g.Values("sumSeries(summarize(web.a.load,'30s'),web.a.load)") ==
        "9.333,74.667");
  CHECK(g.Values(
            "sumSeries(summarize(web.a.load,'30s'),"
            "consolidateBy(web.a.load,'max'))") == "11,88");
}

TEST_CASE("a share of points that is just reached is enough", "[graphite]") {
  const std::vector<double> values = {1, 1, 1, 1, 1, 1, 1,
                                      kN, kN, kN, kN, kN, kN, kN, kN,
                                      kN, kN, kN, kN, kN, kN, kN, kN,
                                      kN, kN};
  CHECK(Aggregate(Aggregation::kSum, values, 0.28) == 7);  // 7 of 25
}

}  // namespace
}  // namespace varve::graphite
