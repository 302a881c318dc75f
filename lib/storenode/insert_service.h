// What insert nodes call: PING, DEFINE, DATA, MISSED, PUTRING, GETRINGS,
// TENANTNAMES, HINTDEFINE, HINTDATA; and other storage nodes: HINTSTATUS,
// HINTREPLAY, COMPARED, and what they read to repair their copies (SEARCH,
// TENANTS, DIGEST), for they know this port's address.
//
// Errors:  InvalidArgument or DataLoss for a bad message; nothing of it was
//          stored. Unavailable while stopping or over its concurrency,
//          ResourceExhausted on a full disk: another node may take it.
// Threads: all members from any thread.
#ifndef VARVE_LIB_STORENODE_INSERT_SERVICE_H_
#define VARVE_LIB_STORENODE_INSERT_SERVICE_H_

#include <string>

#include "lib/storenode/kept_state.h"
#include "lib/storenode/request_gate.h"
#include "lib/storenode/tenant_names.h"
#include "lib/telemetry/metrics.h"
#include "lib/wire/data_frame.h"
#include "net/rpc/rpc.h"
#include "storage/engine/engine.h"

namespace varve::storenode {

struct ServiceOptions {
  std::string token;  // asked of clients; "" for none
  std::string zone;
  uint32_t weight = 1;
  uint64_t storage_rules = 0;  // see proto Coverage
};

class InsertService final : public rpc::Service {
 public:
  // All outlive the service. `reads`: of select nodes.
  InsertService(storage::Engine* engine, KeptState* kept, TenantNames* names,
                rpc::Service* reads, RequestGate* gate,
                telemetry::Metrics* metrics, ServiceOptions options);

  std::string Hello() override;
  absl::Status Accept(std::string_view client_hello) override;
  absl::Status Handle(rpc::ServerCall& call) override;

 private:
  absl::StatusOr<std::string> Define(std::string_view payload);
  absl::StatusOr<std::string> Data(std::string_view payload);
  // Rows of a record, judged as they are; see HINTREPLAY in wire.md.
  absl::StatusOr<std::string> Replayed(std::string_view payload);
  // Under this node's ref epoch, or it is to be defined anew.
  absl::StatusOr<std::string> Append(const wire::DataFrame& frame);
  absl::StatusOr<std::string> HintDefine(std::string_view payload);
  absl::StatusOr<std::string> HintData(std::string_view payload);
  absl::StatusOr<std::string> HintStatus(std::string_view payload);
  absl::StatusOr<std::string> PutMissed(std::string_view payload);
  absl::Status ListMissed(rpc::ServerCall& call) const;
  absl::StatusOr<std::string> Compared(std::string_view payload);
  absl::StatusOr<std::string> PutRing(std::string_view payload);
  absl::StatusOr<std::string> GetRings();
  absl::StatusOr<std::string> PutTenantNames(std::string_view payload);

  storage::Engine* const engine_;
  KeptState* const kept_;
  TenantNames* const names_;
  rpc::Service* const reads_;
  RequestGate* const gate_;
  const ServiceOptions options_;
};

}  // namespace varve::storenode

#endif  // VARVE_LIB_STORENODE_INSERT_SERVICE_H_
