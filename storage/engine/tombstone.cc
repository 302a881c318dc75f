#include "storage/engine/tombstone.h"

#include <algorithm>

#include "lib/base/byte_coding.h"
#include "lib/base/status.h"

namespace varve::storage {
namespace {

// As many as a request may have (lib/wire/convert.h).
constexpr uint64_t kGroupsMax = 10'000;
constexpr uint64_t kMatchersMax = 10'000;

absl::Status ParseGroups(base::ByteReader& reader,
                         std::vector<model::Matchers>& groups) {
  const uint64_t count = reader.Varint();
  if (count > kGroupsMax) return base::DataLoss(count, " matcher groups");
  for (uint64_t i = 0; i < count && reader.ok(); ++i) {
    const uint64_t matchers = reader.Varint();
    if (matchers > kMatchersMax) return base::DataLoss(matchers, " matchers");
    model::Matchers& group = groups.emplace_back();
    for (uint64_t j = 0; j < matchers && reader.ok(); ++j) {
      model::Matcher& matcher = group.emplace_back();
      const auto type = reader.FixedLe<uint8_t>();
      if (type > static_cast<uint8_t>(model::MatchType::kNotRegex)) {
        return base::DataLoss("matcher of type ", int{type});
      }
      matcher.type = static_cast<model::MatchType>(type);
      matcher.name = reader.LengthPrefixed();
      matcher.value = reader.LengthPrefixed();
    }
  }
  return absl::OkStatus();
}

// Differences of ascending ids, and not a serialized bitmap: what a reader of
// those makes of damaged bytes is not safe to walk.
void AppendIds(const IdSet& ids, std::string& out) {
  base::PutVarint(out, ids.cardinality());
  uint64_t before = 0;
  for (const uint32_t id : ids) {
    base::PutVarint(out, id - before);
    before = id;
  }
}

absl::Status ReadIds(base::ByteReader& reader, IdSet& ids) {
  const uint64_t count = reader.Varint();
  uint64_t id = 0;
  for (uint64_t i = 0; i < count; ++i) {
    const uint64_t difference = reader.Varint();
    if (!reader.ok() || difference == 0 || difference > UINT32_MAX - id) {
      return base::DataLoss("DELETE record: id ", i, " of ", count);
    }
    id += difference;
    ids.add(static_cast<uint32_t>(id));
  }
  if (!reader.AtEnd()) return base::DataLoss("DELETE record with more bytes");
  ids.runOptimize();
  return absl::OkStatus();
}

}  // namespace

std::string DeleteRecord(const Tombstone& tombstone) {
  std::string record;
  record.push_back(static_cast<char>(tombstone.tenant.kind));
  base::PutFixedLe<uint64_t>(record, tombstone.tenant.id);
  base::PutFixedLe<int64_t>(record, tombstone.accept_ms);
  base::PutFixedLe<int64_t>(record, tombstone.range.start_ms);
  base::PutFixedLe<int64_t>(record, tombstone.range.end_ms);
  base::PutVarint(record, tombstone.groups.size());
  for (const model::Matchers& group : tombstone.groups) {
    base::PutVarint(record, group.size());
    for (const model::Matcher& matcher : group) {
      record.push_back(static_cast<char>(matcher.type));
      base::PutLengthPrefixed(record, matcher.name);
      base::PutLengthPrefixed(record, matcher.value);
    }
  }
  AppendIds(tombstone.ids, record);
  return record;
}

absl::StatusOr<Tombstone> ParseDelete(std::string_view record) {
  base::ByteReader reader(record);
  Tombstone tombstone;
  tombstone.tenant.kind = reader.FixedLe<uint8_t>();
  tombstone.tenant.id = reader.FixedLe<uint64_t>();
  tombstone.accept_ms = reader.FixedLe<int64_t>();
  tombstone.range.start_ms = reader.FixedLe<int64_t>();
  tombstone.range.end_ms = reader.FixedLe<int64_t>();
  RETURN_IF_ERROR(ParseGroups(reader, tombstone.groups));
  if (!reader.ok()) {
    return base::DataLoss("DELETE record of ", record.size(), " bytes is cut");
  }
  RETURN_IF_ERROR(ReadIds(reader, tombstone.ids));
  for (const model::Matchers& group : tombstone.groups) {
    const auto filter = model::SeriesFilter::Make(group);
    if (!filter.ok()) return base::DataLoss(base::Message(filter.status()));
    tombstone.filters.push_back(*filter);
  }
  return tombstone;
}

std::string TombstoneRow(const Tombstone& tombstone,
                         const std::set<int32_t>& days) {
  std::string row;
  base::PutFixedLe<uint64_t>(row, tombstone.below_generation);
  base::PutVarint(row, days.size());
  int32_t last = 0;
  for (const int32_t day : days) {
    base::PutVarint(row, static_cast<uint64_t>(int64_t{day} - last));
    last = day;
  }
  row += DeleteRecord(tombstone);
  return row;
}

absl::Status ParseTombstoneRow(std::string_view row, Tombstone& tombstone,
                               std::set<int32_t>& days) {
  base::ByteReader reader(row);
  const auto generation = reader.FixedLe<uint64_t>();
  const uint64_t count = reader.Varint();
  uint64_t day = 0;
  for (uint64_t i = 0; i < count && reader.ok(); ++i) {
    day += reader.Varint();
    if (day > INT32_MAX) return base::DataLoss("a delete of day ", day);
    days.insert(static_cast<int32_t>(day));
  }
  if (!reader.ok()) return base::DataLoss("a delete's row is cut");
  ASSIGN_OR_RETURN(tombstone, ParseDelete(reader.rest()));
  tombstone.below_generation = generation;
  return absl::OkStatus();
}

bool Tombstone::MatchesLate(uint64_t series_id,
                            std::string_view labels) const {
  return ids.contains(static_cast<uint32_t>(series_id)) ||
         std::any_of(filters.begin(), filters.end(),
                     [&](const model::SeriesFilter& filter) {
                       return filter.Matches(tenant, labels);
                     });
}

void Tombstones::Add(Tombstone tombstone, std::set<int32_t> days, bool saved) {
  base::MutexLock lock(mutex_);
  newest_accept_ms_ =
      std::max(newest_accept_ms_.load(), tombstone.accept_ms);
  auto list = std::make_shared<TombstoneList>(*list_);
  progress_[tombstone.position] = {std::move(days), saved};
  list->push_back(std::make_shared<const Tombstone>(std::move(tombstone)));
  list_ = std::move(list);
}

std::shared_ptr<const TombstoneList> Tombstones::list() const {
  base::MutexLock lock(mutex_);
  return list_;
}

std::vector<Tombstones::Row> Tombstones::Unsaved() const {
  base::MutexLock lock(mutex_);
  std::vector<Row> rows;
  for (const TombstoneRef& one : *list_) {
    const Progress& progress = progress_.at(one->position);
    if (progress.saved) continue;
    rows.push_back({one->position, TombstoneRow(*one, progress.days)});
  }
  return rows;
}

void Tombstones::Saved(uint64_t cut_position) {
  base::MutexLock lock(mutex_);
  for (auto& [position, progress] : progress_) {
    if (position <= cut_position) progress.saved = true;
  }
}

std::set<int32_t> Tombstones::DaysToRewrite() const {
  base::MutexLock lock(mutex_);
  std::set<int32_t> days;
  for (const auto& [position, progress] : progress_) {
    if (progress.saved) days.insert(progress.days.begin(), progress.days.end());
  }
  return days;
}

std::vector<Tombstones::Row> Tombstones::Rewritten(int32_t day,
                                                   const TombstoneList& list) {
  base::MutexLock lock(mutex_);
  std::vector<Row> rows;
  for (const TombstoneRef& one : list) {
    const auto found = progress_.find(one->position);
    if (found == progress_.end() || !found->second.saved) continue;
    if (found->second.days.erase(day) == 0) continue;
    rows.push_back({one->position, TombstoneRow(*one, found->second.days)});
  }
  return rows;
}

std::vector<uint64_t> Tombstones::Expire(int32_t first_kept_day,
                                         int64_t now_ms) {
  base::MutexLock lock(mutex_);
  std::vector<uint64_t> gone;
  auto list = std::make_shared<TombstoneList>();
  for (const TombstoneRef& one : *list_) {
    Progress& progress = progress_.at(one->position);
    std::erase_if(progress.days,
                  [first_kept_day](int32_t day) { return day < first_kept_day; });
    if (progress.saved && progress.days.empty() &&
        one->accept_ms < now_ms - kLateCopiesMs) {
      gone.push_back(one->position);
      progress_.erase(one->position);
    } else {
      list->push_back(one);
    }
  }
  if (!gone.empty()) list_ = std::move(list);
  return gone;
}

}  // namespace varve::storage
