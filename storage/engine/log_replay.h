// The log back into index, head and state, when an engine starts.
//
// Records are applied in the order of the log, with two liberties: a DEFINE may
// come before rows that stood before it, and DATA records are decoded by all
// CPUs at once and then appended by all CPUs at once, each the rows of its own
// head shards. A new type of record is one more case in Apply; one that must
// see all rows before it and none after it calls AppendPending first.
//
// Loss:    damaged bytes, and rows whose DEFINE is among them, are told by
//          Finish as a span of time: that of the rows in the log, which what
//          is lost was written among.
// Lifetime: one replay; the engine outlives it.
// Threads: the opening thread calls it; it has helpers of its own.
// Cost:    docs/benchmarks.md, "replay".
#ifndef VARVE_STORAGE_ENGINE_LOG_REPLAY_H_
#define VARVE_STORAGE_ENGINE_LOG_REPLAY_H_

#include <cstdint>
#include <span>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "lib/base/thread_pool.h"
#include "storage/engine/engine_impl.h"
#include "storage/wal/wal.h"

namespace varve::storage {

class LogReplay final : public WalReplay {
 public:
  explicit LogReplay(EngineImpl& engine);

  absl::Status Replay(std::span<const WalRecord> records) override;
  void Lost(uint64_t begin, uint64_t end) override;
  // After Wal::Open: says what is missing. The engine does not run yet.
  absl::Status Finish();

  int64_t records() const { return records_; }
  int64_t rows() const { return rows_; }
  // INT64_MAX without a DATA record.
  int64_t oldest_accept_ms() const { return oldest_accept_ms_; }

 private:
  // One DATA record of a batch; kept for its memory.
  struct Rows {
    WalRecord record;
    std::string unpacked;
    EngineImpl::DecodedRecord decoded;
    absl::Status status;
    model::TimeRange span = kNoTime;
    model::TimeRange lost = kNoTime;  // of rows whose series nobody knows
    int64_t unknown_series = 0;
  };
  static constexpr model::TimeRange kNoTime = {INT64_MAX, INT64_MIN};

  absl::Status Apply(const WalRecord& record);
  absl::Status Define(std::string_view payload);
  absl::Status PutState(std::string_view payload);
  absl::Status AppendPending();
  void Decode(Rows& rows) const;
  absl::Status DecodeKnown(Rows& rows) const;
  void KeepKinds(bool any_unknown, Rows& rows) const;
  void ResolveAliases(encoding::FloatSection& section) const;
  void TakeOutUnknown(encoding::FloatSection& section, Rows& rows) const;
  void AppendPart(size_t part, size_t parts);
  absl::Status Account(const Rows& rows);

  EngineImpl& engine_;
  const size_t threads_;
  base::ThreadPool pool_;
  std::vector<Rows> pending_;  // [0, used_) wait to be appended
  size_t used_ = 0;
  std::string unpacked_;
  // Ids of DEFINE records whose series the index knows by another id.
  absl::flat_hash_map<uint64_t, uint64_t> aliases_;

  int64_t records_ = 0;
  int64_t rows_ = 0;
  int64_t oldest_accept_ms_ = INT64_MAX;
  model::TimeRange span_ = kNoTime;  // of all rows in the log
  model::TimeRange lost_ = kNoTime;
  uint64_t lost_at_ = UINT64_MAX;  // the first loss
  uint64_t lost_end_ = 0;          // and the end of the last, if bytes are lost
  uint64_t last_end_ = 0;          // of the records that could be read
};

}  // namespace varve::storage

#endif  // VARVE_STORAGE_ENGINE_LOG_REPLAY_H_
