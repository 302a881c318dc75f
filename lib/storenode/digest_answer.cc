#include "lib/storenode/digest_answer.h"

#include <algorithm>
#include <bitset>
#include <span>

#include "lib/base/status.h"

namespace varve::storenode {
namespace {

using repair::DigestRow;
using Parts = std::bitset<repair::kDigestParts>;

Parts PartsOf(const model::SlotSet* slots) {
  Parts parts;
  if (slots == nullptr) return parts.set();
  for (size_t slot = 0; slot < model::SlotSet::kSlots; ++slot) {
    if (slots->Has(static_cast<uint16_t>(slot))) {
      parts.set(slot / repair::kSlotsPerDigestPart);
    }
  }
  return parts;
}

// Those of the parts, and of the hours of `day` that the range touches.
std::vector<DigestRow> RowsOf(const repair::DayDigest& digest, int32_t day,
                              const DigestWanted& wanted, const Parts& parts) {
  const int64_t day_ms = day * model::kDayMs;
  std::vector<DigestRow> rows;
  for (const DigestRow& row : digest.rows) {
    const int64_t start_ms = day_ms + row.hour * repair::kHourMs;
    const model::TimeRange hour = {start_ms, start_ms + repair::kHourMs - 1};
    if (!parts[row.part]) continue;
    if (!wanted.by_day && !wanted.range.Overlaps(hour)) continue;
    rows.push_back(row);
  }
  return wanted.by_day ? repair::JoinHours(rows) : rows;
}

proto::DigestResponse ToProto(int32_t day, bool settled,
                              std::span<const DigestRow> rows) {
  proto::DigestResponse message;
  message.set_day(day);
  message.set_settled(settled);
  for (const DigestRow& row : rows) {
    message.add_kinds(static_cast<uint32_t>(row.kind));
    message.add_hours(row.hour);
    message.add_parts(row.part);
    message.add_counts(row.digest.count);
    message.add_sums_high(row.digest.sum.high);
    message.add_sums_low(row.digest.sum.low);
  }
  return message;
}

}  // namespace

absl::StatusOr<bool> SendDigests(
    repair::DayDigests& digests, const DigestWanted& wanted,
    const std::function<absl::Status(const proto::DigestResponse&)>& send) {
  if (wanted.range.start_ms > wanted.range.end_ms ||
      wanted.range.start_ms < 0 ||
      wanted.range.end_ms > model::kTimestampMaxMs) {
    return base::InvalidArgument("digests from ", wanted.range.start_ms,
                                 " to ", wanted.range.end_ms,
                                 " ms: expected a range within 0 and ",
                                 model::kTimestampMaxMs);
  }
  const Parts parts = PartsOf(wanted.slots);
  bool complete = true;
  const int32_t last = model::DayOf(wanted.range.end_ms);
  for (int32_t day = model::DayOf(wanted.range.start_ms); day <= last; ++day) {
    RETURN_IF_ERROR(base::CheckAlive(wanted.alive));
    ASSIGN_OR_RETURN(const auto digest,
                     digests.Of(wanted.tenant, day, wanted.alive));
    complete = complete && digest->complete;
    const std::vector<DigestRow> rows = RowsOf(*digest, day, wanted, parts);
    for (size_t i = 0; i < rows.size(); i += kDigestRowsMax) {
      const size_t count = std::min(kDigestRowsMax, rows.size() - i);
      RETURN_IF_ERROR(send(ToProto(day, digest->settled,
                                   std::span(rows).subspan(i, count))));
    }
  }
  return complete;
}

}  // namespace varve::storenode
