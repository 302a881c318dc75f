// CARDINALITY: what the engine counted, as messages.
//
// Threads: free functions.
#ifndef VARVE_LIB_STORENODE_CARDINALITY_ANSWER_H_
#define VARVE_LIB_STORENODE_CARDINALITY_ANSWER_H_

#include <span>

#include "proto/varve_rpc.pb.h"
#include "storage/engine/engine.h"

namespace varve::storenode {

// Into the fields of the answer that are about them.
void ToProto(const storage::Cardinality& from, proto::CardinalityResponse& to);
void ToProto(std::span<const storage::SlotDigest> from,
             proto::CardinalityResponse& to);

}  // namespace varve::storenode

#endif  // VARVE_LIB_STORENODE_CARDINALITY_ANSWER_H_
