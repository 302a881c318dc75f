// A writer over storage nodes in memory: for tests.
//
// Threads: one at a time.
#ifndef VARVE_LIB_CLUSTER_FAKE_CLUSTER_H_
#define VARVE_LIB_CLUSTER_FAKE_CLUSTER_H_

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "lib/base/clock.h"
#include "lib/base/status.h"
#include "lib/cluster/fake_storage.h"
#include "lib/cluster/writer.h"
#include "lib/telemetry/metrics.h"

namespace varve::cluster {

struct FakeCluster {
  std::vector<std::unique_ptr<FakeNode>> fakes;
  std::unique_ptr<NodeSet> nodes;
  telemetry::Metrics metrics{"vminsert", nullptr};
  base::ManualClock clock{1'000'000};
  std::unique_ptr<Writer> writer;
  std::map<int, SeriesRoute> routes;

  explicit FakeCluster(int n) {
    for (int i = 0; i < n; ++i) AddNode();
  }
  void AddNode() {
    fakes.push_back(std::make_unique<FakeNode>());
    fakes.back()->id = fakes.size();
    fakes.back()->clock = &clock;
  }
  // As -storageNode would list all nodes but `left_out`.
  std::vector<std::shared_ptr<const Node>> List(int left_out = -1) const {
    std::vector<std::shared_ptr<const Node>> list;
    for (size_t i = 0; i < fakes.size(); ++i) {
      if (static_cast<int>(i) == left_out) continue;
      const std::string address = base::StrCat("s", i, ":8400");
      list.push_back(std::make_shared<const Node>(
          address, "",
          std::make_unique<FakeChannel>(fakes[i].get(), address)));
    }
    return list;
  }
  void Start(int replication_factor, int copies_min = 0,
             WriterOptions options = {}) {
    writer.reset();
    nodes = std::make_unique<NodeSet>(List());
    options.replication_factor = replication_factor;
    options.copies_min = copies_min;
    options.metrics = &metrics;
    options.clock = &clock;
    writer = std::make_unique<Writer>(nodes.get(), options);
  }
  // One sample for each of `n` series, the way the caller in lib/ingest does.
  absl::Status Write(int n, int64_t timestamp_ms, int first = 0) {
    return WriteAs({}, n, timestamp_ms, first);
  }
  absl::Status WriteAs(const model::Tenant& tenant, int n, int64_t timestamp_ms,
                       int first = 0) {
    absl::Status status;
    const double value = 1;
    for (int attempt = 0; attempt < kWriteAttemptsMax; ++attempt) {
      const auto view = writer->View();
      if (!view->status.ok()) return view->status;
      std::vector<std::string> labels(n);
      std::vector<SeriesRows> rows;
      for (int i = 0; i < n; ++i) {
        SeriesRoute& route = routes[first + i];
        if (!view->Fits(route)) labels[i] = base::StrCat("series", first + i);
        rows.push_back({.tenant = tenant.id,
                        .route = &route,
                        .labels = labels[i],
                        .timestamps_ms = {&timestamp_ms, 1},
                        .values = {&value, 1},
                        .slot = static_cast<uint16_t>((first + i) * 257)});
      }
      status = writer->Write(*view, rows, {},
                             tenant.name.empty() ? nullptr : &tenant,
                             attempt + 1 == kWriteAttemptsMax);
      if (status.code() != absl::StatusCode::kFailedPrecondition) break;
    }
    return status;
  }
  size_t TotalRows() const {
    size_t n = 0;
    for (const auto& fake : fakes) n += fake->rows();
    return n;
  }
  // Kept for nodes that are down.
  size_t TotalHintRows() const {
    size_t n = 0;
    for (const auto& fake : fakes) n += fake->hint_rows();
    return n;
  }
  // Nodes that have the rows of `key`, as their own or as hints.
  std::set<uint64_t> NodesWith(const std::string& key) const {
    std::set<uint64_t> nodes;
    for (const auto& fake : fakes) {
      if (fake->refs.contains(key) &&
          fake->samples.contains(fake->refs.at(key))) {
        nodes.insert(fake->id);
      }
      for (const auto& [owner, log] : fake->hints) {
        if (log.refs.contains(key)) nodes.insert(fake->id);
      }
    }
    return nodes;
  }
  int TotalDefines() const {
    int n = 0;
    for (const auto& fake : fakes) n += fake->defines;
    return n;
  }
  int64_t Sent() {
    int64_t n = 0;
    for (size_t i = 0; i < fakes.size(); ++i) {
      n += metrics
               .AddCounter("vm_rpc_rows_sent_total",
                           {{"name", "vminsert"},
                            {"addr", base::StrCat("s", i, ":8400")},
                            {"rpc_call", "metric_rows"}})
               .value();
    }
    return n;
  }
  // Of rows whose owner is the node, as told by a metric of the writer.
  int64_t HintRowsSent(int node) {
    return metrics
        .AddCounter("varve_hints_rows_sent_total",
                    {{"addr", base::StrCat("s", node, ":8400")}})
        .value();
  }
  int64_t ReroutedFrom(int node) {
    return metrics
        .AddCounter("vm_rpc_rows_rerouted_from_here_total",
                    {{"name", "vminsert"},
                     {"addr", base::StrCat("s", node, ":8400")},
                     {"rpc_call", "metric_rows"}})
        .value();
  }
  int64_t Incomplete() {
    return metrics
        .AddCounter("vm_rpc_rows_incompletely_replicated_total",
                    {{"name", "vminsert"}})
        .value();
  }
};

}  // namespace varve::cluster

#endif  // VARVE_LIB_CLUSTER_FAKE_CLUSTER_H_
