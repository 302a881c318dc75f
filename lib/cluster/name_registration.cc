#include "lib/cluster/name_registration.h"

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "lib/base/status.h"
#include "lib/wire/convert.h"
#include "lib/wire/features.h"
#include "lib/wire/methods.h"
#include "proto/varve_rpc.pb.h"

namespace varve::cluster {
namespace {

// One node's answer; an error that is returned is one of the whole write.
absl::Status TakeAnswer(
    WriteAttempt& attempt, uint16_t node, const model::Tenant& named,
    const absl::StatusOr<std::optional<std::string>>& answer) {
  proto::TenantNamesResponse response;
  if (answer.ok() && answer->has_value() &&
      response.ParseFromString(**answer) && response.refused_size() == 1) {
    if (!response.refused(0)) return absl::OkStatus();
    return base::InvalidArgument(
        "the tenant ", named.name,
        " cannot be stored: another tenant's name has its id, ",
        model::TenantText(named.id), "; choose another name");
  }
  if (absl::IsOutOfRange(answer.status())) {
    return base::InvalidArgument("the tenant ", named.name,
                                 " cannot be stored: ",
                                 base::Message(answer.status()));
  }
  if (absl::IsResourceExhausted(answer.status())) {
    return answer.status();  // says nothing of the node's health
  }
  attempt.Fail(node, answer.ok() ? base::DataLoss("no answer to TENANTNAMES")
                                 : answer.status());
  return absl::OkStatus();
}

}  // namespace

absl::Status RegisterName(WriteAttempt& attempt, const model::Tenant& named) {
  const WriteView& view = attempt.view();
  NameLedger& known = attempt.core().names;
  if (known.Has(named, view.generation, view.liveness)) return absl::OkStatus();
  if ((view.features & wire::kFeatureTenantNames) == 0) {
    return base::Unavailable(
        "a storage node that is up is of a release without tenants by name "
        "(X-Scope-OrgID)");
  }
  proto::TenantNames request;
  wire::ToProto(named.id, named.name, *request.add_tenants());
  const std::string payload = request.SerializeAsString();
  std::vector<std::unique_ptr<rpc::Call>> calls(view.node_count());
  for (size_t node = 0; node < calls.size(); ++node) {
    if (!view.live[node]) continue;
    calls[node] = view.nodes->channel(node).Start(wire::kTenantNames, payload);
  }
  for (uint16_t node = 0; node < calls.size(); ++node) {
    if (calls[node] == nullptr) continue;
    RETURN_IF_ERROR(
        TakeAnswer(attempt, node, named,
                   calls[node]->Next(attempt.DeadlineFor(node))));
  }
  if (!attempt.any_failed()) {
    known.Note(named, view.generation, view.liveness);
  }
  return absl::OkStatus();
}

}  // namespace varve::cluster
