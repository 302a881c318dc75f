// A question that every node answers with one message.
//
// Threads: belongs to one. For this folder's reads.
#ifndef VARVE_LIB_CLUSTER_ASK_NODES_H_
#define VARVE_LIB_CLUSTER_ASK_NODES_H_

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "lib/base/clock.h"
#include "lib/base/status.h"
#include "lib/cluster/node_reading.h"
#include "lib/cluster/node_set.h"
#include "lib/cluster/read_judge.h"
#include "lib/cluster/reader.h"
#include "lib/wire/convert.h"
#include "net/rpc/rpc.h"

namespace varve::cluster {

// Fills what all requests have.
template <typename Message>
void FillRequest(const ReadRequest& request, Message& message) {
  wire::ToProto(request.tenant, request.tenant_name,
                *message.mutable_tenant());
  wire::ToProto(request.matcher_groups, *message.mutable_groups());
  message.set_start_ms(request.range.start_ms);
  message.set_end_ms(request.range.end_ms);
  if (request.deadline_steady_ms != INT64_MAX) {
    // A node that is late to hear that nobody waits ends by itself.
    message.set_timeout_ms(
        std::max<int64_t>(1, request.deadline_steady_ms -
                                 base::SystemClock().SteadyMs()));
  }
}

inline std::vector<std::unique_ptr<rpc::Call>> StartAll(
    NodeSet& nodes, rpc::Method method, const std::string& payload) {
  std::vector<std::unique_ptr<rpc::Call>> calls;
  calls.reserve(nodes.size());
  for (size_t i = 0; i < nodes.size(); ++i) {
    calls.push_back(nodes.channel(i).Start(method, payload));
  }
  return calls;
}

template <typename Message>
absl::StatusOr<Message> OneAnswer(rpc::Call& call, const ReadRequest& request) {
  ASSIGN_OR_RETURN(const std::optional<std::string> bytes,
                   NextMessage(call, request));
  Message message;
  if (!bytes || !message.ParseFromString(*bytes)) {
    return base::DataLoss("an answer that cannot be read");
  }
  return message;
}

// Asks all nodes; calls fn(node, message) for each that answered.
template <typename Message, typename Fn>
absl::Status AskAll(NodeSet& nodes, rpc::Method method,
                    const std::string& payload, const ReadRequest& request,
                    ReadJudge& judge, Fn&& fn) {
  auto calls = StartAll(nodes, method, payload);
  for (size_t i = 0; i < calls.size(); ++i) {
    NodeReading reading(request, "ask", nodes.node(i).address);
    auto message = OneAnswer<Message>(*calls[i], request);
    if (message.ok()) {
      reading.Received(message->ByteSizeLong());
      reading.Ended(message->coverage());
      judge.Answered(i, message->coverage());
      fn(i, *std::move(message));
      continue;
    }
    reading.Failed(message.status());
    if (IsRequestsFault(message.status()) || IsCancelled(request)) {
      return message.status();
    }
    judge.Failed(i, message.status());
  }
  return absl::OkStatus();
}

}  // namespace varve::cluster

#endif  // VARVE_LIB_CLUSTER_ASK_NODES_H_
