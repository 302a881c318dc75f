// Lists of series, labels, values, exemplars and metadata, and their counts.
#include <algorithm>
#include <string>

#include "lib/base/strings.h"
#include "lib/query/test_api.h"

namespace varve::query {
namespace {

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
  CHECK(api.Get("api/v1/status/tsdb", {})
            .body.find("{\"name\":\"m\",\"value\":10,\"requestsCount\":7,"
                       "\"lastRequestTimestamp\":9}") != std::string::npos);
  CHECK(api.Get("api/v1/series/count", {}).body ==
        "{\"status\":\"success\",\"isPartial\":false,\"data\":[3]}");
  const auto top = [&api](http::Arguments arguments) {
    const std::string text =
        api.Get("api/v1/status/tsdb", std::move(arguments)).body;
    return text.substr(text.find("\"name\":\"m\",\"value\":") + 19, 2);
  };
  CHECK(top({{"limit", "7"}}) == "7,");
  CHECK(top({{"limit", "7"}, {"topN", "4"}}) == "4,");
  CHECK(top({}) == "10");
  CHECK(top({{"topN", "0"}}) == "1,");
  for (const char* wrong : {"x", "0", "-5"}) {
    CHECK(api.Get("api/v1/status/tsdb", {{"limit", wrong}}).status == 400);
  }
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
  const auto get =
      [&api](std::vector<std::pair<std::string, std::string>> arguments) {
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

TEST_CASE("groups of matchers are bounded, alone and multiplied", "[query]") {
  Api api;
  AddUps(api);
  // `{job="0" or job="1" or …}`
  const auto groups = [](int count) {
    std::string text = "{";
    for (int i = 0; i < count; ++i) {
      text += (i == 0 ? "job=\"" : " or job=\"") + std::to_string(i % 10) + "\"";
    }
    return text + "}";
  };
  const auto ask = [&](int match, int filters) {
    http::Arguments arguments;
    for (int left = match; left > 0; left -= 500) {
      arguments.push_back({"match[]", groups(std::min(left, 500))});
    }
    if (filters > 0) arguments.push_back({"extra_filters[]", groups(filters)});
    return api.Get("api/v1/series", arguments);
  };
  CHECK(ask(2000, 0).status == 200);
  CHECK(ask(2001, 0).status == 400);
  CHECK(ask(2001, 0).body.find("more than 2000 groups") != std::string::npos);
  CHECK(ask(1, 200).status == 200);
  CHECK(ask(1, 201).status == 400);
  CHECK(ask(1, 201).body.find("more than 200 groups") != std::string::npos);
  CHECK(ask(100, 200).status == 200);
  CHECK(ask(101, 200).status == 400);
  CHECK(ask(101, 200).body.find("more than 20000 groups") !=
        std::string::npos);
}

}  // namespace
}  // namespace varve::query
