// Graphite's render API over a small storage: forms, ranges, limits.
#include <string>

#include "lib/query/test_api.h"

namespace varve::query {
namespace {

// kT is 1795167840, a multiple of 10 s.
void AddLoads(Api& api) {
  for (const char* host : {"a", "b"}) {
    const double of = host[0] == 'a' ? 1 : 10;
    api.storage.Add(
        model::LabelSet{{"__name__", std::string("web.") + host + ".load"},
                        {"dc", "e\"u"}},
        {{kT - 60'000, of}, {kT - 52'000, 3 * of}, {kT - 40'000, 5 * of},
         {kT - 30'000, model::StaleNan()}, {kT - 10'500, 7 * of}});
  }
}

KeptAnswer Render(Api& api, http::Arguments arguments,
                  const std::string& tenant = "0") {
  return api.Call("/select/{}/graphite/render", {tenant},
                  std::move(arguments));
}

http::Arguments Minute(http::Arguments more) {
  more.push_back({"from", "-1min"});
  return more;
}

TEST_CASE("a point is the average of its samples; gaps are null", "[query]") {
  Api api;
  AddLoads(api);
  const KeptAnswer answer = Render(api, Minute({{"target", "web.a.load"}}));
  CHECK(answer.status == 200);
  CHECK(answer.content_type == "application/json");
  CHECK(answer.body ==
        "[{\"target\":\"web.a.load\",\"tags\":{\"dc\":\"e\\\"u\",\"name\":"
        "\"web.a.load\"},\"datapoints\":[[2,1795167780],[null,1795167790],"
        "[5,1795167800],[null,1795167810],[7,1795167820],"
        "[null,1795167830]]}]");
  CHECK(api.storage.last_request.range.start_ms == kT - 60'000);
  CHECK(api.storage.last_request.range.end_ms == kT - 1);
}

TEST_CASE("several targets answer one after another, as text too",
          "[query]") {
  Api api;
  AddLoads(api);
  CHECK(Render(api, Minute({{"target", "alias(web.b.load,'x,y')"},
                            {"target[]", "constantLine(1)"},
                            {"format", "raw"}}))
            .body ==
        "x,y,1795167780,1795167840,10|20,None,50,None,70,None\n"
        "1,1795167780,1795167870,30|1,1,1\n");
  const KeptAnswer csv = Render(
      api, {{"target", "alias(web.b.load,'x,\"y')"}, {"format", "csv"},
            {"from", "1795167780"}, {"until", "1795167800"}});
  CHECK(csv.content_type == "text/csv; charset=utf-8");
  CHECK(csv.body ==
        "\"x,\"\"y\",2026-11-20 09:43:00,20\r\n"
        "\"x,\"\"y\",2026-11-20 09:43:10,\r\n");
  CHECK(Render(api, Minute({{"target", "none"}, {"jsonp", "f"}})).body ==
        "f([])");
}

TEST_CASE("maxDataPoints makes steps larger, by what consolidateBy says",
          "[query]") {
  Api api;
  AddLoads(api);
  const auto points = [&](const char* target) {
    const std::string body =
        Render(api, Minute({{"target", target}, {"maxDataPoints", "2"}})).body;
    return body.substr(body.find("\"datapoints\""));
  };
  CHECK(points("web.a.load") ==
        "\"datapoints\":[[3.5,1795167780],[7,1795167810]]}]");
  CHECK(points("consolidateBy(web.a.load,'sum')") ==
        "\"datapoints\":[[7,1795167780],[7,1795167810]]}]");
}

TEST_CASE("larger steps are of whole points and begin at multiples of them",
          "[query]") {
  Api api;
  api.storage.Add(model::LabelSet{{"__name__", "ones"}}, {{kT - 70'000, 1}});
  const std::string body =
      Render(api, {{"target", "consolidateBy(ones,'count')"},
                   {"from", "1795167770"}, {"maxDataPoints", "3"}})
          .body;
  CHECK(body.substr(body.find("\"datapoints\"")) ==
        "\"datapoints\":[[1,1795167750],[null,1795167780],"
        "[null,1795167810]]}]");
}

TEST_CASE("samples beside the range are left out", "[query]") {
  Api api;
  api.storage.Add(model::LabelSet{{"__name__", "old"}}, {{kT - 300'000, 1}});
  CHECK(Render(api, Minute({{"target", "old"}})).body == "[]");
}

TEST_CASE("a partial render says so in a header", "[query]") {
  Api api;
  AddLoads(api);
  const auto mark = [&] {
    const KeptAnswer answer = Render(api, Minute({{"target", "web.a.load"}}));
    CHECK(answer.status == 200);
    for (const auto& [name, value] : answer.headers) {
      if (name == "X-Partial") return value;
    }
    return std::string();
  };
  CHECK(mark().empty());
  api.storage.outcome.is_partial = true;
  CHECK(mark() == "true");
}

TEST_CASE("no path below vmalert leads above it", "[query]") {
  Api api;
  for (const char* path : {"..", "a/../../x", "./a", "a/.."}) {
    const KeptAnswer answer =
        api.Call("/select/{}/vmalert/{*}", {"0", path}, {});
    CAPTURE(path, answer.body);
    CHECK(answer.status == 400);
    CHECK(answer.body.find("has the part") != std::string::npos);
  }
}

TEST_CASE("storage_step and the flag set the distance of points", "[query]") {
  SelectOptions options;
  options.graphite_step_ms = 30'000;
  Api api(options);
  AddLoads(api);
  CHECK(Render(api, Minute({{"target", "web.a.load"}}))
            .body.find("[[3,1795167780],[7,1795167810]]") !=
        std::string::npos);
  CHECK(Render(api, Minute({{"target", "web.a.load"},
                            {"storage_step", "20s"}}))
            .body.find("[[2,1795167780],[5,1795167800],[7,1795167820]]") !=
        std::string::npos);
}

TEST_CASE("extra filters narrow a render too", "[query]") {
  Api api;
  AddLoads(api);
  CHECK(Render(api, Minute({{"target", "web.*.load"},
                            {"extra_label", "dc=other"}}))
            .body == "[]");
  CHECK(Render(api, Minute({{"target", "web.*.load"}}), "7").body == "[]");
}

TEST_CASE("what cannot be rendered is 400 or, over a limit, 422 with the flag",
          "[query]") {
  SelectOptions options;
  options.graphite_points_max = 100;
  options.max_graphite_items = 1;
  options.max_samples_per_series = 4;
  options.limits.memory_bytes_max = 1500;
  Api api(options);
  AddLoads(api);
  const auto refused = [&](http::Arguments arguments, int status,
                           const char* text) {
    const KeptAnswer answer = Render(api, Minute(std::move(arguments)));
    CAPTURE(text, answer.body);
    CHECK(answer.status == status);
    CHECK(answer.body.find(text) != std::string::npos);
  };
  refused({}, 400, "target");
  refused({{"target", "f("}}, 400, "position");
  refused({{"target", "nosuch(a)"}}, 400, "unknown function \\\"nosuch\\\"");
  refused({{"target", "a"}, {"format", "png"}}, 400, "png");
  refused({{"target", "a"}, {"until", "soon"}}, 400, "soon");
  refused({{"target", "a"}, {"until", "-2min"}}, 400, "no range");
  refused({{"target", "a"}, {"jsonp", "f()"}}, 400, "jsonp");
  refused({{"target", "a"}, {"storage_step", "0s"}}, 400, "storage_step");
  refused({{"target", "a"}, {"xFilesFactor", "2"}}, 400, "xFilesFactor");
  refused({{"target", "web.a.load"}, {"storage_step", "1ms"}}, 422,
          "-search.graphiteMaxPointsPerSeries");
  refused({{"target", "web.a.load"}}, 422, "-search.maxSamplesPerSeries");
  CHECK(Render(api, {{"target", "a"}}, "multitenant").status == 400);
}

TEST_CASE("series of all targets together, and their memory, are bounded",
          "[query]") {
  SelectOptions options;
  options.max_graphite_items = 2;
  Api api(options);
  AddLoads(api);
  const KeptAnswer many = Render(
      api, Minute({{"target", "web.*.load"}, {"target", "web.a.load"}}));
  CHECK(many.status == 422);
  CHECK(many.body.find("-search.maxGraphiteSeries") != std::string::npos);
  options.limits.memory_bytes_max = 700;
  Api small(options);
  AddLoads(small);
  CHECK(Render(small, Minute({{"target", "web.a.load"}})).status == 200);
  const KeptAnswer large = Render(small, Minute({{"target", "web.*.load"}}));
  CHECK(large.status == 422);
  CHECK(large.body.find("-search.maxMemoryPerQuery") != std::string::npos);
}

TEST_CASE("functions tell what there is", "[query]") {
  Api api;
  const KeptAnswer all =
      api.Call("/select/{}/graphite/functions", {"0"}, {});
  CHECK(all.status == 200);
  CHECK(all.body.starts_with("{\"absolute\":{\"name\":\"absolute\","));
  const KeptAnswer one =
      api.Call("/select/{}/graphite/functions/{}", {"0", "scale"}, {});
  CHECK(one.body.find("\"function\":\"scale(seriesList, factor)\"") !=
        std::string::npos);
  CHECK(one.body.find("{\"name\":\"factor\",\"type\":\"float\",\"required\":"
                      "true}") != std::string::npos);
  CHECK(api.Call("/select/{}/graphite/functions/{}", {"0", "x"}, {}).status ==
        400);
}

TEST_CASE("answers of tags and paths over their bound are errors", "[query]") {
  SelectOptions options;
  options.max_graphite_items = 3;
  Api api(options);
  for (const char* name : {"x.1", "x.2", "y.1", "y.2"}) {
    api.storage.Add(model::LabelSet{{"__name__", name}}, {{kT, 1}});
  }
  const auto call = [&](const std::string& path, http::Arguments arguments) {
    return api.Call("/select/{}/graphite/" + path, {"0"},
                    std::move(arguments));
  };
  CHECK(call("metrics/expand", {{"query", "x.*"}}).status == 200);
  const KeptAnswer together =
      call("metrics/expand", {{"query", "x.*"}, {"query", "y.*"}});
  CHECK(together.status == 422);
  CHECK(together.body.find("-search.maxGraphiteSeries") != std::string::npos);
  api.storage.focus_values = 3;
  CHECK(api.Call("/select/{}/graphite/tags/{}", {"0", "dc"}, {}).status == 200);
  api.storage.focus_values = 4;
  CHECK(api.Call("/select/{}/graphite/tags/{}", {"0", "dc"}, {}).status == 422);
}

}  // namespace
}  // namespace varve::query
