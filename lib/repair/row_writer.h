// Writes rows that came from another node to this one's engine, in batches.
//
// They were accepted long ago: each delete that this node remembers takes
// those that it matches, so that nothing that was deleted comes back. What the
// node's own rules refuse (limits of series, retention) is dropped and counted.
//
// Errors:  those of the engine; Aborted when it forgot a series meanwhile.
// Threads: belongs to one.
#ifndef VARVE_LIB_REPAIR_ROW_WRITER_H_
#define VARVE_LIB_REPAIR_ROW_WRITER_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "lib/model/tenant.h"
#include "lib/repair/missing_rows.h"
#include "lib/wire/data_frame_builder.h"
#include "storage/engine/engine.h"

namespace varve::repair {

class RowWriter {
 public:
  // `engine` outlives it. `ring`: by which the node owns the rows.
  RowWriter(storage::Engine* engine, const model::TenantId& tenant,
            uint64_t ring)
      : engine_(engine), tenant_(tenant), ring_(ring) {}

  // `labels` are canonical bytes.
  absl::Status Add(const std::string& labels, SeriesRows rows);
  // Of what was added all is durable when it returns.
  absl::Status Flush();

  int64_t rows() const { return rows_; }        // stored
  int64_t refused() const { return refused_; }  // by limits, or out of range
  int64_t deleted() const { return deleted_; }

 private:
  struct Waiting {
    std::string labels;
    SeriesRows rows;
  };

  absl::Status AppendSeries(uint64_t id, const SeriesRows& rows);
  absl::Status AppendWhenFull();
  absl::Status Append();

  storage::Engine* const engine_;
  const model::TenantId tenant_;
  const uint64_t ring_;
  std::vector<Waiting> waiting_;
  size_t waiting_rows_ = 0;
  size_t waiting_bytes_ = 0;
  wire::DataFrameBuilder record_;
  int64_t rows_ = 0;
  int64_t refused_ = 0;
  int64_t deleted_ = 0;
};

}  // namespace varve::repair

#endif  // VARVE_LIB_REPAIR_ROW_WRITER_H_
