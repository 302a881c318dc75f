#include "lib/ingest/insert_role.h"

#include "lib/base/status.h"

namespace varve::ingest {
namespace {

// An eighth of the memory is for series that a level above writes.
constexpr int64_t kUpperLevelShare = 8;

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
    net::Transport* transport, telemetry::Metrics* metrics) {
  RETURN_IF_ERROR(flags.Validate());
  flags.WarnOfIgnored();
  std::unique_ptr<InsertRole> role(new InsertRole(flags, nodes, metrics));
  RETURN_IF_ERROR(AddRelabelConfig(flags.relabel(), &role->inserter_, transport,
                                   metrics, role->reloader_));
  RETURN_IF_ERROR(role->LoadFiles(flags, metrics));
  role->reloader_.Start();
  return role;
}

InsertRole::InsertRole(const InsertFlags& flags, cluster::NodeSet* nodes,
                       telemetry::Metrics* metrics)
    : writer_(nodes, Filled<cluster::WriterOptions>(flags, metrics)),
      inserter_(&writer_, Filled<InserterOptions>(flags, metrics)),
      gate_(flags.concurrent_max(), flags.queue_max(), *metrics,
            !flags.single_process()),
      reload_auth_key_(flags.reload_auth_key()),
      routes_(&inserter_, &gate_, Filled<InsertRouteOptions>(flags, metrics)),
      upper_level_address_(flags.upper_level_address()),
      upper_level_closing_(flags.upper_level_closing()),
      metrics_(metrics),
      upper_level_(&writer_, &inserter_, &routes_.door(), &gate_, metrics,
                   flags.memory_bytes_allowed() / kUpperLevelShare) {}

absl::Status InsertRole::LoadFiles(const InsertFlags& flags,
                                   telemetry::Metrics* metrics) {
  if (flags.tenant_limits().empty()) return absl::OkStatus();
  return reloader_.Add(
      std::make_unique<ConfigFile>(
          ConfigFileOptions{.flag = kTenantLimitsFlag,
                            .path = flags.tenant_limits(),
                            .metric_prefix = "varve_tenant_limits_config",
                            .metrics = metrics},
          [this](std::string_view text) {
            return inserter_.LoadTenantLimits(text);
          }),
      flags.tenant_limits_interval());
}

absl::Status InsertRole::Listen(net::Transport* transport,
                                http::ServerOptions http) {
  ASSIGN_OR_RETURN(listeners_,
                   LineListeners::Start(&routes_.door(), &gate_, transport,
                                        std::move(http),
                                        routes_.OpenTsdbPortRoutes()));
  if (upper_level_address_.empty()) return absl::OkStatus();
  ASSIGN_OR_RETURN(upper_level_port_,
                   UpperLevelPort::Start(upper_level_address_, &upper_level_,
                                         transport, metrics_));
  return absl::OkStatus();
}

void InsertRole::StopListening(absl::Duration grace) {
  if (upper_level_port_) upper_level_port_->Stop(upper_level_closing_);
  if (listeners_) listeners_->Stop(grace);
}

std::vector<http::Route> InsertRole::Routes() {
  std::vector<http::Route> routes = routes_.Routes();
  http::Route reload;
  reload.pattern = "/-/reload";
  reload.auth_key = reload_auth_key_;
  reload.handler = [this](const http::Request&, http::ResponseWriter& writer) {
    const absl::Status status = Reload();
    writer.Send(status.ok() ? 200 : 500, "text/plain; charset=utf-8",
                status.ok() ? "" : base::StrCat(base::Message(status), "\n"));
  };
  routes.push_back(std::move(reload));
  return routes;
}

}  // namespace varve::ingest
