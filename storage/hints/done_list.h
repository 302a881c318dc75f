// The hint logs that their owners have taken in, the last kDoneMax of them: a
// file of lines "<owner>-<log> <xxh3-64 of what is before the space>", in hex.
//
// Errors:  those of the file system. A damaged line is left out: its log is
//          then unknown, and MISSED records that name it stay.
// Threads: belongs to one at a time.
#ifndef VARVE_STORAGE_HINTS_DONE_LIST_H_
#define VARVE_STORAGE_HINTS_DONE_LIST_H_

#include <compare>
#include <cstdint>
#include <deque>
#include <set>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "storage/fs/file_system.h"

namespace varve::storage {

struct HintLogId {
  uint64_t owner = 0;
  uint64_t log = 0;
  friend auto operator<=>(const HintLogId&, const HintLogId&) = default;
};
// "<owner>-<log>", 16 hex digits each; a log with another name is none (0).
std::string HintLogText(const HintLogId& id);
HintLogId ParseHintLogText(std::string_view text);

class DoneList {
 public:
  static constexpr size_t kDoneMax = 10'000;

  static absl::StatusOr<DoneList> Open(FileSystem& fs, std::string path);
  bool Has(const HintLogId& id) const { return known_.count(id) > 0; }
  // Durable when it returns.
  absl::Status Add(const HintLogId& id);

 private:
  DoneList(FileSystem& fs, std::string path)
      : fs_(&fs), path_(std::move(path)) {}
  FileSystem* fs_;
  std::string path_;
  std::deque<HintLogId> in_order_;
  std::set<HintLogId> known_;
};

}  // namespace varve::storage

#endif  // VARVE_STORAGE_HINTS_DONE_LIST_H_
