// Whether a storage node's directory, or a snapshot, is sound.
//
// Read: each record of the log, each table of both databases against its
// checksums, each row decoded; then the index against itself (labels to
// postings and back) and the blocks' series against the index. Nothing is
// written below `path`, and no lock is taken: a node may run on it, but may
// then delete a file while it is read.
#ifndef VARVE_CMD_INSPECT_VERIFY_H_
#define VARVE_CMD_INSPECT_VERIFY_H_

#include <string>

#include "absl/status/statusor.h"

namespace varve::inspect {

// Prints what was found; true when nothing is damaged.
absl::StatusOr<bool> Verify(const std::string& path);

}  // namespace varve::inspect

#endif  // VARVE_CMD_INSPECT_VERIFY_H_
