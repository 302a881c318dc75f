#include "tests/simulation/memory_engine.h"

#include <cstdlib>

#include "lib/base/status.h"
#include "lib/wire/record_rows.h"

namespace varve::simulation {
namespace {

absl::Status Unused() {
  return base::Unimplemented("BUG: no part of the simulation");
}

class Cursor final : public storage::SeriesCursor {
 public:
  explicit Cursor(std::vector<storage::SearchSeries> all)
      : all_(std::move(all)) {}
  absl::StatusOr<bool> Next(storage::SearchSeries& series) override {
    if (next_ == all_.size()) return false;
    series = std::move(all_[next_++]);
    return true;
  }
  bool complete() const override { return true; }

 private:
  std::vector<storage::SearchSeries> all_;
  size_t next_ = 0;
};

}  // namespace

storage::History MemoryEngine::HistoryOf(const model::TenantId&,
                                         const model::TimeRange&) const {
  return {.settled = {INT64_MIN, clock_.NowMs() - kSettledAfterMs}};
}

absl::Status MemoryEngine::Define(
    std::span<const storage::SeriesDefinition> definitions,
    std::vector<uint64_t>& ids, std::vector<model::Refusal>* refused) {
  ids.clear();
  for (const storage::SeriesDefinition& one : definitions) {
    const auto [entry, is_new] = disk_.ids.try_emplace(
        std::string(one.labels), disk_.series.size() + 1);
    if (is_new) {
      disk_.series.push_back(
          {.labels = std::string(one.labels),
           .hash = model::HashSeries(one.tenant, one.labels)});
    }
    ids.push_back(entry->second);
  }
  if (refused != nullptr) refused->assign(ids.size(), model::Refusal::kNone);
  return absl::OkStatus();
}

absl::StatusOr<storage::AppendResult> MemoryEngine::Append(
    std::string_view record, std::string_view, storage::AckLevel) {
  ASSIGN_OR_RETURN(const wire::RecordRows rows, wire::DecodeRecordRows(record));
  storage::AppendResult result;
  for (const wire::TenantRows& tenant : rows.tenants) {
    for (const wire::RecordSeries& one : tenant.series) {
      result.unknown_ref += one.ref == 0 || one.ref > disk_.series.size();
    }
  }
  if (result.unknown_ref > 0) return result;
  for (const wire::TenantRows& tenant : rows.tenants) {
    for (const wire::RecordSeries& one : tenant.series) {
      for (uint32_t i = one.first_row; i < one.first_row + one.rows; ++i) {
        disk_.series[one.ref - 1].rows.emplace(tenant.timestamps_ms[i],
                                               tenant.values[i]);
        disk_.samples.insert(static_cast<int64_t>(tenant.values[i]));
      }
      result.rows += one.rows;
    }
  }
  return result;
}

absl::Status MemoryEngine::PutState(std::string_view key,
                                    std::string_view value) {
  const auto found = disk_.state.find(key);
  const bool is_new = found == disk_.state.end();
  if (!is_new && found->second == value) return absl::OkStatus();
  disk_.state.insert_or_assign(std::string(key), std::string(value));
  if (key.starts_with(storage::kMissedStatePrefix) ||
      key.starts_with(storage::kCoverageStatePrefix) ||
      (is_new && key.starts_with(storage::kRingStatePrefix))) {
    ++coverage_version_;
  }
  return absl::OkStatus();
}

absl::Status MemoryEngine::DropState(std::string_view key) {
  const auto found = disk_.state.find(key);
  if (found == disk_.state.end()) return absl::OkStatus();
  disk_.state.erase(found);
  if (key.starts_with(storage::kMissedStatePrefix)) ++coverage_version_;
  return absl::OkStatus();
}

absl::StatusOr<std::vector<std::pair<std::string, std::string>>>
MemoryEngine::ListState(std::string_view key_prefix) const {
  std::vector<std::pair<std::string, std::string>> found;
  for (auto it = disk_.state.lower_bound(key_prefix);
       it != disk_.state.end() && it->first.starts_with(key_prefix); ++it) {
    found.push_back(*it);
  }
  return found;
}

absl::StatusOr<std::unique_ptr<storage::SeriesCursor>> MemoryEngine::Search(
    const storage::SearchRequest& request) {
  std::vector<storage::SearchSeries> all;
  for (size_t i = 0; i < disk_.series.size(); ++i) {
    const Disk::Series& from = disk_.series[i];
    if (request.slots != nullptr &&
        !request.slots->Has(model::SlotOf(from.hash))) {
      continue;
    }
    storage::SearchSeries series{
        .id = i + 1, .hash = from.hash, .labels = from.labels};
    for (const auto& [at_ms, value] : from.rows) {
      if (at_ms < request.range.start_ms || at_ms > request.range.end_ms) {
        continue;
      }
      series.samples.push_back(at_ms, value);
    }
    if (!series.samples.empty()) all.push_back(std::move(series));
  }
  return std::make_unique<Cursor>(std::move(all));
}

storage::Hints& MemoryEngine::hints() const { std::abort(); }
absl::StatusOr<int64_t> MemoryEngine::Delete(const storage::DeleteRequest&) {
  return Unused();
}
absl::StatusOr<std::vector<std::unique_ptr<storage::SeriesCursor>>>
MemoryEngine::SearchParts(const storage::SearchRequest&, size_t) {
  return Unused();
}
absl::StatusOr<std::vector<model::StoredMetadata>> MemoryEngine::Metadata(
    const storage::MetadataRequest&) {
  return Unused();
}
absl::StatusOr<std::vector<std::string>> MemoryEngine::LabelNames(
    const storage::LabelRequest&) {
  return Unused();
}
absl::StatusOr<std::vector<std::string>> MemoryEngine::LabelValues(
    const storage::LabelRequest&, std::string_view) {
  return Unused();
}
absl::StatusOr<storage::Cardinality> MemoryEngine::Status(
    const storage::CardinalityRequest&) {
  return Unused();
}
absl::StatusOr<std::vector<storage::SlotDigest>> MemoryEngine::SlotDigests(
    const storage::CardinalityRequest&) {
  return Unused();
}
absl::StatusOr<storage::NameStatistics> MemoryEngine::NameUsageOf(
    const model::TenantId&) {
  return Unused();
}
absl::Status MemoryEngine::ResetNameUsage() { return Unused(); }
absl::StatusOr<std::vector<model::TenantId>> MemoryEngine::Tenants(
    const model::TimeRange&) {
  return Unused();
}
absl::Status MemoryEngine::Flush() { return Unused(); }
absl::Status MemoryEngine::ApplyRetention() { return Unused(); }
absl::Status MemoryEngine::CompactDays() { return Unused(); }
absl::Status MemoryEngine::ForceMerge(std::string_view) { return Unused(); }
absl::StatusOr<std::string> MemoryEngine::CreateSnapshot() { return Unused(); }
absl::StatusOr<std::vector<std::string>> MemoryEngine::ListSnapshots() const {
  return Unused();
}
absl::Status MemoryEngine::DeleteSnapshot(const std::string&) {
  return Unused();
}

}  // namespace varve::simulation
