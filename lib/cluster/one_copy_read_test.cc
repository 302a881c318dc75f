// Reads of one copy each when a node fails: before it gave anything, and in
// the middle of what it gives.
#include <catch2/catch.hpp>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "lib/base/status.h"
#include "lib/base/strings.h"
#include "lib/cluster/reader.h"
#include "lib/cluster/rollup_read.h"
#include "lib/model/label.h"
#include "lib/model/slot_set.h"
#include "lib/placement/ring.h"
#include "lib/wire/hello.h"
#include "lib/wire/methods.h"
#include "lib/wire/series_batch.h"
#include "net/rpc/local_channel.h"

namespace varve::cluster {
namespace {

constexpr int kSeries = 64;

// Has all series, each with its number as its one value; sends each in a
// message of its own, so that a read has begun long before it ends.
class OwningNode final : public rpc::Service {
 public:
  explicit OwningNode(uint64_t id) : id_(id) {
    const placement::Ring ring =
        placement::Ring::Make({{.node_id = 1}, {.node_id = 2}}, 2);
    proto::Ring& put = *rings_.add_rings();
    put.set_ring_id(ring.id());
    put.set_replication_factor(2);
    for (const placement::Member& member : ring.members()) {
      proto::Ring::Member& to = *put.add_members();
      to.set_node_id(member.node_id);
      to.set_weight(member.weight);
    }
  }
  std::string Hello() override { return wire::EncodeStorageHello(id_, 1, ""); }
  absl::Status Accept(std::string_view) override { return absl::OkStatus(); }
  absl::Status Handle(rpc::ServerCall& call) override {
    switch (call.method()) {
      case wire::kCoverage:
        ++coverage_calls;
        return call.Send(Coverage().SerializeAsString());
      case wire::kGetRings:
        return call.Send(rings_.SerializeAsString());
      case wire::kSearch:
        return Search(call);
      default:
        return base::Unimplemented("");
    }
  }

  // Tells of a failure of searches of one copy: after so many series.
  int series_before_failure = kSeries;
  absl::Status failure;
  uint64_t version = 7;
  int coverage_calls = 0;
  int sent_alone = 0;  // series of searches of one copy

 private:
  proto::Coverage Coverage() const {
    proto::Coverage coverage;
    coverage.set_node_id(id_);
    coverage.set_coverage_version(version);
    return coverage;
  }
  absl::Status Search(rpc::ServerCall& call) {
    proto::SearchRequest request;
    REQUIRE(request.ParseFromString(std::string(call.payload())));
    const auto slots = model::SlotSet::FromBytes(request.slots());
    int sent = 0;
    for (int i = 0; i < kSeries; ++i) {
      std::string canonical;
      model::AppendCanonicalBytes(
          canonical, {{"__name__", "up"}, {"i", base::StrCat(i)}});
      const model::SeriesHash hash = model::HashSeries({}, canonical);
      if (slots && !slots->Has(model::SlotOf(hash))) continue;
      if (slots && sent == series_before_failure && !failure.ok()) {
        return failure;
      }
      ++sent;
      if (slots) ++sent_alone;
      model::SampleColumns samples;
      samples.push_back(1'000, i);
      wire::SeriesBatchWriter writer;
      writer.Add(hash, canonical, samples);
      RETURN_IF_ERROR(call.Send(writer.Finish()));
    }
    return call.Send(wire::EncodeSearchEnd(Coverage()));
  }

  const uint64_t id_;
  proto::RingList rings_;
};

struct TwoNodes {
  TwoNodes() {
    std::vector<std::shared_ptr<const Node>> list;
    for (const uint64_t id : {1, 2}) {
      nodes.push_back(std::make_unique<OwningNode>(id));
      const std::string address = base::StrCat("node", id);
      list.push_back(std::make_shared<const Node>(
          address, "",
          std::make_unique<rpc::LocalChannel>(address, nodes.back().get(),
                                              "")));
    }
    set = std::make_unique<NodeSet>(std::move(list));
    ReaderOptions options;
    options.replication_factors = {{"", 2}};
    reader = std::make_unique<Reader>(set.get(), options);
  }

  // Values by how often they came.
  absl::Status Read(bool one_copy, std::map<double, int>& values) {
    values.clear();
    ReadRequest request;
    request.range = {0, 2'000};
    request.one_copy = one_copy;
    ASSIGN_OR_RETURN(const std::unique_ptr<SeriesMerge> merge,
                     reader->Search(request));
    std::vector<MergedSeries> batch;
    while (true) {
      RETURN_IF_ERROR(merge->Next(batch));
      if (batch.empty()) break;
      for (const MergedSeries& series : batch) {
        for (const double value : series.samples.values) ++values[value];
      }
    }
    outcome = merge->outcome();
    return absl::OkStatus();
  }

  std::vector<std::unique_ptr<OwningNode>> nodes;
  std::unique_ptr<NodeSet> set;
  std::unique_ptr<Reader> reader;
  ReadOutcome outcome;
};

std::map<double, int> EachOnce() {
  std::map<double, int> values;
  for (int i = 0; i < kSeries; ++i) values[i] = 1;
  return values;
}

TEST_CASE("each series is sent by one node", "[cluster]") {
  TwoNodes cluster;
  std::map<double, int> values;
  REQUIRE(cluster.Read(true, values).ok());
  CHECK(values == EachOnce());
  CHECK(cluster.nodes[0]->sent_alone > 0);
  CHECK(cluster.nodes[1]->sent_alone > 0);
  CHECK(cluster.nodes[0]->sent_alone + cluster.nodes[1]->sent_alone ==
        kSeries);
}

TEST_CASE("a node that dies within a read of one copy is noticed",
          "[cluster]") {
  TwoNodes cluster;
  cluster.nodes[1]->series_before_failure = 10;
  cluster.nodes[1]->failure = base::Unavailable("connection lost");
  std::map<double, int> values;
  // Series have been given out: the caller begins again with all copies.
  REQUIRE(absl::IsAborted(cluster.Read(true, values)));
  CHECK(values.size() < kSeries);
  REQUIRE(cluster.Read(false, values).ok());
  CHECK(values == EachOnce());
  // The plan went with it: nodes are asked before the next one.
  const int calls = cluster.nodes[0]->coverage_calls;
  cluster.nodes[1]->failure = absl::OkStatus();
  REQUIRE(cluster.Read(true, values).ok());
  CHECK(values == EachOnce());
  CHECK(cluster.nodes[0]->coverage_calls == calls + 1);
}

TEST_CASE("a node that fails at once is made up for by the others",
          "[cluster]") {
  TwoNodes cluster;
  cluster.nodes[0]->series_before_failure = 0;
  SECTION("refusing the plan") {
    cluster.nodes[0]->failure = absl::AbortedError("coverage has changed");
  }
  SECTION("dying") {
    cluster.nodes[0]->failure = base::Unavailable("connection lost");
  }
  std::map<double, int> values;
  REQUIRE(cluster.Read(true, values).ok());
  CHECK(values == EachOnce());
  CHECK_FALSE(cluster.outcome.is_partial);
}

TEST_CASE("a node whose coverage changes within a read is not trusted",
          "[cluster]") {
  TwoNodes cluster;
  std::map<double, int> values;
  REQUIRE(cluster.Read(true, values).ok());
  // What it gives ends with a coverage that the plan was not made of.
  ++cluster.nodes[1]->version;
  REQUIRE(absl::IsAborted(cluster.Read(true, values)));
  // Asked again, the plan is made of the new one.
  REQUIRE(cluster.Read(true, values).ok());
  CHECK(values == EachOnce());
}

TEST_CASE("what a node cannot aggregate is read, by the same plan",
          "[cluster]") {
  TwoNodes cluster;
  std::map<double, int> values;
  REQUIRE(cluster.Read(true, values).ok());
  const int calls = cluster.nodes[0]->coverage_calls;
  ReadRequest request;
  request.range = {0, 2'000};
  request.one_copy = true;
  const auto rollup = cluster.reader->Rollup(request, {});
  REQUIRE(rollup.ok());
  REQUIRE(*rollup != nullptr);
  proto::RollupResponse response;
  CHECK(absl::IsAborted((*rollup)->Next(response).status()));
  REQUIRE(cluster.Read(true, values).ok());
  CHECK(values == EachOnce());
  CHECK(cluster.nodes[0]->coverage_calls == calls);
}

}  // namespace
}  // namespace varve::cluster
