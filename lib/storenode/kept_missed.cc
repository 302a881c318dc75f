#include "lib/storenode/kept_missed.h"

#include <cstddef>
#include <optional>

#include "lib/base/status.h"

namespace varve::storenode {
namespace {

// From here on the bitmap is smaller than numbers of up to three bytes.
constexpr size_t kNumbersMax = model::SlotSet::kSlots / 8 / 3;

void SetNumbers(proto::Missed& record, const model::SlotSet& slots) {
  record.clear_slots();
  record.clear_slot_bits();
  for (size_t slot = 0; slot < model::SlotSet::kSlots; ++slot) {
    if (slots.Has(static_cast<uint16_t>(slot))) {
      record.add_slots(static_cast<uint32_t>(slot));
    }
  }
}

}  // namespace

absl::StatusOr<model::SlotSet> SlotsOf(const proto::Missed& record) {
  model::SlotSet slots;
  if (!record.slot_bits().empty()) {
    const auto bits = model::SlotSet::FromBytes(record.slot_bits());
    if (!bits) {
      return base::InvalidArgument("MISSED with a set of slots of ",
                                   record.slot_bits().size(), " bytes");
    }
    slots = *bits;
  }
  for (const uint32_t slot : record.slots()) {
    if (slot >= model::SlotSet::kSlots) {
      return base::InvalidArgument("MISSED with slot ", slot);
    }
    slots.Add(static_cast<uint16_t>(slot));
  }
  return slots;
}

void SetKeptSlots(proto::Missed& record, const model::SlotSet& slots) {
  if (slots.Count() <= kNumbersMax) return SetNumbers(record, slots);
  record.clear_slots();
  record.set_slot_bits(slots.Bytes());
}

absl::Status TellSlots(proto::Missed& record) {
  if (record.slot_bits().empty()) return absl::OkStatus();
  ASSIGN_OR_RETURN(const model::SlotSet slots, SlotsOf(record));
  SetNumbers(record, slots);
  return absl::OkStatus();
}

proto::Missed::Keeper JoinedKeeper(const proto::Missed& a,
                                   const proto::Missed& b) {
  if (a.keeper() == b.keeper()) return a.keeper();
  const bool unknown = a.keeper() == proto::Missed::UNKNOWN ||
                       b.keeper() == proto::Missed::UNKNOWN;
  return unknown ? proto::Missed::UNKNOWN : proto::Missed::HINTS;
}

}  // namespace varve::storenode
