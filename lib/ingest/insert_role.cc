#include "lib/ingest/insert_role.h"

#include "lib/base/status.h"

namespace varve::ingest {
namespace {

template <typename Options>
Options Filled(const InsertFlags& flags, telemetry::Metrics* metrics) {
  Options options;
  options.metrics = metrics;
  flags.Fill(options);
  return options;
}

}  // namespace

absl::StatusOr<std::unique_ptr<InsertRole>> InsertRole::Make(
    const InsertFlags& flags, cluster::NodeSet* nodes,
    telemetry::Metrics* metrics) {
  RETURN_IF_ERROR(flags.Validate());
  flags.WarnOfIgnored();
  return std::unique_ptr<InsertRole>(new InsertRole(flags, nodes, metrics));
}

InsertRole::InsertRole(const InsertFlags& flags, cluster::NodeSet* nodes,
                       telemetry::Metrics* metrics)
    : writer_(nodes, Filled<cluster::WriterOptions>(flags, metrics)),
      inserter_(&writer_, Filled<InserterOptions>(flags, metrics)),
      gate_(flags.concurrent_max(), flags.queue_max(), *metrics,
            !flags.single_process()),
      routes_(&inserter_, &gate_, Filled<InsertRouteOptions>(flags, metrics)) {}

}  // namespace varve::ingest
