// Raw samples: exports.
#include <map>
#include <string>

#include "lib/protocol/vm_native_reader.h"
#include "lib/query/test_api.h"

namespace varve::query {
namespace {

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

TEST_CASE("a native export has all samples that it has a form for",
          "[query]") {
  Api api;
  api.storage.Add(Up("a"), {{1000, 1.25},
                            {2000, model::StaleNan()},
                            {3000, -7e200},
                            {4000, model::NormalNan()}});
  api.storage.Add(Up("b"), {{1000, 5}});
  api.storage.AddHistogram({{"__name__", "h"}}, 1000, {});
  const KeptAnswer answer = api.Get(
      "api/v1/export/native", {{"match[]", "{__name__=~\"up|h\"}"}});
  CHECK(answer.status == 200);
  CHECK(answer.content_type == "VictoriaMetrics/native");
  protocol::VmNativeReader reader(answer.body);
  protocol::SampleBatch batch;
  REQUIRE(reader.Next(batch, SIZE_MAX).ok());
  std::map<std::string, std::vector<std::pair<int64_t, double>>> all;
  for (const protocol::BatchSeries& series : batch.series) {
    const auto labels = model::ParseCanonicalBytes(series.identity);
    REQUIRE(labels.ok());
    for (size_t i = 0; i < series.rows; ++i) {
      all[labels->Text()].emplace_back(batch.Timestamps(series)[i],
                                       batch.Values(series)[i]);
    }
  }
  CHECK(all.size() == 2);
  CHECK(all[R"(up{job="b"})"] ==
        std::vector<std::pair<int64_t, double>>{{1000, 5}});
  const auto& a = all[R"(up{job="a"})"];
  REQUIRE(a.size() == 3);
  CHECK(a[0] == std::pair<int64_t, double>(1000, 1.25));
  CHECK(a[1].first == 2000);
  CHECK(model::IsStaleNan(a[1].second));
  CHECK(a[2] == std::pair<int64_t, double>(3000, -7e200));
  const std::string metrics = api.metrics.Text();
  for (const char* reason : {"nan", "histogram"}) {
    CHECK(metrics.find(base::StrCat("varve_native_export_left_out_total{reason="
                                    "\"", reason, "\"} 1\n")) !=
          std::string::npos);
  }
  // Of nothing it is a head alone.
  CHECK(api.Get("api/v1/export/native", {{"match[]", "none"}}).body.size() ==
        16);
  CHECK(api.Get("api/v1/export/native", {}).status == 400);
}

// (1,2]:3 of a counter.
model::Histogram ThreeObservations() {
  model::Histogram histogram;
  histogram.count = 3;
  histogram.sum = 5;
  histogram.layout.positive = {{1, 1}};
  histogram.buckets = {3};
  return histogram;
}

TEST_CASE("a promapi export has histograms beside floats", "[query]") {
  Api api;
  api.storage.AddHistogram({{"__name__", "h"}}, 1000, ThreeObservations());
  api.storage.Add({{"__name__", "f"}}, {{1000, 1}});
  const KeptAnswer answer =
      api.Get("api/v1/export",
              {{"match[]", "{__name__=~\"f|h\"}"}, {"format", "promapi"}});
  const std::string floats =
      "{\"metric\":{\"__name__\":\"f\"},\"values\":[[1,\"1\"]]}";
  const std::string histograms =
      "{\"metric\":{\"__name__\":\"h\"},\"histograms\":[[1,{"
      "\"count\":\"3\",\"sum\":\"5\",\"buckets\":[[0,\"1\",\"2\",\"3\"]]}]]}";
  CHECK(answer.body.find(floats) != std::string::npos);
  CHECK(answer.body.find(histograms) != std::string::npos);
  CHECK(answer.body.size() ==
        std::string("{\"status\":\"success\",\"data\":{\"resultType\":"
                    "\"matrix\",\"result\":[,]}}")
                .size() +
            floats.size() + histograms.size());
  CHECK(api.Get("api/v1/export", {{"match[]", "h"}, {"format", "prometheus"}})
            .body.empty());
}

TEST_CASE("a native histogram is in answers of queries and in exports",
          "[query]") {
  Api api;
  model::Histogram histogram;
  histogram.count = 3;
  histogram.layout.positive = {{0, 1}};
  histogram.buckets = {3};
  api.storage.AddHistogram({{"__name__", "h"}, {"job", "x"}}, kT - 1000,
                           histogram);
  CHECK(api.Query("sum(h)").find(
            "\"histogram\":[1795167840,{\"count\":\"3\",\"sum\":\"0\","
            "\"buckets\":[[0,\"0.5\",\"1\",\"3\"]]}]") != std::string::npos);
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

}  // namespace
}  // namespace varve::query
