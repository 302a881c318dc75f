// What select nodes call: SEARCH, ROLLUP, COVERAGE, LABELS, CARDINALITY,
// TENANTS, METADATA, NAMEUSAGE, HISTORY, GETRINGS, DELETE, PING, DIGEST; of
// these the insert service gives on what other storage nodes read.
//
// Every answer to a read ends with the node's Coverage. A search is streamed in
// batches of about 128 KiB and held back by net/rpc's credits.
//
// What other storage nodes read to repair their copies (DIGEST, and whatever a
// client with the role "storage" asks) has a gate and threads of its own, which
// the kernel lets wait for others: a pass of theirs takes no place of a query
// and little of its time. Their COVERAGE, which is small, waits for nothing.
//
// Errors:  InvalidArgument for a bad message or matcher, ResourceExhausted
//          for a limit, Unavailable over its concurrency or while stopping,
//          Aborted when the coverage is not the one the caller knows.
// Threads: all members from any thread.
#ifndef VARVE_LIB_STORENODE_SELECT_SERVICE_H_
#define VARVE_LIB_STORENODE_SELECT_SERVICE_H_

#include <string>

#include "lib/base/thread_pool.h"
#include "lib/repair/day_digests.h"
#include "lib/storenode/insert_service.h"
#include "lib/storenode/kept_state.h"
#include "lib/storenode/request_gate.h"
#include "lib/storenode/tenant_names.h"
#include "net/rpc/rpc.h"
#include "proto/varve_rpc.pb.h"
#include "storage/engine/engine.h"

namespace varve::storenode {

struct ReadGates {
  RequestGate* queries = nullptr;
  RequestGate* repairs = nullptr;
};

class SelectService final : public rpc::Service {
 public:
  // `dedup` is told in every Coverage. All pointers outlive the service.
  SelectService(storage::Engine* engine, KeptState* kept, TenantNames* names,
                repair::DayDigests* digests, ReadGates gates,
                model::DedupRule dedup, ServiceOptions options);

  std::string Hello() override;
  absl::Status Accept(std::string_view client_hello) override;
  absl::Status Handle(rpc::ServerCall& call) override;

 private:
  absl::Status AnswerRepair(rpc::ServerCall& call);
  absl::Status Answer(rpc::ServerCall& call);
  absl::StatusOr<proto::Coverage> Coverage(uint64_t version,
                                           const model::TimeRange& range) const;
  absl::Status Search(rpc::ServerCall& call);
  absl::Status Rollup(rpc::ServerCall& call);
  absl::Status TellCoverage(rpc::ServerCall& call);
  absl::Status Labels(rpc::ServerCall& call);
  absl::Status Cardinality(rpc::ServerCall& call);
  absl::Status Tenants(rpc::ServerCall& call);
  absl::Status Metadata(rpc::ServerCall& call);
  absl::Status Delete(rpc::ServerCall& call);
  absl::Status NameUsage(rpc::ServerCall& call);
  absl::Status History(rpc::ServerCall& call);
  absl::Status GetRings(rpc::ServerCall& call);
  absl::Status Digest(rpc::ServerCall& call);

  storage::Engine* const engine_;
  KeptState* const kept_;
  TenantNames* const names_;
  repair::DayDigests* const digests_;
  const ReadGates gates_;
  const model::DedupRule dedup_;
  const ServiceOptions options_;
  base::ThreadPool pool_;  // of ROLLUP
  base::ThreadPool repair_pool_;
};

}  // namespace varve::storenode

#endif  // VARVE_LIB_STORENODE_SELECT_SERVICE_H_
