// The families of functions, and what they share. For lib/graphite's .cc files.
#ifndef VARVE_LIB_GRAPHITE_FUNCTIONS_H_
#define VARVE_LIB_GRAPHITE_FUNCTIONS_H_

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/graphite/evaluate.h"

namespace varve::graphite {

const std::vector<FunctionInfo>& CombineFunctions();    // several to one
const std::vector<FunctionInfo>& GroupFunctions();      // … by parts of names
const std::vector<FunctionInfo>& TransformFunctions();  // point by point
const std::vector<FunctionInfo>& WindowFunctions();     // over time
const std::vector<FunctionInfo>& NameFunctions();       // other names
const std::vector<FunctionInfo>& PickFunctions();       // fewer, or sorted

// "%g"
std::string NumberText(double value);

inline constexpr size_t kNameBytesMax = 64 << 10;  // of a series' name
inline constexpr size_t kPathsBytesMax = 4 << 10;  // of a list of paths

// Every name goes through one of these two: ResourceExhausted for one over
// kNameBytesMax; what it is longer than the one before is charged for.
// Alias sets the name only, Rename the path too that later functions show.
absl::Status Alias(Call& call, Series& series, std::string name);
absl::Status Rename(Call& call, Series& series, std::string name);

// The paths of all, each once, by commas; "…" for those after `bytes_max`.
std::string PathsText(const SeriesList& series,
                      size_t bytes_max = kPathsBytesMax);

// Asks the host, after each million of values worked on, whether to go on.
class WorkMeter {
 public:
  explicit WorkMeter(Host& host) : host_(host) {}
  absl::Status Add(size_t values) {
    work_ += values;
    if (work_ < kWorkBetweenChecks) return absl::OkStatus();
    work_ = 0;
    return host_.CheckAlive();
  }

 private:
  static constexpr size_t kWorkBetweenChecks = 1'000'000;
  Host& host_;
  size_t work_ = 0;
};

// All on one grid, that of the largest step.
absl::Status Align(Call& call, SeriesList& series);

// One series of the aggregated points of `series`, aligned already. Its tags
// are those that all have in common.
absl::StatusOr<Series> Combine(Call& call, const SeriesList& series,
                               Aggregation how, std::string name);

// Parts of the series' paths and values of its tags, by dots. Nodes after
// kNameBytesMax are left out: Alias and Rename refuse such a text.
std::string NodesText(const Series& series,
                      const std::vector<const Target*>& nodes);

}  // namespace varve::graphite

#endif  // VARVE_LIB_GRAPHITE_FUNCTIONS_H_
