// One storage node, without its listeners: what cmd/storage puts behind
// sockets and cmd/varve behind in-process channels.
//
//   StorageFlags flags(flag_set, "vmstorage-data");
//   ... parse, flags.Check() ...
//   ASSIGN_OR_RETURN(auto role, StorageRole::Open({.flags = &flags,
//                                                  .metrics = &metrics}));
//   rpc::LocalChannel inserts(&role->insert_service(), ...);
//   routes.insert(routes.end(), ...role->Routes()...);
//   const auto repair = role->StartRepair(&transport);
//   ... stop the servers, end the repair, then ...
//   role->Close();
//
// Routes:  /internal/force_flush, /internal/force_merge,
//          /internal/force_repair, /internal/rebalance,
//          /internal/cluster/forget, /snapshot/*.
// Errors:  Open gives the engine's; its log line says "successfully opened
//          storage" when it is ready.
// Threads: all members from any thread; Close once, after the servers.
#ifndef VARVE_LIB_STORENODE_STORAGE_ROLE_H_
#define VARVE_LIB_STORENODE_STORAGE_ROLE_H_

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "lib/storenode/insert_service.h"
#include "lib/storenode/kept_state.h"
#include "lib/storenode/node_repair.h"
#include "lib/storenode/request_gate.h"
#include "lib/storenode/select_service.h"
#include "lib/storenode/storage_flags.h"
#include "lib/storenode/storage_metrics.h"
#include "lib/storenode/tenant_names.h"
#include "lib/telemetry/metrics.h"
#include "net/http/server.h"
#include "net/rpc/rpc.h"
#include "net/tcp/transport.h"
#include "storage/engine/engine.h"

namespace varve::storenode {

struct StorageRoleOptions {
  const StorageFlags* flags = nullptr;  // parsed and checked
  telemetry::Metrics* metrics = nullptr;
  ServiceOptions service;
  // Asked while the log is replayed; true ends Open with Cancelled. May be
  // null.
  std::function<bool()> stop_requested;
};

class StorageRole {
 public:
  static absl::StatusOr<std::unique_ptr<StorageRole>> Open(
      StorageRoleOptions options);
  ~StorageRole();

  rpc::Service& insert_service() { return insert_service_; }
  rpc::Service& select_service() { return select_service_; }
  storage::Engine& engine() { return *engine_; }
  KeptState& kept_state() { return kept_; }
  NodeRepairParts repair_parts();
  // They refer to the role.
  std::vector<http::Route> Routes();
  // What the node does for its own and others' copies by itself, until the result is destroyed,
  // which `transport` and the role outlive.
  std::unique_ptr<NodeRepair> StartRepair(net::Transport* transport);
  // REQUIRES: a NodeRepair, which hears the others.
  void WaitUntilAllHeard(absl::Duration at_most) const;
  absl::Status Close();

 private:
  StorageRole(StorageRoleOptions options,
              std::unique_ptr<storage::Engine> engine);

  const StorageRoleOptions options_;
  const std::unique_ptr<storage::Engine> engine_;
  RequestGate inserts_;
  RequestGate searches_;
  RequestGate repairs_;
  KeptState kept_;
  TenantNames names_;
  repair::DayDigests digests_;
  repair::RepairProgress progress_;
  SelectService select_service_;
  InsertService insert_service_;
  StorageMetrics metrics_;
};

}  // namespace varve::storenode

#endif  // VARVE_LIB_STORENODE_STORAGE_ROLE_H_
