// Writes: series definitions and rows, each logged first.
#include <algorithm>

#include "absl/container/flat_hash_set.h"
#include "lib/base/log.h"
#include "lib/base/status.h"
#include "storage/engine/engine_impl.h"
#include "storage/engine/log_record.h"

namespace varve::storage {
namespace {

// A head over its bound is looked for once in so many rows: asking costs a
// walk over the shards.
constexpr int64_t kRowsPerRoomCheck = 64 << 10;

// How long an append waits for a flush when memory is full.
constexpr absl::Duration kRoomWait = absl::Seconds(10);

// Columns a thread keeps between records: above it, 5 MB, they are let go, or
// each of many handler threads would hold its largest record for ever.
constexpr int64_t kRowsKept = 128 << 10;

}  // namespace

absl::Status EngineImpl::Define(std::span<const SeriesDefinition> definitions,
                                std::vector<uint64_t>& ids,
                                std::vector<model::Refusal>* refused) {
  RETURN_IF_ERROR(CheckRunning());
  std::vector<IndexDefinition> wanted;
  wanted.reserve(definitions.size());
  for (const SeriesDefinition& one : definitions) {
    wanted.push_back({.tenant = one.tenant,
                      .hash = model::HashSeries(one.tenant, one.labels),
                      .labels = one.labels});
  }
  std::vector<IndexDefined> defined;
  uint64_t end = 0;
  {
    base::MutexLock lock(define_mutex_);
    RETURN_IF_ERROR(LogPending());
    if (disk_.read_only()) {
      return base::ResourceExhausted(
          "the storage is read-only: free disk space below "
          "-storage.minFreeDiskSpaceBytes");
    }
    RETURN_IF_ERROR(CheckLogRoom());
    const CutGate::Pass pass(gate_);
    RETURN_IF_ERROR(DefineLocked(wanted, defined));
    RETURN_IF_ERROR(LogPending());
    end = definitions_end_;
  }
  // Also for known series: another call may have made them just now.
  if (end > 0) RETURN_IF_ERROR(wal_->WaitDurable(end));
  ids.clear();
  if (refused != nullptr) refused->clear();
  for (size_t i = 0; i < defined.size(); ++i) {
    const model::Refusal why = defined[i].refused;
    if (why != model::Refusal::kNone) {
      active_series_.CountDropped(why, definitions[i].rows);
      if (refused == nullptr) {
        return base::InvalidArgument("series refused: ",
                                     model::RefusalReason(why));
      }
    }
    ids.push_back(why == model::Refusal::kNone ? defined[i].id : 0);
    if (refused != nullptr) refused->push_back(why);
  }
  return absl::OkStatus();
}

absl::Status EngineImpl::DefineLocked(std::span<const IndexDefinition> wanted,
                                      std::vector<IndexDefined>& defined) {
  const int64_t now_ms = options_.clock->NowMs();
  const absl::Status status =
      index_->FindOrCreate(wanted, defined, [&](size_t i, uint64_t id) {
        return id == 0 ? active_series_.AdmitNew(wanted[i].tenant, now_ms)
                       : active_series_.AdmitKnown(wanted[i].tenant, now_ms,
                                                   id);
      });
  active_series_.DropReserved();
  RETURN_IF_ERROR(status);
  for (size_t i = 0; i < defined.size(); ++i) {
    if (defined[i].refused != model::Refusal::kNone) continue;
    const uint64_t id = defined[i].id;
    const model::TenantId& tenant = wanted[i].tenant;
    registry_.Add(tenant, std::span(&id, 1));
    active_series_.MarkWritten(tenant, now_ms, std::span(&id, 1));
    if (!defined[i].is_new) continue;
    ++series_created_;
    AppendDefinition(
        pending_definitions_,
        {.id = id, .tenant = tenant, .labels = wanted[i].labels});
  }
  return absl::OkStatus();
}

absl::Status EngineImpl::LogPending() {
  if (pending_definitions_.empty()) return absl::OkStatus();
  ASSIGN_OR_RETURN(definitions_end_,
                   wal_->Append(RecordType::kDefine, pending_definitions_));
  pending_definitions_.clear();
  return absl::OkStatus();
}

absl::StatusOr<AppendResult> EngineImpl::Append(std::string_view record,
                                                std::string_view packed,
                                                AckLevel ack) {
  RETURN_IF_ERROR(CheckRunning());
  if (disk_.read_only()) {
    return base::ResourceExhausted(
        "the storage is read-only: free disk space below "
        "-storage.minFreeDiskSpaceBytes");
  }
  // Kept by the thread: a record's columns are a megabyte and more.
  static thread_local DecodedRecord decoded;
  if (const absl::Status status = DecodeRecord(record, decoded); !status.ok()) {
    return base::InvalidArgument("bad data record: ", base::Message(status));
  }
  const uint64_t removals = registry_.removals();
  AppendResult result;
  ASSIGN_OR_RETURN(result.unknown_ref, CountUnknown(decoded));
  if (result.unknown_ref > 0) return result;
  RETURN_IF_ERROR(WaitForRoom());

  const int64_t now_ms = options_.clock->NowMs();
  const model::TimeRange accepted = AcceptedRange(retention_rule(), now_ms);
  uint64_t end = 0;
  {
    const CutGate::Pass pass(gate_);
    if (registry_.removals() != removals) {  // see forget.cc
      result.unknown_ref = CountUnknownHere(decoded);
      if (result.unknown_ref > 0) return result;
    }
    const auto raw_size = static_cast<uint32_t>(record.size());
    ASSIGN_OR_RETURN(end, packed.empty()
                              ? wal_->Append(RecordType::kData, record)
                              : wal_->AppendStored(RecordType::kData,
                                                   {packed, raw_size}));
    for (size_t i = 0; i < decoded.used; ++i) {
      encoding::FloatSection& section = decoded.sections[i];
      const model::TimeRange span = DropOutside(accepted, section, result);
      DropLateCopies(decoded.accept_ms, section, result);
      AppendToHead(section, 0, 1);
      const model::TenantId tenant{section.tenant_kind, section.tenant_id};
      // By the time they are visible: the log may have been slow.
      NoteLateRows(tenant, span, options_.clock->NowMs());
      active_series_.MarkWritten(tenant, now_ms, section.refs);
    }
    if (!decoded.kinds.empty()) {
      storage::DropOutside(accepted, decoded.kinds, result.too_old,
                           result.too_new);
      DropLateCopies(decoded.accept_ms, decoded.kinds, result);
      AppendKinds(decoded.kinds, decoded.accept_ms);
      for (const KindSection& section : decoded.kinds.sections) {
        NoteLateRows(section, options_.clock->NowMs());
        active_series_.MarkWritten(section.tenant, now_ms, RefsOf(section));
      }
    }
  }
  result.rows =
      decoded.rows - result.too_old - result.too_new - result.deleted;
  rows_received_ += decoded.rows;
  rows_too_old_ += result.too_old;
  rows_too_new_ += result.too_new;
  rows_deleted_ += result.deleted;
  // One of many buckets is worth many floats.
  rows_since_room_check_ +=
      decoded.rows + 16 * decoded.kinds.histograms();
  decoded.kinds.clear();
  if (decoded.rows > kRowsKept) decoded = DecodedRecord{};
  if (ack == AckLevel::kDurable) RETURN_IF_ERROR(wal_->WaitDurable(end));
  return result;
}

absl::Status EngineImpl::DecodeRecord(std::string_view record,
                                      DecodedRecord& decoded) {
  decoded.used = 0;
  decoded.rows = 0;
  decoded.kinds.clear();
  encoding::DataRecordReader reader(record);
  decoded.accept_ms = reader.accept_ms();
  while (true) {
    ASSIGN_OR_RETURN(const bool more, reader.Next());
    if (!more) break;
    if (reader.kind() != encoding::SectionKind::kFloats) {
      ASSIGN_OR_RETURN(const bool known,
                       DecodeKindSection(reader, decoded.kinds));
      if (known) continue;
      // HELLO's features say so: kept rows that no flush could write would be
      // lost with the log.
      return base::Unimplemented("section of kind ",
                                 static_cast<int>(reader.kind()),
                                 ", which this release does not store");
    }
    if (decoded.used == decoded.sections.size()) {
      decoded.sections.emplace_back();
    }
    encoding::FloatSection& section = decoded.sections[decoded.used++];
    RETURN_IF_ERROR(reader.DecodeFloats(section));
    decoded.rows += static_cast<int64_t>(section.timestamps_ms.size());
    if (decoded.rows > encoding::kRowsMax) break;
  }
  decoded.rows += decoded.kinds.histograms();
  if (decoded.rows > encoding::kRowsMax) {
    return base::DataLoss("over ", encoding::kRowsMax, " rows");
  }
  return absl::OkStatus();
}

absl::Status EngineImpl::LoadTenant(const model::TenantId& tenant) {
  ASSIGN_OR_RETURN(const std::vector<uint64_t> ids,
                   index_->Select(tenant, {}, DayRange{}));
  if (ids.empty()) return absl::OkStatus();  // may be anybody's invention
  registry_.Add(tenant, ids);
  registry_.MarkLoaded(tenant);
  return absl::OkStatus();
}

absl::StatusOr<int64_t> EngineImpl::CountUnknown(
    const model::TenantId& tenant, const std::vector<uint64_t>& refs) {
  const int64_t unknown = registry_.CountUnknown(tenant, refs);
  if (unknown == 0 || registry_.loaded(tenant)) return unknown;
  // No series leaves the index between what is read and what is added.
  const CutGate::Pass pass(gate_);
  RETURN_IF_ERROR(LoadTenant(tenant));
  return registry_.CountUnknown(tenant, refs);
}

absl::StatusOr<int64_t> EngineImpl::CountUnknown(const DecodedRecord& decoded) {
  int64_t unknown = 0;
  for (size_t i = 0; i < decoded.used; ++i) {
    const encoding::FloatSection& section = decoded.sections[i];
    ASSIGN_OR_RETURN(const int64_t here,
                     CountUnknown({section.tenant_kind, section.tenant_id},
                                  section.refs));
    unknown += here;
  }
  for (const KindSection& section : decoded.kinds.sections) {
    ASSIGN_OR_RETURN(const int64_t here,
                     CountUnknown(section.tenant, RefsOf(section)));
    unknown += here;
  }
  return unknown;
}

int64_t EngineImpl::CountUnknownHere(const DecodedRecord& decoded) const {
  int64_t unknown = 0;
  for (size_t i = 0; i < decoded.used; ++i) {
    const encoding::FloatSection& section = decoded.sections[i];
    unknown += registry_.CountUnknown({section.tenant_kind, section.tenant_id},
                                      section.refs);
  }
  for (const KindSection& section : decoded.kinds.sections) {
    unknown += registry_.CountUnknown(section.tenant, RefsOf(section));
  }
  return unknown;
}

model::TimeRange EngineImpl::DropOutside(const model::TimeRange& range,
                                         encoding::FloatSection& section,
                                         AppendResult& result) {
  model::TimeRange span = {INT64_MAX, INT64_MIN};
  for (const int64_t at_ms : section.timestamps_ms) {
    span.start_ms = std::min(span.start_ms, at_ms);
    span.end_ms = std::max(span.end_ms, at_ms);
  }
  if (range.start_ms <= span.start_ms && span.end_ms <= range.end_ms) {
    return span;
  }
  size_t from = 0;
  size_t to = 0;
  for (uint32_t& count : section.counts) {
    const size_t begin = to;
    for (const size_t end = from + count; from < end; ++from) {
      const int64_t at_ms = section.timestamps_ms[from];
      if (!range.Contains(at_ms)) {
        ++(at_ms < range.start_ms ? result.too_old : result.too_new);
        continue;
      }
      section.timestamps_ms[to] = at_ms;
      section.values[to] = section.values[from];
      ++to;
    }
    count = static_cast<uint32_t>(to - begin);
  }
  section.timestamps_ms.resize(to);
  section.values.resize(to);
  return {std::max(span.start_ms, range.start_ms),
          std::min(span.end_ms, range.end_ms)};
}

void EngineImpl::AppendToHead(const encoding::FloatSection& section,
                              size_t part, size_t parts) {
  const HeadRows rows = {.series_ids = section.refs,
                         .counts = section.counts,
                         .timestamps_ms = section.timestamps_ms,
                         .values = section.values};
  HeadAppendResult appended = head_->AppendPart(rows, part, parts);
  dedup_rows_ += appended.duplicates;
  MarkOpened({section.tenant_kind, section.tenant_id}, appended.opened_days);
  if (appended.late_series_full || appended.late_full) {
    triggers_->Want(appended.late_full ? FlushReason::kLateSamples
                                       : FlushReason::kLateSeries);
    base::MutexLock lock(maintenance_mutex_);
    flush_wanted_ = true;
    maintenance_wake_.NotifyAll();
  }
}

absl::Status EngineImpl::CheckLogRoom() {
  const int64_t bytes = wal_->bytes();
  if (bytes < 2 * options_.wal_bytes_max + kLogBytesSlack) {
    return absl::OkStatus();
  }
  return base::ResourceExhausted(
      "the log has ", bytes, " bytes, over twice -storage.maxLogBytes=",
      options_.wal_bytes_max, ": its flush fails or is behind");
}

void EngineImpl::MarkOpened(const model::TenantId& tenant,
                            std::vector<SeriesDay>& opened) {
  if (opened.empty()) return;
  std::sort(opened.begin(), opened.end(),
            [](const SeriesDay& a, const SeriesDay& b) {
              return a.day != b.day ? a.day < b.day
                                    : a.series_id < b.series_id;
            });
  std::vector<uint64_t> ids;
  for (size_t i = 0; i < opened.size();) {
    const int32_t day = opened[i].day;
    ids.clear();
    for (; i < opened.size() && opened[i].day == day; ++i) {
      ids.push_back(opened[i].series_id);
    }
    index_->MarkActive(tenant, day, ids);
    base::MutexLock lock(state_mutex_);
    active_days_.insert(day);
  }
}

absl::Status EngineImpl::WaitForRoom() {
  RETURN_IF_ERROR(CheckLogRoom());
  if (rows_since_room_check_ < kRowsPerRoomCheck) return absl::OkStatus();
  rows_since_room_check_ = 0;
  const int64_t bytes = HeadBytes();
  if (bytes < head_bytes_max_) return absl::OkStatus();
  base::MutexLock lock(maintenance_mutex_);
  flush_wanted_ = true;
  maintenance_wake_.NotifyAll();
  // Twice the bound: one generation in flush, one filling.
  if (bytes < 2 * head_bytes_max_) return absl::OkStatus();
  if (stopping_) return base::Unavailable("the storage is stopping");
  (void)flushed_.WaitFor(lock, kRoomWait);  // the check below decides
  rows_since_room_check_ = kRowsPerRoomCheck;
  if (HeadBytes() < 2 * head_bytes_max_) return absl::OkStatus();
  return base::ResourceExhausted("the head has ", bytes,
                                 " bytes and its flush is behind");
}

}  // namespace varve::storage
