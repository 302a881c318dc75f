// Graphite's find, expand, index and tags over a small storage.
#include <string>

#include "lib/query/test_api.h"

namespace varve::query {
namespace {

KeptAnswer Graphite(Api& api, const std::string& path,
                    http::Arguments arguments) {
  return api.Call("/select/{}/graphite/" + path, {"0"}, std::move(arguments));
}

void AddDisks(Api& api) {
  for (const char* name : {"disk.a.used", "disk.a.free", "disk.b", "disk.b.x",
                           "other"}) {
    api.storage.Add(model::LabelSet{{"__name__", name}, {"dc", "e\"u"}},
                    {{kT, 1}});
  }
  api.storage.Add(model::LabelSet{{"__name__", "tagged"}, {"dc", "us"}},
                  {{kT, 1}});
}

TEST_CASE("find shows the nodes at the pattern's end", "[query]") {
  Api api;
  AddDisks(api);
  CHECK(Graphite(api, "metrics/find", {{"query", "disk.*"}}).body ==
        "[{\"id\":\"disk.a\",\"text\":\"a\",\"allowChildren\":1,"
        "\"expandable\":1,\"leaf\":0,\"context\":{}},"
        "{\"id\":\"disk.b\",\"text\":\"b\",\"allowChildren\":1,"
        "\"expandable\":1,\"leaf\":0,\"context\":{}},"
        "{\"id\":\"disk.b\",\"text\":\"b\",\"allowChildren\":0,"
        "\"expandable\":0,\"leaf\":1,\"context\":{}}]");
  CHECK(Graphite(api, "metrics/find",
                 {{"query", "disk.a.u"}, {"format", "completer"}})
            .body == "{\"metrics\":[{\"path\":\"disk.a.used\",\"name\":"
                     "\"used\",\"is_leaf\":\"1\"}]}");
  CHECK(Graphite(api, "metrics/find",
                 {{"query", "disk.*"}, {"wildcards", "1"}})
            .body.find("\"id\":\"disk.*\"") != std::string::npos);
  CHECK(Graphite(api, "metrics/find", {{"query", "disk.a"}, {"jsonp", "f"}})
            .body.starts_with("f([{"));
  CHECK(Graphite(api, "metrics/find", {{"query", "none.*"}}).body == "[]");
}

TEST_CASE("expand and index list paths", "[query]") {
  Api api;
  AddDisks(api);
  CHECK(Graphite(api, "metrics/expand",
                 {{"query", "disk.*"}, {"query", "oth*"}})
            .body == "{\"results\":[\"disk.a\",\"disk.b\",\"other\"]}");
  CHECK(Graphite(api, "metrics/expand",
                 {{"query", "disk.*"}, {"leavesOnly", "1"},
                  {"groupByExpr", "1"}})
            .body == "{\"results\":{\"disk.*\":[\"disk.b\"]}}");
  CHECK(Graphite(api, "metrics/index.json", {}).body ==
        "[\"disk.a.free\",\"disk.a.used\",\"disk.b\",\"disk.b.x\",\"other\","
        "\"tagged\"]");
}

TEST_CASE("tags, their values and series by tags", "[query]") {
  Api api;
  AddDisks(api);
  CHECK(Graphite(api, "tags", {}).body ==
        "[{\"tag\":\"dc\"},{\"tag\":\"name\"}]");
  CHECK(Graphite(api, "tags", {{"filter", "na"}}).body ==
        "[{\"tag\":\"name\"}]");
  CHECK(Graphite(api, "tags/findSeries",
                 {{"expr", "name=~disk"}, {"expr", "dc!=us"}, {"limit", "1"}})
            .body == "[\"disk.a.free;dc=e\\\"u\"]");
  CHECK(Graphite(api, "tags/autoComplete/tags", {{"tagPrefix", "n"}}).body ==
        "[\"name\"]");
  CHECK(Graphite(api, "tags/autoComplete/values",
                 {{"tag", "dc"}, {"expr", "name=tagged"}})
            .body == "[\"us\"]");
  CHECK(Graphite(api, "tags/autoComplete/values",
                 {{"tag", "name"}, {"valuePrefix", "disk.b"}})
            .body == "[\"disk.b\",\"disk.b.x\"]");
  const KeptAnswer values =
      api.Call("/select/{}/graphite/tags/{}", {"0", "dc"}, {});
  CHECK(values.body.starts_with("{\"tag\":\"dc\",\"values\":["));
  for (const char* path : {"tags/tagSeries", "tags/tagMultiSeries"}) {
    CHECK(Graphite(api, path, {{"path", "a;b=c"}}).status == 501);
  }
}

TEST_CASE("a part of the names and tags is marked, or denied", "[query]") {
  Api api;
  AddDisks(api);
  const std::pair<std::string, http::Arguments> asked[] = {
      {"metrics/find", {{"query", "disk.*"}}},
      {"metrics/expand", {{"query", "disk.*"}, {"query", "oth*"}}},
      {"metrics/index.json", {}},
      {"tags", {}},
      {"tags/findSeries", {{"expr", "dc=us"}}},
      {"tags/autoComplete/tags", {}},
      {"tags/autoComplete/values", {{"tag", "dc"}}}};
  for (const bool is_partial : {false, true}) {
    api.storage.outcome.is_partial = is_partial;
    for (const auto& [path, arguments] : asked) {
      CAPTURE(path, is_partial);
      const KeptAnswer answer = Graphite(api, path, arguments);
      CHECK(answer.status == 200);
      CHECK(answer.headers.count("X-Partial") == (is_partial ? 1 : 0));
    }
    const KeptAnswer values =
        api.Call("/select/{}/graphite/tags/{}", {"0", "dc"}, {});
    CHECK(values.headers.count("X-Partial") == (is_partial ? 1 : 0));
    const KeptAnswer refused = Graphite(
        api, "metrics/expand", {{"query", "disk.*"}, {"query", "a.{b"}});
    CHECK(refused.status == 400);
    CHECK(refused.headers.count("X-Partial") == 0);
  }
  for (auto [path, arguments] : asked) {
    CAPTURE(path);
    arguments.emplace_back("deny_partial_response", "1");
    CHECK(Graphite(api, path, arguments).status == 503);
  }
  CHECK(api.Call("/select/{}/graphite/tags/{}", {"0", "dc"},
                 {{"deny_partial_response", "1"}})
            .status == 503);
}

TEST_CASE("malformed Graphite requests are told what is wrong", "[query]") {
  Api api;
  const auto bad = [&](const std::string& path, http::Arguments arguments) {
    const KeptAnswer answer = Graphite(api, path, std::move(arguments));
    CAPTURE(path, answer.body);
    CHECK(answer.status == 400);
    CHECK(answer.body.find("\"error\":\"") != std::string::npos);
  };
  bad("metrics/find", {});
  bad("metrics/find", {{"query", "a.["}});
  bad("metrics/find", {{"query", "a"}, {"format", "x"}});
  bad("metrics/find", {{"query", "a"}, {"from", "x"}});
  bad("metrics/find", {{"query", "a"}, {"delimiter", "ab"}});
  bad("metrics/find", {{"query", "a"}, {"jsonp", "alert(1)"}});
  bad("metrics/expand", {});
  bad("tags", {{"filter", "("}});
  bad("tags/findSeries", {});
  bad("tags/findSeries", {{"expr", "x"}});
  bad("tags/autoComplete/values", {});
  CHECK(api.Call("/select/{}/graphite/tags", {"multitenant"}, {}).status ==
        400);
}

}  // namespace
}  // namespace varve::query
