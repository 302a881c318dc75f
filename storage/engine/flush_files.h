// The tables of one flush, by family, and what the days are with them.
//
// Threads: one, the flush.
#ifndef VARVE_STORAGE_ENGINE_FLUSH_FILES_H_
#define VARVE_STORAGE_ENGINE_FLUSH_FILES_H_

#include <algorithm>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "absl/strings/str_format.h"
#include "storage/engine/data_families.h"
#include "storage/fs/file_system.h"
#include "storage/kv/kv.h"

namespace varve::storage {

struct FlushFiles {
  std::string dir;
  int next_number = 0;
  std::vector<KvIngest> ingests;
  std::map<int32_t, DayState> days;

  std::string NextPath() {
    return JoinPath(dir, absl::StrFormat("%06d.sst", next_number++));
  }
  // One entry a family, as an ingest wants it.
  void Add(const KvFamilyRef& family, std::span<const std::string> paths) {
    if (paths.empty()) return;
    auto same = std::find_if(
        ingests.begin(), ingests.end(),
        [&](const KvIngest& one) { return one.family == family; });
    if (same == ingests.end()) same = ingests.insert(same, {family, {}});
    same->files.insert(same->files.end(), paths.begin(), paths.end());
  }
  // Adds `rows` to the day, which was as in `blocks` before the flush.
  DayState& AddRows(const BlockFamilies& blocks, int32_t day, int64_t rows,
                    bool closed) {
    const auto [at, is_new] = days.try_emplace(day);
    DayState& state = at->second;
    const auto before = blocks.days.find(day);
    if (is_new && before != blocks.days.end()) state = before->second;
    state.rows += rows;
    if (closed) {
      state.late_rows += rows;
      state.in_closed = true;
    }
    return state;
  }
};

}  // namespace varve::storage

#endif  // VARVE_STORAGE_ENGINE_FLUSH_FILES_H_
