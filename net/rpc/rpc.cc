#include "net/rpc/rpc.h"

#include "lib/base/status.h"

namespace varve::rpc {

absl::StatusOr<std::string> CallOnce(Channel& channel, Method method,
                                     std::string payload,
                                     int64_t deadline_steady_ms) {
  const std::unique_ptr<Call> call = channel.Start(method, std::move(payload));
  ASSIGN_OR_RETURN(std::optional<std::string> answer,
                   call->Next(deadline_steady_ms));
  if (!answer) {
    return base::DataLoss(channel.address(), " ended method ", int{method},
                          " without an answer");
  }
  ASSIGN_OR_RETURN(const std::optional<std::string> second,
                   call->Next(deadline_steady_ms));
  if (second) {
    return base::DataLoss(channel.address(), " gave method ", int{method},
                          " more than one answer");
  }
  return *std::move(answer);
}

}  // namespace varve::rpc
