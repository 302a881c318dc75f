#include "lib/storenode/node_repair.h"

#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "lib/base/status.h"
#include "lib/wire/hello.h"
#include "net/rpc/tcp_channel.h"

namespace varve::storenode {
namespace {

// Of the vm_tcpdialer_* metrics.
constexpr char kDialerName[] = "vmstorage";

repair::TakeName TakeNameBy(TenantNames* names) {
  return [names](const model::Tenant& tenant) -> absl::StatusOr<bool> {
    std::vector<bool> refused;
    RETURN_IF_ERROR(names->Register(std::span(&tenant, 1), refused));
    return !refused[0];
  };
}

repair::Hearing HearingOf(KeptState* kept) {
  return {.listens = [kept] { return kept->ring_coverage().NoteListening(); },
          .members = [kept] { return kept->ring_coverage().Others(); },
          .heard =
              [kept](uint64_t node_id, std::vector<model::TimeRange> lacked,
                     int64_t other_rows_ms) {
                kept->ring_coverage().NoteHeard(node_id, std::move(lacked),
                                                other_rows_ms);
              }};
}

repair::LostRows LostRowsOf(KeptState* kept) {
  return {.any = [kept] { return kept->ring_coverage().LacksLost(); },
          .to_compare = [kept] { return kept->ring_coverage().ToCompare(); },
          .note_compared =
              [kept](int64_t began_ms, int64_t from_ms) {
                return kept->ring_coverage().NoteCompared(began_ms, from_ms);
              },
          .note_foreign =
              [kept] { return kept->ring_coverage().NoteForeign(); }};
}

}  // namespace

repair::Dial DialStorageNodes(net::Transport* transport, std::string token,
                              telemetry::Metrics* metrics) {
  return [transport, token = std::move(token),
          metrics](const std::string& address) {
    rpc::TcpChannelOptions options;
    options.address = address;
    options.hello = [token] { return wire::EncodeHello(wire::kStorageRole, token); };
    options.accept = [](std::string_view hello) {
      return wire::AcceptHello(hello, "");
    };
    options.metrics = metrics;
    options.metrics_name = kDialerName;
    options.backoff_min = absl::Seconds(1);
    options.backoff_max = absl::Seconds(30);
    return std::make_unique<rpc::TcpChannel>(transport, std::move(options));
  };
}

NodeRepair::NodeRepair(const NodeRepairParts& parts, repair::Dial dial,
                       const NodeRepairOptions& options)
    : listener_(parts.engine, HearingOf(parts.kept), dial),
      replayer_(parts.engine, dial, options.hints, parts.metrics),
      striker_(parts.engine, parts.kept, dial, options.strike_interval),
      repairer_({.engine = parts.engine,
                 .digests = parts.digests,
                 .progress = parts.progress,
                 .take_name = TakeNameBy(parts.names),
                 .has_room = parts.has_room,
                 .lost = LostRowsOf(parts.kept),
                 .rules = parts.rules},
                std::move(dial), options.repair) {}

}  // namespace varve::storenode
