#include "storage/engine/log_replay.h"

#include <algorithm>

#include "lib/base/log.h"
#include "lib/base/machine.h"
#include "lib/base/status.h"
#include "storage/engine/log_record.h"
#include "storage/engine/lost_spans.h"

namespace varve::storage {
namespace {

void Widen(const model::TimeRange& by, model::TimeRange& range) {
  range.start_ms = std::min(range.start_ms, by.start_ms);
  range.end_ms = std::max(range.end_ms, by.end_ms);
}

model::TimeRange SpanOf(std::span<const int64_t> timestamps_ms) {
  model::TimeRange span = {INT64_MAX, INT64_MIN};
  for (const int64_t at_ms : timestamps_ms) {
    span.start_ms = std::min(span.start_ms, at_ms);
    span.end_ms = std::max(span.end_ms, at_ms);
  }
  return span;
}

}  // namespace

LogReplay::LogReplay(EngineImpl& engine)
    : engine_(engine),
      threads_(static_cast<size_t>(std::max(1, base::CpuThreads()))),
      pool_("replay", threads_) {}

absl::Status LogReplay::Replay(std::span<const WalRecord> records) {
  const auto& stop_requested = engine_.options_.stop_requested;
  if (stop_requested != nullptr && stop_requested()) {
    return base::Cancelled("stopped while replaying the log");
  }
  for (const WalRecord& record : records) {
    ++records_;
    last_end_ = record.end;
    const absl::Status status = Apply(record);
    // The record's checksum was right: what is wrong was logged so. One record
    // must not keep the rest from being served.
    if (absl::IsDataLoss(status)) {
      ++engine_.corrupt_blocks_;
      base::LogError("log record at ", record.begin,
                     " is left out: ", base::Message(status));
      Lost(record.begin, record.end);
    } else if (!status.ok()) {
      return base::Annotate(status, base::StrCat("log record at ",
                                                 record.begin));
    }
  }
  return AppendPending();
}

absl::Status LogReplay::Apply(const WalRecord& record) {
  if (record.type == RecordType::kData) {
    if (used_ == pending_.size()) pending_.emplace_back();
    pending_[used_++].record = record;
    return absl::OkStatus();
  }
  ASSIGN_OR_RETURN(const std::string_view payload,
                   UnpackPayload(record.payload, unpacked_));
  switch (record.type) {
    case RecordType::kDefine:
      return Define(payload);
    case RecordType::kState:
      return PutState(payload);
    case RecordType::kDelete:
      // `payload` may lie in unpacked_, which only other records use.
      RETURN_IF_ERROR(AppendPending());
      return engine_.ReplayDelete(payload, record.end);
    default:
      // To pass over it would be to lose it with the log at the next flush.
      return base::FailedPrecondition(
          "record type ", static_cast<int>(record.type),
          " is of a newer release: start that one, or let it flush first");
  }
}

absl::Status LogReplay::Define(std::string_view payload) {
  ASSIGN_OR_RETURN(const std::vector<LoggedDefinition> definitions,
                   ParseDefinitions(payload));
  for (const LoggedDefinition& one : definitions) {
    const IndexDefinition definition{
        .tenant = one.tenant,
        .hash = model::HashSeries(one.tenant, one.labels),
        .labels = one.labels};
    ASSIGN_OR_RETURN(const uint64_t id,
                     engine_.index_->Restore(one.id, definition));
    if (id != one.id) aliases_[one.id] = id;
    engine_.registry_.Add(one.tenant, std::span(&id, 1));
    engine_.active_series_.MarkUsed(std::span(&id, 1));
  }
  return absl::OkStatus();
}

absl::Status LogReplay::PutState(std::string_view payload) {
  ASSIGN_OR_RETURN(const LoggedState state, ParseState(payload));
  base::MutexLock lock(engine_.state_mutex_);
  engine_.SetState(state.key, state.value);
  return absl::OkStatus();
}

absl::Status LogReplay::AppendPending() {
  if (used_ == 0) return absl::OkStatus();
  pool_.ParallelFor(used_, threads_, [this](size_t i) { Decode(pending_[i]); });
  pool_.ParallelFor(threads_, threads_,
                    [this](size_t part) { AppendPart(part, threads_); });
  for (size_t i = 0; i < used_; ++i) {
    const EngineImpl::DecodedRecord& decoded = pending_[i].decoded;
    for (const KindSection& section : decoded.kinds.sections) {
      engine_.active_series_.MarkUsed(RefsOf(section));
    }
    engine_.AppendKinds(decoded.kinds, decoded.accept_ms);
    RETURN_IF_ERROR(Account(pending_[i]));
  }
  used_ = 0;
  return absl::OkStatus();
}

void LogReplay::Decode(Rows& rows) const {
  rows.span = rows.lost = kNoTime;
  rows.unknown_series = 0;
  rows.status = DecodeKnown(rows);
  if (rows.status.ok()) return;
  rows.decoded.used = 0;
  rows.decoded.kinds.clear();
}

absl::Status LogReplay::DecodeKnown(Rows& rows) const {
  ASSIGN_OR_RETURN(const std::string_view payload,
                   UnpackPayload(rows.record.payload, rows.unpacked));
  RETURN_IF_ERROR(EngineImpl::DecodeRecord(payload, rows.decoded));
  const std::span sections(rows.decoded.sections.data(), rows.decoded.used);
  if (!aliases_.empty()) {
    for (encoding::FloatSection& section : sections) ResolveAliases(section);
    KeepRows(rows.decoded.kinds,
             [this](const model::TenantId&, uint64_t& ref, int64_t) {
               const auto it = aliases_.find(ref);
               if (it != aliases_.end()) ref = it->second;
               return true;
             });
  }
  ASSIGN_OR_RETURN(const int64_t unknown, engine_.CountUnknown(rows.decoded));
  const int64_t now_ms = engine_.options_.clock->NowMs();
  model::TimeRange kept = AcceptedRange(engine_.retention_rule(), now_ms);
  // The clock of a machine that has just started may be years behind: what
  // was not too new when it arrived is not so now.
  kept.end_ms = AcceptedRange(engine_.retention_rule(),
                              std::max(now_ms, rows.decoded.accept_ms))
                    .end_ms;
  KeepKinds(unknown > 0, rows);
  AppendResult dropped;  // counted when the rows arrived
  storage::DropOutside(kept, rows.decoded.kinds, dropped.too_old,
                       dropped.too_new);
  for (encoding::FloatSection& section : sections) {
    if (unknown > 0) TakeOutUnknown(section, rows);
    engine_.active_series_.MarkUsed(section.refs);
    const model::TimeRange span = SpanOf(section.timestamps_ms);
    Widen(span, rows.span);
    if (span.start_ms < kept.start_ms || span.end_ms > kept.end_ms) {
      EngineImpl::DropOutside(kept, section, dropped);
    }
    engine_.DropLateCopies(rows.decoded.accept_ms, section, dropped);
  }
  if (!rows.decoded.kinds.empty()) {
    engine_.DropLateCopies(rows.decoded.accept_ms, rows.decoded.kinds, dropped);
  }
  return absl::OkStatus();
}

void LogReplay::KeepKinds(bool any_unknown, Rows& rows) const {
  KeepRows(rows.decoded.kinds,
           [&](const model::TenantId& tenant, uint64_t& ref, int64_t at_ms) {
             const model::TimeRange at = {at_ms, at_ms};
             if (any_unknown && engine_.registry_.CountUnknown(
                                    tenant, std::span(&ref, 1)) > 0) {
               ++rows.unknown_series;
               Widen(at, rows.lost);
               return false;
             }
             Widen(at, rows.span);
             return true;
           });
}

void LogReplay::ResolveAliases(encoding::FloatSection& section) const {
  for (uint64_t& ref : section.refs) {
    const auto it = aliases_.find(ref);
    if (it != aliases_.end()) ref = it->second;
  }
}

void LogReplay::TakeOutUnknown(encoding::FloatSection& section,
                               Rows& rows) const {
  const model::TenantId tenant{section.tenant_kind, section.tenant_id};
  size_t from = 0;
  size_t to = 0;
  for (size_t i = 0; i < section.refs.size(); ++i) {
    const size_t count = section.counts[i];
    const std::span one(&section.refs[i], 1);
    if (engine_.registry_.CountUnknown(tenant, one) > 0) {
      ++rows.unknown_series;
      Widen(SpanOf(std::span(section.timestamps_ms).subspan(from, count)),
            rows.lost);
      section.counts[i] = 0;
    } else if (from != to) {
      std::copy_n(section.timestamps_ms.begin() + from, count,
                  section.timestamps_ms.begin() + to);
      std::copy_n(section.values.begin() + from, count,
                  section.values.begin() + to);
    }
    from += count;
    to += section.counts[i];
  }
  section.timestamps_ms.resize(to);
  section.values.resize(to);
}

void LogReplay::AppendPart(size_t part, size_t parts) {
  for (size_t i = 0; i < used_; ++i) {
    const EngineImpl::DecodedRecord& decoded = pending_[i].decoded;
    for (size_t s = 0; s < decoded.used; ++s) {
      engine_.AppendToHead(decoded.sections[s], part, parts);
    }
  }
}

absl::Status LogReplay::Account(const Rows& rows) {
  const WalRecord& record = rows.record;
  if (absl::IsDataLoss(rows.status)) {
    ++engine_.corrupt_blocks_;
    base::LogError("log record at ", record.begin,
                   " is left out: ", base::Message(rows.status));
    Lost(record.begin, record.end);
    return absl::OkStatus();
  }
  RETURN_IF_ERROR(base::Annotate(
      rows.status, base::StrCat("log record at ", record.begin)));
  rows_ += rows.decoded.rows;
  oldest_accept_ms_ = std::min(oldest_accept_ms_, rows.decoded.accept_ms);
  Widen(rows.span, span_);
  if (rows.unknown_series > 0) {
    ++engine_.corrupt_blocks_;
    static base::LogEvery every(10'000);
    if (every.Due()) {
      base::LogError("log record at ", record.begin, ": rows of ",
                     rows.unknown_series,
                     " series that no DEFINE record names are left out");
    }
    Widen(rows.lost, lost_);
    lost_at_ = std::min(lost_at_, record.begin);
  }
  return absl::OkStatus();
}

void LogReplay::Lost(uint64_t begin, uint64_t end) {
  lost_at_ = std::min(lost_at_, begin);
  lost_end_ = std::max(lost_end_, end);
}

absl::Status LogReplay::Finish() {
  if (lost_at_ == UINT64_MAX) return absl::OkStatus();
  const int64_t now_ms = engine_.options_.clock->NowMs();
  if (lost_end_ > 0) {
    if (span_.start_ms > span_.end_ms) span_ = {0, now_ms};
    if (lost_end_ > last_end_) span_.end_ms = std::max(span_.end_ms, now_ms);
    Widen(span_, lost_);
    // A DEFINE may have been there: its ref must not be written to.
    RETURN_IF_ERROR(engine_.index_->RenewRefEpoch());
  }
  base::LogError("rows from ", lost_.start_ms, " to ", lost_.end_ms,
                 " (Unix milliseconds) are missing: answers of this time say ",
                 "so until it is out of retention");
  return engine_.KeepLost(lost_at_, lost_);
}

}  // namespace varve::storage
