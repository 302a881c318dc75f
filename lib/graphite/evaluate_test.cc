// Values are worked out by hand from what Graphite's documentation says of
// each function.
#include "lib/graphite/evaluate.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <string>
#include <vector>

#include "lib/base/status.h"
#include "lib/graphite/target.h"
#include "lib/model/matcher.h"

namespace varve::graphite {
namespace {

constexpr int64_t kStartMs = 600'000;  // a multiple of all intervals below
constexpr double kN = kNone;

// Series of one value each 10 s, by name and tags, from kStartMs on. Values
// before it are those of `before`, the latest last.
class FakeHost final : public Host {
 public:
  struct Stored {
    std::map<std::string, std::string> tags;
    std::vector<double> values;
    std::vector<double> before;
  };

  absl::StatusOr<SeriesList> Fetch(const model::Matchers& matchers,
                                   const Grid& grid) override {
    ++fetches;
    SeriesList found;
    for (const Stored& one : stored) {
      bool matches = true;
      for (const model::Matcher& matcher : matchers) {
        const auto compiled = model::CompiledMatcher::Make(matcher);
        REQUIRE(compiled.ok());
        const auto tag = one.tags.find(
            matcher.name == "__name__" ? "name" : matcher.name);
        matches = matches && compiled->Matches(
                                 tag == one.tags.end() ? "" : tag->second);
      }
      if (matches) found.push_back(OnGrid(one, grid));
    }
    return found;
  }
  absl::Status Charge(int64_t bytes) override {
    charged += bytes;
    if (charged <= bytes_max) return absl::OkStatus();
    return base::ResourceExhausted("too much memory");
  }
  absl::Status CheckAlive() override {
    ++checks;
    return alive;
  }

  void Add(const std::string& name, std::vector<double> values,
           std::map<std::string, std::string> tags = {},
           std::vector<double> before = {}) {
    tags["name"] = name;
    stored.push_back({std::move(tags), std::move(values), std::move(before)});
  }

  std::vector<Stored> stored;
  int fetches = 0;
  int checks = 0;
  int64_t charged = 0;
  int64_t bytes_max = 1 << 20;
  absl::Status alive;

 private:
  static Series OnGrid(const Stored& one, const Grid& grid) {
    Series series;
    series.name = one.tags.at("name");
    series.tags = one.tags;
    series.start_ms = grid.start_ms;
    series.step_ms = grid.step_ms;
    for (size_t i = 0; i < grid.points(); ++i) {
      const int64_t at = (grid.start_ms - kStartMs) / 10'000 +
                         static_cast<int64_t>(i) +
                         static_cast<int64_t>(one.before.size());
      std::vector<double> all = one.before;
      all.insert(all.end(), one.values.begin(), one.values.end());
      series.values.push_back(at >= 0 && at < static_cast<int64_t>(all.size())
                                  ? all[static_cast<size_t>(at)]
                                  : kNone);
    }
    return series;
  }
};

struct Graphite {
  Graphite() {
    host.Add("web.a.load", {1, 2, 4, 8, 16, 32});
    host.Add("web.b.load", {10, 20, kN, 40, 50, 60});
    host.Add("db.a.load", {6, 5, 4, 3, 2, 1}, {{"dc", "x"}, {"rack", "1"}});
    host.Add("db.b.load", {0, 0, 0, 0, 0, 0}, {{"dc", "y"}, {"rack", "2"}});
    host.Add("empty", {kN, kN, kN, kN, kN, kN});
    options.grid = {kStartMs, kStartMs + 60'000, 10'000};
  }

  // "name=1,2,-;name=…"; an error's text after "error: ".
  std::string Run(const std::string& text) {
    const auto target = ParseTarget(text);
    if (!target.ok()) return "error: " + std::string(target.status().message());
    const auto made = Evaluate(*target, options, host);
    if (!made.ok()) return "error: " + std::string(made.status().message());
    std::string out;
    for (const Series& series : *made) {
      if (!out.empty()) out += ";";
      out += series.name + "=";
      for (size_t i = 0; i < series.values.size(); ++i) {
        const double v = std::round(series.values[i] * 1000) / 1000;
        char number[32];
        std::snprintf(number, sizeof(number), "%g", v);
        out += (i == 0 ? "" : ",") + std::string(IsNone(v) ? "-" : number);
      }
    }
    return out;
  }
  // Without names.
  std::string Values(const std::string& text) {
    std::string out = Run(text);
    if (out.starts_with("error")) return out;
    std::string values;
    while (!out.empty()) {
      const size_t end = std::min(out.find(';'), out.size());
      const size_t equals = out.rfind('=', end);
      values += (values.empty() ? "" : ";") + out.substr(equals + 1,
                                                         end - equals - 1);
      out.erase(0, end + 1);
    }
    return values;
  }

  FakeHost host;
  EvaluateOptions options;
};

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

TEST_CASE("series of unlike steps meet on the larger one", "[graphite]") {
  Graphite g;
  CHECK(g.Values("sumSeries(summarize(web.a.load,'30s'),web.a.load)") ==
        "9.333,74.667");
  CHECK(g.Values(
            "sumSeries(summarize(web.a.load,'30s'),"
            "consolidateBy(web.a.load,'max'))") == "11,88");
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

TEST_CASE("moving windows ask whether to go on by the work they do",
          "[graphite]") {
  Graphite g;
  g.host.bytes_max = 1 << 30;
  g.options.grid.end_ms = g.options.grid.start_ms + 40'000 * 10'000;
  g.options.grid.start_ms += 20'000 * 10'000;
  CHECK_FALSE(g.Run("movingMax(web.a.load,500)").starts_with("error"));
  CHECK(g.host.checks > 9);
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

TEST_CASE("a window of larger steps reads as many of them", "[graphite]") {
  Graphite g;
  g.host.Add("m", {5, 6, 7, 8, 9, 10}, {}, {1, 2, 3, 4});
  CHECK(g.Values("movingAverage(summarize(m,'20s'),2)") == "5,9,13");
}

TEST_CASE("a reference of other steps is met by time", "[graphite]") {
  Graphite g;
  g.host.Add("gaps", {kN, kN, kN, kN, kN, kN});
  g.host.Add("late", {kN, kN, kN, kN, 1, kN});
  CHECK(g.Values("transformNull(gaps,7,summarize(late,'20s'))") ==
        "-,-,-,-,7,7");
}

TEST_CASE("a share of points that is just reached is enough", "[graphite]") {
  const std::vector<double> values = {1, 1, 1, 1, 1, 1, 1,
                                      kN, kN, kN, kN, kN, kN, kN, kN,
                                      kN, kN, kN, kN, kN, kN, kN, kN,
                                      kN, kN};
  CHECK(Aggregate(Aggregation::kSum, values, 0.28) == 7);  // 7 of 25
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
