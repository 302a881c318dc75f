#include "lib/repair/compared_marks.h"

#include <algorithm>
#include <limits>
#include <memory>
#include <optional>
#include <string>

#include "absl/time/time.h"
#include "lib/base/log.h"
#include "lib/base/status.h"
#include "lib/model/slot_set.h"
#include "lib/wire/features.h"
#include "lib/wire/hello.h"
#include "lib/wire/methods.h"

namespace varve::repair {
namespace {

// A strike fsyncs each record.
constexpr absl::Duration kAnswerMax = absl::Seconds(30);

}  // namespace

absl::StatusOr<proto::ComparedResponse> ComparedMarks::Ask(
    uint64_t node_id, const proto::ComparedRequest& request) {
  ASSIGN_OR_RETURN(rpc::Channel* const channel, peers_.Reach(node_id));
  if (channel == nullptr) return base::Unavailable("it cannot be reached");
  ASSIGN_OR_RETURN(const wire::Hello hello,
                   wire::DecodeHello(channel->peer_hello()));
  if ((hello.features & wire::kFeatureCompared) == 0) {
    return base::Unimplemented("its release knows no COMPARED");
  }
  const auto call =
      channel->Start(wire::kCompared, request.SerializeAsString());
  ASSIGN_OR_RETURN(const std::optional<std::string> answer,
                   worker_.NextOf(*call, kAnswerMax));
  proto::ComparedResponse response;
  if (!answer || !response.ParseFromString(*answer)) {
    return base::DataLoss("no answer to COMPARED");
  }
  return response;
}

void ComparedMarks::Take(std::span<const SlotShare> others) {
  proto::ComparedRequest request;
  request.set_owner(owner_);
  for (const SlotShare& one : others) {
    const auto answer = Ask(one.node_id, request);
    if (answer.ok() && answer->records() > 0) {
      marks_[one.node_id] = answer->mark();
    }
  }
  if (marks_.empty()) return;
  request.set_anew(true);
  for (const SlotShare& one : others) {
    if (Ask(one.node_id, request).ok()) marked_anew_.insert(one.node_id);
  }
}

void ComparedMarks::NoteCompared(uint64_t node_id,
                                 const model::TimeRange& range) {
  compared_[node_id] = range;
}

bool ComparedMarks::IsWhole(const proto::Ring& ring,
                            std::span<const SlotShare> others,
                            const ForgottenNodes& forgotten) const {
  return !ring.members().empty() &&
         std::ranges::all_of(ring.members(), [&](const auto& member) {
           const uint64_t id = member.node_id();
           const bool is_other =
               std::ranges::count(others, id, &SlotShare::node_id) > 0;
           if (id == owner_ || (!is_other && forgotten.Has(id))) return true;
           return marked_anew_.contains(id) && compared_.contains(id);
         });
}

void ComparedMarks::Tell(std::span<const SlotShare> others,
                         std::span<const proto::Ring> rings,
                         const ForgottenNodes& forgotten) {
  if (marks_.empty() || compared_.empty()) return;
  proto::ComparedRequest request;
  request.set_owner(owner_);
  for (const proto::Ring& ring : rings) {
    if (IsWhole(ring, others, forgotten)) request.add_rings(ring.ring_id());
  }
  model::TimeRange range = {std::numeric_limits<int64_t>::min(),
                            std::numeric_limits<int64_t>::max()};
  for (const auto& [node_id, compared] : compared_) {
    range.start_ms = std::max(range.start_ms, compared.start_ms);
    range.end_ms = std::min(range.end_ms, compared.end_ms);
  }
  request.set_start_ms(range.start_ms);
  request.set_end_ms(range.end_ms);
  for (const SlotShare& one : others) {
    const auto mark = marks_.find(one.node_id);
    if (mark == marks_.end() || !compared_.contains(one.node_id)) continue;
    request.set_mark(mark->second);
    model::SlotSet slots;
    slots.AddAll(one.slots);
    slots.AddAll(one.strays);
    request.set_slots(slots.Bytes());
    const absl::Status told = Ask(one.node_id, request).status();
    if (!told.ok() && !absl::IsCancelled(told)) {
      base::LogInfo("node ", absl::Hex(one.node_id, absl::kZeroPad16),
                    " keeps its MISSED records of this one until the next ",
                    "pass of repair: ", base::Message(told));
    }
  }
}

}  // namespace varve::repair
