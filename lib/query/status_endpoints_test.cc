// Active and top queries, cancelling, traces, statistics of an answer.
#include <atomic>
#include <string>
#include <thread>

#include "lib/query/test_api.h"
#include "tests/support/becomes_true.h"

namespace varve::query {
namespace {

// The value of "id":"…" in a list of active queries.
std::string IdIn(const std::string& body) {
  const size_t at = body.find("\"id\":\"");
  return at == body.npos ? "" : body.substr(at + 6, 16);
}

TEST_CASE("a running query is told of, and ends when it is canceled",
          "[query]") {
  Api api;
  AddUps(api);
  api.storage.hang = true;
  KeptAnswer answer;
  std::thread client([&] {
    answer = api.Get("api/v1/query", {{"query", "up{job=\"\\\"x\"}"}});
  });
  std::string id;
  REQUIRE(tests::BecomesTrue([&] {
    const auto list = api.Get("api/v1/status/active_queries", {});
    CHECK(list.body.starts_with("{\"status\":\"ok\",\"data\":["));
    id = IdIn(list.body);
    return !id.empty();
  }));
  CHECK(api.Get("api/v1/status/active_queries", {})
            .body.find("\"query\":\"up{job=\\\"\\\\\\\"x\\\"}\",\"start\":"
                       "1795167840000,\"end\":1795167840000,\"step\":0") !=
        std::string::npos);
  const auto cancel = [&](const std::string& tenant, const std::string& which,
                          const std::string& method) {
    return api.Call("/select/{}/prometheus/api/v1/status/active_queries/cancel",
                    {tenant}, {{"id", which}}, {}, method);
  };
  CHECK(cancel("0", id, "GET").status == 405);
  CHECK(cancel("0", "xyz", "POST").status == 400);
  CHECK(cancel("7", id, "POST").status == 404);  // another tenant's
  CHECK(api.Call("/select/{}/prometheus/api/v1/status/active_queries", {"7"},
                 {})
            .body.find("\"id\"") == std::string::npos);
  CHECK(api.Call("/api/v1/status/active_queries", {}, {}).body.find(id) !=
        std::string::npos);
  CHECK(cancel("0", id, "POST").status == 200);
  client.join();
  CHECK(answer.status == 422);
  CHECK(answer.body.find("query was canceled") != std::string::npos);
  CHECK(cancel("0", id, "POST").status == 404);
}

TEST_CASE("who has extra filters knows of queries under the same ones only",
          "[query]") {
  SelectOptions options;
  options.top_queries.duration_ms_min = 0;
  Api api(options);
  AddUps(api);
  api.storage.hang = true;
  const http::Arguments mine = {{"extra_filters[]", "{vm_account_id=\"1\"}"}};
  std::thread client([&] {
    http::Arguments arguments = mine;
    arguments.push_back({"query", "up"});
    (void)api.Get("api/v1/query", arguments);
  });
  const auto list = [&](http::Arguments arguments) {
    return IdIn(api.Get("api/v1/status/active_queries", arguments).body);
  };
  std::string id;
  REQUIRE(tests::BecomesTrue([&] {
    id = list(mine);
    return !id.empty();
  }));
  const http::Arguments other = {
      {"extra_filters[]", "{vm_account_id=\"2\"}"}};
  CHECK(list(other).empty());
  CHECK(list({{"extra_label", "vm_account_id=1"}}).empty());
  CHECK(list({}) == id);  // without filters all of the tenant's
  const auto cancel = [&](http::Arguments arguments) {
    arguments.push_back({"id", id});
    return api
        .Call("/select/{}/prometheus/api/v1/status/active_queries/cancel",
              {"0"}, arguments, {}, "POST")
        .status;
  };
  CHECK(cancel(other) == 404);
  CHECK(cancel(mine) == 200);
  client.join();
  const auto top = [&](http::Arguments arguments) {
    return api.Get("api/v1/status/top_queries", arguments)
               .body.find("\"query\":\"up\"") != std::string::npos;
  };
  CHECK(top(mine));
  CHECK(top({}));
  CHECK_FALSE(top(other));
}

TEST_CASE("a client that hangs up while storage is silent ends its query",
          "[query]") {
  Api api;
  AddUps(api);
  api.storage.hang = true;
  http::Request request;
  request.captures = {"0"};
  request.arguments = {{"query", "up"}};
  KeptAnswer answer;
  answer.gone = true;
  api.routes.at("/select/{}/prometheus/api/v1/query_range")
      .handler(request, answer);
  CHECK(answer.status == 422);
}

TEST_CASE("top queries are listed by count, duration and memory", "[query]") {
  SelectOptions options;
  options.top_queries.duration_ms_min = 0;
  Api api(options);
  AddUps(api);
  for (int i = 0; i < 3; ++i) api.Query("up");
  api.Get("api/v1/query_range", {{"query", "sum(up)"},
                                 {"start", "1795167780"},
                                 {"end", "1795167840"},
                                 {"step", "30"}});
  const std::string body =
      api.Get("api/v1/status/top_queries", {{"topN", "1"}}).body;
  CHECK(body.starts_with(
      "{\"topN\":\"1\",\"maxLifetime\":\"600s\","
      "\"search.queryStats.lastQueriesCount\":20000,"
      "\"search.queryStats.minQueryDuration\":\"0ms\","));
  CHECK(body.find("\"topByCount\":[{\"accountID\":0,\"projectID\":0,\"query\":"
                  "\"up\",\"timeRangeSeconds\":0,\"count\":3,"
                  "\"multiTenant\":false}]") != std::string::npos);
  CHECK(body.find("\"avgDurationSeconds\":0.") != std::string::npos);
  CHECK(body.find("\"sumDurationSeconds\":0.") != std::string::npos);
  CHECK(body.find("\"avgMemoryBytes\":") != std::string::npos);
  CHECK(api.Call("/select/{}/prometheus/api/v1/status/top_queries", {"7"}, {})
            .body.find("\"topByCount\":[]") != std::string::npos);
  CHECK(api.Call("/api/v1/status/top_queries", {}, {}).body.find(
            "\"timeRangeSeconds\":60") != std::string::npos);
}

TEST_CASE("trace=1 shows what was evaluated, in answers and in errors",
          "[query]") {
  Api api;
  AddUps(api);
  const std::string body =
      api.Get("api/v1/query", {{"query", "sum(up) + 1"}, {"trace", "1"}}).body;
  CHECK(body.find(",\"trace\":{\"duration_msec\":") != std::string::npos);
  CHECK(body.find("\"children\":[{\"duration_msec\":") != std::string::npos);
  CHECK(body.find("\"message\":\"eval sum(up) at 1 steps: 1 series\"") !=
        std::string::npos);
  CHECK(body.ends_with("}]}}"));
  CHECK(api.Query("up").find("trace") == std::string::npos);
  const auto failed =
      api.Get("api/v1/query", {{"query", "up +"}, {"trace", "1"}});
  CHECK(failed.status == 400);
  CHECK(failed.body.find("\"trace\":{") != std::string::npos);
  SelectOptions denied;
  denied.deny_trace = true;
  Api other(denied);
  CHECK(other.Get("api/v1/query", {{"query", "up"}, {"trace", "1"}})
            .body.find("trace") == std::string::npos);
}

TEST_CASE("stats tells what an answer took", "[query]") {
  Api api;
  AddUps(api);
  const std::string body =
      api.Get("api/v1/query", {{"query", "up"}, {"stats", "all"}}).body;
  CHECK(body.find("]],\"stats\":") == std::string::npos);
  CHECK(body.find("}],\"stats\":{\"timings\":{\"evalTotalTime\":") !=
        std::string::npos);
  CHECK(body.find("\"samples\":{\"totalQueryableSamplesPerStep\":"
                  "[[1795167840,3]],\"totalQueryableSamples\":3,"
                  "\"peakSamples\":3}}},\"stats\":{\"seriesFetched\"") !=
        std::string::npos);
  CHECK(body.find("\"samplesRead\":6,\"bytesRead\":0,") != std::string::npos);
}

TEST_CASE("stats counts what windows hold at each step", "[query]") {
  SelectOptions options;
  options.cache_bytes = 1 << 20;
  Api api(options);
  AddUps(api);
  const auto ask = [&api](const std::string& stats) {
    return api
        .Get("api/v1/query_range", {{"query", "sum(count_over_time(up[1m]))"},
                                    {"start", "1795167780"},
                                    {"end", "1795167840"},
                                    {"step", "30"},
                                    {"stats", stats}})
        .body;
  };
  CHECK(ask("").find("totalQueryableSamples") == std::string::npos);
  // A kept answer would have read nothing.
  for (int i = 0; i < 2; ++i) {
    CHECK(ask("all").find("\"totalQueryableSamplesPerStep\":[[1795167780,3],"
                          "[1795167810,6],[1795167840,3]],"
                          "\"totalQueryableSamples\":12,") !=
          std::string::npos);
  }
  CHECK(ask("true").find("\"samples\":{\"totalQueryableSamples\":12,") !=
        std::string::npos);
}

}  // namespace
}  // namespace varve::query
