// Any file of a storage node as text: log segments, tables with decoded rows,
// parts.json, and directories of them.
#ifndef VARVE_CMD_INSPECT_DUMP_H_
#define VARVE_CMD_INSPECT_DUMP_H_

#include <string>

#include "absl/status/statusor.h"

namespace varve::inspect {

// Prints it; true when nothing is damaged. Needs no lock and writes nothing.
absl::StatusOr<bool> Dump(const std::string& path);

}  // namespace varve::inspect

#endif  // VARVE_CMD_INSPECT_DUMP_H_
