// The blocks of data/ as text: families, series, segments; and their checks.
//
// Opens the databases, so the node must be stopped: the directory's lock is
// taken first.
//
// Errors:  FailedPrecondition while a node has the directory; the database's.
// Threads: one.
#ifndef VARVE_CMD_INSPECT_BLOCK_DUMP_H_
#define VARVE_CMD_INSPECT_BLOCK_DUMP_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"

namespace varve::inspect {

struct BlockSummary {
  int64_t series_days = 0;
  int64_t segments = 0;
  int64_t samples = 0;
  int64_t damaged = 0;
};

// `path` is -storageDataPath. `print`: a line for each segment. `verify`: also
// reads every table of data/ and index/ against its checksums.
absl::StatusOr<BlockSummary> DumpBlocks(const std::string& path, bool print,
                                        bool verify);

}  // namespace varve::inspect

#endif  // VARVE_CMD_INSPECT_BLOCK_DUMP_H_
