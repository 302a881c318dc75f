// A storage engine in memory, for the product's services over it.
//
// Kept as storage/engine/engine.h says: definitions, rows and state records
// are durable when the call returns, so that all of a Disk outlives the
// process; the coverage version is drawn anew at each start, and changes with
// MISSED records and new rings. Equal rows collapse. There is one tenant, and
// nothing is ever out of retention, deleted, damaged or refused.
//
// Errors:  none but Unimplemented for what the simulation does not use.
// Threads: belongs to one.
#ifndef VARVE_TESTS_SIMULATION_MEMORY_ENGINE_H_
#define VARVE_TESTS_SIMULATION_MEMORY_ENGINE_H_

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lib/base/clock.h"
#include "lib/model/label.h"
#include "storage/engine/engine.h"
#include "tests/simulation/memory_hints.h"

namespace varve::simulation {

// What rows may still come late for: they are settled after it, as in
// storage/engine/history.cc.
inline constexpr int64_t kSettledAfterMs = 300'000;

// A node's directory.
struct Disk {
  explicit Disk(uint64_t id) : node_id(id), ref_epoch(id * 7), hints(id) {}

  struct Series {
    std::string labels;
    model::SeriesHash hash;
    std::set<std::pair<int64_t, double>> rows;  // distinct, by time
  };

  const uint64_t node_id;
  const uint64_t ref_epoch;
  std::vector<Series> series;  // of id - 1
  std::map<std::string, uint64_t, std::less<>> ids;  // by labels
  std::map<std::string, std::string, std::less<>> state;
  std::set<int64_t> samples;  // that it has rows of, by history.h's numbers
  MemoryHints hints;
};

class MemoryEngine final : public storage::Engine {
 public:
  // Both outlive it.
  MemoryEngine(Disk* disk, uint64_t coverage_version, const base::Clock* clock)
      : disk_(*disk), coverage_version_(coverage_version), clock_(*clock) {}

  uint64_t node_id() const override { return disk_.node_id; }
  uint64_t ref_epoch() const override { return disk_.ref_epoch; }
  uint64_t coverage_version() const override { return coverage_version_; }
  bool MayLack(const model::TimeRange&) const override { return false; }
  int64_t newest_delete_ms() const override { return INT64_MIN; }
  storage::History HistoryOf(const model::TenantId& tenant,
                             const model::TimeRange& range) const override;

  absl::Status Define(std::span<const storage::SeriesDefinition> definitions,
                      std::vector<uint64_t>& ids,
                      std::vector<model::Refusal>* refused) override;
  absl::StatusOr<storage::AppendResult> Append(std::string_view record,
                                               std::string_view packed,
                                               storage::AckLevel ack) override;
  absl::Status PutState(std::string_view key, std::string_view value) override;
  absl::Status DropState(std::string_view key) override;
  absl::StatusOr<std::vector<std::pair<std::string, std::string>>> ListState(
      std::string_view key_prefix) const override;
  absl::StatusOr<std::unique_ptr<storage::SeriesCursor>> Search(
      const storage::SearchRequest& request) override;

  // None of these is called: hints are answered by the node itself.
  storage::Hints& hints() const override;
  absl::StatusOr<int64_t> Delete(const storage::DeleteRequest&) override;
  absl::StatusOr<std::vector<std::unique_ptr<storage::SeriesCursor>>>
  SearchParts(const storage::SearchRequest&, size_t) override;
  absl::StatusOr<std::vector<model::StoredMetadata>> Metadata(
      const storage::MetadataRequest&) override;
  absl::StatusOr<std::vector<std::string>> LabelNames(
      const storage::LabelRequest&) override;
  absl::StatusOr<std::vector<std::string>> LabelValues(
      const storage::LabelRequest&, std::string_view) override;
  absl::StatusOr<storage::Cardinality> Status(
      const storage::CardinalityRequest&) override;
  absl::StatusOr<std::vector<storage::SlotDigest>> SlotDigests(
      const storage::CardinalityRequest&) override;
  absl::StatusOr<storage::NameStatistics> NameUsageOf(
      const model::TenantId&) override;
  absl::Status ResetNameUsage() override;
  absl::StatusOr<std::vector<model::TenantId>> Tenants(
      const model::TimeRange&) override;
  absl::Status Flush() override;
  absl::Status ApplyRetention() override;
  absl::Status CompactDays() override;
  absl::Status ForceMerge(std::string_view) override;
  storage::EngineStats Stats() const override { return {}; }
  absl::StatusOr<std::string> CreateSnapshot() override;
  absl::StatusOr<std::vector<std::string>> ListSnapshots() const override;
  absl::Status DeleteSnapshot(const std::string&) override;
  absl::Status Close() override { return absl::OkStatus(); }

 private:
  Disk& disk_;
  uint64_t coverage_version_;
  const base::Clock& clock_;
};

}  // namespace varve::simulation

#endif  // VARVE_TESTS_SIMULATION_MEMORY_ENGINE_H_
