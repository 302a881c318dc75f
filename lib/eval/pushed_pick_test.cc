#include <algorithm>
#include <catch2/catch.hpp>
#include <cstring>
#include <limits>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <utility>

#include "lib/base/status.h"
#include "lib/base/strings.h"
#include "lib/eval/evaluator.h"
#include "lib/eval/vector_source.h"
#include "lib/promql/parser.h"
#include "lib/rollup/best_series.h"
#include "lib/rollup/group_columns.h"
#include "lib/rollup/grouping.h"
#include "lib/rollup/rollup.h"

namespace varve::eval {
namespace {

AggregatedPart PartOf(VectorSource& node, const AggregateRequest& request) {
  const auto stream = node.Select(request.select);
  REQUIRE(stream.ok());
  const rollup::Function function = *rollup::FunctionByName(request.function);
  const rollup::Windows windows{.first_end_ms = request.first_end_ms,
                                .end_step_ms = request.end_step_ms,
                                .range_ms = request.range_ms,
                                .count = request.steps};
  const rollup::Grouping grouping(request.without, request.grouping);
  const bool top = request.aggregate ==
                   static_cast<uint32_t>(rollup::Aggregate::kTopk);
  AggregatedPart part;
  std::map<std::string, rollup::BestSeries> groups;
  std::vector<SeriesData> batch;
  std::vector<double> column(request.steps);
  while ((*stream)->Next(batch).ok() && !batch.empty()) {
    for (SeriesData& series : batch) {
      ++part.series;
      part.samples += static_cast<int64_t>(series.samples.size());
      rollup::DropGaps(function, series.samples);
      rollup::Compute(function,
                      {series.samples.timestamps_ms, series.samples.values},
                      windows, {}, column);
      if (std::all_of(column.begin(), column.end(), model::IsStaleNan)) {
        continue;
      }
      std::string labels;
      model::AppendCanonicalBytes(labels, series.labels);
      std::string key;
      grouping.Key(series.labels, request.without_metadata, key);
      groups.try_emplace(key, top, request.k, request.steps)
          .first->second.Add(labels, column);
    }
  }
  for (const auto& [key, best] : groups) {
    for (const rollup::BestSeries::Kept& kept : best.All()) {
      part.keys.emplace_back(kept.labels);
      rollup::AppendStepValues(kept.values, part.states.emplace_back());
    }
  }
  return part;
}

// Series on three nodes, which aggregate them. The last one is disputed: its
// series have to be read.
class NodesSource final : public SeriesSource {
 public:
  void Add(const SeriesData& series) {
    all_.Add(series);
    nodes_[next_++ % 3].Add(series);
  }
  absl::StatusOr<std::unique_ptr<SeriesStream>> Select(
      const SelectRequest& request) override {
    return all_.Select(request);
  }
  absl::StatusOr<std::unique_ptr<AggregateStream>> Aggregate(
      const AggregateRequest& request) override {
    if (!aggregates || request.k == 0) return nullptr;
    ++asked;
    auto stream = std::make_unique<Stream>();
    for (size_t node : {1, 0}) {
      stream->parts.push_back(PartOf(nodes_[node], request));
      given += stream->parts.back().keys.size();
    }
    if (damages) stream->parts.back().states.back() += '\1';
    stream->gives_up = gives_up;
    ASSIGN_OR_RETURN(stream->rest, nodes_[2].Select(request.select));
    return std::unique_ptr<AggregateStream>(std::move(stream));
  }

  bool aggregates = true;
  bool gives_up = false;
  bool damages = false;
  int asked = 0;
  size_t given = 0;  // series, by nodes that aggregate

 private:
  struct Stream final : AggregateStream {
    absl::StatusOr<bool> Next(AggregatedPart& part) override {
      if (parts.empty()) return false;
      if (gives_up && parts.size() == 1) return absl::AbortedError("changed");
      part = std::move(parts.back());
      parts.pop_back();
      return true;
    }
    std::unique_ptr<SeriesStream> TakeRest() override {
      return std::move(rest);
    }
    std::vector<AggregatedPart> parts;
    std::unique_ptr<SeriesStream> rest;
    bool gives_up = false;
  };

  VectorSource all_;
  VectorSource nodes_[3];
  size_t next_ = 0;
};

// m of 60 hosts and other of 10, a sample each 10 s over 10 minutes, or none.
// Many are equal.
NodesSource Hosts() {
  NodesSource source;
  std::mt19937 dice(7);
  const double odd[] = {model::StaleNan(), model::NormalNan(), -0.0,
                        std::numeric_limits<double>::infinity()};
  for (int host = 0; host < 70; ++host) {
    SeriesData series;
    series.labels = {{"__name__", host < 60 ? "m" : "other"},
                     {"host", base::StrCat(host)},
                     {"zone", base::StrCat(dice() % 4)}};
    // Sorts before the name.
    if (host % 5 == 0) series.labels.Set("Rack", base::StrCat(host % 3));
    for (int i = 0; i <= 60; ++i) {
      const uint32_t one = dice() % 40;
      if (one < 6) continue;
      series.samples.push_back(
          i * 10'000, one < 10 ? odd[one - 6] : one % 7 * (host % 4));
    }
    source.Add(series);
  }
  return source;
}

struct Query {
  Query(std::string_view text, NodesSource& source, bool range = true) {
    INFO(text);
    auto parsed = promql::ParseExpr(text);
    REQUIRE(parsed.ok());
    expr = *std::move(parsed);
    request.expr = expr.get();
    request.start_ms = 300'000;
    request.source = &source;
    if (!range) return;
    request.end_ms = 600'000;
    request.step_ms = 7'000;
  }
  EvalResult Get() const {
    auto result = Evaluate(request);
    INFO(result.status());
    REQUIRE(result.ok());
    return *std::move(result);
  }

  promql::ExprPtr expr;
  EvalRequest request;
};

void CheckSame(const EvalResult& a, const EvalResult& b) {
  CHECK(a.infos == b.infos);
  CHECK(a.warnings == b.warnings);
  CHECK(a.stats.series_fetched == b.stats.series_fetched);
  CHECK(a.stats.samples_scanned == b.stats.samples_scanned);
  REQUIRE(a.series.size() == b.series.size());
  for (size_t i = 0; i < a.series.size(); ++i) {
    CHECK(a.series[i].labels == b.series[i].labels);
    REQUIRE(a.series[i].values.size() == b.series[i].values.size());
    CHECK(std::memcmp(a.series[i].values.data(), b.series[i].values.data(),
                      a.series[i].values.size() * sizeof(double)) == 0);
  }
}

TEST_CASE("what the source finds the best is what is picked of all series",
          "[eval]") {
  NodesSource source = Hosts();
  for (const char* text :
       {"topk(3, m)", "bottomk(3, m)", "topk by (zone) (2, rate(m[2m]))",
        "bottomk without (host) (1, max_over_time(m[1m]))",
        "topk(time() % 5, m)", "topk(300, m)",
        "topk without (zone, Rack) (4, increase(m[3m]))",
        "bottomk by (Rack) (2, m offset 1m)", "topk(2, m @ 400)",
        "topk(time() % 3, rate(m[2m] @ 400))",
        "topk by (__name__) (2, {host=~'.*5'})", "topk(5, m * 0 == 0)",
        "topk by (zone) (1, group by (zone, host) (m))", "topk(2, none)"}) {
    for (const bool range : {true, false}) {
      for (const bool delayed : {true, false}) {
        CAPTURE(text, range, delayed);
        Query query(text, source, range);
        query.request.delayed_name_removal = delayed;
        source.aggregates = true;
        const EvalResult ours = query.Get();
        source.aggregates = false;
        CheckSame(ours, query.Get());
      }
    }
  }
}

TEST_CASE("no more comes than may be picked", "[eval]") {
  NodesSource source = Hosts();
  Query("topk(3, m)", source, false).Get();
  CHECK(source.asked == 1);
  // Of two nodes; each tells its first series too.
  CHECK(source.given >= 2 * 3);
  CHECK(source.given <= 2 * (3 + 1));
}

TEST_CASE("what the source begins and gives up is done as if it had not been",
          "[eval]") {
  NodesSource source = Hosts();
  Query query("topk by (zone) (2, rate(m[2m]))", source);
  source.aggregates = false;
  const EvalResult raw = query.Get();
  source.aggregates = true;
  SECTION("it says so") { source.gives_up = true; }
  SECTION("it cannot be read") { source.damages = true; }
  CheckSame(query.Get(), raw);
  CHECK(source.asked == 1);
}

TEST_CASE("the source is not asked for what it cannot pick", "[eval]") {
  NodesSource source = Hosts();
  for (const char* text :
       {"limitk(2, m)", "topk(0, m)", "topk(-1, m)", "topk(2000, m)",
        // Without their names series may be equal.
        "topk(1, rate({host='1'}[1m]))",
        // Their arguments are the engine's.
        "topk(1, quantile_over_time(0.5, m[1m]))", "topk(1, abs(m))",
        "topk(1, max_over_time(m[2m:1m]))"}) {
    CAPTURE(text);
    Query(text, source).Get();
    CHECK(source.asked == 0);
  }
  Query counted("topk(1, m)", source);
  counted.request.count_samples = true;
  counted.Get();
  CHECK(source.asked == 0);
  Query("topk(time() % 2 * 1024, m)", source).Get();
  CHECK(source.asked == 1);
  CHECK(Evaluate(Query("topk(NaN, m)", source).request).status().code() ==
        absl::StatusCode::kInvalidArgument);
  CHECK(source.asked == 1);
}

}  // namespace
}  // namespace varve::eval
