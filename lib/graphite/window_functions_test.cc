// Series over time: larger steps, moving windows, other times.
#include <utility>

#include "lib/base/strings.h"
#include "lib/graphite/test_graphite.h"

namespace varve::graphite {
namespace {

TEST_CASE("summarize joins points to larger steps", "[graphite]") {
  Graphite g;
  CHECK(g.Run("summarize(web.a.load,'30s')") ==
        "summarize(web.a.load,'30s','sum')=7,56");
  CHECK(g.Values("summarize(web.b.load,'20s','avg')") == "15,40,55");
  CHECK(g.Values("summarize(web.b.load,'1min','last')") == "60");
  CHECK(g.Values("summarize(web.b.load,'20s','count')") == "2,1,2");
  // Buckets of 40 s begin at multiples of 40 s, or with the series.
  g.options.grid = {kStartMs + 20'000, kStartMs + 60'000, 10'000};
  CHECK(g.Values("summarize(web.a.load,'40s','sum')") == "12,48");
  CHECK(g.Values("summarize(web.a.load,'40s','sum',true)") == "60");
  CHECK(g.Run("summarize(web.a.load,'-1s')").starts_with("error"));
  CHECK(g.Run("summarize(web.a.load,'1ms')").find("MaxPoints") ==
        std::string::npos);
  g.options.points_max = 100;
  CHECK(g.Run("summarize(web.a.load,'1ms')").find(
            "-search.graphiteMaxPointsPerSeries") != std::string::npos);
}

TEST_CASE("moving windows are of the points before, and read those before",
          "[graphite]") {
  Graphite g;
  g.host.Add("m", {1, 2, 3, 4, 5, 6}, {}, {100, 10});
  CHECK(g.Run("movingAverage(m,2)") ==
        "movingAverage(m,2)=55,5.5,1.5,2.5,3.5,4.5");
  CHECK(g.Run("movingSum(m,'20s')") ==
        "movingSum(m,'20s')=110,11,3,5,7,9");
  CHECK(g.Values("movingMax(m,3)") == "100,100,10,3,4,5");
  CHECK(g.Values("movingMin(m,3)") == "10,1,1,1,2,3");
  CHECK(g.Values("movingMedian(m,3)") == "55,10,2,2,3,4");
  CHECK(g.Values("movingWindow(m,2,'range')") == "90,9,1,1,1,1");
  CHECK(g.Values("movingSum(web.b.load,2,1)") == "-,-,30,-,-,90");
  CHECK(g.Run("movingSum(m,0)").starts_with("error"));
  CHECK(g.Run("movingSum(m,999999999)").starts_with("error"));
}

TEST_CASE("timeShift reads another time, constantLine none", "[graphite]") {
  Graphite g;
  g.host.Add("m", {1, 2, 3, 4, 5, 6}, {}, {100, 10});
  CHECK(g.Run("timeShift(m,'20s')") ==
        "timeShift(m,'20s')=100,10,1,2,3,4");
  CHECK(g.Values("timeShift(m,'+20s')") == "3,4,5,6,-,-");
  CHECK(g.Run("timeShift(m,'soon')").starts_with("error"));
  g.host.fetches = 0;
  CHECK(g.Run("constantLine(12.5)") == "12.5=12.5,12.5,12.5");
  CHECK(g.host.fetches == 0);
}

// How often a window over so many points, one series of which is asked for,
// asks the host whether to go on.
int ChecksOf(const std::string& function, int64_t window, int64_t points) {
  Graphite g;
  g.host.bytes_max = 1 << 30;
  g.options.points_max = 2 * points;  // with those before
  g.options.grid.start_ms += points * 10'000;
  g.options.grid.end_ms = g.options.grid.start_ms + points * 10'000;
  const auto target =
      ParseTarget(base::StrCat(function, "(web.a.load,", window, ")"));
  REQUIRE(target.ok());
  const auto made = Evaluate(*target, g.options, g.host);
  REQUIRE(made.ok());
  CHECK((*made)[0].values.size() == static_cast<size_t>(points));
  return g.host.checks;
}

TEST_CASE("what a long window takes does not grow with its length",
          "[graphite]") {
  for (const char* name : {"Average", "Sum", "Min", "Max", "Median"}) {
    CAPTURE(name);
    const std::string function = base::StrCat("moving", name);
    // Work that grows asks the host whether to go on, time and again.
    CHECK(ChecksOf(function, 50'000, 100'000) ==
          ChecksOf(function, 5, 100'000));
  }
}

TEST_CASE("moving windows ask within a long series whether to go on",
          "[graphite]") {
  CHECK(ChecksOf("movingSum", 5, 2'100'000) ==
        ChecksOf("movingSum", 5, 100'000) + 2);
}

TEST_CASE("moving windows ask before each series whether to go on",
          "[graphite]") {
  Graphite g;
  CHECK_FALSE(g.Run("web.a.load").starts_with("error"));
  const int before = std::exchange(g.host.checks, 0);
  CHECK_FALSE(g.Run("movingMax(*.*.load,2)").starts_with("error"));
  CHECK(g.host.checks >= before + 4);
}

TEST_CASE("a window of larger steps reads as many of them", "[graphite]") {
  Graphite g;
  g.host.Add("m", {5, 6, 7, 8, 9, 10}, {}, {1, 2, 3, 4});
  CHECK(g.Values("movingAverage(summarize(m,'20s'),2)") == "5,9,13");
}

}  // namespace
}  // namespace varve::graphite
