// Deletes: logged, applied at once, reclaimed by rewrites; and the rules that
// reads and rewrites share.
#include <algorithm>

#include "lib/base/byte_coding.h"
#include "lib/base/log.h"
#include "lib/base/status.h"
#include "storage/engine/engine_impl.h"

namespace varve::storage {
namespace {

// Matchers and ids of one delete: a million ids without order are 2 MiB.
constexpr size_t kDeleteBytesMax = 16 << 20;

std::string TextOf(const std::vector<model::Matchers>& groups) {
  std::string text;
  for (const model::Matchers& group : groups) {
    if (!text.empty()) text += " or ";
    text += '{';
    for (size_t i = 0; i < group.size(); ++i) {
      if (i > 0) text += ',';
      text += group[i].Text();
    }
    text += '}';
  }
  return text;
}

// Days that lie in the range with their first and last millisecond.
DayRange WholeDays(const model::TimeRange& range) {
  return {.first = model::DayOf(range.start_ms + model::kDayMs - 1),
          .last = range.end_ms >= model::kTimestampMaxMs
                      ? INT32_MAX
                      : model::DayOf(range.end_ms + 1) - 1};
}

std::vector<uint64_t> IdsOf(const IdSet& set) {
  std::vector<uint32_t> narrow(set.cardinality());
  set.toUint32Array(narrow.data());
  return {narrow.begin(), narrow.end()};
}

// Takes the rows of the marked series in `range` out; returns how many.
int64_t RemoveRows(const std::vector<bool>& marked,
                   const model::TimeRange& range,
                   encoding::FloatSection& section) {
  size_t from = 0;
  size_t to = 0;
  for (size_t s = 0; s < section.counts.size(); ++s) {
    const size_t begin = to;
    for (const size_t end = from + section.counts[s]; from < end; ++from) {
      const int64_t at_ms = section.timestamps_ms[from];
      if (marked[s] && range.Contains(at_ms)) continue;
      section.timestamps_ms[to] = at_ms;
      section.values[to] = section.values[from];
      ++to;
    }
    section.counts[s] = static_cast<uint32_t>(to - begin);
  }
  const auto removed = static_cast<int64_t>(from - to);
  section.timestamps_ms.resize(to);
  section.values.resize(to);
  return removed;
}

// What is left of runs of start timestamps once `range` is taken out of those
// that `gone` says are of a deleted series.
template <typename Gone>
void RemoveStarts(const model::TimeRange& range, const Gone& gone,
                  std::vector<encoding::StartRow>& rows) {
  std::vector<encoding::StartRow> kept;
  model::StartRuns left;
  for (const encoding::StartRow& row : rows) {
    left.assign(1, row.run);
    if (gone(row.ref)) model::RemoveRange(range, 0, left);
    for (const model::StartRun& run : left) kept.push_back({row.ref, run});
  }
  rows = std::move(kept);
}

// `refs` are those of the section, in order. Exemplars and start timestamps
// are not counted as rows anywhere.
int64_t RemoveRows(const std::vector<uint64_t>& refs,
                   const std::vector<bool>& marked,
                   const model::TimeRange& range, KindSection& section) {
  const auto is_marked = [&](uint64_t ref) -> bool {
    return marked[std::ranges::lower_bound(refs, ref) - refs.begin()];
  };
  const auto gone = [&](uint64_t ref, int64_t at_ms) {
    return range.Contains(at_ms) && is_marked(ref);
  };
  RemoveStarts(range, is_marked, section.starts);
  std::erase_if(section.exemplars, [&](const encoding::ExemplarRow& row) {
    return gone(row.ref, row.exemplar.timestamp_ms);
  });
  return static_cast<int64_t>(
      std::erase_if(section.histograms, [&](const encoding::HistogramRow& row) {
        return gone(row.ref, row.timestamp_ms);
      }));
}

}  // namespace

absl::StatusOr<int64_t> EngineImpl::Delete(const DeleteRequest& request) {
  RETURN_IF_ERROR(CheckRunning());
  Tombstone tombstone;
  tombstone.tenant = request.tenant;
  tombstone.groups = request.matcher_groups;
  tombstone.range = {std::max<int64_t>(request.range.start_ms, 0),
                     std::min(request.range.end_ms, model::kTimestampMaxMs)};
  if (tombstone.groups.empty()) {
    return base::InvalidArgument("a delete without matchers");
  }
  if (tombstone.range.start_ms > tombstone.range.end_ms) {
    return base::InvalidArgument("a delete from ", request.range.start_ms,
                                 " ms to ", request.range.end_ms, " ms");
  }
  if (const size_t kept = tombstones_.list()->size(); kept >= kTombstonesMax) {
    return base::ResourceExhausted(
        kept, " deletes wait for their blocks to be rewritten, at most ",
        kTombstonesMax, " may: run /internal/force_merge, or delete more "
        "series at a time");
  }
  // Series without samples are of no interest, and a delete is often repeated.
  ASSIGN_OR_RETURN(
      const std::vector<uint64_t> ids,
      index_->Select(request.tenant, request.matcher_groups,
                     DayRange{.first = model::DayOf(tombstone.range.start_ms),
                              .last = model::DayOf(tombstone.range.end_ms)}));
  const auto series = static_cast<int64_t>(ids.size());
  if (request.series_max > 0 && series > request.series_max) {
    return base::ResourceExhausted(
        series, " series match; a delete may take ", request.series_max,
        ": increase -search.maxDeleteSeries at select or narrow it");
  }
  const std::vector<uint32_t> narrow(ids.begin(), ids.end());
  tombstone.ids.addMany(narrow.size(), narrow.data());
  uint64_t end = 0;
  {
    const CutGate::Closed closed(gate_);
    // Not before what is here already, whatever the clocks say.
    tombstone.accept_ms = std::max(
        {request.accept_ms, newest_row_ms_ + 1, newest_delete_ms()});
    const std::string record = DeleteRecord(tombstone);
    if (record.size() > kDeleteBytesMax) {
      return base::ResourceExhausted("a delete of ", record.size(),
                                     " bytes; at most ", kDeleteBytesMax,
                                     " are taken");
    }
    ASSIGN_OR_RETURN(end, wal_->Append(RecordType::kDelete, record));
    // As a replay would have it, filters and all.
    ASSIGN_OR_RETURN(Tombstone logged, ParseDelete(record));
    RETURN_IF_ERROR(ApplyDelete(std::move(logged), end, {}));
  }
  ++deletes_;
  series_deleted_ += series;
  RETURN_IF_ERROR(wal_->WaitDurable(end));
  base::LogInfo("deleted samples: tenant=",
                model::TenantText(request.tenant),
                ", match=", TextOf(request.matcher_groups),
                ", start=", tombstone.range.start_ms,
                ", end=", tombstone.range.end_ms, ", series=", series,
                ", accepted=", tombstone.accept_ms);
  return series;
}

// REQUIRES: the gate is closed, or nothing runs yet.
absl::Status EngineImpl::ApplyDelete(Tombstone tombstone, uint64_t position,
                                     std::set<int32_t> days) {
  const model::TenantId tenant = tombstone.tenant;
  const model::TimeRange range = tombstone.range;
  const std::vector<uint64_t> ids = IdsOf(tombstone.ids);
  tombstone.position = position;
  tombstone.below_generation = head_->active_generation();
  head_->Delete(ids, range);
  kind_head_->Delete(ids, range);
  const absl::StatusOr<std::vector<int32_t>> active = index_->ActiveDays(
      tenant, {model::DayOf(range.start_ms), model::DayOf(range.end_ms)}, ids);
  if (active.ok()) days.insert(active->begin(), active->end());
  tombstones_.Add(std::move(tombstone), std::move(days), /*saved=*/false);
  history_.Add(tenant, range);
  RETURN_IF_ERROR(active.status());
  const DayRange whole = WholeDays(range);
  if (whole.first > whole.last) return absl::OkStatus();
  return index_->MarkInactive(tenant, whole, ids);
}

absl::Status EngineImpl::ReplayDelete(std::string_view payload,
                                      uint64_t position) {
  ASSIGN_OR_RETURN(Tombstone tombstone, ParseDelete(payload));
  // A flush that ended before its blocks has left an index where the series
  // are gone from these days already: any day with blocks may have them.
  std::set<int32_t> days;
  for (const auto& [day, state] : Blocks()->days) {
    if (day >= model::DayOf(tombstone.range.start_ms) &&
        day <= model::DayOf(tombstone.range.end_ms)) {
      days.insert(day);
    }
  }
  return ApplyDelete(std::move(tombstone), position, std::move(days));
}

absl::Status EngineImpl::LoadTombstone(std::string_view key,
                                       std::string_view row) {
  base::ByteReader reader(key.substr(kDeletePrefix.size()));
  Tombstone tombstone;
  std::set<int32_t> days;
  const auto position = reader.FixedBe<uint64_t>();
  if (!reader.AtEnd()) return base::DataLoss("bad key of a delete in data/");
  RETURN_IF_ERROR(ParseTombstoneRow(row, tombstone, days));
  tombstone.position = position;
  tombstones_.Add(std::move(tombstone), std::move(days), /*saved=*/true);
  return absl::OkStatus();
}

void EngineImpl::NoteAccepted(int64_t accept_ms) {
  int64_t newest_ms = newest_row_ms_;
  while (newest_ms < accept_ms &&
         !newest_row_ms_.compare_exchange_weak(newest_ms, accept_ms)) {
  }
}

std::vector<bool> EngineImpl::MarkLate(const Tombstone& tombstone,
                                       std::span<const uint64_t> refs) const {
  std::vector<bool> marked(refs.size());
  const absl::Status status = index_->ForEachSeries(
      tombstone.tenant, refs, [&](const IndexSeries& series) {
        marked[series.position] =
            tombstone.MatchesLate(series.id, series.labels);
      });
  if (!status.ok()) {
    base::LogError("late copies of deleted rows: ", base::Message(status));
  }
  return marked;
}

void EngineImpl::DropLateCopies(int64_t accept_ms,
                                encoding::FloatSection& section,
                                AppendResult& result) {
  NoteAccepted(accept_ms);
  if (accept_ms >= newest_delete_ms()) return;
  const model::TenantId tenant{section.tenant_kind, section.tenant_id};
  const std::shared_ptr<const TombstoneList> list = tombstones_.list();
  for (const TombstoneRef& one : *list) {
    if (one->tenant != tenant || accept_ms >= one->accept_ms) continue;
    result.deleted +=
        RemoveRows(MarkLate(*one, section.refs), one->range, section);
  }
}

void EngineImpl::DropLateCopies(int64_t accept_ms, KindRows& rows,
                                AppendResult& result) {
  NoteAccepted(accept_ms);
  if (accept_ms >= newest_delete_ms()) return;
  const std::shared_ptr<const TombstoneList> list = tombstones_.list();
  for (const TombstoneRef& one : *list) {
    if (accept_ms >= one->accept_ms) continue;
    for (KindSection& section : rows.sections) {
      if (section.tenant != one->tenant) continue;
      const std::vector<uint64_t> refs = RefsOf(section);
      result.deleted +=
          RemoveRows(refs, MarkLate(*one, refs), one->range, section);
    }
  }
}

std::shared_ptr<const EngineRuleBook> EngineImpl::Rules() const {
  return std::make_shared<const EngineRuleBook>(
      tombstones_.list(), series_retention_, options_.clock->NowMs());
}

void EngineImpl::PinRules(RulePin& rules) const {
  rules.book = Rules();
  if (rules.first == nullptr) rules.first = rules.book;
}

absl::StatusOr<bool> EngineImpl::RulesOfSeries(const RulePin& rules,
                                               const SeriesKey& key,
                                               SeriesRules& out) const {
  if (rules.book->empty()) return false;
  std::string labels;
  if (!rules.book->ignores_labels()) {
    RETURN_IF_ERROR(index_->ForEachSeries(
        key.tenant, std::span(&key.series_id, 1),
        [&labels](const IndexSeries& series) { labels = series.labels; }));
  }
  return rules.book->RulesOf(key.tenant, key.series_id, labels, out);
}

bool EngineImpl::RewriteWanted(int32_t day, const DayState& state,
                               int64_t now_ms) const {
  if (tombstones_.DaysToRewrite().contains(day)) return true;
  return series_retention_ != nullptr &&
         series_retention_->Stage(day, now_ms) >
             series_retention_->Stage(day, state.rewritten_ms);
}

absl::Status EngineImpl::RulesApplied(int32_t day,
                                      const EngineRuleBook& rules) {
  KvBatch batch;
  for (const Tombstones::Row& row :
       tombstones_.Rewritten(day, rules.tombstones())) {
    std::string key(kDeletePrefix);
    base::PutFixedBe<uint64_t>(key, row.position);
    batch.Put(*meta_, key, row.value);
  }
  return batch.empty() ? absl::OkStatus() : data_->Write(batch, true);
}

absl::Status EngineImpl::ExpireTombstones(int32_t first_kept_day) {
  KvBatch batch;
  for (const uint64_t position :
       tombstones_.Expire(first_kept_day, options_.clock->NowMs())) {
    std::string key(kDeletePrefix);
    base::PutFixedBe<uint64_t>(key, position);
    batch.Delete(*meta_, key);
  }
  return batch.empty() ? absl::OkStatus() : data_->Write(batch, true);
}

}  // namespace varve::storage
