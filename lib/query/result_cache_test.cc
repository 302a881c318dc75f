// Kept answers: their bounds, and that they are never told from fresh ones.
#include "lib/query/result_cache.h"

#include <fstream>
#include <iterator>
#include <random>

#include "lib/promql/parser.h"
#include "lib/query/cacheable.h"
#include "lib/query/result_cache_file.h"
#include "lib/query/test_api.h"
#include "tests/support/temp_dir.h"

namespace varve::query {
namespace {

CachedResultPtr Result(size_t values) {
  auto result = std::make_shared<CachedResult>();
  result->count = values;
  result->series.push_back({Up("a"), std::vector<double>(values, 1)});
  return result;
}

TEST_CASE("what was used longest ago goes first") {
  ResultCache cache(10'000);
  REQUIRE(cache.Put("a", Result(200)));
  REQUIRE(cache.Put("b", Result(200)));
  REQUIRE(cache.Put("c", Result(200)));
  CHECK(cache.Find("a") != nullptr);
  for (const char* key : {"d", "e"}) REQUIRE(cache.Put(key, Result(200)));
  CHECK(cache.Find("b") == nullptr);
  CHECK(cache.Find("a") != nullptr);
  CHECK(cache.bytes() <= 10'000);
  cache.Erase("a");
  CHECK(cache.Find("a") == nullptr);
  cache.Clear();
  CHECK(cache.bytes() == 0);
  CHECK(cache.entries() == 0);
}

TEST_CASE("an entry that is too large replaces its key by nothing") {
  ResultCache cache(10'000);
  REQUIRE(cache.Put("a", Result(10)));
  CHECK_FALSE(cache.Put("a", Result(1000)));
  CHECK(cache.Find("a") == nullptr);
  CHECK(cache.entries() == 0);
}

TEST_CASE("only what looks back and knows no range is kept") {
  const auto cacheable = [](const char* query) {
    return IsCacheable(**promql::ParseExpr(query));
  };
  for (const char* query :
       {"up", "sum by (job) (rate(up[5m] offset 1h))", "topk(3, up) / 2 > time()",
        "max_over_time(rate(up[5m])[1h:1m])", "-(up + on (job) vector(1))",
        "label_replace(up, \"a\", \"b\", \"c\", \"d\")"}) {
    CAPTURE(query);
    CHECK(cacheable(query));
  }
  for (const char* query :
       {"up @ 1", "up @ end()", "up offset -1m", "rate(up[5m] @ start())",
        "up + time() - start()", "sum(up) / range()", "up + end()",
        "max_over_time(up[1h:1m] offset -1h)",
        "sum_over_time((up offset -5m)[1h:1m])", "rate(up)", "rate(up[5i])",
        "sum(up) limit 3", "max_over_time(rate(up))",
        "sum(up) offset 5m"}) {
    CAPTURE(query);
    CHECK_FALSE(cacheable(query));
  }
}

struct CachingApi : Api {
  static SelectOptions Caching() {
    SelectOptions options;
    options.cache_bytes = 1 << 20;
    return options;
  }
  CachingApi() : Api(Caching()) { Settle(); }

  // What the nodes say by now.
  void Settle() {
    const int64_t now_ms = clock.NowMs();
    storage.outcome.histories.assign(
        2, {.node_id = 1,
            .coverage_version = 7,
            .changes = changes,
            .settled = {now_ms - 30 * model::kDayMs, now_ms - 300'000}});
    storage.outcome.histories[1].node_id = 2;
  }
  // The answer's data; all else tells of the time it took.
  std::string Range(const std::string& query, int64_t start_ms, int64_t end_ms,
                    bool nocache = false, const http::Arguments& more = {}) {
    const auto seconds = [](int64_t ms) { return std::to_string(ms / 1000); };
    http::Arguments arguments = {{"query", query},
                                 {"start", seconds(start_ms)},
                                 {"end", seconds(end_ms)},
                                 {"step", "60"},
                                 {"nocache", nocache ? "1" : "0"}};
    arguments.insert(arguments.end(), more.begin(), more.end());
    const std::string body = Get("api/v1/query_range", arguments).body;
    const size_t data = body.find("\"data\":");
    REQUIRE(data != std::string::npos);
    return body.substr(data, body.find(",\"stats\":") - data);
  }
  double Metric(const std::string& name) {
    const std::string text = metrics.Text();
    const size_t at = text.find("\n" + name + " ");
    REQUIRE(at != std::string::npos);
    return std::stod(text.substr(at + name.size() + 2));
  }

  uint64_t changes = 0;
};

TEST_CASE("a repeated range query reads only the steps that are not settled") {
  CachingApi api;
  api.storage.Add(Up("a"), {{kT - 1'800'000, 1}, {kT - 60'000, 2}});
  const std::string first = api.Range("up", kT - 3'600'000, kT);
  const int searches = api.storage.searches;
  CHECK(api.Range("up", kT - 3'600'000, kT) == first);
  CHECK(api.storage.searches == searches + 1);
  // From the first step that was not settled, five minutes before now.
  CHECK(api.storage.last_request.range.start_ms ==
        kT - 240'000 - 300'000 + 1);
  // Settled as a whole: nothing is read.
  CHECK(api.Range("up", kT - 3'000'000, kT - 600'000) ==
        api.Range("up", kT - 3'000'000, kT - 600'000, /*nocache=*/true));
  CHECK(api.storage.searches == searches + 2);
  CHECK(api.Metric("vm_rollup_result_cache_full_hits_total") == 1);
  CHECK(api.Metric("vm_rollup_result_cache_partial_hits_total") == 1);
  CHECK(api.Metric("vm_rollup_result_cache_miss_total") == 1);
  CHECK(api.Metric("vm_rollup_result_cache_requests_total") == 3);
}

TEST_CASE("an answer is kept for its extra filters and no others") {
  CachingApi api;
  // With quotes that are not escaped, or without lengths or brackets, some of
  // these would be one text.
  const auto add = [&](std::vector<model::Label> labels, double value) {
    model::LabelSet set = Up("a");
    for (const model::Label& label : labels) set.Set(label.name, label.value);
    api.storage.Add(set, {{kT - 1'800'000, value}});
  };
  add({{"x", "b"}, {"y", "d"}}, 1);
  add({{"x", "b\",\"y\"0\"d"}}, 2);
  add({{"x", "b,y0d"}}, 4);
  add({{"x", "b"}}, 8);
  add({{"y", "d"}}, 16);
  const std::vector<http::Arguments> filters = {
      {{"extra_label", "x=b"}, {"extra_label", "y=d"}},
      {{"extra_label", "x=b\",\"y\"0\"d"}},
      {{"extra_label", "x=b,y0d"}},
      {{"extra_label", "x=b"}},
      {{"extra_filters[]", "{x=~\"b\"}"}},
      {{"extra_filters[]", "{x!=\"b\"}"}},
      {{"extra_filters[]", "{x=\"b\"}"}, {"extra_filters[]", "{y=\"d\"}"}},
      {{"extra_filters[]", "{x=\"b\",y=\"d\"}"}},
      {}};
  const int64_t start_ms = kT - 3'600'000;
  const int64_t end_ms = kT - 1'200'000;
  for (const http::Arguments& one : filters) {
    CAPTURE(one.empty() ? "" : one[0].second);
    CHECK(api.Range("sum(up)", start_ms, end_ms, false, one) ==
          api.Range("sum(up)", start_ms, end_ms, true, one));
  }
  // The first and the one before the last are the same filters.
  CHECK(api.Metric("vm_rollup_result_cache_full_hits_total") == 1);
}

TEST_CASE("a change of the past, another node or another state is a miss") {
  CachingApi api;
  api.storage.Add(Up("a"), {{kT - 1'800'000, 1}});
  const int64_t start_ms = kT - 3'600'000;
  const int64_t end_ms = kT - 1'200'000;
  const std::string before = api.Range("sum(up)", start_ms, end_ms);
  api.storage.Add(Up("late"), {{kT - 1'800'000, 5}});
  REQUIRE(api.Range("sum(up)", start_ms, end_ms) == before);
  std::vector<cluster::NodeHistory>& histories = api.storage.outcome.histories;
  SECTION("a late row") { ++histories[1].changes; }
  SECTION("what a node is complete for") { ++histories[0].coverage_version; }
  SECTION("another node") { histories[1].node_id = 3; }
  SECTION("a node more") { histories.push_back(histories[0]); }
  SECTION("retention") { histories[0].settled.start_ms = start_ms; }
  CHECK(api.Range("sum(up)", start_ms, end_ms) ==
        api.Range("sum(up)", start_ms, end_ms, /*nocache=*/true));
}

TEST_CASE("what is partial or unproven is not kept") {
  CachingApi api;
  api.storage.Add(Up("a"), {{kT - 1'800'000, 1}});
  SECTION("partial") { api.storage.outcome.is_partial = true; }
  SECTION("not all nodes") { api.storage.outcome.histories.clear(); }
  SECTION("not settled") {
    for (auto& history : api.storage.outcome.histories) {
      history.settled.end_ms = kT - 4'000'000;
    }
  }
  const int64_t start_ms = kT - 3'600'000;
  api.Range("up", start_ms, kT - 1'200'000);
  const int searches = api.storage.searches;
  api.Range("up", start_ms, kT - 1'200'000);
  CHECK(api.storage.searches == searches + 1);
}

TEST_CASE("filters, lookback and tenants have answers of their own") {
  CachingApi api;
  api.storage.Add(Up("a"), {{kT - 1'800'000, 1}});
  api.storage.Add(Up("b"), {{kT - 1'800'000, 2}});
  http::Arguments arguments = {{"query", "up"},
                               {"start", std::to_string(kT / 1000 - 1'800)},
                               {"end", std::to_string(kT / 1000 - 1'200)},
                               {"step", "60"}};
  std::set<std::string> answers;
  answers.insert(api.Get("api/v1/query_range", arguments).body);
  arguments.emplace_back("extra_label", "job=a");
  answers.insert(api.Get("api/v1/query_range", arguments).body);
  arguments.back() = {"lookback_delta", "1m"};
  answers.insert(api.Get("api/v1/query_range", arguments).body);
  answers.insert(api.Call("/select/{}/prometheus/api/v1/query_range", {"7"},
                          arguments)
                     .body);
  CHECK(answers.size() == 4);
}

TEST_CASE("kept answers are never told from fresh ones") {
  const uint32_t seed = std::random_device()();
  CAPTURE(seed);
  std::mt19937 random(seed);
  const auto below = [&](int64_t bound) {
    return std::uniform_int_distribution<int64_t>(0, bound - 1)(random);
  };
  CachingApi api;
  const char* const queries[] = {"up", "sum(up)", "rate(up[10m])",
                                 "count by (job) (up) > 1", "up or vector(3)",
                                 "sum_over_time(up[10m:2m])",
                                 "up offset 20m"};
  for (int i = 0; i < 400; ++i) {
    if (below(3) == 0) api.clock.Advance(below(240'000));
    const int64_t now_ms = api.clock.NowMs();
    if (below(2) == 0) {
      const int64_t at_ms =
          now_ms - (below(4) == 0 ? below(7'200'000) : below(60'000));
      if (now_ms - at_ms >= 240'000) ++api.changes;
      // A series of its own: the fake storage merges none.
      api.storage.Add(Up(std::to_string(i)),
                      {{at_ms, static_cast<double>(i)}});
    }
    api.Settle();
    const int64_t step_ms = 60'000;
    const int64_t end_ms = (now_ms / step_ms - below(20)) * step_ms;
    const int64_t start_ms = end_ms - below(90) * step_ms;
    const std::string query = queries[below(std::size(queries))];
    CAPTURE(i, query, start_ms, end_ms);
    REQUIRE(api.Range(query, start_ms, end_ms) ==
            api.Range(query, start_ms, end_ms, /*nocache=*/true));
  }
  CHECK(api.Metric("vm_rollup_result_cache_full_hits_total") > 0);
  CHECK(api.Metric("vm_rollup_result_cache_partial_hits_total") > 0);
}

TEST_CASE("kept answers survive in a file") {
  const tests::TempDir dir;
  const std::string path = dir.path() + "/new/rollupResult";
  ResultCache before(1 << 20);
  for (const char* key : {"a", "b", "c"}) {
    auto result = std::make_shared<CachedResult>(*Result(3));
    result->start_ms = kT;
    result->step_ms = 60'000;
    result->series[0].values[1] = model::StaleNan();
    result->reads = {{{kT - 5, kT}, {{.node_id = 1, .changes = 4}}}};
    result->infos = {"an info"};
    result->text = "up";
    before.Put(key, std::move(result));
  }
  REQUIRE(before.Find("a") != nullptr);
  REQUIRE(*SaveResults(path, 9, before) == 3);

  SECTION("all of it comes back, in the order of use") {
    ResultCache after(1 << 20);
    REQUIRE(*LoadResults(path, 9, after) == 3);
    CHECK(after.OldestFirst().back().first == "a");
    const CachedResultPtr b = after.Find("b");
    REQUIRE(b != nullptr);
    CHECK(b->At(2) == kT + 120'000);
    CHECK(b->series[0].labels == Up("a"));
    CHECK(model::SameBits(b->series[0].values[1], model::StaleNan()));
    CHECK(b->reads[0].range.start_ms == kT - 5);
    CHECK(b->reads[0].histories[0].changes == 4);
    CHECK(b->infos == std::vector<std::string>{"an info"});
    CHECK(b->text == "up");
  }
  SECTION("another configuration's are not read") {
    ResultCache after(1 << 20);
    CHECK(*LoadResults(path, 8, after) == 0);
    CHECK(after.entries() == 0);
  }
  SECTION("of a damaged file what comes before the damage is read") {
    std::ifstream in(path, std::ios::binary);
    const std::string bytes{std::istreambuf_iterator<char>(in), {}};
    for (size_t cut = 0; cut < bytes.size(); ++cut) {
      std::string damaged = bytes.substr(0, cut);
      if (cut > 16) damaged[cut - 1] = static_cast<char>(~damaged[cut - 1]);
      std::ofstream(path, std::ios::binary) << damaged;
      ResultCache after(1 << 20);
      const auto loaded = LoadResults(path, 9, after);
      CAPTURE(cut);
      CHECK((cut == 16 ? loaded.ok() : absl::IsDataLoss(loaded.status())));
      CHECK(after.entries() <= 2);
    }
  }
  SECTION("no file is no error of the disk") {
    ResultCache after(1 << 20);
    CHECK(absl::IsNotFound(
        LoadResults(dir.path() + "/none", 9, after).status()));
  }
}

}  // namespace
}  // namespace varve::query
