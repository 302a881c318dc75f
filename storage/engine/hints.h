// The rows that a node keeps for others that are down, until it has replayed
// them: what Engine::hints() gives.
//
// A hint has refs of a dictionary for its owner (storage/hints/hint_log.h), in
// which series are defined as in the engine, but without index rows or limits:
// the owner judges them when it takes them in.
//
// Errors:  ResourceExhausted (-storage.maxHintsBytes: of hints no more are
//          taken), Unavailable (nothing is for now: read-only, a full disk,
//          stopping, a failed fsync), InvalidArgument (a bad record).
// Threads: Hints from any thread; a HintReplay belongs to one, and a log has
//          one at a time.
#ifndef VARVE_STORAGE_ENGINE_HINTS_H_
#define VARVE_STORAGE_ENGINE_HINTS_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "lib/base/clock.h"
#include "storage/engine/engine.h"
#include "storage/hints/hint_store.h"
#include "storage/retention/retention.h"

namespace varve::storage {

// One log on its way to its owner. As long as Next is true (of an end() taken
// before, or a log that grows has no end): take in the new
// series, read the rows, and cut them when the owner has them durably. Then
// Finish.
class HintReplay {
 public:
  HintReplay(HintStore* store, HintStore::Pending pending)
      : store_(store), id_(pending.id), log_(std::move(pending.log)) {}

  uint64_t owner() const { return id_.owner; }
  uint64_t log() const { return id_.log; }
  int64_t bytes() const { return log_->bytes(); }
  int64_t created_ms() const { return log_->created_ms(); }

  // A position: rows that come from now on are at it and beyond.
  uint64_t end() const { return log_->rows_end(); }
  // Chooses some megabytes of rows, the oldest; false when none are below
  // `end`.
  absl::StatusOr<bool> Next(uint64_t end) { return log_->NextRows(end); }
  // Above all refs of what Next chose.
  uint64_t series() const { return log_->series(); }
  using VisitSeries =
      std::function<absl::Status(uint64_t ref, const SeriesDefinition&)>;
  // From a ref on, ascending; damaged ones are left out.
  absl::Status ReadSeries(uint64_t from, const VisitSeries& visit);
  // A record as the owner may take it, and its rows.
  using VisitRecord =
      std::function<absl::Status(std::string_view record, int64_t rows)>;
  // refs[r] is what the owner calls series r; rows of series without a ref (0)
  // are left out and counted.
  absl::Status ReadRows(std::span<const uint64_t> refs,
                        const VisitRecord& visit, int64_t& left_out);
  absl::Status Cut() { return log_->CutRows(); }
  // Rows will not get to the owner: the log ends, but is never done.
  void LeaveOut() { log_->LeaveOut(); }
  // Since series or rows came last.
  int64_t quiet_ms() const { return log_->quiet_ms(); }
  // False: rows came meanwhile; Next has them.
  absl::StatusOr<bool> Finish() { return store_->Finish(id_); }

 private:
  HintStore* const store_;
  const HintLogId id_;
  const std::shared_ptr<HintLog> log_;
};

class Hints {
 public:
  // `disk` and `clock` outlive it.
  Hints(std::unique_ptr<HintStore> store, const DiskGuard* disk,
        const base::Clock* clock)
      : store_(std::move(store)), disk_(disk), clock_(clock) {}

  // The number of the owner's log; refs[i] is that of definitions[i] in it.
  absl::StatusOr<uint64_t> Define(
      uint64_t owner, std::span<const SeriesDefinition> definitions,
      std::vector<uint64_t>& refs);
  // As Engine::Append. False: define again, nothing was stored.
  absl::StatusOr<bool> Append(uint64_t owner, uint64_t log,
                              std::string_view record, std::string_view packed,
                              AckLevel ack);
  HintState StateOf(uint64_t owner, uint64_t log) const {
    return store_->StateOf({owner, log});
  }
  // Logs that are not replayed yet, oldest first.
  std::vector<HintReplay> Pending() const;
  int64_t rows() const { return rows_; }        // taken since start
  int64_t refused() const { return refused_; }  // calls, likewise
  absl::Status Close();

 private:
  absl::Status CheckTaking();
  // Counts refusals.
  template <typename T>
  absl::StatusOr<T> Judged(absl::StatusOr<T> result);

  const std::unique_ptr<HintStore> store_;
  const DiskGuard* const disk_;
  const base::Clock* const clock_;
  std::atomic<bool> stopping_{false};
  std::atomic<int64_t> rows_{0};
  std::atomic<int64_t> refused_{0};
};

}  // namespace varve::storage

#endif  // VARVE_STORAGE_ENGINE_HINTS_H_
