#include "lib/query/select_role.h"

#include <utility>

#include "lib/base/clock.h"
#include "lib/base/status.h"
#include "lib/query/relabel_debug.h"

namespace varve::query {

absl::StatusOr<std::unique_ptr<SelectRole>> SelectRole::Make(
    const SelectFlags& flags, cluster::NodeSet* nodes,
    telemetry::Metrics* metrics, net::Transport* transport,
    http::ServerAccess peers) {
  ASSIGN_OR_RETURN(SelectOptions options, flags.Options());
  options.transport = transport;
  options.peer_access = std::move(peers);
  ASSIGN_OR_RETURN(cluster::ReaderOptions reader_options,
                   flags.ReaderOptions());
  std::unique_ptr<SelectRole> role(
      new SelectRole(std::move(options), std::move(reader_options),
                     flags, nodes, metrics));
  role->api_.LoadKeptAnswers();
  return role;
}

namespace {

// Half of what the process may use is for what queries hold.
constexpr int64_t kQueriesShare = 2;

cluster::ReaderOptions WithPool(cluster::ReaderOptions options,
                                base::MemoryPool* pool,
                                telemetry::Metrics* metrics) {
  options.memory_pool = pool;
  options.shares_asked_again =
      &metrics->AddCounter("varve_read_shares_asked_again_total");
  return options;
}

SelectOptions WithPool(SelectOptions options, base::MemoryPool* pool) {
  options.limits.memory_pool = pool;
  return options;
}

}  // namespace

SelectRole::SelectRole(SelectOptions options,
                       cluster::ReaderOptions reader_options,
                       const SelectFlags& flags, cluster::NodeSet* nodes,
                       telemetry::Metrics* metrics)
    : memory_(flags.memory_bytes_allowed() / kQueriesShare),
      reader_(nodes, WithPool(std::move(reader_options), &memory_, metrics)),
      cluster_ids_(nodes),
      deleter_(nodes, &base::SystemClock()),
      storage_(&reader_, &deleter_),
      pool_("query", static_cast<size_t>(flags.workers_max())),
      api_(WithPool(std::move(options), &memory_), &storage_, metrics, &pool_,
           &base::SystemClock()),
      upper_level_(&storage_, &api_.gate(), &cluster_ids_) {}

std::vector<http::Route> SelectRole::Routes(bool from_root) {
  std::vector<http::Route> routes = api_.Routes(from_root);
  for (http::Route& route : RelabelDebugRoutes(from_root)) {
    routes.push_back(std::move(route));
  }
  return routes;
}

}  // namespace varve::query
