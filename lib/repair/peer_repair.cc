#include "lib/repair/peer_repair.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "absl/time/time.h"
#include "lib/base/byte_coding.h"
#include "lib/base/clock.h"
#include "lib/base/hash.h"
#include "lib/base/log.h"
#include "lib/base/status.h"
#include "lib/repair/missing_rows.h"
#include "lib/repair/row_writer.h"
#include "lib/wire/convert.h"

namespace varve::repair {
namespace {

// Days that are asked for at once: a month is, decades are not.
constexpr int32_t kDaysPerRequest = 64;
// On either side of a pull: some 10 MB of floats.
constexpr uint64_t kBatchSamples = 512 << 10;
// A flush takes seconds, on a slow disk a minute.
constexpr int64_t kRoomMaxMs = 300'000;
constexpr absl::Duration kRoomInterval = absl::Milliseconds(50);

model::SlotSet SlotsOf(std::span<const uint16_t> parts,
                       const model::SlotSet& within) {
  model::SlotSet slots;
  for (const uint16_t part : parts) {
    for (size_t i = 0; i < kSlotsPerDigestPart; ++i) {
      const auto slot = static_cast<uint16_t>(part * kSlotsPerDigestPart + i);
      if (within.Has(slot)) slots.Add(slot);
    }
  }
  return slots;
}

// Of totals with the first of their rows.
DigestSpan SpanOf(int32_t day, const DigestRow& first, bool by_hour) {
  DigestSpan span = {.day = day};
  if (by_hour) span.hour = first.hour;
  return span;
}

// What another tenant or an older day may be spared.
bool EndsAll(const absl::Status& status) {
  return absl::IsCancelled(status) || absl::IsUnavailable(status) ||
         absl::IsFailedPrecondition(status);
}

// The last millisecond of the last whole span that ends at or before `end_ms`.
int64_t LastEndMs(int64_t end_ms, int64_t span_ms) {
  return (end_ms + 1) / span_ms * span_ms - 1;
}

}  // namespace

void PulledUnits::Begin(int32_t today) {
  if (day_ != today) units_.clear();
  day_ = today;
}

PulledUnits::State PulledUnits::StateOf(uint64_t unit) const {
  const auto found = units_.find(unit);
  return found == units_.end() ? State::kUnknown : found->second;
}

void PulledUnits::Add(uint64_t unit, State state) {
  if (units_.size() >= kUnitsMax) units_.clear();
  units_[unit] = state;
}

PeerRepair::PeerRepair(const RepairParts* parts, uint64_t node_id,
                       bool is_member, const model::SlotSet* slots,
                       uint64_t ring, PeerReads* reads, Worker* worker,
                       PulledUnits* pulled)
    : parts_(*parts),
      node_id_(node_id),
      is_member_(is_member),
      slots_(*slots),
      ring_(ring),
      reads_(*reads),
      worker_(*worker),
      pulled_(*pulled),
      alive_{.cancelled = [worker] { return worker->stopping(); }} {}

absl::Status PeerRepair::Run(const model::TimeRange& range,
                             bool open_hours) {
  compared_ = range;
  const int32_t first = model::DayOf(range.start_ms);
  for (int32_t last = model::DayOf(range.end_ms); last >= first;
       last -= kDaysPerRequest) {
    const int64_t from = std::max(first, last - kDaysPerRequest + 1);
    const model::TimeRange days = {
        from * model::kDayMs,
        std::min(range.end_ms, (last + int64_t{1}) * model::kDayMs - 1)};
    ASSIGN_OR_RETURN(const std::vector<proto::Tenant> tenants,
                     reads_.Tenants(days));
    for (const proto::Tenant& one : tenants) {
      Tenant tenant;
      ASSIGN_OR_RETURN(tenant.id, wire::FromProto(one));
      tenant.name = one.name();
      const absl::Status status = CompareTenant(tenant, days, open_hours);
      if (EndsAll(status)) return status;
      if (!status.ok()) Lacks(status);
    }
  }
  return lacks_;
}

void PeerRepair::LacksDamaged() {
  Lacks(base::FailedPrecondition("it lacks rows by damage of its own"));
}

void PeerRepair::LacksRefused() {
  Lacks(base::FailedPrecondition(
      "this node refuses rows that it has: limits of series or of tenants' "
      "names, -maxBackfillAge or -retentionPeriod"));
}

absl::Status PeerRepair::CompareTenant(const Tenant& tenant,
                                       const model::TimeRange& range,
                                       bool open_hours) {
  const model::TimeRange settled =
      parts_.engine->HistoryOf(tenant.id, range).settled;
  const int64_t over_ms = std::min(range.end_ms, settled.end_ms);
  const int64_t days_end_ms = LastEndMs(over_ms, model::kDayMs);
  const int64_t hours_end_ms =
      LastEndMs(open_hours ? range.end_ms + kHourMs : over_ms, kHourMs);
  Narrow(range, hours_end_ms, settled.start_ms);
  std::vector<DigestSpan> unlike;
  if (range.start_ms <= days_end_ms) {
    RETURN_IF_ERROR(CompareTotals(tenant, {range.start_ms, days_end_ms},
                                  /*by_hour=*/false, unlike));
  }
  const int64_t hours_start_ms = std::max(range.start_ms, days_end_ms + 1);
  if (hours_start_ms <= hours_end_ms) {
    RETURN_IF_ERROR(CompareTotals(tenant, {hours_start_ms, hours_end_ms},
                                  /*by_hour=*/true, unlike));
  }
  // What a rule for old samples has reached of its day goes on.
  std::erase_if(unlike, [&settled](const DigestSpan& span) {
    const model::TimeRange of = span.range();
    return of.start_ms < settled.start_ms && settled.start_ms <= of.end_ms;
  });
  std::ranges::sort(unlike, std::greater<>(), [](const DigestSpan& span) {
    return span.range().start_ms;
  });
  auto left = static_cast<int64_t>(unlike.size());
  parts_.progress->AddPending(left);
  absl::Status status;
  for (const DigestSpan& span : unlike) {
    status = RepairSpan(tenant, span);
    if (!status.ok()) break;
    parts_.progress->AddPending(-1);
    --left;
  }
  parts_.progress->AddPending(-left);
  return status;
}

void PeerRepair::Narrow(const model::TimeRange& range, int64_t end_ms,
                        int64_t settled_start_ms) {
  if (!compared_) return;
  if (end_ms < range.end_ms) {
    compared_->end_ms = std::min(compared_->end_ms, end_ms);
  }
  if (settled_start_ms <= range.start_ms) return;
  // What is before goes by the clock, the rest of that day is left out.
  compared_->start_ms = std::max(
      compared_->start_ms,
      (model::DayOf(settled_start_ms) + int64_t{1}) * model::kDayMs);
}

absl::Status PeerRepair::CheckRules(const proto::Coverage& coverage) const {
  const KeepingRules& own = parts_.rules;
  if (coverage.storage_rules() == own.storage_rules &&
      coverage.dedup_interval_ms() == own.dedup.interval_ms &&
      coverage.dedup_keep_all() == own.dedup.keep_all) {
    return absl::OkStatus();
  }
  return base::FailedPrecondition(
      "its flags that decide what is kept (-dedup.minScrapeInterval, "
      "-retentionPeriod, -retentionFilter, -downsampling.period …) are not "
      "those of this node");
}

proto::DigestRequest PeerRepair::RequestOf(const Tenant& tenant,
                                           const model::TimeRange& range,
                                           bool by_hour) const {
  proto::DigestRequest request;
  wire::ToProto(tenant.id, tenant.name, *request.mutable_tenant());
  request.set_start_ms(range.start_ms);
  request.set_end_ms(range.end_ms);
  request.set_slots(slots_.Bytes());
  request.set_by_hour(by_hour);
  return request;
}

absl::Status PeerRepair::CompareTotals(const Tenant& tenant,
                                       const model::TimeRange& range,
                                       bool by_hour,
                                       std::vector<DigestSpan>& unlike) {
  proto::DigestRequest request = RequestOf(tenant, range, by_hour);
  request.set_totals(true);
  proto::Coverage coverage;
  ASSIGN_OR_RETURN(const std::vector<proto::DigestResponse> answers,
                   reads_.Digests(request, coverage));
  RETURN_IF_ERROR(CheckRules(coverage));
  if (coverage.damaged()) LacksDamaged();
  for (const proto::DigestResponse& theirs : answers) {
    std::vector<DigestRow> rows;
    AppendRows(theirs, rows);
    if (rows.empty()) continue;
    const DigestSpan span = SpanOf(theirs.day(), rows[0], by_hour);
    if (span.range().start_ms < range.start_ms ||
        span.range().end_ms > range.end_ms) {
      return base::DataLoss("an answer to DIGEST of another time");
    }
    ASSIGN_OR_RETURN(
        const SpanTotals own,
        parts_.digests->TotalsOf({tenant.id, span, &slots_}, &alive_));
    if (own.kinds != TotalsOf(rows)) unlike.push_back(span);
  }
  return absl::OkStatus();
}

absl::Status PeerRepair::RepairSpan(const Tenant& tenant,
                                    const DigestSpan& span) {
  const bool by_hour = span.hour != DigestSpan::kWholeDay;
  proto::Coverage coverage;
  ASSIGN_OR_RETURN(const std::vector<proto::DigestResponse> answers,
                   reads_.Digests(RequestOf(tenant, span.range(), by_hour),
                                  coverage));
  std::vector<DigestRow> theirs;
  for (const proto::DigestResponse& one : answers) AppendRows(one, theirs);
  ASSIGN_OR_RETURN(
      const auto own,
      parts_.digests->Of({tenant.id, span, &slots_}, &alive_));
  std::vector<DigestUnit> units = UnlikeUnits(own->rows, theirs);
  std::erase_if(units, [&](const DigestUnit& unit) {
    const auto state = pulled_.StateOf(HashOf(tenant, span.day, unit));
    if (state == PulledUnits::State::kRefused) LacksRefused();
    if (state == PulledUnits::State::kDeleted) compared_.reset();
    return state != PulledUnits::State::kUnknown;
  });
  if (units.empty()) return absl::OkStatus();
  if (!tenant.name.empty()) {
    const absl::StatusOr<bool> taken =
        parts_.take_name({tenant.id, tenant.name});
    // Out of range: too many names.
    if (!taken.ok() && !absl::IsOutOfRange(taken.status())) {
      return taken.status();
    }
    if (!taken.ok() || !*taken) {
      LacksRefused();
      return absl::OkStatus();
    }
  }
  return PullUnits(tenant, span.day, units);
}

absl::Status PeerRepair::PullUnits(const Tenant& tenant, int32_t day,
                                   std::span<const DigestUnit> units) {
  auto left = static_cast<int64_t>(units.size());
  parts_.progress->AddPending(left);
  absl::Status status;
  for (const UnitBatch& batch : BatchesOf(units, kBatchSamples)) {
    status = WaitForRoom();
    if (!status.ok()) break;
    const absl::StatusOr<PulledUnits::State> pulled =
        PullNoted(tenant.id, day, batch);
    status = pulled.status();
    if (!status.ok()) break;
    for (const DigestUnit* unit : batch.units) {
      if (*pulled == PulledUnits::State::kUnknown) break;
      pulled_.Add(HashOf(tenant, day, *unit), *pulled);
    }
    const auto done = static_cast<int64_t>(batch.units.size());
    left -= done;
    parts_.progress->AddPending(-done);
  }
  parts_.progress->AddPending(-left);
  return status;
}

absl::Status PeerRepair::WaitForRoom() {
  const int64_t end_ms = base::SystemClock().SteadyMs() + kRoomMaxMs;
  while (!parts_.has_room()) {
    if (base::SystemClock().SteadyMs() >= end_ms) {
      return base::Unavailable("the flushes of this node are behind");
    }
    if (!worker_.Sleep(kRoomInterval)) {
      return base::Cancelled("the node is stopping");
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<PulledUnits::State> PeerRepair::PullNoted(
    const model::TenantId& tenant, int32_t day, const UnitBatch& batch) {
  if (is_member_) return PullBatch(tenant, day, batch);
  // Before and after: a batch may take long, and be cut short.
  RETURN_IF_ERROR(parts_.lost.note_foreign());
  auto pulled = PullBatch(tenant, day, batch);
  RETURN_IF_ERROR(parts_.lost.note_foreign());
  return pulled;
}

absl::StatusOr<PulledUnits::State> PeerRepair::PullBatch(
    const model::TenantId& tenant, int32_t day, const UnitBatch& batch) {
  const model::SlotSet slots = SlotsOf(batch.parts, slots_);
  const model::TimeRange range = {
      DigestSpan{day, batch.first_hour}.range().start_ms,
      DigestSpan{day, batch.last_hour}.range().end_ms};
  OwnRows own;
  ASSIGN_OR_RETURN(
      const auto cursor,
      parts_.engine->Search({.tenant = tenant,
                             .range = range,
                             .series_max = std::numeric_limits<int64_t>::max(),
                             .slots = &slots,
                             .keep_all = true,
                             .starts = true,
                             .of_query = false,
                             .alive = &alive_}));
  storage::SearchSeries series;
  while (true) {
    ASSIGN_OR_RETURN(const bool more, cursor->Next(series));
    if (!more) break;
    own.Add(series);
  }
  proto::SearchRequest request;
  wire::ToProto(tenant, *request.mutable_tenant());
  request.set_start_ms(range.start_ms);
  request.set_end_ms(range.end_ms);
  request.set_series_max(std::numeric_limits<int64_t>::max());
  request.set_slots(slots.Bytes());
  request.set_keep_all(true);
  request.set_all_kinds(true);
  request.set_starts(true);
  request.set_of_repair(true);
  RowWriter writer(parts_.engine, tenant, ring_);
  const int64_t bytes = reads_.search_bytes();
  absl::StatusOr<bool> whole = reads_.Search(
      request, [&](wire::WireSeries& theirs) -> absl::Status {
        SeriesRows missing = own.MissingOf(
            theirs.hash,
            {std::move(theirs.samples), std::move(theirs.histograms),
             std::move(theirs.starts)});
        if (missing.empty()) return absl::OkStatus();
        return writer.Add(theirs.labels, std::move(missing));
      });
  const absl::Status written = writer.Flush();
  parts_.progress->AddPulled(node_id_, writer.rows(),
                             writer.refused() + writer.deleted(),
                             reads_.search_bytes() - bytes);
  RETURN_IF_ERROR(written);
  RETURN_IF_ERROR(whole.status());
  if (!*whole) {
    LacksDamaged();
    return PulledUnits::State::kUnknown;
  }
  if (writer.deleted() > 0) compared_.reset();
  if (writer.refused() > 0) {
    LacksRefused();
    return PulledUnits::State::kRefused;
  }
  return writer.deleted() > 0 ? PulledUnits::State::kDeleted
                              : PulledUnits::State::kWhole;
}

// Both digests too: either side may come to differ otherwise.
uint64_t PeerRepair::HashOf(const Tenant& tenant, int32_t day,
                            const DigestUnit& unit) const {
  std::string bytes;
  base::PutFixedLe<uint64_t>(bytes, node_id_);
  base::PutFixedLe<uint64_t>(bytes, tenant.id.kind);
  base::PutFixedLe<uint64_t>(bytes, tenant.id.id);
  base::PutFixedLe<int32_t>(bytes, day);
  base::PutFixedLe<uint32_t>(bytes, unit.hour);
  base::PutFixedLe<uint32_t>(bytes, unit.part);
  for (const DigestTotals* side : {&unit.own, &unit.theirs}) {
    for (const SampleDigest& one : *side) {
      base::PutFixedLe<uint64_t>(bytes, one.count);
      base::PutFixedLe<uint64_t>(bytes, one.sum.high);
      base::PutFixedLe<uint64_t>(bytes, one.sum.low);
    }
  }
  return base::Hash64Of(bytes);
}

}  // namespace varve::repair
