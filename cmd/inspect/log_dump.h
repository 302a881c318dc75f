// The write-ahead log as text, one line a record.
//
// Reads the files as they are and changes nothing: safe beside a running node,
// whose last record may then look cut.
//
// Errors:  Unavailable where files cannot be read. Damage is printed and
//          counted, never an error.
// Threads: one.
#ifndef VARVE_CMD_INSPECT_LOG_DUMP_H_
#define VARVE_CMD_INSPECT_LOG_DUMP_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"

namespace varve::inspect {

struct LogSummary {
  int64_t segments = 0;
  int64_t records = 0;
  int64_t rows = 0;
  int64_t damaged = 0;
};

// `wal_dir` is <storageDataPath>/wal. `print`: to stdout.
// One segment's file, added to `summary`.
absl::Status DumpLogSegment(const std::string& path, bool print,
                            LogSummary& summary);

absl::StatusOr<LogSummary> DumpLog(const std::string& wal_dir, bool print);

}  // namespace varve::inspect

#endif  // VARVE_CMD_INSPECT_LOG_DUMP_H_
