#include "lib/query/select_api.h"

#include <catch2/catch.hpp>
#include <string>

#include "lib/base/clock.h"
#include "lib/base/status.h"
#include "lib/query/fake_storage.h"

namespace varve::query {
namespace {

constexpr int64_t kT = 1'795'167'840'000;  // a whole minute

class Api {
 public:
  explicit Api(SelectOptions options = {}) : metrics("vmselect", nullptr) {
    options.max_queue_duration = absl::ZeroDuration();
    api = std::make_unique<SelectApi>(options, &storage, &metrics, nullptr,
                                      &clock);
    for (http::Route& route : api->Routes(true)) {
      routes.emplace(route.pattern, std::move(route));
    }
  }

  KeptAnswer Call(const std::string& pattern, std::vector<std::string> captures,
                  http::Arguments arguments, http::Arguments headers = {},
                  std::string method = "GET") {
    http::Request request;
    request.method = std::move(method);
    request.path = pattern;
    request.captures = std::move(captures);
    request.arguments = std::move(arguments);
    request.headers = std::move(headers);
    KeptAnswer answer;
    REQUIRE(routes.count(pattern) == 1);
    routes.at(pattern).handler(request, answer);
    return answer;
  }
  KeptAnswer Get(const std::string& path, http::Arguments arguments) {
    return Call("/select/{}/prometheus/" + path, {"0"}, std::move(arguments));
  }
  std::string Query(const std::string& query) {
    return Get("api/v1/query", {{"query", query}}).body;
  }

  base::ManualClock clock{kT};
  telemetry::Metrics metrics;
  FakeStorage storage;
  std::unique_ptr<SelectApi> api;
  std::map<std::string, http::Route> routes;
};

model::LabelSet Up(const std::string& job) {
  return model::LabelSet{{"__name__", "up"}, {"job", job}};
}

void AddUps(Api& api) {
  for (const char* job : {"b", "a", "c"}) {
    api.storage.Add(Up(job), {{kT - 60'000, 1}, {kT - 30'250, 0.5}});
  }
}

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
  check(api.Get("api/v1/query", {{"query", "1"}, {"dialect", "metricsql"}}),
        400);
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
        "{\"status\":\"success\",\"data\":[\"0:0\",\"7:8\"]}");
}

TEST_CASE("series, labels and values are listed", "[query]") {
  Api api;
  AddUps(api);
  CHECK(api.Get("api/v1/series", {{"match[]", "up{job!=\"c\"}"}}).body ==
        "{\"status\":\"success\",\"isPartial\":false,\"data\":[{\"__name__\":"
        "\"up\",\"job\":\"a\"},{\"__name__\":\"up\",\"job\":\"b\"}]}");
  CHECK(api.Get("api/v1/series", {}).body.find("\"c\"") != std::string::npos);
  CHECK(api.Get("api/v1/series", {{"match[]", "none"}}).body ==
        "{\"status\":\"success\",\"isPartial\":false,\"data\":[]}");
  CHECK(api.Get("api/v1/labels", {}).body ==
        "{\"status\":\"success\",\"isPartial\":false,\"data\":[\"__name__\","
        "\"job\"]}");
  CHECK(api.Call("/select/{}/prometheus/api/v1/label/{}/values", {"0", "job"},
                 {{"limit", "2"}})
            .body ==
        "{\"status\":\"success\",\"isPartial\":false,\"data\":[\"a\",\"b\"],"
        "\"warnings\":[\"results truncated due to limit\"]}");
  // Whole days: yesterday's last moment is outside.
  CHECK(api.storage.last_request.range.start_ms % model::kDayMs == 0);
}

TEST_CASE("too many series are refused with the flag's name", "[query]") {
  SelectOptions options;
  options.max_series = 2;
  Api api(options);
  AddUps(api);
  const KeptAnswer answer = api.Get("api/v1/series", {{"match[]", "up"}});
  CHECK(answer.status == 422);
  CHECK(answer.body.find("-search.maxSeries") != std::string::npos);
}

TEST_CASE("cardinality is reported", "[query]") {
  Api api;
  AddUps(api);
  const std::string body =
      api.Get("api/v1/status/tsdb", {{"topN", "5"}, {"focusLabel", "job"}})
          .body;
  CHECK(body ==
        "{\"status\":\"success\",\"isPartial\":false,\"data\":{\"totalSeries\":"
        "3,\"totalLabelValuePairs\":0,\"seriesCountByMetricName\":[{\"name\":"
        "\"m\",\"value\":5,\"requestsCount\":0,\"lastRequestTimestamp\":0}],"
        "\"seriesCountByLabelName\":[],"
        "\"seriesCountByFocusLabelValue\":[{\"name\":\"job\",\"value\":0}],"
        "\"seriesCountByLabelValuePair\":[],\"labelValueCountByLabelName\":[]}"
        "}");
  auto* const named = api.storage.name_usage.add_names();
  named->set_name("m");
  named->set_queries(7);
  named->set_last_s(9);
  CHECK(api.Get("api/v1/status/tsdb", {}).body.find(
            "{\"name\":\"m\",\"value\":10,\"requestsCount\":7,"
            "\"lastRequestTimestamp\":9}") != std::string::npos);
  CHECK(api.Get("api/v1/series/count", {}).body ==
        "{\"status\":\"success\",\"isPartial\":false,\"data\":[3]}");
}

TEST_CASE("metric names are told by how often they were read", "[query]") {
  Api api;
  api.storage.name_usage.set_since_s(1000);
  for (int i = 0; i < 4; ++i) {
    auto* const entry = api.storage.name_usage.add_names();
    entry->set_name(base::StrCat("m", i));
    entry->set_queries(i);
    entry->set_last_s(i * 10);
  }
  const auto get = [&api](std::vector<std::pair<std::string, std::string>>
                              arguments) {
    return api.Get("api/v1/status/metric_names_stats", arguments).body;
  };
  const std::string head =
      "{\"status\":\"success\",\"statsCollectedSince\":1000,"
      "\"statsCollectedRecordsTotal\":4,\"isPartial\":false,\"records\":[";
  const auto record = [](int i) {
    return base::StrCat("{\"metricName\":\"m", i, "\",\"requestsCount\":", i,
                        ",\"lastRequestTimestamp\":", i * 10, "}");
  };
  CHECK(get({{"limit", "2"}}) == head + record(0) + "," + record(1) + "]}");
  CHECK(get({{"le", "0"}}) == head + record(0) + "]}");
  CHECK(get({{"match_pattern", "[23]$"}}) ==
        head + record(2) + "," + record(3) + "]}");
  CHECK(api.Get("api/v1/status/metric_names_stats", {{"match_pattern", "("}})
            .status == 400);
}

TEST_CASE("exports stream raw samples in three formats", "[query]") {
  Api api;
  api.storage.Add(Up("a"), {{1000, 1}, {2000, model::StaleNan()}, {3000, 2}});
  const auto get = [&](const char* format) {
    return api.Get("api/v1/export", {{"match[]", "up"}, {"format", format}});
  };
  const KeptAnswer lines = get("json");
  CHECK(lines.content_type.starts_with("application/stream+json"));
  CHECK(lines.body ==
        "{\"metric\":{\"__name__\":\"up\",\"job\":\"a\"},\"values\":[1,null,2],"
        "\"timestamps\":[1000,2000,3000]}\n");
  CHECK(get("prometheus").body ==
        "up{job=\"a\"} 1 1000\nup{job=\"a\"} NaN 2000\nup{job=\"a\"} 2 3000\n");
  CHECK(get("promapi").body ==
        "{\"status\":\"success\",\"data\":{\"resultType\":\"matrix\",\"result\""
        ":[{\"metric\":{\"__name__\":\"up\",\"job\":\"a\"},\"values\":[[1,\"1\""
        "],[2,\"NaN\"],[3,\"2\"]]}]}}");
  CHECK(get("csv").status == 400);
  CHECK(api.Get("api/v1/export",
                {{"match[]", "up"}, {"start", "2"}, {"end", "2"}})
            .body.find("\"timestamps\":[2000]") != std::string::npos);
}

TEST_CASE("an export that fails on the way is cut, not ended", "[query]") {
  Api api;
  std::vector<std::pair<int64_t, double>> samples;
  for (int i = 0; i < 20'000; ++i) samples.emplace_back(1000 + i, i);
  for (const char* job : {"a", "b", "c", "d"}) {
    api.storage.Add(Up(job), samples);
  }
  CHECK_FALSE(api.Get("api/v1/export", {{"match[]", "up"}}).aborted);
  api.storage.fail_after = 1;
  const KeptAnswer answer = api.Get("api/v1/export", {{"match[]", "up"}});
  CHECK(answer.chunked);
  CHECK(answer.aborted);
  // Before the first byte there is still an error to send.
  api.storage.fail_after = 0;
  CHECK(api.Get("api/v1/export", {{"match[]", "up"}}).status == 422);
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

TEST_CASE("federation gives the last fresh sample of each series", "[query]") {
  Api api;
  AddUps(api);
  api.storage.Add(Up("old"), {{kT - 400'000, 1}});
  api.storage.Add(Up("stale"), {{kT - 10, model::StaleNan()}});
  const KeptAnswer answer = api.Get("federate", {{"match[]", "up"}});
  CHECK(answer.content_type.starts_with("text/plain; version=0.0.4"));
  CHECK(answer.body ==
        "up{job=\"a\"} 0.5 1795167809750\nup{job=\"b\"} 0.5 1795167809750\n"
        "up{job=\"c\"} 0.5 1795167809750\n");
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

TEST_CASE("exemplars of all selectors of a query are listed", "[query]") {
  Api api;
  std::string labels;
  model::AppendCanonicalBytes(labels, model::LabelSet{{"trace_id", "abc"}});
  api.storage.AddExemplar({{"__name__", "h_bucket"}, {"le", "1"}},
                          {kT - 500, 0.25, labels});
  api.storage.AddExemplar({{"__name__", "other"}}, {kT, 1, ""});
  CHECK(api.Get("api/v1/query_exemplars",
                {{"query", "sum(rate(h_bucket[5m])) / vector(2)"}})
            .body ==
        "{\"status\":\"success\",\"isPartial\":false,\"data\":["
        "{\"seriesLabels\":{\"__name__\":\"h_bucket\",\"le\":\"1\"},"
        "\"exemplars\":[{\"labels\":{\"trace_id\":\"abc\"},"
        "\"value\":\"0.25\",\"timestamp\":1795167839.500}]}]}");
  CHECK(api.Get("api/v1/query_exemplars", {{"query", "1"}}).body ==
        "{\"status\":\"success\",\"isPartial\":false,\"data\":[]}");
  CHECK(api.Get("api/v1/query_exemplars", {}).status == 400);
  CHECK(api.Get("api/v1/query_exemplars", {{"query", "sum("}}).status == 400);
}

TEST_CASE("metadata has Prometheus' shape", "[query]") {
  Api api;
  CHECK(api.Get("api/v1/metadata", {}).body ==
        "{\"status\":\"success\",\"isPartial\":false,\"data\":{}}");
  api.storage.metadata = {
      {{}, {"a", model::MetricType::kCounter, "helps \"x\"", "s"}, 1},
      {{}, {"b", model::MetricType::kUnknown, "", ""}, 1}};
  CHECK(api.Get("api/v1/metadata", {}).body ==
        "{\"status\":\"success\",\"isPartial\":false,\"data\":{"
        "\"a\":[{\"type\":\"counter\",\"help\":\"helps \\\"x\\\"\","
        "\"unit\":\"s\"}],"
        "\"b\":[{\"type\":\"unknown\",\"help\":\"\",\"unit\":\"\"}]}}");
  CHECK(api.Get("api/v1/metadata", {{"metric", "b"}}).body.find("\"a\"") ==
        std::string::npos);
  CHECK(api.Get("api/v1/metadata", {{"limit", "1"}}).body.find("\"b\"") ==
        std::string::npos);
}

TEST_CASE("a query that meets a native histogram says so, export has it",
          "[query]") {
  Api api;
  model::Histogram histogram;
  histogram.count = 3;
  histogram.layout.positive = {{0, 1}};
  histogram.buckets = {3};
  api.storage.AddHistogram({{"__name__", "h"}, {"job", "x"}}, kT - 1000,
                           histogram);
  const KeptAnswer answer = api.Get("api/v1/query", {{"query", "sum(h)"}});
  CHECK(answer.status == 422);
  CHECK(answer.body.find("native histograms are stored but not evaluated yet; "
                         "h{job=\\\"x\\\"}") != std::string::npos);
  CHECK(api.Get("api/v1/export", {{"match[]", "h"}}).body ==
        "{\"metric\":{\"__name__\":\"h\",\"job\":\"x\"},\"values\":[],"
        "\"timestamps\":[],\"histograms\":[[1795167839000,{\"schema\":0,"
        "\"count\":3,\"sum\":0,\"zero_threshold\":0,\"zero_count\":0,"
        "\"positive_spans\":[[0,1]],\"positive_buckets\":[3],"
        "\"negative_spans\":[],\"negative_buckets\":[]}]]}\n");
  histogram.sum = model::StaleNan();
  Api other;
  other.storage.AddHistogram({{"__name__", "h"}}, kT - 1000, histogram);
  CHECK(other.Get("api/v1/query", {{"query", "h"}}).status == 200);
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

KeptAnswer Delete(Api& api, http::Arguments arguments,
                  const std::string& method = "POST") {
  return api.Call("/delete/{}/prometheus/api/v1/admin/tsdb/delete_series",
                  {"5:6"}, std::move(arguments), {}, method);
}

TEST_CASE("delete_series deletes by matchers and range", "[query]") {
  Api api;
  CHECK(Delete(api, {{"match[]", "up{job=\"a\"}"}, {"match[]", "down"}})
            .status == 204);
  const cluster::DeleteCommand& command = api.storage.last_delete;
  CHECK(command.tenant == model::TenantId::Numeric(5, 6));
  CHECK(command.matcher_groups.size() == 2);
  CHECK(command.range == model::TimeRange{0, model::kTimestampMaxMs});
  CHECK(command.series_max == 1'000'000);
  CHECK(Delete(api, {{"match[]", "up"},
                     {"extra_label", "team=x"},
                     {"start", "1795167780"},
                     {"end", "1795167840"}},
               "PUT")
            .status == 204);
  CHECK(command.range == model::TimeRange{kT - 60'000, kT});
  REQUIRE(command.matcher_groups.size() == 1);
  CHECK(command.matcher_groups[0].size() == 2);
  CHECK(api.Call("/delete/prometheus/api/v1/admin/tsdb/delete_series", {},
                 {{"match[]", "up"}}, {{"accountid", "9"}}, "POST")
            .status == 204);
  CHECK(command.tenant == model::TenantId::Numeric(9, 0));
}

TEST_CASE("delete_series refuses what it cannot do whole", "[query]") {
  Api api;
  CHECK(Delete(api, {{"match[]", "up"}}, "GET").status == 405);
  CHECK(Delete(api, {}).status == 400);
  CHECK(Delete(api, {{"match[]", "up{"}}).status == 400);
  CHECK(Delete(api, {{"match[]", "up"}, {"start", "9"}, {"end", "8"}})
            .status == 400);
  CHECK(Delete(api, {{"match[]", "{job=~\".*\"}"}}).status == 400);
  CHECK(api.storage.last_delete.matcher_groups.empty());
  api.storage.status = base::Unavailable("storage node b:8401: no connection");
  const KeptAnswer answer = Delete(api, {{"match[]", "up"}});
  CHECK(answer.status == 503);
  CHECK(answer.body.find("b:8401") != std::string::npos);
}

}  // namespace
}  // namespace varve::query
