// A view's ring as PUTRING tells it: members with the addresses they are
// written to by.
//
// Threads: free functions without state.
#ifndef VARVE_LIB_CLUSTER_RING_MESSAGE_H_
#define VARVE_LIB_CLUSTER_RING_MESSAGE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "lib/cluster/writer_view.h"
#include "proto/varve_rpc.pb.h"

namespace varve::cluster {

// Of each member, the one in use first. REQUIRES: the view has a ring.
std::vector<std::vector<std::string>> AddressesOf(const WriteView& view);

bool IsAddressOf(const proto::Ring::Member& member,
                 const std::string& address);

// REQUIRES: the view has a ring.
proto::Ring RingMessage(const WriteView& view, int64_t now_ms);

}  // namespace varve::cluster

#endif  // VARVE_LIB_CLUSTER_RING_MESSAGE_H_
