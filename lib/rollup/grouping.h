// Which group of an aggregation a series belongs to.
//
// A group's key is the canonical bytes (lib/model/label.h) of its labels.
//
// Threads: immutable after construction.
// Source:  prometheus/prometheus promql/engine.go, generateGroupingKey (3.5).
#ifndef VARVE_LIB_ROLLUP_GROUPING_H_
#define VARVE_LIB_ROLLUP_GROUPING_H_

#include <string>
#include <string_view>
#include <vector>

#include "lib/model/label.h"

namespace varve::rollup {

// __name__, __type__ and __unit__: what describes the metric and not its
// instance; results of arithmetic lose them.
bool IsMetadataLabel(std::string_view name);

class Grouping {
 public:
  // by (names), or without (names).
  Grouping(bool without, std::vector<std::string> names);

  // Replaces `key` by the key of the series' group. `without_metadata`: the
  // series has lost its metadata labels, although `labels` still has them.
  void Key(const model::LabelSet& labels, bool without_metadata,
           std::string& key) const;
  // The same of canonical bytes; false for bytes that are none.
  bool Key(std::string_view labels, bool without_metadata,
           std::string& key) const;
  model::LabelSet Labels(const model::LabelSet& labels,
                         bool without_metadata) const;

 private:
  bool Keeps(std::string_view name, bool without_metadata) const;

  const bool without_;
  std::vector<std::string> names_;  // sorted
};

}  // namespace varve::rollup

#endif  // VARVE_LIB_ROLLUP_GROUPING_H_
