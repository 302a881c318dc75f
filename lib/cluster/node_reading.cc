#include "lib/cluster/node_reading.h"

#include <algorithm>

#include "lib/base/clock.h"
#include "lib/base/status.h"

namespace varve::cluster {
namespace {

// How soon a wait notices that nobody wants the answer any more.
constexpr int64_t kNoticeMs = 20;

}  // namespace

absl::StatusOr<std::optional<std::string>> NextMessage(
    rpc::Call& call, const ReadRequest& request,
    const GiveUp* give_up) {
  if (!request.cancelled && give_up == nullptr) {
    return call.Next(request.deadline_steady_ms);
  }
  while (true) {
    if (IsCancelled(request)) return base::Cancelled("query was canceled");
    const char* const why = give_up == nullptr ? nullptr : give_up->load();
    if (why != nullptr) return base::Cancelled(why);
    const int64_t now_ms = base::SystemClock().SteadyMs();
    auto message =
        call.Next(std::min(request.deadline_steady_ms, now_ms + kNoticeMs));
    if (!absl::IsDeadlineExceeded(message.status()) ||
        base::SystemClock().SteadyMs() >= request.deadline_steady_ms) {
      return message;
    }
  }
}

NodeReading::NodeReading(const ReadRequest& request, std::string_view action,
                         const std::string& address)
    : meter_(request.meter),
      trace_(request.trace == nullptr
                 ? nullptr
                 : request.trace->AddChild(base::StrCat(
                       action, " at storage node ", address))) {}

void NodeReading::Received(size_t bytes) {
  if (meter_ != nullptr) meter_->bytes += static_cast<int64_t>(bytes);
}

void NodeReading::Ended(const proto::Coverage& coverage) {
  const proto::ReadCost& cost = coverage.cost();
  if (meter_ != nullptr) {
    meter_->blocks += cost.blocks();
    meter_->block_bytes += cost.block_bytes();
    meter_->storage_cpu_us += cost.cpu_us();
  }
  if (trace_ == nullptr) return;
  if (coverage.has_cost()) {
    trace_->Note(base::StrCat(cost.series(), " series, ", cost.samples(),
                              " samples, ", cost.bytes(), " bytes received"));
    telemetry::Trace* const node = trace_->AddDone(
        base::StrCat("on the storage node: ", cost.cpu_us(), " us of CPU"),
        cost.total_us());
    node->AddDone(base::StrCat("search the index: ", cost.series_matched(),
                               " series matched"),
                  cost.index_us());
    node->AddDone(base::StrCat("read and send: ", cost.blocks(), " blocks, ",
                               cost.block_bytes(), " bytes of blocks"),
                  std::max<int64_t>(0, cost.total_us() - cost.index_us()));
  }
  trace_->End();
}

void NodeReading::Failed(const absl::Status& status) {
  if (trace_ == nullptr) return;
  trace_->Note(base::Message(status));
  trace_->End();
}

}  // namespace varve::cluster
