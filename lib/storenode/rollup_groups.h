// The groups of a ROLLUP that one thread has made: their running states.
//
// In:      each series' group, labels and column.
// Out:     the keys and states of RollupResponses (docs/formats/wire.md).
// Threads: one owner at a time; lanes have their own and are joined.
#ifndef VARVE_LIB_STORENODE_ROLLUP_GROUPS_H_
#define VARVE_LIB_STORENODE_ROLLUP_GROUPS_H_

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "lib/rollup/best_series.h"
#include "lib/rollup/group_columns.h"

namespace varve::storenode {

class RollupGroups {
 public:
  // `k` is read by topk and bottomk alone.
  RollupGroups(rollup::Aggregate aggregate, uint32_t k, size_t steps)
      : aggregate_(aggregate), k_(k), steps_(steps) {}

  // By how many bytes the groups have grown; below 0: shrunk.
  int64_t Add(const std::string& key, std::string_view labels,
              std::span<const double> column);
  // Leaves `from` without groups.
  void Join(RollupGroups& from);

  using Use = std::function<absl::Status(std::string_view key,
                                         std::string_view state)>;
  absl::Status ForEachState(const Use& use) const;

 private:
  struct Group {
    std::string key;
    std::variant<rollup::GroupColumns, rollup::BestSeries> state;

    int64_t bytes() const;
  };

  Group MakeGroup(const std::string& key) const;

  rollup::Aggregate aggregate_;
  uint32_t k_;
  size_t steps_;
  absl::flat_hash_map<std::string, size_t> index_;
  std::vector<Group> groups_;
};

}  // namespace varve::storenode

#endif  // VARVE_LIB_STORENODE_ROLLUP_GROUPS_H_
