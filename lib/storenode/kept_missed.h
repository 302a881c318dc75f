// A MISSED record as it is kept: of many slots a bitmap, which has 8 KiB where
// numbers take up to 180.
//
// Threads: free functions without state.
#ifndef VARVE_LIB_STORENODE_KEPT_MISSED_H_
#define VARVE_LIB_STORENODE_KEPT_MISSED_H_

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "lib/model/slot_set.h"
#include "proto/varve_rpc.pb.h"

namespace varve::storenode {

// Of a record as it is kept or as it came. Errors: InvalidArgument for more
// slots than there are.
absl::StatusOr<model::SlotSet> SlotsOf(const proto::Missed& record);
void SetKeptSlots(proto::Missed& record, const model::SlotSet& slots);

// A kept record as others are told of it: with numbers. Errors: as SlotsOf.
absl::Status TellSlots(proto::Missed& record);

// What two joined records say of who keeps the rows.
proto::Missed::Keeper JoinedKeeper(const proto::Missed& a,
                                   const proto::Missed& b);

}  // namespace varve::storenode

#endif  // VARVE_LIB_STORENODE_KEPT_MISSED_H_
