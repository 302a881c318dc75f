#include "lib/cluster/reader.h"

#include <catch2/catch.hpp>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "lib/base/clock.h"
#include "lib/base/status.h"
#include "lib/cluster/fake_read_cluster.h"
#include "lib/telemetry/trace.h"

namespace varve::cluster {
namespace {

using Cluster = FakeReadCluster;
using model::LabelSet;
using model::SampleColumns;

TEST_CASE("one node's series go through as they are", "[cluster]") {
  Cluster cluster(1);
  // Equal timestamps: the node keeps all, so all are kept.
  const auto twice = Columns({{1, 2.0}, {1, 1.0}, {2, -0.0}});
  cluster.nodes[0]->series = {{kUp, twice}, {kDown, {}}};
  const auto result = cluster.Search();
  REQUIRE(result.ok());
  CHECK(result->size() == 2);
  CHECK(Same(result->at(kUp), twice));
  CHECK_FALSE(cluster.outcome.is_partial);
}

TEST_CASE("replicas are merged and their samples are read once",
          "[cluster]") {
  Cluster cluster(3);
  const auto same = Columns({{1, 1.0}, {2, model::StaleNan()}});
  cluster.nodes[0]->series = {{kUp, same}, {kDown, Columns({{1, 1}, {3, 3}})}};
  cluster.nodes[1]->series = {{kUp, same}};
  cluster.nodes[2]->series = {{kDown, Columns({{2, 2}, {3, 4}})}};
  const auto result = cluster.Search();
  REQUIRE(result.ok());
  CHECK(result->size() == 2);
  CHECK(Same(result->at(kUp), same));
  CHECK(Same(result->at(kDown), Columns({{1, 1}, {2, 2}, {3, 4}})));
}

TEST_CASE("keep_all of either side keeps distinct values", "[cluster]") {
  Cluster cluster(2);
  cluster.nodes[0]->series = {{kUp, Columns({{1, 1}})}};
  cluster.nodes[1]->series = {{kUp, Columns({{1, 2}})}};
  SECTION("of select") { cluster.options.dedup.keep_all = true; }
  SECTION("of a storage node") {
    cluster.nodes[1]->coverage.set_dedup_keep_all(true);
  }
  CHECK(Same(cluster.Search()->at(kUp), Columns({{1, 2}, {1, 1}})));
}

TEST_CASE("the larger dedup interval of both sides holds", "[cluster]") {
  const size_t size = GENERATE(1, 2);
  Cluster cluster(size);
  cluster.options.dedup.interval_ms = 10;
  for (auto& node : cluster.nodes) {
    node->series = {{kUp, Columns({{1, 1}, {10, 2}, {11, 3}})}};
  }
  CHECK(Same(cluster.Search()->at(kUp), Columns({{10, 2}, {11, 3}})));
  if (size == 1) return;
  cluster.nodes[0]->coverage.set_dedup_interval_ms(100);
  CHECK(Same(cluster.Search()->at(kUp), Columns({{11, 3}})));
}

TEST_CASE("replicas that are not needed are not waited for", "[cluster]") {
  Cluster cluster(3);
  cluster.options.replication_factors = {{"", 2}};
  cluster.options.skip_slow_replicas = true;
  for (const auto& node : cluster.nodes) {
    node->series[kUp] = Columns({{1'000, 1}});
    node->items = {"job"};
  }
  cluster.nodes[1]->hang = true;
  ReadRequest request;
  request.deadline_steady_ms = base::SystemClock().SteadyMs() + 60'000;
  const int64_t begin_ms = base::SystemClock().SteadyMs();
  SECTION("two of three nodes have every sample") {
    const auto found = cluster.Search(request);
    REQUIRE(found.ok());
    CHECK(found->at(kUp).size() == 1);
    CHECK(!cluster.outcome.is_partial);
    Reader reader(cluster.set.get(), cluster.options);
    ReadOutcome outcome;
    telemetry::Trace trace("labels");
    request.trace = &trace;
    const auto labels = reader.Labels(request, "", 0, outcome);
    REQUIRE(labels.ok());
    CHECK(*labels == std::vector<std::string>{"job"});
    CHECK(!outcome.is_partial);
    // Each part begins when the node is asked, not when its answer is read.
    std::vector<std::string> parts;
    trace.ForEachChild([&parts](const telemetry::Trace& part) {
      parts.push_back(part.message().substr(0, 25));
    });
    CHECK(parts == std::vector<std::string>{"ask at storage node node0",
                                            "ask at storage node node1",
                                            "ask at storage node node2"});
  }
  SECTION("two slow ones are one too many") {
    cluster.nodes[2]->hang = true;
    request.deadline_steady_ms = begin_ms + 200;
    REQUIRE(cluster.Search(request).ok());
    CHECK(cluster.outcome.is_partial);
  }
  SECTION("who knows of rows that another lacks makes all be waited for") {
    cluster.nodes[0]->coverage.add_missed()->set_owner(7);
    request.deadline_steady_ms = begin_ms + 200;
    REQUIRE(cluster.Search(request).ok());
    CHECK(base::SystemClock().SteadyMs() - begin_ms >= 200);
  }
  SECTION("a group that is not needed is left") {
    Cluster groups(2, {"a", "b"});
    groups.options.global_replication_factor = 2;
    groups.options.skip_slow_replicas = true;
    groups.nodes[0]->series[kUp] = Columns({{1'000, 1}});
    groups.nodes[1]->hang = true;
    const auto found = groups.Search(request);
    REQUIRE(found.ok());
    CHECK(found->at(kUp).size() == 1);
    CHECK(!groups.outcome.is_partial);
  }
  CHECK(base::SystemClock().SteadyMs() - begin_ms < 50'000);
}

TEST_CASE("a limit or bad matcher of a node fails the read with its text",
          "[cluster]") {
  const size_t size = GENERATE(1, 2);
  Cluster cluster(size);
  cluster.nodes[0]->error = base::ResourceExhausted("over the limit");
  if (size == 2) cluster.nodes[1]->hang = true;
  CHECK(cluster.Search().status() ==
        absl::ResourceExhaustedError("over the limit"));
}

TEST_CASE("nodes that do not answer in time are late, not wrong",
          "[cluster]") {
  const size_t size = GENERATE(1, 2);
  Cluster cluster(size);
  for (auto& node : cluster.nodes) node->hang = true;
  ReadRequest request;
  request.deadline_steady_ms = base::SystemClock().SteadyMs() + 10;
  CHECK(absl::IsDeadlineExceeded(cluster.Search(request).status()));
}

TEST_CASE("series held for merging have a limit that names its flag",
          "[cluster]") {
  Cluster cluster(2);
  cluster.nodes[0]->series = {{kUp, Columns({{1, 1}})}};
  cluster.options.memory_bytes_max = 20;
  const auto result = cluster.Search();
  REQUIRE(absl::IsResourceExhausted(result.status()));
  CHECK(std::string(base::Message(result.status()))
            .find("-search.maxMemoryPerQuery=20") != std::string::npos);
}

TEST_CASE("many series of many nodes come once each", "[cluster]") {
  const size_t size = GENERATE(1, 3);
  Cluster cluster(size);
  for (int i = 0; i < 3000; ++i) {
    const LabelSet labels{{"__name__", "m"}, {"i", std::to_string(i)}};
    for (auto& node : cluster.nodes) {
      node->series[labels] = Columns({{i, i * 0.5}});
    }
  }
  CHECK(cluster.Search()->size() == 3000);
}

TEST_CASE("labels are the sorted union within the limit", "[cluster]") {
  Cluster cluster(2);
  cluster.nodes[0]->items = {"a", "c"};
  cluster.nodes[1]->items = {"b", "c", "d"};
  Reader reader(cluster.set.get(), {});
  ReadOutcome outcome;
  using Names = std::vector<std::string>;
  CHECK(*reader.Labels({}, "", 0, outcome) == Names{"a", "b", "c", "d"});
  CHECK(*reader.Labels({}, "", 3, outcome) == Names{"a", "b", "c"});
  cluster.channels[0]->SetConnected(false);
  CHECK(*reader.Labels({}, "x", 0, outcome) == Names{"b", "c", "d"});
  CHECK(outcome.is_partial);
}

TEST_CASE("a series counts once however its copies lie", "[cluster]") {
  Cluster cluster(3);
  ReaderOptions options;
  options.replication_factors = {{"", 2}};
  Reader reader(cluster.set.get(), options);
  for (int i = 0; i < 60; ++i) {
    const std::pair<LabelSet, SampleColumns> one = {
        {{"__name__", i % 3 ? "up" : "down"}, {"i", std::to_string(i)}}, {}};
    cluster.nodes[i % 3]->series.insert(one);
    // A copy that was missed, and one too many.
    if (i != 7) cluster.nodes[(i + 1) % 3]->series.insert(one);
    if (i == 8) cluster.nodes[(i + 2) % 3]->series.insert(one);
  }
  ReadOutcome outcome;
  const auto counts = reader.Cardinality({}, "", 10, outcome);
  REQUIRE(counts.ok());
  CHECK_FALSE(outcome.is_partial);
  CHECK(counts->total_series() == 60);
  CHECK(counts->series_count_by_metric_name(0).name() == "up");
  CHECK(counts->series_count_by_metric_name(0).count() == 40);
  CHECK(counts->series_count_by_metric_name(1).count() == 20);
  CHECK(reader.Cardinality({}, "", 0, outcome)->total_series() == 60);
  cluster.channels[0]->SetConnected(false);
  CHECK(reader.Cardinality({}, "", 10, outcome)->total_series() == 60);
  CHECK(reader.Cardinality({}, "", 0, outcome)->total_series() == 60);
}

TEST_CASE("copies that differ within a slot are told apart", "[cluster]") {
  Cluster cluster(2);
  ReaderOptions options;
  options.replication_factors = {{"", 2}};
  Reader reader(cluster.set.get(), options);
  // Two series of one slot, each on one node only.
  std::map<uint16_t, LabelSet> by_slot;
  std::vector<LabelSet> pair;
  for (int i = 0; pair.empty(); ++i) {
    const LabelSet labels{{"__name__", "m"}, {"i", std::to_string(i)}};
    std::string canonical;
    model::AppendCanonicalBytes(canonical, labels);
    const auto [it, fresh] = by_slot.try_emplace(
        model::SlotOf(model::HashSeries({}, canonical)), labels);
    if (!fresh) pair = {it->second, labels};
  }
  cluster.nodes[0]->series.emplace(pair[0], SampleColumns());
  cluster.nodes[1]->series.emplace(pair[1], SampleColumns());
  ReadOutcome outcome;
  const auto counts = reader.Cardinality({}, "i", 10, outcome);
  REQUIRE(counts.ok());
  CHECK(counts->total_series() == 2);
  CHECK(counts->total_label_value_pairs() == 4);
  CHECK(counts->series_count_by_focus_label_value_size() == 2);
  CHECK(counts->label_value_count_by_label_name(0).name() == "i");
  CHECK(counts->label_value_count_by_label_name(0).count() == 2);
}

TEST_CASE("tenants are those of all nodes", "[cluster]") {
  Cluster cluster(2);
  cluster.nodes[0]->tenant = 7;
  cluster.nodes[1]->tenant = 5;
  Reader reader(cluster.set.get(), {});
  ReadOutcome outcome;
  const auto tenants = reader.Tenants({}, outcome);
  REQUIRE(tenants.ok());
  REQUIRE(tenants->size() == 2);
  CHECK((*tenants)[0].id.id == 5);
}

}  // namespace
}  // namespace varve::cluster
