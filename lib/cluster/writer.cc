#include "lib/cluster/writer.h"

#include <algorithm>
#include <cassert>

#include "lib/base/status.h"
#include "lib/cluster/write_operation.h"

namespace varve::cluster {

class Writer::Impl {
 public:
  WriterCore core;
};

namespace {

void RegisterNode(telemetry::Metrics& metrics, const std::string& address,
                  WriterNode& node) {
  const telemetry::MetricLabels labels = {
      {"name", "vminsert"}, {"addr", address}, {"rpc_call", "metric_rows"}};
  node.rows_pushed = &metrics.AddCounter("vm_rpc_rows_pushed_total", labels);
  node.rows_sent = &metrics.AddCounter("vm_rpc_rows_sent_total", labels);
  node.rows_rerouted_from =
      &metrics.AddCounter("vm_rpc_rows_rerouted_from_here_total", labels);
  node.rows_rerouted_to =
      &metrics.AddCounter("vm_rpc_rows_rerouted_to_here_total", labels);
  node.rows_pending = &metrics.AddGauge("vm_rpc_rows_pending", labels);
  node.bytes_pending = &metrics.AddGauge("vm_rpc_buf_pending_bytes", labels);
  node.send_seconds =
      &metrics.AddGauge("vm_rpc_send_duration_seconds_total", labels);
  const telemetry::MetricLabels connection = {{"name", "vminsert"},
                                              {"addr", address}};
  node.connection_errors =
      &metrics.AddCounter("vm_rpc_connection_errors_total", connection);
  // Counted where nodes are dialed; alerts add all three.
  metrics.AddCounter("vm_rpc_dial_errors_total", connection);
  metrics.AddCounter("vm_rpc_handshake_errors_total", connection);
  // Storage nodes do not say "read only" yet; alerts want the series.
  metrics.AddGauge("vm_rpc_vmstorage_is_read_only", labels);
}

}  // namespace

Writer::Writer(NodeSet* nodes, WriterOptions options)
    : impl_(std::make_unique<Impl>()) {
  assert(options.metrics != nullptr);
  WriterCore& core = impl_->core;
  core.nodes = nodes;
  const auto factor_max =
      static_cast<int>(std::min(nodes->size(), kReplicationFactorMax));
  options.replication_factor =
      std::clamp(options.replication_factor, 1, std::max(factor_max, 1));
  if (options.copies_min == 0) {
    options.copies_min = std::max(1, options.replication_factor - 1);
  }
  options.copies_min =
      std::clamp(options.copies_min, 1, options.replication_factor);
  core.options = options;
  core.keeper = std::make_unique<ViewKeeper>(
      nodes,
      ViewKeeperOptions{
          .replication_factor =
              static_cast<uint32_t>(options.replication_factor),
          .copies_min = static_cast<uint32_t>(options.copies_min),
          .start_grace_ms = absl::ToInt64Milliseconds(options.start_grace),
          .clock = options.clock});
  core.per_node = std::vector<WriterNode>(nodes->size());
  for (size_t i = 0; i < nodes->size(); ++i) {
    const std::string& address = nodes->node(i).address;
    RegisterNode(*options.metrics, address, core.per_node[i]);
    options.metrics->AddCallback(
        this, "vm_rpc_vmstorage_is_reachable",
        {{"name", "vminsert"}, {"addr", address}, {"rpc_call", "metric_rows"}},
        [nodes, i] { return nodes->connected(i) ? 1.0 : 0.0; });
  }
  core.rows_incomplete = &options.metrics->AddCounter(
      "vm_rpc_rows_incompletely_replicated_total", {{"name", "vminsert"}});
}

Writer::~Writer() { impl_->core.options.metrics->RemoveCallbacks(this); }

std::shared_ptr<const WriteView> Writer::View() {
  return impl_->core.keeper->Current();
}

absl::Status Writer::Write(const WriteView& view, std::span<SeriesRows> rows,
                           std::span<const MetadataRows> metadata,
                           const model::Tenant* named) {
  return WriteOperation(impl_->core, view, rows, metadata, named).Run();
}

}  // namespace varve::cluster
