#include "lib/storenode/digest_answer.h"

#include <algorithm>
#include <span>

#include "lib/base/clock.h"
#include "lib/base/status.h"

namespace varve::storenode {
namespace {

using repair::DigestRow;
using repair::DigestSpan;

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

// One row for each kind that has samples.
std::vector<DigestRow> RowsOf(const repair::DigestTotals& totals,
                              const DigestSpan& span) {
  std::vector<DigestRow> rows;
  for (size_t kind = 0; kind < totals.size(); ++kind) {
    if (totals[kind].count == 0) continue;
    rows.push_back({.kind = static_cast<repair::DigestKind>(kind),
                    .hour = static_cast<uint8_t>(std::max(span.hour, 0)),
                    .part = 0,
                    .digest = totals[kind]});
  }
  return rows;
}

using Send = std::function<absl::Status(const proto::DigestResponse&)>;

absl::StatusOr<bool> SendSpan(repair::DayDigests& digests,
                              const DigestWanted& wanted,
                              const DigestSpan& span, const Send& send) {
  const repair::DigestSubject subject = {
      .tenant = wanted.tenant, .span = span, .slots = wanted.slots};
  if (wanted.totals) {
    ASSIGN_OR_RETURN(const repair::SpanTotals totals,
                     digests.TotalsOf(subject, wanted.alive));
    const auto rows = RowsOf(totals.kinds, span);
    if (!rows.empty()) {
      RETURN_IF_ERROR(send(ToProto(span.day, totals.settled, rows)));
    }
    return totals.complete;
  }
  ASSIGN_OR_RETURN(const auto digest, digests.Of(subject, wanted.alive));
  const std::span<const DigestRow> rows(digest->rows);
  for (size_t i = 0; i < rows.size(); i += kDigestRowsMax) {
    const size_t count = std::min(kDigestRowsMax, rows.size() - i);
    RETURN_IF_ERROR(
        send(ToProto(span.day, digest->settled, rows.subspan(i, count))));
  }
  return digest->complete;
}

}  // namespace

absl::StatusOr<bool> SendDigests(
    repair::DayDigests& digests, const DigestWanted& request,
    const std::function<absl::Status(const proto::DigestResponse&)>& answer) {
  DigestWanted wanted = request;
  int64_t sent_ms = base::SystemClock().SteadyMs();
  const Send send = [&](const proto::DigestResponse& message) {
    sent_ms = base::SystemClock().SteadyMs();
    return answer(message);
  };
  // A scan asks all along whether it is still wanted.
  base::Alive alive;
  if (request.alive != nullptr) {
    alive.deadline_steady_ms = request.alive->deadline_steady_ms;
  }
  alive.cancelled = [&] {
    if (request.alive != nullptr && request.alive->cancelled &&
        request.alive->cancelled()) {
      return true;
    }
    const int64_t silent_ms = base::SystemClock().SteadyMs() - sent_ms;
    return silent_ms >= absl::ToInt64Milliseconds(request.silence_max) &&
           !send({}).ok();
  };
  wanted.alive = &alive;
  if (wanted.range.start_ms > wanted.range.end_ms ||
      wanted.range.start_ms < 0 ||
      wanted.range.end_ms > model::kTimestampMaxMs) {
    return base::InvalidArgument("digests from ", wanted.range.start_ms,
                                 " to ", wanted.range.end_ms,
                                 " ms: expected a range within 0 and ",
                                 model::kTimestampMaxMs);
  }
  bool complete = true;
  const int64_t span_ms = wanted.by_hour ? repair::kHourMs : model::kDayMs;
  int64_t at_ms = wanted.range.start_ms - wanted.range.start_ms % span_ms;
  for (; at_ms <= wanted.range.end_ms; at_ms += span_ms) {
    RETURN_IF_ERROR(base::CheckAlive(wanted.alive));
    DigestSpan span = {.day = model::DayOf(at_ms)};
    if (wanted.by_hour) {
      span.hour = static_cast<int>(at_ms % model::kDayMs / repair::kHourMs);
    }
    ASSIGN_OR_RETURN(const bool whole, SendSpan(digests, wanted, span, send));
    complete = complete && whole;
  }
  return complete;
}

}  // namespace varve::storenode
