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
#include "lib/cluster/ready_calls.h"
#include "lib/cluster/slow_replicas.h"
#include "lib/wire/convert.h"
#include "net/rpc/rpc.h"

namespace varve::cluster {

// A node that is late to hear that nobody waits ends by itself.
template <typename Message>
void FillTimeout(int64_t deadline_steady_ms, Message& message) {
  if (deadline_steady_ms == INT64_MAX) return;
  message.set_timeout_ms(std::max<int64_t>(
      1, deadline_steady_ms - base::SystemClock().SteadyMs()));
}

// Fills what all requests have.
template <typename Message>
void FillRequest(const ReadRequest& request, Message& message) {
  wire::ToProto(request.tenant, request.tenant_name,
                *message.mutable_tenant());
  wire::ToProto(request.matcher_groups, *message.mutable_groups());
  message.set_start_ms(request.range.start_ms);
  message.set_end_ms(request.range.end_ms);
  FillTimeout(request.deadline_steady_ms, message);
}

inline std::vector<std::unique_ptr<rpc::Call>> StartAll(
    const NodeList& nodes, rpc::Method method, const std::string& payload) {
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

// Asks all nodes of `judge`; calls fn(node, message) for each that answered, in
// their order.
template <typename Message, typename Fn>
absl::Status AskAll(rpc::Method method, const std::string& payload,
                    const ReadRequest& request, ReadJudge& judge, Fn&& fn) {
  const NodeList& nodes = judge.nodes();
  auto calls = StartAll(nodes, method, payload);
  std::vector<NodeReading> readings;  // from now on
  for (const std::shared_ptr<const Node>& node : nodes.nodes()) {
    readings.emplace_back(request, "ask", node->address);
  }
  SlowReplicas slow(judge);
  std::vector<absl::StatusOr<Message>> answers(calls.size());
  ReadyCalls ready(calls);
  const auto stop = [&] {
    return slow.enough() || IsCancelled(request) ||
           base::SystemClock().SteadyMs() >= request.deadline_steady_ms;
  };
  while (const std::optional<size_t> next = ready.Next(stop)) {
    const size_t i = *next;
    NodeReading& reading = readings[i];
    answers[i] = slow.enough() && !calls[i]->ready()
                     ? base::Cancelled(kSkippedSlowReplica)
                     : OneAnswer<Message>(*calls[i], request);
    if (!answers[i].ok()) {
      reading.Failed(answers[i].status());
      if (IsRequestsFault(answers[i].status()) || IsCancelled(request)) {
        return answers[i].status();
      }
      continue;
    }
    reading.Received(answers[i]->ByteSizeLong());
    reading.Ended(answers[i]->coverage());
    slow.Answered(i, answers[i]->coverage());
  }
  for (size_t i = 0; i < answers.size(); ++i) {
    if (answers[i].ok()) {
      judge.Answered(i, answers[i]->coverage());
      fn(i, *std::move(answers[i]));
    } else {
      judge.Failed(i, answers[i].status());
    }
  }
  return absl::OkStatus();
}

}  // namespace varve::cluster

#endif  // VARVE_LIB_CLUSTER_ASK_NODES_H_
