#include "lib/eval/evaluator.h"

#include <bit>
#include <catch2/catch.hpp>
#include <cmath>
#include <string>
#include <utility>

#include "lib/base/clock.h"
#include "lib/base/status.h"
#include "lib/eval/vector_source.h"
#include "lib/promql/parser.h"

namespace varve::eval {
namespace {

// 40 series m{host,zone} with a sample each 10 s over 10 minutes.
VectorSource& Hosts() {
  static VectorSource* source = [] {
    auto* made = new VectorSource(/*batch_series=*/40);
    for (int host = 0; host < 40; ++host) {
      SeriesData series;
      series.labels = {{"__name__", "m"},
                       {"host", std::to_string(host)},
                       {"zone", std::to_string(host % 3)}};
      for (int i = 0; i <= 60; ++i) {
        series.samples.push_back(i * 10'000, 0.1 * i * (host + 1));
      }
      made->Add(std::move(series));
    }
    return made;
  }();
  return *source;
}

struct Query {
  explicit Query(std::string_view text) {
    auto parsed = promql::ParseExpr(text);
    INFO(text << " " << parsed.status());
    REQUIRE(parsed.ok());
    expr = *std::move(parsed);
    request.expr = expr.get();
    request.start_ms = 300'000;
    request.source = &Hosts();
  }
  Query& Range(int64_t end_ms, int64_t step_ms) {
    request.end_ms = end_ms;
    request.step_ms = step_ms;
    return *this;
  }
  absl::StatusOr<EvalResult> Run() const { return Evaluate(request); }
  EvalResult Get() const {
    auto result = Run();
    INFO(result.status());
    REQUIRE(result.ok());
    return *std::move(result);
  }
  absl::Status Error() const { return Run().status(); }

  promql::ExprPtr expr;
  EvalRequest request;
};

constexpr const char* kSameLabelSet =
    "vector cannot contain metrics with the same labelset";

bool Says(const absl::Status& status, std::string_view text) {
  return base::Message(status).find(text) != std::string_view::npos;
}

TEST_CASE("scalars, strings and raw samples keep their types", "[eval]") {
  CHECK(Query("1 + 1").Get().series[0].values[0] == 2);
  CHECK(Query("1").Get().type == promql::ValueType::kScalar);
  CHECK(Query("'text'").Get().string_value == "text");
  const EvalResult raw = Query("m{host='1'}[30s]").Get();
  CHECK(raw.type == promql::ValueType::kMatrix);
  REQUIRE(raw.raw.size() == 1);
  CHECK(raw.raw[0].samples.timestamps_ms ==
        std::vector<int64_t>{280'000, 290'000, 300'000});
  CHECK(Query("m[1m:30s]").Get().raw.size() == 40);
}

TEST_CASE("a subquery's samples are sorted, and told apart by their labels",
          "[eval]") {
  const EvalResult raw =
      Query("sort_desc(m{host=~'1|2'} * on(host) m)[1m:30s]").Get();
  REQUIRE(raw.raw.size() == 2);
  CHECK(raw.raw[0].labels < raw.raw[1].labels);

  Query query("label_replace(m, '__name__', 'm$1', 'host', '(.*)')[1m:30s]");
  query.request.delayed_name_removal = true;
  CHECK(query.Get().raw.size() == 40);
  Query twins(
      "abs(label_replace(label_replace(m{host=~'1|4'}, "
      "'__name__', 'm$1', 'host', '(.*)'), 'host', '', 'host', '.*'))[1m:30s]");
  twins.request.delayed_name_removal = true;
  CHECK(Says(twins.Error(),
             kSameLabelSet));
}

TEST_CASE("a range query wants a scalar or an instant vector", "[eval]") {
  const absl::Status status = Query("m[5m]").Range(400'000, 10'000).Error();
  CHECK(status.code() == absl::StatusCode::kInvalidArgument);
  CHECK(Says(status,
             "invalid expression type \"range vector\" for range "
             "query, must be Scalar or instant Vector"));
  CHECK(Query("1").Range(400'000, 10'000).Get().type ==
        promql::ValueType::kMatrix);
}

TEST_CASE("each limit says which flag it is", "[eval]") {
  Query samples("sum(rate(m[5m]))");
  samples.request.limits.samples_max = 100;
  CHECK(Says(samples.Error(), "-search.maxSamplesPerQuery"));

  Query series("m");
  series.request.limits.series_max = 10;
  CHECK(Says(series.Error(), "-search.maxUniqueTimeseries"));

  Query points("m");
  points.Range(600'000, 1).request.limits.points_per_series_max = 1'000;
  CHECK(Says(points.Error(), "-search.maxPointsPerTimeseries"));

  Query subquery("max_over_time(m[10m:1ms])");
  CHECK(Says(subquery.Error(), "-search.maxPointsSubqueryPerTimeseries"));

  Query memory("m + on(host, zone) m");
  memory.request.limits.memory_bytes_max = 3'000;
  const absl::Status status = memory.Error();
  CHECK(status.code() == absl::StatusCode::kResourceExhausted);
  CHECK(Says(status, "-search.maxMemoryPerQuery"));
}

TEST_CASE("all queries together have a bound, and give back what they held",
          "[eval]") {
  base::MemoryPool pool(100'000);
  REQUIRE(pool.Add(98'000));  // another query's
  Query query("m + on(host, zone) m");
  query.request.limits.memory_pool = &pool;
  const absl::Status status = query.Error();
  CHECK(status.code() == absl::StatusCode::kResourceExhausted);
  CHECK(Says(status, "not enough memory for processing"));
  CHECK(Says(status, "-memory.allowedPercent"));
  CHECK(pool.bytes() == 98'000);
  pool.Remove(98'000);
  Query again("m + on(host, zone) m");
  again.request.limits.memory_pool = &pool;
  CHECK(again.Get().series.size() > 0);
  CHECK(pool.bytes() == 0);
}

TEST_CASE("an aggregation holds its groups, not its series", "[eval]") {
  const EvalResult all = Query("m").Range(600'000, 1'000).Get();
  const EvalResult sum = Query("sum(m)").Range(600'000, 1'000).Get();
  CHECK(sum.stats.memory_bytes_peak * 10 < all.stats.memory_bytes_peak);
  CHECK(sum.stats.samples_scanned == all.stats.samples_scanned);
  CHECK(sum.stats.series_fetched == 40);
}

TEST_CASE("a query ends when it is cancelled or late", "[eval]") {
  std::atomic<bool> cancelled{true};
  Query query("m");
  query.request.cancelled = &cancelled;
  CHECK(query.Error().code() == absl::StatusCode::kCancelled);
  cancelled = false;
  CHECK(query.Error().ok());
  query.request.deadline_steady_ms = base::SystemClock().SteadyMs() - 1;
  CHECK(query.Error().code() == absl::StatusCode::kDeadlineExceeded);
}

TEST_CASE("a query that is late ends within the windows of one series",
          "[eval][slow]") {
  // Some minutes' work: 100,000 windows of 100,000 samples each.
  VectorSource source(1);
  SeriesData series;
  series.labels = {{"__name__", "long"}};
  for (int i = 0; i < 200'000; ++i) {
    series.samples.push_back(i * 1000, i * 7919 % 1013);
  }
  source.Add(std::move(series));
  for (const char* text :
       {"quantile_over_time(0.5, long[100000s])",
        "sum(mad_over_time(long[100000s]))",
        "avg_over_time(long[100000s:1s])",
        "rollup(long[100000s])", "histogram_over_time(long[100000s])",
        "(long, stddev_over_time(long[100000s]))"}) {
    CAPTURE(text);
    Query query(text);
    query.request.source = &source;
    query.request.limits.points_per_series_max = 0;
    query.request.limits.subquery_points_max = 0;
    query.request.start_ms = 100'000'000;
    query.Range(200'000'000, 1000);
    const int64_t begin_ms = base::SystemClock().SteadyMs();
    query.request.deadline_steady_ms = begin_ms + 50;
    CHECK(query.Error().code() == absl::StatusCode::kDeadlineExceeded);
    CHECK(base::SystemClock().SteadyMs() - begin_ms < 10'000);
  }
}

TEST_CASE("the parts of a list are charged to the query", "[eval]") {
  Query query("m == (m, m, m, m)");
  const EvalResult result = query.Range(600'000, 10'000).Get();
  CHECK(result.series.size() == 40);
  const EvalResult one = Query("m").Range(600'000, 10'000).Get();
  // Left side, parts, and the last part while it is read.
  CHECK(result.stats.memory_bytes_peak >= one.stats.memory_bytes_peak * 3);
  query.request.limits.memory_bytes_max = one.stats.memory_bytes_peak * 2;
  CHECK(absl::IsResourceExhausted(query.Error()));
}

TEST_CASE("clamps have Prometheus' zeros and NaN", "[eval]") {
  const auto bits = [](std::string_view text) {
    return std::bit_cast<uint64_t>(Query(text).Get().series[0].values[0]);
  };
  const auto of = [](double value) { return std::bit_cast<uint64_t>(value); };
  CHECK(bits("clamp_max(vector(0), -0)") == of(-0.0));
  CHECK(bits("clamp_max(vector(-0), 0)") == of(-0.0));
  CHECK(bits("clamp_min(vector(0), -0)") == of(0.0));
  CHECK(bits("clamp_min(vector(-0), 0)") == of(0.0));
  CHECK(bits("clamp_min(vector(1), NaN)") == of(model::NormalNan()));
  CHECK(bits("clamp_max(vector(1), NaN)") == of(model::NormalNan()));
}

TEST_CASE("threads change no result", "[eval]") {
  base::ThreadPool pool("eval_test", 4);
  for (const char* text :
       {"sum by (zone) (rate(m[1m]))", "avg(m)", "count by (zone) (m)",
        "stddev(m)", "rate(m[1m])", "topk(2, m)", "absent(m)", "max(m)",
        "absent_over_time(m[1m])"}) {
    CAPTURE(text);
    Query query(text);
    query.Range(600'000, 7'000);
    const EvalResult one = query.Get();
    query.request.pool = &pool;
    query.request.limits.threads_max = 2;
    const EvalResult two = query.Get();
    const EvalResult again = query.Get();
    REQUIRE(one.series.size() == two.series.size());
    for (size_t i = 0; i < one.series.size(); ++i) {
      CHECK(one.series[i].labels == two.series[i].labels);
      for (size_t step = 0; step < one.series[i].values.size(); ++step) {
        const double a = one.series[i].values[step];
        const double b = two.series[i].values[step];
        if (std::isnan(a)) {
          CHECK(std::isnan(b));
        } else {
          CHECK(a == Approx(b).epsilon(1e-12));
        }
        CHECK(model::SameBits(b, again.series[i].values[step]));
      }
    }
  }
}

TEST_CASE("metrics that become equal are an error, streamed or not", "[eval]") {
  VectorSource source;
  source.Add({{{"__name__", "a"}, {"x", "1"}}, {{290'000, 300'000}, {1, 2}}});
  source.Add({{{"__name__", "b"}, {"x", "1"}}, {{290'000, 300'000}, {1, 2}}});
  for (const char* text :
       {"rate({x='1'}[1m])", "sum(rate({x='1'}[1m]))", "-{x='1'}",
        "abs({x='1'})", "label_replace({x='1'}, '__name__', 'c', '', '')",
        "max_over_time({x='1'}[1m:10s])"}) {
    CAPTURE(text);
    Query query(text);
    query.request.source = &source;
    CHECK(base::Message(query.Error()) ==
          kSameLabelSet);
  }
  Query fine("sum({x='1'})");
  fine.request.source = &source;
  CHECK(fine.Get().series[0].values[0] == 4);
}

TEST_CASE("labels that are changed at all steps at once must stay unlike",
          "[eval]") {
  VectorSource source;
  // Never at the same step.
  source.Add({{{"__name__", "a"}, {"x", "1"}}, {{10'000}, {1}}});
  source.Add({{{"__name__", "b"}, {"x", "1"}}, {{900'000}, {2}}});
  const auto ask = [&](const char* text) {
    Query query(text);
    query.request.source = &source;
    query.Range(900'000, 10'000);
    return query;
  };
  for (const char* text :
       {"label_replace({x='1'}, '__name__', 'c', '', '')",
        "label_join({x='1'}, '__name__', '', 'x')", "-{x='1'}"}) {
    CAPTURE(text);
    CHECK(base::Message(ask(text).Error()) == kSameLabelSet);
    Query metricsql = ask(text);
    metricsql.request.dialect = promql::Dialect::kMetricsql;
    CHECK(metricsql.Get().series.size() == 1);
  }
  // Step by step.
  CHECK(ask("abs({x='1'})").Get().series.size() == 1);
  Query delayed = ask("abs({x='1'})");
  delayed.request.delayed_name_removal = true;
  CHECK(base::Message(delayed.Error()) == kSameLabelSet);
  CHECK(ask("label_replace({x='1'}, 'y', 'c', '', '')").Get().series.size() ==
        2);
}

TEST_CASE("matching errors have Prometheus' words", "[eval]") {
  CHECK(base::Message(Query("m + on(zone) m").Error())
            .starts_with("found duplicate series for the match group "
                         "{zone=\""));
  CHECK(Says(Query("m + on(zone) sum by (zone) (m)").Error(),
             "multiple matches for labels: many-to-one matching must be "
             "explicit (group_left/group_right)"));
  CHECK(Says(Query("sum by (zone) (m) + on(zone) group_right() "
                   "label_replace(m, 'host', '', '', '')")
                 .Error(),
             kSameLabelSet));
}

class BrokenSource final : public SeriesSource {
 public:
  absl::StatusOr<std::unique_ptr<SeriesStream>> Select(
      const SelectRequest&) override {
    return base::Unavailable("no node answers");
  }
};

TEST_CASE("the source's error is the query's", "[eval]") {
  BrokenSource source;
  Query query("sum(m)");
  query.request.source = &source;
  CHECK(query.Error().code() == absl::StatusCode::kUnavailable);
  CHECK(base::Message(query.Error()) == "no node answers");
}

TEST_CASE("notes say what looked wrong", "[eval]") {
  CHECK(Query("rate(m[1m])").Get().infos ==
        std::vector<std::string>{
            "PromQL info: metric might not be a counter, name does not end "
            "in _total/_sum/_count/_bucket: \"m\""});
  CHECK(Query("quantile(2, m)").Get().warnings ==
        std::vector<std::string>{
            "PromQL warning: quantile value should be between 0 and 1, got "
            "2"});
  CHECK(Query("quantile_over_time(2 + 0 * time(), m[1m:30s])")
            .Range(330'000, 10'000)
            .Get()
            .warnings.size() == 1);
  CHECK(Query("quantile_over_time(time(), m[1m:30s])")
            .Range(330'000, 10'000)
            .Get()
            .warnings.size() == 4);
  CHECK(Query("histogram_quantile(0.5, m)").Get().warnings ==
        std::vector<std::string>{
            "PromQL warning: bucket label \"le\" is missing or has a "
            "malformed value of \"\" for metric name \"m\""});
}

// m with a start that changes at 200 s and is unknown from 400 s on, and one of
// native histograms.
class StartSource final : public SeriesSource {
 public:
  StartSource() {
    SeriesData floats;
    floats.labels = {{"__name__", "m"}, {"job", "a"}};
    for (int64_t at = 0; at <= 500'000; at += 100'000) {
      floats.samples.push_back(at, 1);
    }
    floats.starts = {{0, 100'000, -5'500}, {200'000, 300'000, 150'250}};
    source_.Add(std::move(floats));
    SeriesData histograms;
    histograms.labels = {{"__name__", "m"}, {"job", "h"}};
    histograms.histograms.push_back(
        300'000, std::make_shared<const histogram::FloatHistogram>());
    histograms.starts = {{300'000, 300'000, 7'000}};
    source_.Add(std::move(histograms));
  }
  absl::StatusOr<std::unique_ptr<SeriesStream>> Select(
      const SelectRequest& request) override {
    asked_for_starts = request.starts;
    return source_.Select(request);
  }

  bool asked_for_starts = false;

 private:
  VectorSource source_;
};

TEST_CASE("start_timestamp is when the sample that is read began to count",
          "[eval]") {
  StartSource source;
  Query query("start_timestamp(m)");
  query.request.source = &source;
  query.request.start_ms = 50'000;
  const EvalResult result = query.Range(550'000, 100'000).Get();
  CHECK(source.asked_for_starts);
  REQUIRE(result.series.size() == 2);
  CHECK(result.series[0].labels == model::LabelSet{{"job", "a"}});
  CHECK(result.series[0].values ==
        std::vector<double>{-5.5, -5.5, 150.25, 150.25, 0, 0});
  CHECK(result.series[1].labels == model::LabelSet{{"job", "h"}});
  CHECK(result.series[1].values[3] == 7);
}

TEST_CASE("start_timestamp in other expressions, offsets and subqueries",
          "[eval]") {
  StartSource source;
  const auto value = [&source](std::string_view text) {
    Query query(text);
    query.request.source = &source;
    query.request.start_ms = 320'000;
    const EvalResult result = query.Get();
    REQUIRE(result.series.size() == 1);
    return result.series[0].values[0];
  };
  CHECK(value("start_timestamp(m{job='a'} offset 3m)") == -5.5);
  CHECK(value("start_timestamp((m{job='a'} @ 210))") == 150.25);
  CHECK(value("max(start_timestamp(m))") == 150.25);
  CHECK(value("min_over_time(start_timestamp(m{job='a'})[5m:1m])") == -5.5);
  CHECK(value("time() - start_timestamp(m{job='a'})") == 320 - 150.25);
}

TEST_CASE("what is no selector has no start timestamps", "[eval]") {
  StartSource source;
  for (const char* text :
       {"start_timestamp(m + 1)", "start_timestamp(rate(m[5m]))",
        "start_timestamp(sum(m))", "start_timestamp(absent(m))"}) {
    CAPTURE(text);
    Query query(text);
    query.request.source = &source;
    CHECK(query.Get().series.empty());
    CHECK_FALSE(source.asked_for_starts);
  }
}

TEST_CASE("results come sorted by labels unless they are ordered", "[eval]") {
  const EvalResult sorted = Query("m").Get();
  for (size_t i = 1; i < sorted.series.size(); ++i) {
    CHECK(sorted.series[i - 1].labels < sorted.series[i].labels);
  }
  const EvalResult top = Query("topk(3, m)").Get();
  REQUIRE(top.series.size() == 3);
  CHECK(top.series[0].labels.Get("host") == "39");
  const EvalResult range = Query("topk(3, m)").Range(300'000, 1'000).Get();
  CHECK(range.series[0].labels.Get("host") == "37");
}

TEST_CASE("bucket series have moments in MetricsQL's dialect alone", "[eval]") {
  // 2 values around 0.5 and 3 around 2.
  const std::string buckets =
      "((label_set(2, 'le', '1'), label_set(5, 'le', '3')))";
  for (const auto& [function, wanted] :
       {std::pair("histogram_avg", 1.4), std::pair("histogram_stdvar", 0.54),
        std::pair("histogram_stddev", std::sqrt(0.54))}) {
    CAPTURE(std::string(function));
    Query query(std::string(function) + buckets);
    CHECK(query.Get().series.empty());
    query.request.dialect = promql::Dialect::kMetricsql;
    const EvalResult result = query.Get();
    REQUIRE(result.series.size() == 1);
    CHECK(result.series[0].values[0] == Approx(wanted));
  }
}

TEST_CASE("window functions with many results are charged to the query",
          "[eval]") {
  Query query("count_values_over_time('v', m[5m])");
  query.Range(600'000, 10'000);
  CHECK(query.Get().series.size() > 1000);
  query.request.limits.memory_bytes_max = 100'000;
  CHECK(absl::IsResourceExhausted(query.Error()));
}

TEST_CASE("what depends on other steps is no invariant of the query",
          "[eval]") {
  const EvalResult sums = Query("running_sum(1)").Range(330'000, 10'000).Get();
  CHECK(sums.series[0].values == std::vector<double>{1, 2, 3, 4});
  const EvalResult random = Query("rand()").Range(330'000, 10'000).Get();
  CHECK(random.series[0].values[0] != random.series[0].values[1]);
}

}  // namespace
}  // namespace varve::eval
