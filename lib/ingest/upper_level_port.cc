#include "lib/ingest/upper_level_port.h"

#include <utility>

#include "lib/base/log.h"
#include "lib/base/status.h"
#include "net/tcp/traffic_metrics.h"

namespace varve::ingest {
namespace {

// How soon a cluster is known once its nodes are connected, and how soon a
// change of its nodes is seen.
constexpr absl::Duration kLookUnknown = absl::Milliseconds(50);
constexpr absl::Duration kLookKnown = absl::Milliseconds(500);

// Writes under way may end; then connections are cut.
constexpr absl::Duration kGrace = absl::Milliseconds(500);

}  // namespace

absl::StatusOr<std::unique_ptr<UpperLevelPort>> UpperLevelPort::Start(
    const std::string& address, UpperLevelService* service,
    net::Transport* transport, telemetry::Metrics* metrics) {
  rpc::TcpServerOptions options;
  options.address = address;
  options.refused = &metrics->AddCounter("varve_rpc_refused_total",
                                         {{"name", "clusternative"}});
  auto server = rpc::TcpServer::Start(transport, service, options);
  if (!server.ok()) {
    return base::Unavailable("-clusternativeListenAddr=", address, ": ",
                             base::Message(server.status()));
  }
  return std::unique_ptr<UpperLevelPort>(
      new UpperLevelPort(service, metrics, *std::move(server)));
}

UpperLevelPort::UpperLevelPort(UpperLevelService* service,
                               telemetry::Metrics* metrics,
                               std::unique_ptr<rpc::TcpServer> server)
    : service_(service), metrics_(metrics), server_(std::move(server)) {
  net::ShowListener(*metrics_, this, "clusternative", server_->address(),
                    server_->counters());
  base::LogInfo("started TCP clusternative server at \"", server_->address(),
                "\"");
  watcher_ = std::thread([this] { Watch(); });
}

UpperLevelPort::~UpperLevelPort() {
  StopWatching();
  metrics_->RemoveCallbacks(this);
}

void UpperLevelPort::StopWatching() {
  {
    base::MutexLock lock(mutex_);
    stop_ = true;
    stopped_.NotifyAll();
  }
  if (watcher_.joinable()) watcher_.join();
}

void UpperLevelPort::Stop(absl::Duration closing) {
  StopWatching();
  server_->StopListening();
  server_->CloseConnections(closing);
  server_->Stop(kGrace);
}

void UpperLevelPort::Watch() {
  base::MutexLock lock(mutex_);
  while (!stop_) {
    lock.Unlock();
    if (service_->Look()) {
      base::LogInfo("the storage nodes are others, or of another release: "
                    "insert nodes of the level above are to connect again");
      server_->CloseConnections(absl::ZeroDuration());
    }
    lock.Lock();
    if (stop_) return;
    stopped_.WaitFor(lock, service_->known() ? kLookKnown : kLookUnknown);
  }
}

}  // namespace varve::ingest
