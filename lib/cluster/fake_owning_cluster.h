// Storage nodes that all have the same series and own them by one ring, read
// through local channels: for tests of reads of one copy. What must not fail is
// checked by Catch2. Not thread-safe.
#ifndef VARVE_LIB_CLUSTER_FAKE_OWNING_CLUSTER_H_
#define VARVE_LIB_CLUSTER_FAKE_OWNING_CLUSTER_H_

#include <atomic>
#include <catch2/catch.hpp>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lib/base/status.h"
#include "lib/base/strings.h"
#include "lib/cluster/reader.h"
#include "lib/cluster/rollup_read.h"
#include "lib/model/label.h"
#include "lib/model/slot_set.h"
#include "lib/placement/ring.h"
#include "lib/telemetry/metrics.h"
#include "lib/wire/features.h"
#include "lib/wire/hello.h"
#include "lib/wire/methods.h"
#include "lib/wire/series_batch.h"
#include "net/rpc/local_channel.h"
#include "proto/varve_rpc.pb.h"

namespace varve::cluster {

constexpr int kSeries = 200;

// Each series has its number as its one value, and is a group of its own when
// it is aggregated; each is sent in a message of its own, so that a read has
// begun long before it ends.
class OwningNode final : public rpc::Service {
 public:
  OwningNode(uint64_t id, const placement::Ring& ring) : id_(id) {
    proto::Ring& put = *rings_.add_rings();
    put.set_ring_id(ring.id());
    put.set_replication_factor(ring.replication_factor());
    for (const placement::Member& member : ring.members()) {
      proto::Ring::Member& to = *put.add_members();
      to.set_node_id(member.node_id);
      to.set_weight(member.weight);
    }
  }
  std::string Hello() override {
    proto::Hello hello;
    REQUIRE(hello.ParseFromString(wire::EncodeStorageHello(id_, 1, "")));
    hello.set_features(hello.features() & ~lacked_features);
    return hello.SerializeAsString();
  }
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
      case wire::kRollup:
        return Rollup(call);
      default:
        return base::Unimplemented("");
    }
  }

  // Shares that it is asked for fail with this, but the first ones, each after
  // so many series.
  absl::Status failure;
  int shares_before_failure = 0;
  int series_before_failure = 0;
  uint64_t version = 7;
  uint64_t lacked_features = 0;
  uint64_t lacks_without = 0;
  bool damaged = false;  // as the ends of answers tell
  std::atomic<int> coverage_calls = 0;
  std::atomic<int> shares = 0;  // that it was asked for
  std::atomic<int> sent_of_shares = 0;
  std::atomic<int> whole_reads = 0;  // of all slots

 private:
  proto::Coverage Coverage() const {
    proto::Coverage coverage;
    coverage.set_node_id(id_);
    coverage.set_coverage_version(version);
    coverage.mutable_history()->set_changes(1);
    if (lacks_without != 0) coverage.add_lacks_without(lacks_without);
    return coverage;
  }

  // send(i, hash, labels) for each series of the request.
  absl::Status Send(
      const proto::SearchRequest& request,
      const std::function<absl::Status(int, const model::SeriesHash&,
                                       const std::string&)>& send) {
    const auto slots = model::SlotSet::FromBytes(request.slots());
    if (!slots) ++whole_reads;
    const bool fails =
        slots && shares++ >= shares_before_failure && !failure.ok();
    int sent = 0;
    for (int i = 0; i < kSeries; ++i) {
      std::string canonical;
      model::AppendCanonicalBytes(
          canonical, {{"__name__", "up"}, {"i", base::StrCat(i)}});
      const model::SeriesHash hash = model::HashSeries({}, canonical);
      if (slots && !slots->Has(model::SlotOf(hash))) continue;
      if (fails && sent == series_before_failure) return failure;
      ++sent;
      if (slots) ++sent_of_shares;
      RETURN_IF_ERROR(send(i, hash, canonical));
    }
    return fails ? failure : absl::OkStatus();
  }

  absl::Status Search(rpc::ServerCall& call) {
    proto::SearchRequest request;
    REQUIRE(request.ParseFromString(std::string(call.payload())));
    RETURN_IF_ERROR(Send(request, [&](int i, const model::SeriesHash& hash,
                                      const std::string& labels) {
      model::SampleColumns samples;
      samples.push_back(1'000, i);
      wire::SeriesBatchWriter writer;
      writer.Add(hash, labels, samples);
      return call.Send(writer.Finish());
    }));
    return call.Send(wire::EncodeSearchEnd(Coverage()));
  }

  absl::Status Rollup(rpc::ServerCall& call) {
    proto::RollupRequest request;
    REQUIRE(request.ParseFromString(std::string(call.payload())));
    RETURN_IF_ERROR(Send(request.search(), [&](int i, const model::SeriesHash&,
                                               const std::string&) {
      proto::RollupResponse response;
      response.add_keys(base::StrCat(i));
      response.add_states("state");
      return call.Send(response.SerializeAsString());
    }));
    proto::RollupResponse last;
    *last.mutable_coverage() = Coverage();
    last.mutable_coverage()->set_damaged(damaged);
    return call.Send(last.SerializeAsString());
  }

  const uint64_t id_;
  proto::RingList rings_;
};

// Nodes of ids 1, 2, ...
struct OwningCluster {
  OwningCluster(size_t size, uint32_t factor,
                const ReaderOptions& reader_options = {}) {
    std::vector<placement::Member> members;
    for (uint64_t id = 1; id <= size; ++id) members.push_back({.node_id = id});
    const placement::Ring ring = placement::Ring::Make(members, factor);
    std::vector<std::shared_ptr<const Node>> list;
    for (uint64_t id = 1; id <= size; ++id) {
      nodes.push_back(std::make_unique<OwningNode>(id, ring));
      const std::string address = base::StrCat("node", id);
      list.push_back(std::make_shared<const Node>(
          address, "",
          std::make_unique<rpc::LocalChannel>(address, nodes.back().get(),
                                              "")));
    }
    set = std::make_unique<NodeSet>(std::move(list));
    ReaderOptions options = reader_options;
    options.replication_factors = {{"", static_cast<int>(factor)}};
    options.shares_asked_again = &asked_again;
    reader = std::make_unique<Reader>(set.get(), options);
  }

  // Series by how often they came.
  absl::Status Read(bool one_copy, std::map<int, int>& series) {
    series.clear();
    ASSIGN_OR_RETURN(const std::unique_ptr<SeriesMerge> merge,
                     reader->Search(Request(one_copy)));
    std::vector<MergedSeries> batch;
    while (true) {
      RETURN_IF_ERROR(merge->Next(batch));
      if (batch.empty()) break;
      for (const MergedSeries& one : batch) {
        for (const double value : one.samples.values) {
          ++series[static_cast<int>(value)];
        }
      }
    }
    outcome = merge->outcome();
    return absl::OkStatus();
  }

  // Likewise, each a group.
  absl::Status Aggregate(std::map<int, int>& series) {
    series.clear();
    ASSIGN_OR_RETURN(const std::unique_ptr<RollupRead> read,
                     reader->Rollup(Request(/*one_copy=*/true), {}));
    REQUIRE(read != nullptr);
    proto::RollupResponse response;
    while (true) {
      ASSIGN_OR_RETURN(const bool more, read->Next(response));
      if (!more) break;
      for (const std::string& key : response.keys()) ++series[std::stoi(key)];
    }
    outcome = read->outcome();
    return absl::OkStatus();
  }

  ReadRequest Request(bool one_copy) {
    ReadRequest request;
    request.range = {0, 2'000};
    request.one_copy = one_copy;
    request.trace = trace;
    return request;
  }
  int WholeReads() const {
    int reads = 0;
    for (const auto& node : nodes) reads += node->whole_reads;
    return reads;
  }
  int SentOfShares() const {
    int sent = 0;
    for (const auto& node : nodes) sent += node->sent_of_shares;
    return sent;
  }

  std::vector<std::unique_ptr<OwningNode>> nodes;
  std::unique_ptr<NodeSet> set;
  telemetry::Counter asked_again;
  std::unique_ptr<Reader> reader;
  telemetry::Trace* trace = nullptr;
  ReadOutcome outcome;
};

inline std::map<int, int> EachOnce() {
  std::map<int, int> series;
  for (int i = 0; i < kSeries; ++i) series[i] = 1;
  return series;
}

}  // namespace varve::cluster

#endif  // VARVE_LIB_CLUSTER_FAKE_OWNING_CLUSTER_H_
