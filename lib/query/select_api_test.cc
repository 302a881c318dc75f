#include "lib/query/select_api.h"

#include <string>

#include "lib/base/status.h"
#include "lib/query/test_api.h"

namespace varve::query {
namespace {

// The part before the time, which differs from run to run.
std::string UpToTime(const std::string& body) {
  return body.substr(0, body.find(",\"executionTimeMsec\""));
}

TEST_CASE("an instant query has the shape clients parse", "[query]") {
  Api api;
  AddUps(api);
  const KeptAnswer answer =
      api.Get("api/v1/query", {{"query", "up{job=\"a\"}"}});
  CHECK(answer.status == 200);
  CHECK(answer.content_type == "application/json");
  CHECK(UpToTime(answer.body) ==
        "{\"status\":\"success\",\"isPartial\":false,\"data\":{\"resultType\":"
        "\"vector\",\"result\":[{\"metric\":{\"__name__\":\"up\",\"job\":\"a\"}"
        ",\"value\":[1795167840,\"0.5\"]}]},\"stats\":{\"seriesFetched\": "
        "\"1\"");
  CHECK(answer.body.ends_with("}}"));
}

TEST_CASE("scalars, strings and empty results have Prometheus' types",
          "[query]") {
  Api api;
  CHECK(api.Query("1+1").find("{\"resultType\":\"scalar\",\"result\":"
                              "[1795167840,\"2\"]}") != std::string::npos);
  CHECK(api.Query("\"x\\n\"")
            .find("{\"resultType\":\"string\",\"result\":"
                  "[1795167840,\"x\\n\"]}") != std::string::npos);
  CHECK(api.Query("nothing").find(
            "{\"resultType\":\"vector\",\"result\":[]}") != std::string::npos);
  CHECK(api.Query("1/0").find("\"+Inf\"") != std::string::npos);
  CHECK(api.Query("0/0").find("\"NaN\"") != std::string::npos);
}

TEST_CASE("a range selector gives the raw samples", "[query]") {
  Api api;
  api.storage.Add(
      Up("a"),
      {{kT - 60'000, 1}, {kT - 30'250, 0.5}, {kT - 10'000, model::StaleNan()}});
  CHECK(api.Query("up[5m]").find(
            "{\"resultType\":\"matrix\",\"result\":[{\"metric\":{\"__name__\":"
            "\"up\",\"job\":\"a\"},\"values\":[[1795167780,\"1\"],"
            "[1795167809.750,\"0.5\"]]}]}") != std::string::npos);
}

TEST_CASE("a range query has values and sorted series", "[query]") {
  Api api;
  AddUps(api);
  const KeptAnswer answer =
      api.Get("api/v1/query_range", {{"query", "up"},
                                     {"start", "1795167780"},
                                     {"end", "1795167840"},
                                     {"step", "30"}});
  CHECK(answer.status == 200);
  CHECK(answer.body.find(
            "{\"resultType\":\"matrix\",\"result\":[{\"metric\":{\"__name__\":"
            "\"up\",\"job\":\"a\"},\"values\":[[1795167780,\"1\"],[1795167810,"
            "\"0.5\"],[1795167840,\"0.5\"]]},{\"metric\":{\"__name__\":\"up\","
            "\"job\":\"b\"}") != std::string::npos);
}

TEST_CASE("an instant query takes the step of windows without a range",
          "[query]") {
  Api api;
  AddUps(api);  // half a minute and a whole one ago
  const auto count = [&api](const std::string& step,
                            const std::string& dialect = "promql") {
    return api.Get("api/v1/query",
                   {{"query", "count_over_time(up{job=\"a\"}[1i])"},
                    {"step", step},
                    {"dialect", dialect},
                    {"nocache", "1"}});
  };
  CHECK(count("45s").body.find("\"1\"]") != std::string::npos);
  CHECK(count("").body.find("\"2\"]") != std::string::npos);
  for (const char* wrong : {"x", "auto", "0", "-1"}) {
    CAPTURE(wrong);
    CHECK(count(wrong).body.find("\"2\"]") != std::string::npos);
    CHECK(count(wrong, "metricsql").status == 400);
  }
}

TEST_CASE("query arguments change the answer", "[query]") {
  Api api;
  AddUps(api);
  const std::string limited =
      api.Get("api/v1/query", {{"query", "up"}, {"limit", "1"}}).body;
  CHECK(limited.find("\"job\":\"a\"") != std::string::npos);
  CHECK(limited.find("\"job\":\"b\"") == std::string::npos);
  CHECK(limited.find("\"warnings\":[\"results truncated due to limit\"]") !=
        std::string::npos);
  CHECK(api.Get("api/v1/query", {{"query", "1/3"}, {"round_digits", "2"}})
            .body.find("\"0.33\"") != std::string::npos);
  CHECK(api.Get("api/v1/query", {{"query", "up"}, {"lookback_delta", "10s"}})
            .body.find("\"result\":[]") != std::string::npos);
  CHECK(api.Get("api/v1/query", {{"query", "time()"}, {"time", "12.5"}})
            .body.find("[12.500,\"12.5\"]") != std::string::npos);
}

TEST_CASE("extra labels and filters narrow every read", "[query]") {
  Api api;
  AddUps(api);
  const auto jobs = [&](http::Arguments arguments) {
    arguments.emplace_back("query", "count(up)");
    const std::string body = api.Get("api/v1/query", arguments).body;
    const size_t at = body.find("[1795167840,\"");
    return at == body.npos ? '0' : body[at + 13];
  };
  CHECK(jobs({}) == '3');
  CHECK(jobs({{"extra_label", "job=a"}}) == '1');
  CHECK(jobs({{"extra_label", "__graphite__=u?"}}) == '3');
  CHECK(jobs({{"extra_label", "__graphite__=u?"},
              {"extra_filters[]", "{job=\"a\"}"}}) == '1');
  CHECK(jobs({{"extra_label", "__graphite__=up.*"}}) == '0');
  CHECK(jobs({{"extra_filters[]", "{job=~\"a|b\"}"}}) == '2');
  CHECK(jobs({{"extra_filters[]", "{job=\"a\"}"},
              {"extra_filters[]", "{job=\"b\"}"}}) == '2');
  CHECK(jobs({{"extra_filters[]", "{job=~\"a|b\"}"},
              {"extra_label", "job=a"}}) == '1');
  CHECK(
      api.Get("api/v1/query", {{"query", "up"}, {"extra_label", "x"}}).status ==
      400);
}

TEST_CASE("errors carry their HTTP code as type", "[query]") {
  SelectOptions options;
  options.limits.points_per_series_max = 10;
  options.max_query_bytes = 30;
  Api api(options);
  const auto check = [&](const KeptAnswer& answer, int code) {
    CAPTURE(answer.body);
    CHECK(answer.status == code);
    CHECK(answer.body.starts_with("{\"status\":\"error\",\"errorType\":\"" +
                                  std::to_string(code) + "\",\"error\":\""));
  };
  check(api.Get("api/v1/query", {}), 400);
  check(api.Get("api/v1/query", {{"query", "sum("}}), 400);
  check(api.Get("api/v1/query", {{"query", "1"}, {"time", "x"}}), 400);
  check(api.Get("api/v1/query", {{"query", "1"}, {"dialect", "sql"}}), 400);
  check(api.Get("api/v1/query", {{"query", std::string(31, '1')}}), 400);
  check(api.Get("api/v1/query_range", {{"query", "\"x\""}}), 400);
  check(api.Get("api/v1/query_range", {{"query", "1"}, {"step", "0"}}), 400);
  check(
      api.Get("api/v1/query_range",
              {{"query", "1"}, {"start", "0"}, {"end", "100"}, {"step", "1"}}),
      422);
  check(api.Get("api/v1/series", {{"match[]", "{}"}}), 400);
  check(api.Get("api/v1/export", {}), 400);
  api.storage.status = base::Unavailable("no storage node answers");
  check(api.Get("api/v1/query", {{"query", "up"}}), 503);
  check(api.Get("api/v1/labels", {}), 503);
  api.storage.status = base::InvalidArgument("said the storage");
  check(api.Get("api/v1/query", {{"query", "up"}}), 422);
}

TEST_CASE("partial answers say so, or are denied", "[query]") {
  Api api;
  AddUps(api);
  api.storage.outcome = {true, {"node s1:8401: gone"}};
  const std::string body = api.Query("up");
  CHECK(body.starts_with("{\"status\":\"success\",\"isPartial\":true,"));
  CHECK(body.ends_with(",\"warnings\":[\"node s1:8401: gone\"]}"));
  CHECK(api.metrics.Text().find("vm_partial_results_total{action=\"search\","
                                "name=\"vmselect\"} 1") != std::string::npos);
  CHECK(
      api.Get("api/v1/query", {{"query", "up"}, {"deny_partial_response", "1"}})
          .status == 503);
  CHECK(api.Get("api/v1/labels", {})
            .body.starts_with(
                "{\"status\":\"success\",\"isPartial\":true,\"data\":["));
  CHECK(api.Get("api/v1/export", {{"match[]", "up"}}).status == 503);
}

TEST_CASE("tenants come from the path or the headers", "[query]") {
  Api api;
  api.storage.Add(Up("mine"), {{kT - 1, 1}}, model::TenantId::Numeric(7, 8));
  api.storage.Add(Up("other"), {{kT - 1, 1}});
  const http::Arguments query = {{"query", "up"}};
  const auto mine = [](const KeptAnswer& answer) {
    return answer.body.find("mine") != std::string::npos;
  };
  const std::string suffix = "api/v1/query";
  CHECK(mine(api.Call("/select/{}/prometheus/" + suffix, {"7:8"}, query)));
  CHECK(mine(api.Call("/select/{}/" + suffix, {"7:8"}, query)));
  CHECK_FALSE(mine(api.Call("/select/{}/" + suffix, {"7"}, query)));
  const http::Arguments headers = {{"accountid", "7"}, {"projectid", "8"}};
  for (const char* prefix :
       {"/select/prometheus/", "/select/", "/prometheus/", "/"}) {
    CHECK(mine(api.Call(prefix + suffix, {}, query, headers)));
    CHECK_FALSE(mine(api.Call(prefix + suffix, {}, query)));
  }
  CHECK(api.Call("/select/{}/" + suffix, {"1:2:3"}, query).status == 400);
  CHECK(api.Call("/select/{}/" + suffix, {"x"}, query)
            .body.find("unsupported path requested") != std::string::npos);
  CHECK(api.Call("/admin/tenants", {}, {}).body ==
        "{\"status\":\"success\",\"data\":[\"0:0\",\"7:8\"],"
        "\"names\":[]}");
}

TEST_CASE("a large answer is sent in pieces", "[query]") {
  Api api;
  for (int i = 0; i < 2'000; ++i) {
    api.storage.Add(Up("job" + std::to_string(i)), {{kT - 1, 1}});
  }
  const KeptAnswer answer = api.Get("api/v1/query", {{"query", "up"}});
  CHECK(answer.chunked);
  CHECK(answer.body.ends_with("}}"));
  CHECK(answer.body.find("job1999") != std::string::npos);
}

TEST_CASE("a series that is large by itself is sent in pieces", "[query]") {
  Api api;
  api.storage.Add(Up("a"), {{kT - 1, 1}});
  const KeptAnswer answer =
      api.Get("api/v1/query_range",
              {{"query", "up + time() / 3"},
               {"start", std::to_string(kT / 1000)},
               {"end", std::to_string(kT / 1000 + 200)},
               {"step", "0.02"}});
  CHECK(answer.chunked);
  CHECK(answer.body.size() > 4 * kAnswerPieceBytes);
  CHECK(answer.largest_piece < kAnswerPieceBytes + 1000);
  CHECK(answer.body.ends_with("}}"));
}

TEST_CASE("a read of one copy that a node broke is one of all copies",
          "[query]") {
  Api api;
  AddUps(api);
  api.storage.one_copy_fails = true;
  const KeptAnswer answer = api.Get("api/v1/query", {{"query", "count(up)"}});
  CHECK(answer.status == 200);
  CHECK(answer.body.find("\"3\"") != std::string::npos);
  CHECK(api.storage.searches == 2);
  CHECK_FALSE(api.storage.last_request.one_copy);
}

TEST_CASE("constant endpoints answer as dashboards expect", "[query]") {
  Api api;
  CHECK(api.Get("api/v1/status/buildinfo", {}).body ==
        "{\"status\":\"success\",\"data\":{\"version\":\"2.24.0\"}}");
  CHECK(api.Get("api/v1/rules", {}).body ==
        "{\"status\":\"success\",\"data\":{\"groups\":[]}}");
  CHECK(api.Get("api/v1/format_query", {{"query", "sum(x)by(y)"}}).body ==
        "{\"status\":\"success\",\"data\":\"sum by (y) (x)\"}");
  CHECK(api.Call("/internal/resetRollupResultCache", {}, {}).status == 200);
}

TEST_CASE("queries are shown as texts and trees", "[query]") {
  Api api;
  const std::string with = "WITH (f = {a=\"b\"}) sum(m{f})";
  CHECK(
      api.Get("prettify-query", {{"query", with}}).body ==
      "{\"status\":\"success\",\"query\":\"WITH (\\n  f = {a=\\\"b\\\"}\\n)\\n"
      "sum(m{f})\"}");
  CHECK(api.Get("prettify-query", {{"query", "sum(x)by(y)"}}).body ==
        "{\"status\":\"success\",\"query\":\"sum by (y) (x)\"}");
  CHECK(api.Get("expand-with-exprs", {{"query", with}}).body ==
        "{\"status\":\"success\",\"expr\":\"sum(m{a=\\\"b\\\"})\"}");
  const KeptAnswer refused = api.Get("prettify-query", {{"query", "sum("}});
  CHECK(refused.status == 200);
  CHECK(refused.body.starts_with("{\"status\":\"error\",\"msg\":\"1:5: "));
  CHECK(api.Get("expand-with-exprs", {{"query", "a("}})
            .body.starts_with("{\"status\":\"error\",\"error\":\"Cannot parse "
                              "query: 1:1: "));
  CHECK(api.Get("api/v1/parse_query", {{"query", "-up[5m] > 1"}}).status ==
        400);
  CHECK(
      api.Get("api/v1/parse_query", {{"query", "sum by (y) (x) + 1"}}).body ==
      "{\"status\":\"success\",\"data\":{\"type\":\"binaryExpr\",\"op\":\"+\","
      "\"lhs\":{\"type\":\"aggregation\",\"op\":\"sum\",\"expr\":{\"type\":"
      "\"vectorSelector\",\"name\":\"x\",\"matchers\":[{\"name\":\"__name__\","
      "\"type\":\"=\",\"value\":\"x\"}],\"offset\":0,\"timestamp\":null,"
      "\"startOrEnd\":null},\"param\":null,\"grouping\":[\"y\"],\"without\":"
      "false},\"rhs\":{\"type\":\"numberLiteral\",\"val\":\"1\"},\"matching\":"
      "null,\"bool\":false}}");
}

TEST_CASE("the metricsql dialect answers scalars as series", "[query]") {
  Api api;
  const auto result = [&api](const char* dialect, const char* query) {
    return api
        .Get("api/v1/query",
             {{"query", query}, {"time", "10"}, {"dialect", dialect}})
        .body;
  };
  CHECK(result("promql", "1 + 1").find("\"resultType\":\"scalar\"") !=
        std::string::npos);
  CHECK(result("metricsql", "1 + 1")
            .find("\"resultType\":\"vector\",\"result\":[{\"metric\":{},"
                  "\"value\":[10,\"2\"]}]") != std::string::npos);
  CHECK(result("metricsql", "NaN").find("\"result\":[]") != std::string::npos);
}

TEST_CASE("queries over the limit are told to come back", "[query]") {
  SelectOptions options;
  options.max_concurrent_requests = 0;
  Api api(options);
  const KeptAnswer answer = api.Get("api/v1/query", {{"query", "1"}});
  CHECK(answer.status == 429);
  CHECK(answer.headers.at("Retry-After") == "10");
  CHECK(answer.body.find("-search.maxConcurrentRequests") != std::string::npos);
  CHECK(api.metrics.Text().find("vm_concurrent_select_limit_timeout_total 1") !=
        std::string::npos);
  // What reads nothing needs no turn.
  CHECK(api.Get("api/v1/status/buildinfo", {}).status == 200);
}

TEST_CASE("metrics are there from the start", "[query]") {
  Api api;
  const std::string text = api.metrics.Text();
  for (const char* name :
       {"vm_concurrent_select_capacity 4", "vm_concurrent_select_current 0",
        "vm_slow_queries_total 0",
        "vm_cache_entries{type=\"multitenancy/tenants\"} 0"}) {
    CAPTURE(name);
    CHECK(text.find(name) != std::string::npos);
  }
}

TEST_CASE("a client that has gone stops its query", "[query]") {
  Api api;
  AddUps(api);
  http::Request request;
  request.captures = {"0"};
  request.arguments = {{"query", "up"}};
  KeptAnswer answer;
  answer.gone = true;
  api.routes.at("/select/{}/prometheus/api/v1/query").handler(request, answer);
  CHECK(answer.status == 422);
}

}  // namespace
}  // namespace varve::query
