#include "lib/cluster/writer_nodes.h"

#include <algorithm>

namespace varve::cluster {
WriterNodes::~WriterNodes() {
  for (const auto& [address, node] : by_address_) {
    metrics_->RemoveCallbacks(node.get());
  }
}

std::vector<WriterNode*> WriterNodes::Of(const NodeList& list) {
  std::vector<WriterNode*> all;
  for (const std::shared_ptr<const Node>& node : list.nodes()) {
    std::unique_ptr<WriterNode>& known = by_address_[node->address];
    if (known == nullptr) {
      known = std::make_unique<WriterNode>();
      Register(node->address, *known);
    }
    all.push_back(known.get());
  }
  for (const auto& [address, known] : by_address_) {
    const auto at = std::find(all.begin(), all.end(), known.get());
    const std::shared_ptr<const Node> node =
        at == all.end() ? nullptr : list.nodes()[at - all.begin()];
    if (known->node == node) continue;
    known->node = node;
    known->node_id = 0;
    known->level_below = false;
    known->member_ids.clear();
    known->zone.clear();
    known->ref_epoch = 0;
    known->features = 0;
    known->ring_connection = 0;
    metrics_->RemoveCallbacks(known.get());
    if (node == nullptr) continue;
    // Weak: a scrape must not be the last to hold a node.
    metrics_->AddCallback(
        known.get(), "vm_rpc_vmstorage_is_reachable",
        {{"name", "vminsert"}, {"addr", address}, {"rpc_call", "metric_rows"}},
        [weak = std::weak_ptr<const Node>(node)] {
          const std::shared_ptr<const Node> held = weak.lock();
          return held != nullptr && held->channel->connected() ? 1.0 : 0.0;
        });
  }
  return all;
}

void WriterNodes::Register(const std::string& address, WriterNode& node) {
  const telemetry::MetricLabels labels = {
      {"name", "vminsert"}, {"addr", address}, {"rpc_call", "metric_rows"}};
  node.rows_pushed = &metrics_->AddCounter("vm_rpc_rows_pushed_total", labels);
  node.rows_sent = &metrics_->AddCounter("vm_rpc_rows_sent_total", labels);
  node.rows_rerouted_from =
      &metrics_->AddCounter("vm_rpc_rows_rerouted_from_here_total", labels);
  node.rows_rerouted_to =
      &metrics_->AddCounter("vm_rpc_rows_rerouted_to_here_total", labels);
  node.rows_pending = &metrics_->AddGauge("vm_rpc_rows_pending", labels);
  node.bytes_pending = &metrics_->AddGauge("vm_rpc_buf_pending_bytes", labels);
  node.send_seconds =
      &metrics_->AddGauge("vm_rpc_send_duration_seconds_total", labels);
  const telemetry::MetricLabels connection = {{"name", "vminsert"},
                                              {"addr", address}};
  node.connection_errors =
      &metrics_->AddCounter("vm_rpc_connection_errors_total", connection);
  node.hint_rows_sent = &metrics_->AddCounter("varve_hints_rows_sent_total",
                                              {{"addr", address}});
  // Counted where nodes are dialed (net/rpc); alerts add all three.
  metrics_->AddCounter("vm_rpc_dial_errors_total", connection);
  metrics_->AddCounter("vm_rpc_handshake_errors_total", connection);
  // Storage nodes do not say "read only" yet; alerts want the series.
  metrics_->AddGauge("vm_rpc_vmstorage_is_read_only", labels);
}

}  // namespace varve::cluster
