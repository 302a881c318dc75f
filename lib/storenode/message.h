// Reads a call's payload as a proto message.
#ifndef VARVE_LIB_STORENODE_MESSAGE_H_
#define VARVE_LIB_STORENODE_MESSAGE_H_

#include <string_view>

#include "lib/base/status.h"

namespace varve::storenode {

// InvalidArgument names the message's type.
template <typename Message>
absl::Status ParseMessage(std::string_view payload, Message& message) {
  if (message.ParseFromArray(payload.data(),
                             static_cast<int>(payload.size()))) {
    return absl::OkStatus();
  }
  return base::InvalidArgument("not a ", message.GetTypeName(), ": ",
                               payload.size(), " bytes");
}

}  // namespace varve::storenode

#endif  // VARVE_LIB_STORENODE_MESSAGE_H_
