#include <catch2/catch.hpp>
#include <memory>
#include <string>
#include <utility>

#include "lib/base/status.h"
#include "lib/base/thread_pool.h"
#include "lib/eval/evaluator.h"
#include "lib/eval/vector_source.h"
#include "lib/promql/parser.h"

namespace varve::eval {
namespace {

using histogram::FloatHistogram;
using histogram::HistogramPtr;

HistogramPtr Of(double count, int32_t schema = 0) {
  FloatHistogram h;
  h.schema = schema;
  h.count = count;
  h.sum = 2 * count;
  h.positive_spans = {{0, 2}};
  h.positive = {count / 4, count - count / 4};
  return std::make_shared<const FloatHistogram>(std::move(h));
}

// 40 series h{host,zone} with a histogram each 10 s over 10 minutes, and as
// many floats m.
VectorSource& Hosts() {
  static VectorSource* source = [] {
    auto* made = new VectorSource(/*batch_series=*/80);
    for (int host = 0; host < 40; ++host) {
      SeriesData histograms, floats;
      histograms.labels = {{"__name__", "h"},
                           {"host", std::to_string(host)},
                           {"zone", std::to_string(host % 3)}};
      floats.labels = histograms.labels;
      floats.labels.Set("__name__", "m");
      for (int i = 0; i <= 60; ++i) {
        histograms.histograms.push_back(i * 10'000,
                                        Of(0.1 * i * (host + 1), host % 2));
        floats.samples.push_back(i * 10'000, i);
      }
      made->Add(std::move(histograms));
      made->Add(std::move(floats));
    }
    return made;
  }();
  return *source;
}

struct Query {
  explicit Query(std::string_view text) : text(text) {
    auto parsed = promql::ParseExpr(text);
    INFO(text << " " << parsed.status());
    REQUIRE(parsed.ok());
    expr = *std::move(parsed);
    request.expr = expr.get();
    request.text = this->text;
    request.start_ms = 300'000;
    request.source = &Hosts();
  }
  EvalResult Get() const {
    auto result = Evaluate(request);
    INFO(result.status());
    REQUIRE(result.ok());
    return *std::move(result);
  }

  std::string text;
  promql::ExprPtr expr;
  EvalRequest request;
};

TEST_CASE("steps between two samples share one histogram", "[eval]") {
  Query query("h{host='1'}");
  query.request.end_ms = 309'000;
  query.request.step_ms = 1'000;
  const EvalResult result = query.Get();
  REQUIRE(result.series.size() == 1);
  const auto& histograms = result.series[0].histograms;
  REQUIRE(histograms.size() == 10);
  CHECK(histograms[0] != nullptr);
  CHECK(histograms[0] == histograms[9]);
  CHECK(model::IsStaleNan(result.series[0].values[0]));
  // Floats alone have no second column.
  Query floats("m{host='1'}");
  CHECK(floats.Get().series[0].histograms.empty());
}

TEST_CASE("raw samples keep histograms", "[eval]") {
  const EvalResult result = Query("h{host='1'}[30s]").Get();
  REQUIRE(result.raw.size() == 1);
  CHECK(result.raw[0].samples.empty());
  CHECK(result.raw[0].histograms.timestamps_ms ==
        std::vector<int64_t>{280'000, 290'000, 300'000});
}

TEST_CASE("floats beside histograms have no older sample before them",
          "[eval]") {
  for (const bool has_histogram : {false, true}) {
    CAPTURE(has_histogram);
    SeriesData series;
    series.labels = {{"__name__", "x"}};
    for (int i = 0; i <= 30; ++i) series.samples.push_back(i * 10'000, i);
    if (has_histogram) series.histograms.push_back(5'000, Of(1));
    VectorSource source(/*batch_series=*/1);
    source.Add(std::move(series));
    Query query("zscore_over_time(x[5s])");
    query.request.source = &source;
    query.request.end_ms = 300'000;
    query.request.step_ms = 1'000;
    CHECK(query.Get().series.empty());
    query.request.step_ms = 10'000;
    CHECK(query.Get().series.size() == 1);
  }
}

TEST_CASE("threads change no histogram", "[eval]") {
  base::ThreadPool pool("eval_test", 4);
  for (const char* text :
       {"sum by (zone) (rate(h[1m]))", "avg(h)", "count(h)", "h + h",
        "avg by (zone) ({__name__=~'h|m', host='7'})", "max({host='3'})"}) {
    CAPTURE(text);
    Query query(text);
    query.request.end_ms = 360'000;
    query.request.step_ms = 7'000;
    const EvalResult one = query.Get();
    query.request.pool = &pool;
    query.request.limits.threads_max = 3;
    const EvalResult several = query.Get();
    CHECK(one.warnings == several.warnings);
    CHECK(one.infos == several.infos);
    REQUIRE(one.series.size() == several.series.size());
    for (size_t i = 0; i < one.series.size(); ++i) {
      const auto& a = one.series[i].histograms;
      const auto& b = several.series[i].histograms;
      REQUIRE(a.size() == b.size());
      for (size_t step = 0; step < a.size(); ++step) {
        REQUIRE((a[step] == nullptr) == (b[step] == nullptr));
        if (a[step] == nullptr) continue;
        CHECK(a[step]->count == Approx(b[step]->count).epsilon(1e-12));
        CHECK(a[step]->schema == b[step]->schema);
        CHECK(a[step]->positive.size() == b[step]->positive.size());
      }
    }
  }
}

TEST_CASE("histograms count for the query's memory", "[eval]") {
  Query query("h");
  query.request.limits.memory_bytes_max = 12'000;
  const absl::Status status = Evaluate(query.request).status();
  CHECK(status.code() == absl::StatusCode::kResourceExhausted);
  CHECK(base::Message(status).find("-search.maxMemoryPerQuery") !=
        std::string::npos);
  Query floats("m");
  floats.request.limits.memory_bytes_max = 12'000;
  CHECK(Evaluate(floats.request).ok());
}

TEST_CASE("a sum over many series holds its groups only", "[eval]") {
  Query all("h");
  all.request.end_ms = 600'000;
  all.request.step_ms = 10'000;
  Query sum("sum(h)");
  sum.request.end_ms = all.request.end_ms;
  sum.request.step_ms = all.request.step_ms;
  CHECK(sum.Get().stats.memory_bytes_peak * 5 <
        all.Get().stats.memory_bytes_peak);
}

TEST_CASE("notes tell their place in the query", "[eval]") {
  CHECK(Query("1 +\n  sum({host='1'})").Get().warnings ==
        std::vector<std::string>{
            "PromQL warning: encountered a mix of histograms and floats for "
            "aggregation (2:7)"});
  CHECK(Query("rate(m{host='1'}[1m])").Get().infos ==
        std::vector<std::string>{
            "PromQL info: metric might not be a counter, name does not end "
            "in _total/_sum/_count/_bucket: \"m\" (1:6)"});
  CHECK(Query("h{host='1'} + 1").Get().infos ==
        std::vector<std::string>{
            "PromQL info: incompatible sample types encountered for binary "
            "operator \"+\": histogram + float (1:1)"});
}

TEST_CASE("of notes with the same words the outermost place is told",
          "[eval]") {
  CHECK(Query("histogram_quantile(NaN, quantile_over_time(NaN, m[1m]) == 0)")
            .Get()
            .warnings ==
        std::vector<std::string>{
            "PromQL warning: quantile value should be between 0 and 1, got "
            "NaN (1:20)"});
}

TEST_CASE("of many notes ten are shown", "[eval]") {
  VectorSource source;
  for (int i = 0; i < 15; ++i) {
    source.Add({{{"__name__", "m" + std::to_string(i)}},
                {{290'000, 300'000}, {1, 2}}});
  }
  Query query("sum(rate({__name__=~'m.*'}[1m]))");
  // Labels differ in their names only, which rate drops.
  query.request.delayed_name_removal = true;
  query.request.source = &source;
  const EvalResult result = query.Get();
  REQUIRE(result.infos.size() == 11);
  CHECK(result.infos[10] == "5 more info annotations omitted");
}

TEST_CASE("trimming keeps one side of a histogram and the name", "[eval]") {
  const EvalResult below = Query("h{host='0'} </ 1").Get();
  REQUIRE(below.series.size() == 1);
  CHECK(below.series[0].labels.Get("__name__") == "h");
  CHECK(below.series[0].histograms[0]->count == Approx(3. / 4));
  const EvalResult above = Query("h{host='0'} >/ 1").Get();
  CHECK(above.series[0].histograms[0]->count == Approx(9. / 4));
  const EvalResult floats = Query("m{host='0'} >/ 1").Get();
  CHECK(floats.series.empty());
  CHECK(floats.infos.size() == 1);
}

TEST_CASE("histogram_quantiles gives a series for each quantile", "[eval]") {
  Query query("histogram_quantiles(h{host='0'}, 'q', 0.125, 1)");
  const EvalResult result = query.Get();
  REQUIRE(result.series.size() == 2);
  CHECK(result.series[0].labels.Get("q") == "0.125");
  CHECK(result.series[1].labels.Get("q") == "1.0");
  CHECK(result.series[0].values[0] == Approx(0.7071067811865475));
  CHECK(result.series[1].values[0] == 2);

  // In MetricsQL's order of arguments the labels are numbers as it writes them.
  const EvalResult theirs =
      Query("histogram_quantiles('q', 0.125, 1, h{host='0'})").Get();
  REQUIRE(theirs.series.size() == 2);
  CHECK(theirs.series[0].labels.Get("q") == "0.125");
  CHECK(theirs.series[1].labels.Get("q") == "1");
  CHECK(theirs.series[0].values == result.series[0].values);
  CHECK(theirs.series[1].values == result.series[1].values);
}

}  // namespace
}  // namespace varve::eval
