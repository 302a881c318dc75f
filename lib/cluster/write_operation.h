// One attempt of Writer::Write: define what is new, send the rows, count the
// copies and record those that are missing.
//
// Threads: belongs to the thread of the write.
#ifndef VARVE_LIB_CLUSTER_WRITE_OPERATION_H_
#define VARVE_LIB_CLUSTER_WRITE_OPERATION_H_

#include <array>
#include <cstdint>
#include <span>

#include "absl/status/status.h"
#include "lib/cluster/missed_records.h"
#include "lib/cluster/row_sender.h"
#include "lib/cluster/series_definer.h"
#include "lib/cluster/write_attempt.h"
#include "lib/cluster/writer.h"

namespace varve::cluster {

class WriteOperation {
 public:
  // As Writer::Write.
  WriteOperation(WriterCore& core, const WriteView& view,
                 std::span<SeriesRows> rows,
                 std::span<const MetadataRows> metadata,
                 const model::Tenant* named, bool last_attempt,
                 int64_t accept_ms);

  absl::Status Run();

 private:
  absl::Status CountCopies();
  // The nodes that have the rows, each once; hints count as well.
  std::span<const uint16_t> NodesWith(const SeriesRows& row);
  // True when one of them has the rows as its own and answers queries.
  bool HasReader(const SeriesRows& row) const;
  // What `node` has of them, as a comparison with it would find them.
  KeeperHas WhatHas(const SeriesRows& row, uint16_t node) const;
  // `nodes`: those with the rows.
  void NoteMissed(const SeriesRows& row, std::span<const uint16_t> nodes,
                  MissedRecords& missed) const;
  absl::Status CountMetadataCopies() const;
  void CountRerouted() const;

  WriterCore& core_;
  const WriteView& view_;
  const std::span<SeriesRows> rows_;
  const std::span<const MetadataRows> metadata_;
  const model::Tenant* const named_;  // null: no name
  WriteAttempt attempt_;
  SeriesDefiner definer_;
  RowSender sender_;
  std::array<uint16_t, kReplicationFactorMax> nodes_with_{};
};

}  // namespace varve::cluster

#endif  // VARVE_LIB_CLUSTER_WRITE_OPERATION_H_
