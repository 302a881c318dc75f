// Series point by point.
#include "lib/graphite/test_graphite.h"

namespace varve::graphite {
namespace {

TEST_CASE("values are transformed one by one", "[graphite]") {
  Graphite g;
  CHECK(g.Run("scale(web.b.load,0.5)") ==
        "scale(web.b.load,0.5)=5,10,-,20,25,30");
  CHECK(g.Run("offset(web.b.load,-10)") ==
        "offset(web.b.load,-10)=0,10,-,30,40,50");
  CHECK(g.Values("absolute(offset(web.a.load,-4))") == "3,2,0,4,12,28");
  CHECK(g.Values("invert(offset(web.a.load,-4))") ==
        "-0.333,-0.5,-,0.25,0.083,0.036");
  CHECK(g.Values("pow(web.a.load,2)") == "1,4,16,64,256,1024");
  CHECK(g.Values("log(web.a.load,2)") == "0,1,2,3,4,5");
  CHECK(g.Values("squareRoot(web.a.load)") == "1,1.414,2,2.828,4,5.657");
  CHECK(g.Values("integral(web.b.load)") == "10,30,-,70,120,180");
  CHECK(g.Values("scaleToSeconds(web.a.load,1)") ==
        "0.1,0.2,0.4,0.8,1.6,3.2");
  CHECK(g.Values("removeAboveValue(web.a.load,8)") == "1,2,4,8,-,-");
  CHECK(g.Values("removeBelowValue(web.a.load,8)") == "-,-,-,8,16,32");
  CHECK(g.Values("isNonNull(web.b.load)") == "1,1,0,1,1,1");
}

TEST_CASE("gaps are filled as far as it is asked for", "[graphite]") {
  Graphite g;
  g.host.Add("gaps", {kN, 1, kN, kN, 2, kN});
  CHECK(g.Values("keepLastValue(gaps)") == "-,1,1,1,2,2");
  CHECK(g.Values("keepLastValue(gaps,1)") == "-,1,-,-,2,2");
  CHECK(g.Values("keepLastValue(gaps,inf)") == "-,1,1,1,2,2");
  CHECK(g.Values("transformNull(gaps)") == "0,1,0,0,2,0");
  CHECK(g.Run("transformNull(gaps,-1)") ==
        "transformNull(gaps,-1)=-1,1,-1,-1,2,-1");
  CHECK(g.Values("transformNull(gaps,7,web.b.load)") == "7,1,-,7,2,7");
  CHECK(g.Values("transformNull(gaps,default=3)") == "3,1,3,3,2,3");
}

TEST_CASE("derivatives of counters know wraps and bounds", "[graphite]") {
  Graphite g;
  g.host.Add("counter", {250, 255, 5, kN, 10, 30});
  CHECK(g.Values("derivative(counter)") == "-,5,-250,-,-,20");
  CHECK(g.Values("nonNegativeDerivative(counter)") == "-,5,-,-,-,20");
  CHECK(g.Values("nonNegativeDerivative(counter,255)") == "-,5,6,-,-,20");
  CHECK(g.Values("nonNegativeDerivative(counter,None,2)") == "-,5,3,-,-,20");
  CHECK(g.Values("nonNegativeDerivative(counter,251)") == "-,-,-,-,-,20");
  CHECK(g.Values("perSecond(counter)") == "-,0.5,-,-,-,2");
  CHECK(g.Values("perSecond(counter,255)") == "-,0.5,0.6,-,-,2");
}

TEST_CASE("a reference of other steps is met by time", "[graphite]") {
  Graphite g;
  g.host.Add("gaps", {kN, kN, kN, kN, kN, kN});
  g.host.Add("late", {kN, kN, kN, kN, 1, kN});
  CHECK(g.Values("transformNull(gaps,7,summarize(late,'20s'))") ==
        "-,-,-,-,7,7");
}

}  // namespace
}  // namespace varve::graphite
