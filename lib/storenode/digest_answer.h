// DIGEST: the digests of a range of days or hours as messages.
//
// Errors:  InvalidArgument for a range; those of repair::DayDigests.
// Threads: a free function; blocks for the scans of spans that are not kept.
#ifndef VARVE_LIB_STORENODE_DIGEST_ANSWER_H_
#define VARVE_LIB_STORENODE_DIGEST_ANSWER_H_

#include <cstddef>
#include <functional>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "lib/base/alive.h"
#include "lib/model/slot_set.h"
#include "lib/model/tenant.h"
#include "lib/model/time_range.h"
#include "lib/repair/day_digests.h"
#include "proto/varve_rpc.pb.h"

namespace varve::storenode {

// Of one message: some 450 KB.
inline constexpr size_t kDigestRowsMax = 16 << 10;

struct DigestWanted {
  model::TenantId tenant;
  model::TimeRange range;
  const model::SlotSet* slots = nullptr;  // null: all
  bool totals = false;
  bool by_hour = false;
  const base::Alive* alive = nullptr;
  // The caller gives up after ten minutes without a message: while a day is
  // read for longer, messages without rows say that it goes on.
  absl::Duration silence_max = absl::Minutes(1);
};

// Sends all messages but the last, of spans that have samples, from the calling
// thread. False when some of the spans may have been left out.
absl::StatusOr<bool> SendDigests(
    repair::DayDigests& digests, const DigestWanted& wanted,
    const std::function<absl::Status(const proto::DigestResponse&)>& send);

}  // namespace varve::storenode

#endif  // VARVE_LIB_STORENODE_DIGEST_ANSWER_H_
