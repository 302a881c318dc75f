#include "lib/storenode/storage_role.h"

#include <algorithm>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/status.h"
#include "lib/storenode/repair_routes.h"
#include "lib/storenode/snapshot_routes.h"
#include "proto/varve_rpc.pb.h"

namespace varve::storenode {
namespace {

// Calls of other nodes' repair at a time: each reads as quickly as it can.
constexpr int64_t kRepairsMax = 2;
// Each that waits has a thread of the port for insert, which has 32.
constexpr int64_t kRepairsWaitingMax = 8;
// Below what its caller waits for; a digest of a large day takes minutes.
constexpr absl::Duration kRepairQueueMax = absl::Minutes(5);

std::string WayOut(std::string_view queue_flag, std::string_view limit_flag) {
  return base::StrCat("; possible solutions: increase -", queue_flag,
                      ", increase -", limit_flag,
                      ", add CPU to storage nodes");
}

// Rows written since the backup may be with the other copies and are not here:
// until they are, answers are made of all copies, and say so once another node
// fails. A backfill writes rows of any time.
absl::Status NoteRestored(storage::Engine& engine) {
  proto::Missed missed;
  missed.set_owner(engine.node_id());
  missed.set_start_ms(0);
  missed.set_end_ms(model::kTimestampMaxMs);
  return KeptState(&engine).PutMissed(missed);
}

// A full disk must not keep the node from serving: the next start tries again.
void NoteRetention(const storage::EngineOptions& options, KeptState& kept) {
  const absl::Status status = kept.NoteRetention(
      options.retention_ms, base::SystemClock().NowMs());
  if (!status.ok()) {
    base::LogError("keeping what -retentionPeriod is: ",
                   base::Message(status));
  }
}

// What was acknowledged is searchable already: only `to=disk` asks for work.
void ForceFlush(storage::Engine& engine, const http::Request& request,
                http::ResponseWriter& writer) {
  const std::string_view to = request.Argument("to");
  if (to.empty()) return writer.Send(200, "text/plain", "");
  if (to != "disk") {
    return writer.Send(
        400, "text/plain",
        base::StrCat("to=", to, " is unknown: `disk` writes what is in memory "
                     "to tables, without `to` nothing is left to do"));
  }
  const absl::Status status = engine.Flush();
  writer.Send(status.ok() ? 200 : 503, "text/plain", base::Message(status));
}

}  // namespace

absl::StatusOr<std::unique_ptr<StorageRole>> StorageRole::Open(
    StorageRoleOptions options) {
  RETURN_IF_ERROR(options.flags->Check());
  options.service.storage_rules = options.flags->rules_hash();
  options.service.zone = options.flags->place().zone.value();
  options.service.weight =
      static_cast<uint32_t>(options.flags->place().weight.value());
  const int64_t begin_ms = base::SystemClock().SteadyMs();
  base::LogInfo("opening storage \"", options.flags->path(), "\"");
  storage::EngineOptions engine_options = options.flags->EngineOptions();
  engine_options.stop_requested = options.stop_requested;
  engine_options.on_restored = NoteRestored;
  ASSIGN_OR_RETURN(std::unique_ptr<storage::Engine> engine,
                   storage::Engine::Open(engine_options));
  base::LogInfo("opened in ", base::SystemClock().SteadyMs() - begin_ms,
                " ms; node id ", absl::Hex(engine->node_id(), absl::kZeroPad16));
  base::LogInfo("successfully opened storage \"", options.flags->path(), "\"");
  std::unique_ptr<StorageRole> role(
      new StorageRole(std::move(options), std::move(engine)));
  NoteRetention(engine_options, role->kept_);
  return role;
}

StorageRole::StorageRole(StorageRoleOptions options,
                         std::unique_ptr<storage::Engine> engine)
    : options_(std::move(options)),
      engine_(std::move(engine)),
      inserts_(options_.flags->inserts_max(),
               options_.flags->insert_queue_max(),
               WayOut("insert.maxQueueDuration", "maxConcurrentInserts")),
      searches_(options_.flags->searches_max(),
                options_.flags->search_queue_max(),
                WayOut("search.maxQueueDuration",
                       "search.maxConcurrentRequests")),
      repairs_(kRepairsMax, kRepairQueueMax,
               " of other storage nodes' repair; their next pass asks again",
               kRepairsWaitingMax),
      kept_(engine_.get()),
      names_(engine_.get(), options_.metrics),
      digests_(engine_.get()),
      progress_(options_.metrics),
      select_service_(engine_.get(), &kept_, &names_, &digests_,
                      {.queries = &searches_, .repairs = &repairs_},
                      options_.flags->dedup(), options_.service),
      insert_service_(engine_.get(), &kept_, &names_, &select_service_,
                      &inserts_, options_.metrics, options_.service),
      metrics_(options_.metrics, engine_.get(), &kept_, options_.flags,
               &inserts_, &searches_) {}

StorageRole::~StorageRole() = default;

absl::Status StorageRole::Close() { return engine_->Close(); }

std::unique_ptr<NodeRepair> StorageRole::StartRepair(
    net::Transport* transport) {
  const StorageFlags& flags = *options_.flags;
  return std::make_unique<NodeRepair>(
      repair_parts(),
      DialStorageNodes(transport, options_.service.token, options_.metrics),
      NodeRepairOptions{
          .hints = {.bytes_per_second = flags.hints_replay_rate()},
          .repair = {.interval = flags.repair().interval.value(),
                     .bytes_per_second = flags.repair().rate.value(),
                     .retention_ms = flags.retention_ms(),
                     .future_ms = flags.future_retention_ms()}});
}

void StorageRole::WaitUntilAllHeard(absl::Duration at_most) const {
  const base::Clock& clock = base::SystemClock();
  const int64_t end_ms = clock.SteadyMs() + absl::ToInt64Milliseconds(at_most);
  while (!kept_.ring_coverage().AllHeard() && clock.SteadyMs() < end_ms) {
    absl::SleepFor(absl::Milliseconds(5));
  }
}

NodeRepairParts StorageRole::repair_parts() {
  return {.engine = engine_.get(),
          .kept = &kept_,
          .names = &names_,
          .digests = &digests_,
          .progress = &progress_,
          .has_room = [this] {
            const storage::EngineStats stats = engine_->Stats();
            // One generation is flushed while the next one fills.
            return stats.wal_bytes < options_.flags->log_bytes_max() &&
                   stats.head_bytes - stats.head_tail_bytes <
                       stats.head_bytes_max * 3 / 2;
          },
          .rules = {.storage_rules = options_.service.storage_rules,
                    .dedup = options_.flags->dedup()},
          .metrics = options_.metrics};
}

std::vector<http::Route> StorageRole::Routes() {
  std::vector<http::Route> routes;
  routes.push_back({.pattern = "/internal/force_flush",
                    .auth_key = options_.flags->flush_key(),
                    .handler = [this](const http::Request& request,
                                      http::ResponseWriter& writer) {
                      ForceFlush(*engine_, request, writer);
                    }});
  // Answers at once; the log says when it is done.
  routes.push_back(
      {.pattern = "/internal/force_merge",
       .auth_key = options_.flags->merge_key(),
       .handler = [this](const http::Request& request,
                         http::ResponseWriter& writer) {
         const absl::Status status =
             engine_->ForceMerge(request.Argument("partition_prefix"));
         writer.Send(status.ok() ? 200 : 503, "text/plain",
                     base::Message(status));
       }});
  for (http::Route& route :
       RepairRoutes(&progress_,
                    {.engine = engine_.get(),
                     .kept = &kept_,
                     .progress = &progress_},
                    &options_.flags->repair().key.value())) {
    routes.push_back(std::move(route));
  }
  for (http::Route& route :
       SnapshotRoutes(engine_.get(), options_.flags->snapshot_key())) {
    routes.push_back(std::move(route));
  }
  return routes;
}

}  // namespace varve::storenode
