// Native histograms, exemplars, start timestamps and metadata beside floats.
#include <map>

#include "storage/engine/test_node.h"

namespace varve::storage {
namespace {

model::Histogram Make(uint64_t count) {
  model::Histogram histogram;
  histogram.layout.schema = 2;
  histogram.layout.positive = {{0, 1}, {3, 1}};
  histogram.count = count + 1;
  histogram.sum = static_cast<double>(count) * 0.5;
  histogram.buckets = {count, 1};
  return histogram;
}

struct Found {
  model::SampleColumns samples;
  model::HistogramColumns histograms;
  std::vector<model::Exemplar> exemplars;
};

struct Node : TestNode {
  Node() {
    options.retention_ms = 100 * model::kDayMs;
    Open();
  }
  uint64_t Define(const std::string& name) {
    return TestNode::Define({{"__name__", name}});
  }
  // A record of what `fill` adds to it.
  template <typename Fill>
  AppendResult AppendKinds(Fill&& fill) {
    encoding::DataRecordBuilder builder;
    builder.Start(1, clock.NowMs());
    fill(builder.kinds());
    return AppendRecord(builder.Finish());
  }
  AppendResult AppendHistogram(uint64_t id, int64_t at_ms,
                               const model::Histogram& histogram) {
    return AppendKinds([&](auto& kinds) {
      std::string bytes;
      AppendHistogramBytes(bytes, histogram);
      kinds.AddHistogram(kTenant, id, at_ms, bytes);
    });
  }
  AppendResult AppendFloat(uint64_t id, int64_t at_ms, double value) {
    return Append(id, Samples({{at_ms, value}}));
  }
  std::map<uint64_t, Found> Search(bool exemplars = false,
                                   bool keep_all = false) {
    auto cursor = engine->Search({.tenant = kTenant,
                                  .range = kAllTime,
                                  .keep_all = keep_all,
                                  .exemplars = exemplars});
    REQUIRE(cursor.ok());
    std::map<uint64_t, Found> out;
    SearchSeries series;
    while (*(*cursor)->Next(series)) {
      out[series.id] = {series.samples, series.histograms, series.exemplars};
    }
    CHECK((*cursor)->complete());
    return out;
  }
};

TEST_CASE("histograms are found in the log, the head and blocks", "[engine]") {
  Node node;
  const uint64_t only = node.Define("only");
  const uint64_t both = node.Define("both");
  const int64_t old_ms = kNowMs - 40 * model::kDayMs;  // in `closed`
  for (int i = 0; i < 3; ++i) {
    CHECK(node.AppendHistogram(only, kNowMs + 1000 * i, Make(i)).rows == 1);
    node.AppendHistogram(both, kNowMs + 1000 * i, Make(10 + i));
    node.AppendFloat(both, kNowMs + 1000 * i + 500, i);
  }
  node.AppendHistogram(only, old_ms, Make(99));
  const auto check = [&](const char* where) {
    CAPTURE(where);
    auto found = node.Search();
    CHECK(found[only].histograms.timestamps_ms ==
          std::vector<int64_t>{old_ms, kNowMs, kNowMs + 1000, kNowMs + 2000});
    REQUIRE(found[only].histograms.size() == 4);
    CHECK(found[only].histograms.histograms[0] == Make(99));
    CHECK(found[only].histograms.histograms[3] == Make(2));
    CHECK(found[only].samples.empty());
    CHECK(found[both].samples.size() == 3);
    REQUIRE(found[both].histograms.size() == 3);
    CHECK(found[both].histograms.histograms[1] == Make(11));
  };
  check("head");
  node.Open();
  check("replayed");
  REQUIRE(node.engine->Flush().ok());
  check("blocks");
  node.AppendHistogram(both, kNowMs + 2000, Make(12));  // a retry
  check("blocks and head");
  REQUIRE(node.engine->Flush().ok());
  node.Open();
  check("blocks, opened again");
  CHECK(node.engine->Stats().data_rows == 11);
}

TEST_CASE("of a timestamp the histogram is read, all are kept", "[engine]") {
  Node node;
  const uint64_t id = node.Define("h");
  node.AppendFloat(id, kNowMs, 5);
  node.AppendHistogram(id, kNowMs, Make(1));
  node.AppendHistogram(id, kNowMs, Make(2));
  REQUIRE(node.engine->Flush().ok());
  auto one = node.Search()[id];
  CHECK(one.samples.empty());
  REQUIRE(one.histograms.size() == 1);
  CHECK(one.histograms.histograms[0] == Make(2));
  auto all = node.Search(false, true)[id];
  CHECK(all.samples.size() == 1);
  CHECK(all.histograms.size() == 2);
}

TEST_CASE(
    "exemplars are kept over flush and restart, the latest of each "
    "series",
    "[engine]") {
  Node node;
  node.options.exemplars_per_series_max = 3;
  node.Open();
  const uint64_t id = node.Define("h");
  const auto append = [&](int64_t at_ms) {
    node.AppendKinds(
        [&](auto& kinds) { kinds.AddExemplar(kTenant, id, at_ms, 0.5, ""); });
  };
  for (int i = 0; i < 5; ++i) append(kNowMs + i);
  CHECK(node.Search().empty());
  const auto check = [&](size_t n) {
    const auto found = node.Search(true);
    REQUIRE(found.size() == 1);
    REQUIRE(found.at(id).exemplars.size() == n);
    CHECK(found.at(id).exemplars[0].timestamp_ms == kNowMs + 2);
  };
  check(3);
  node.Open();
  check(3);
  REQUIRE(node.engine->Flush().ok());
  check(3);
  append(kNowMs + 2);
  append(kNowMs + 9);
  check(4);
}

TEST_CASE("of a kind, what is written after a delete is seen", "[engine]") {
  Node node;
  const uint64_t id = node.Define("h");
  node.AppendHistogram(id, kNowMs, Make(1));
  CHECK(node.Delete({{model::MatchType::kEqual, "__name__", "h"}}) == 1);
  CHECK(node.Search().empty());
  node.clock.Set(kNowMs + 10);  // no late copy
  node.AppendHistogram(id, kNowMs + 5, Make(2));
  for (int i = 0; i < 3; ++i) {
    CAPTURE(i);
    CHECK(node.Search()[id].histograms.timestamps_ms ==
          std::vector<int64_t>{kNowMs + 5});
    if (i == 0) node.Open();
    if (i == 1) REQUIRE(node.engine->Flush().ok());
  }
}

// Floats of one series and their starts.
struct StartNode : Node {
  uint64_t id = Define("counter_total");

  void Write(int64_t at_ms, int64_t start_ms) {
    encoding::DataRecordBuilder builder;
    builder.Start(1, clock.NowMs());
    const double value = 1;
    builder.Add(0, kTenant.id, id, {&at_ms, 1}, {&value, 1});
    if (start_ms != 0) {
      builder.kinds().AddStart(kTenant, id, {at_ms, at_ms, start_ms});
    }
    CHECK(AppendRecord(builder.Finish()).rows == 1);
  }
  SearchSeries Read(model::TimeRange range = kAllTime) {
    SearchSeries series;
    const auto cursor = engine->Search(
        {.tenant = kTenant, .range = range, .starts = true});
    REQUIRE(cursor.ok());
    REQUIRE(*(*cursor)->Next(series));
    CHECK((*cursor)->complete());
    return series;
  }
  // Starts of the samples, in order of time.
  std::vector<int64_t> Starts() {
    const SearchSeries series = Read();
    std::vector<int64_t> starts;
    for (const int64_t at_ms : series.samples.timestamps_ms) {
      starts.push_back(model::StartAt(series.starts, at_ms));
    }
    return starts;
  }
};

TEST_CASE("start timestamps are kept from the log to a compacted day",
          "[engine]") {
  StartNode node;
  const int64_t t = kNowMs - 100'000;
  const int64_t first = t - 50'000;
  const int64_t second = t + 25'000;
  using Starts = std::vector<int64_t>;
  const auto check = [&](const char* where, const Starts& want) {
    CAPTURE(where);
    CHECK(node.Starts() == want);
  };
  for (const int at : {0, 10, 20}) node.Write(t + at * 1000, first);
  node.Write(t + 30'000, second);
  node.Write(t + 90'000, 0);
  const Starts early = {first, first, first, second, 0};
  check("head", early);
  node.Write(t + 10'000, first);  // a retry
  node.Open();
  check("replayed", early);
  REQUIRE(node.engine->Flush().ok());
  check("blocks", early);
  // What is flushed twice is read as once.
  node.Write(t + 20'000, first);
  node.Write(t + 40'000, second);
  node.Write(t + 15'000, first);  // late
  const Starts all = {first, first, first, first, second, second, 0};
  check("blocks and head", all);
  REQUIRE(node.engine->Flush().ok());
  node.Open();
  check("two flushes, opened again", all);
  node.clock.Advance(4 * model::kDayMs);
  REQUIRE(node.engine->CompactDays().ok());
  check("compacted", all);
  node.Open();
  check("compacted, opened again", all);
  CHECK(node.Read({t, t + 20'000}).starts ==
        model::StartRuns{{t, t + 20'000, first}});
}

TEST_CASE("a run beyond what is accepted is cut, when replayed too",
          "[engine]") {
  StartNode node;
  node.Write(kNowMs, 0);
  const int64_t late_ms = kNowMs + 10 * model::kDayMs;
  const model::StartRun early = {0, kNowMs - model::kDayMs, 55};
  const model::StartRun crossing = {kNowMs - 5, late_ms, 77};
  node.AppendKinds([&](auto& kinds) {
    kinds.AddStart(kTenant, node.id, early);
    kinds.AddStart(kTenant, node.id, crossing);
  });
  const model::StartRuns live = node.Read().starts;
  REQUIRE(live.size() == 2);
  CHECK(live[0].first_ms == kNowMs - node.options.retention_ms);
  CHECK(live[0].last_ms == early.last_ms);
  CHECK(live[1].first_ms == crossing.first_ms);
  CHECK(live[1].last_ms < late_ms);
  CHECK(node.Starts() == std::vector<int64_t>{77});
  node.Open();
  CHECK(node.Read().starts == live);
  CHECK(node.Starts() == std::vector<int64_t>{77});
}

TEST_CASE("start timestamps are given only to who asks for them", "[engine]") {
  StartNode node;
  node.Write(kNowMs, kNowMs - 5);
  for (const char* where : {"head", "blocks"}) {
    CAPTURE(where);
    SearchSeries series;
    const auto cursor =
        node.engine->Search({.tenant = kTenant, .range = kAllTime});
    REQUIRE(*(*cursor)->Next(series));
    CHECK(series.samples.size() == 1);
    CHECK(series.starts.empty());
    CHECK((*cursor)->complete());
    REQUIRE(node.engine->Flush().ok());
  }
}

TEST_CASE("a delete takes starts with its samples, later ones are seen",
          "[engine]") {
  StartNode node;
  const int64_t t = kNowMs - 100'000;
  for (const int at : {0, 10, 20, 30}) node.Write(t + at * 1000, t - 7);
  REQUIRE(node.engine->Flush().ok());
  CHECK(node.Delete({{model::MatchType::kEqual, "__name__", "counter_total"}},
                    {t + 20'000, t + 30'000}) == 1);
  node.clock.Advance(10);
  node.Write(t + 25'000, 0);  // its start is not known any more
  const std::vector<int64_t> want = {t - 7, t - 7, 0};
  CHECK(node.Starts() == want);
  node.Open();
  CHECK(node.Starts() == want);
  REQUIRE(node.engine->Flush().ok());
  node.clock.Advance(4 * model::kDayMs);
  REQUIRE(node.engine->CompactDays().ok());
  CHECK(node.Starts() == want);
}

TEST_CASE("a run over midnight is flushed to both days", "[engine]") {
  StartNode node;
  const int64_t midnight = kNowMs / model::kDayMs * model::kDayMs;
  node.Write(midnight - 1000, 77);
  node.Write(midnight + 1000, 77);
  REQUIRE(node.engine->Flush().ok());
  CHECK(node.Starts() == std::vector<int64_t>{77, 77});
  CHECK(node.Read({midnight, midnight + 5000}).starts ==
        model::StartRuns{{midnight, midnight + 1000, 77}});
}

TEST_CASE("metadata survives restarts, the last write is read", "[engine]") {
  Node node;
  const auto put = [&](const model::TenantId& tenant, std::string metric,
                       std::string help) {
    node.clock.Advance(1);
    node.AppendKinds([&](auto& kinds) {
      kinds.AddMetadata(tenant,
                        {metric, model::MetricType::kGauge, help, "unit"});
    });
  };
  const auto helps = [&](std::string metric = "", int64_t limit = 0) {
    std::string text;
    const auto list = node.engine->Metadata({kTenant, metric, limit});
    REQUIRE(list.ok());
    for (const auto& one : *list) {
      text += one.metadata.metric + "=" + one.metadata.help + " ";
    }
    return text;
  };
  put(kTenant, "b", "first");
  put(kTenant, "a", "x");
  put(kOther, "b", "not ours");
  put(kTenant, "bb", "y");
  put(kTenant, "b", "second");
  CHECK(helps() == "a=x b=second bb=y ");
  CHECK(helps("b") == "b=second ");
  CHECK(helps("", 2) == "a=x b=second ");
  node.Open();
  CHECK(helps() == "a=x b=second bb=y ");
  REQUIRE(node.engine->Flush().ok());
  node.Open();
  CHECK(helps() == "a=x b=second bb=y ");
  put(kTenant, "a", "z");
  REQUIRE(node.engine->Flush().ok());
  CHECK(node.engine->Stats().metadata_bytes > 0);
  // Over its bound the eldest goes, on disk as well.
  node.options.metadata_bytes_max = node.engine->Stats().metadata_bytes;
  node.Open();
  put(kTenant, "c", "");
  CHECK(helps("b") == "b=second ");
  CHECK(node.engine->Stats().metadata_evictions == 1);
  CHECK(node.engine->Metadata({kOther, "", 0})->empty());
  REQUIRE(node.engine->Flush().ok());
  node.options.metadata_bytes_max = 1 << 20;
  node.Open();
  CHECK(node.engine->Metadata({kOther, "", 0})->empty());
  CHECK(helps("a") == "a=z ");
}

TEST_CASE("rows of kinds outside of retention are dropped and counted",
          "[engine]") {
  Node node;
  const uint64_t id = node.Define("h");
  const AppendResult old =
      node.AppendHistogram(id, kNowMs - 200 * model::kDayMs, Make(1));
  CHECK(old.rows == 0);
  CHECK(old.too_old == 1);
  const AppendResult young =
      node.AppendHistogram(id, kNowMs + 10 * model::kDayMs, Make(1));
  CHECK(young.too_new == 1);
  CHECK(node.AppendHistogram(id + 77, kNowMs, Make(1)).unknown_ref == 1);
  CHECK(node.Search().empty());
}

}  // namespace
}  // namespace varve::storage
