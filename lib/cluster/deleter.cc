#include "lib/cluster/deleter.h"

#include <memory>
#include <optional>
#include <string>

#include "lib/base/status.h"
#include "lib/wire/convert.h"
#include "lib/wire/features.h"
#include "lib/wire/methods.h"
#include "proto/varve_rpc.pb.h"

namespace varve::cluster {
namespace {

absl::StatusOr<int64_t> SeriesOf(rpc::Call& call, int64_t deadline_ms) {
  ASSIGN_OR_RETURN(const std::optional<std::string> bytes,
                   call.Next(deadline_ms));
  proto::DeleteResponse response;
  if (!bytes || !response.ParseFromString(*bytes)) {
    return base::DataLoss("an answer that cannot be read");
  }
  return response.series();
}

}  // namespace

// Two deletes of this node are never at one time, and never go back in it.
int64_t Deleter::NextAcceptMs() {
  const int64_t now_ms = clock_->NowMs();
  int64_t last = accept_ms_.load();
  int64_t next = 0;
  do {
    next = std::max(now_ms, last + 1);
  } while (!accept_ms_.compare_exchange_weak(last, next));
  return next;
}

absl::StatusOr<int64_t> Deleter::Delete(const DeleteCommand& command) {
  proto::DeleteRequest request;
  wire::ToProto(command.tenant, command.tenant_name,
                *request.mutable_tenant());
  wire::ToProto(command.matcher_groups, *request.mutable_groups());
  request.set_start_ms(command.range.start_ms);
  request.set_end_ms(command.range.end_ms);
  request.set_accept_ms(command.accept_ms != 0 ? command.accept_ms
                                               : NextAcceptMs());
  request.set_series_max(command.series_max);
  const std::string payload = request.SerializeAsString();

  const std::shared_ptr<const NodeList> nodes = nodes_->list();
  if (nodes->size() == 0) {
    return base::Unavailable("no storage node is known yet (-storageNode)");
  }
  std::vector<absl::Status> failures(nodes->size());
  std::vector<std::unique_ptr<rpc::Call>> calls(nodes->size());
  for (size_t i = 0; i < calls.size(); ++i) {
    const absl::StatusOr<NodeGreeting> greeting = nodes->Greeting(i);
    if (!greeting.ok()) {
      failures[i] = greeting.status();
    } else if ((greeting->features & wire::kFeatureDelete) == 0) {
      failures[i] = base::Unavailable("its release knows no deletes");
    } else {
      calls[i] = nodes->channel(i).Start(wire::kDelete, payload);
    }
  }
  int64_t series = 0;
  size_t applied = 0;
  for (size_t i = 0; i < calls.size(); ++i) {
    if (calls[i] == nullptr) continue;
    const absl::StatusOr<int64_t> got =
        SeriesOf(*calls[i], command.deadline_steady_ms);
    if (got.ok()) {
      series += *got;
      ++applied;
    } else {
      failures[i] = got.status();
    }
  }
  if (applied == calls.size()) return series;
  absl::StatusCode code = absl::StatusCode::kUnavailable;
  std::string text;
  for (size_t i = 0; i < failures.size(); ++i) {
    if (failures[i].ok()) continue;
    if (absl::IsInvalidArgument(failures[i]) ||
        absl::IsResourceExhausted(failures[i])) {
      code = failures[i].code();
    }
    base::StrAppend(&text, text.empty() ? "" : "; ", "storage node ",
                    nodes->node(i).address, ": ",
                    base::Message(failures[i]));
  }
  return absl::Status(
      code, base::StrCat("the delete is not complete: applied on ", applied,
                         " of ", calls.size(),
                         " storage nodes; it may be repeated. ", text));
}

}  // namespace varve::cluster
