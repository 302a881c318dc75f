// Storage nodes with a few series each, read through local channels: for tests.
// What must not fail is checked by Catch2. Not thread-safe.
#ifndef VARVE_LIB_CLUSTER_FAKE_READ_CLUSTER_H_
#define VARVE_LIB_CLUSTER_FAKE_READ_CLUSTER_H_

#include <algorithm>
#include <catch2/catch.hpp>
#include <initializer_list>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "lib/base/status.h"
#include "lib/cluster/reader.h"
#include "lib/model/slot_set.h"
#include "lib/wire/hello.h"
#include "lib/wire/methods.h"
#include "lib/wire/series_batch.h"
#include "net/rpc/local_channel.h"

namespace varve::cluster {

inline model::SampleColumns Columns(
    std::initializer_list<std::pair<int64_t, double>> samples) {
  model::SampleColumns columns;
  for (const auto& [timestamp_ms, value] : samples) {
    columns.push_back(timestamp_ms, value);
  }
  return columns;
}

// A storage node with a few series.
class FakeReadNode final : public rpc::Service {
 public:
  std::string Hello() override { return wire::EncodeStorageHello(1, 1, ""); }
  absl::Status Accept(std::string_view) override { return absl::OkStatus(); }
  absl::Status Handle(rpc::ServerCall& call) override {
    switch (call.method()) {
      case wire::kSearch:
        return Search(call);
      case wire::kLabels: {
        proto::LabelsResponse response;
        for (const std::string& item : items) response.add_items(item);
        while (hang && !call.cancelled()) std::this_thread::yield();
        *response.mutable_coverage() = coverage;
        return call.Send(response.SerializeAsString());
      }
      case wire::kCardinality: {
        return Count(call);
      }
      case wire::kTenants: {
        proto::TenantsResponse response;
        response.add_tenants()->set_id(tenant);
        return call.Send(response.SerializeAsString());
      }
      default:
        return base::Unimplemented("");
    }
  }

  // Counts names and nothing else.
  absl::Status Count(rpc::ServerCall& call) {
    proto::CardinalityRequest request;
    if (!request.ParseFromString(std::string(call.payload()))) {
      return base::InvalidArgument("no CardinalityRequest");
    }
    const auto slots = model::SlotSet::FromBytes(request.slots());
    proto::CardinalityResponse response;
    std::map<std::string, int64_t> names;
    for (const auto& [labels, columns] : series) {
      std::string canonical;
      model::AppendCanonicalBytes(canonical, labels);
      const model::SeriesHash hash = model::HashSeries({}, canonical);
      if (slots && !slots->Has(model::SlotOf(hash))) continue;
      response.set_total_series(response.total_series() + 1);
      ++names[std::string(labels.Get(model::kMetricName))];
      response.add_digest_slots(model::SlotOf(hash));
      response.add_digest_counts(1);
      response.add_digest_sums(hash.low);
    }
    for (const auto& [name, count] : names) {
      auto* const entry = response.add_series_count_by_metric_name();
      entry->set_name(name);
      entry->set_count(count);
    }
    if (!request.digests()) response.clear_digest_slots();
    return call.Send(response.SerializeAsString());
  }

  absl::Status Search(rpc::ServerCall& call) {
    proto::SearchRequest request;
    if (!request.ParseFromString(std::string(call.payload()))) {
      return base::InvalidArgument("no SearchRequest");
    }
    const auto slots = model::SlotSet::FromBytes(request.slots());
    wire::SeriesBatchWriter writer;
    for (const auto& [labels, columns] : series) {
      std::string canonical;
      model::AppendCanonicalBytes(canonical, labels);
      if (slots &&
          !slots->Has(model::SlotOf(model::HashSeries({}, canonical)))) {
        continue;
      }
      writer.Add(model::HashSeries({}, canonical), canonical, columns);
      RETURN_IF_ERROR(call.Send(writer.Finish()));
    }
    if (hang) {
      while (!call.cancelled()) std::this_thread::yield();
    }
    RETURN_IF_ERROR(error);
    return call.Send(wire::EncodeSearchEnd(coverage));
  }

  std::map<model::LabelSet, model::SampleColumns> series;
  std::vector<std::string> items;
  uint64_t tenant = 0;
  proto::Coverage coverage;
  absl::Status error;
  bool hang = false;
};

struct FakeReadCluster {
  explicit FakeReadCluster(size_t size, std::vector<std::string> groups = {})
      : nodes(size) {
    std::vector<std::shared_ptr<const Node>> list;
    for (size_t i = 0; i < size; ++i) {
      nodes[i] = std::make_unique<FakeReadNode>();
      const std::string address = "node" + std::to_string(i);
      auto channel = std::make_unique<rpc::LocalChannel>(
          address, nodes[i].get(), "");
      channels.push_back(channel.get());
      list.push_back(std::make_shared<const Node>(
          address, groups.empty() ? "" : groups[i], std::move(channel)));
    }
    set = std::make_unique<NodeSet>(std::move(list));
  }

  using Result = std::map<model::LabelSet, model::SampleColumns>;
  absl::StatusOr<Result> Search(const ReadRequest& request = {}) {
    Reader reader(set.get(), options);
    ASSIGN_OR_RETURN(auto merge, reader.Search(request));
    Result result;
    std::vector<MergedSeries> batch;
    for (;;) {
      RETURN_IF_ERROR(merge->Next(batch));
      if (batch.empty()) break;
      for (MergedSeries& series : batch) {
        const bool is_new =
            result.emplace(series.labels, std::move(series.samples)).second;
        CHECK(is_new);
      }
    }
    outcome = merge->outcome();
    return result;
  }

  std::vector<std::unique_ptr<FakeReadNode>> nodes;
  std::vector<rpc::LocalChannel*> channels;
  std::unique_ptr<NodeSet> set;
  ReaderOptions options;
  ReadOutcome outcome;
};

inline const model::LabelSet kUp{{"__name__", "up"}, {"job", "a"}};
inline const model::LabelSet kDown{{"__name__", "down"}};

inline bool Same(const model::SampleColumns& a, const model::SampleColumns& b) {
  return a.timestamps_ms == b.timestamps_ms &&
         std::equal(a.values.begin(), a.values.end(), b.values.begin(),
                    b.values.end(), model::SameBits);
}

}  // namespace varve::cluster

#endif  // VARVE_LIB_CLUSTER_FAKE_READ_CLUSTER_H_
