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

// Sets the name, and the path that later functions show.
void Rename(Series& series, std::string name);

// The paths of all, each once, by commas.
std::string PathsText(const SeriesList& series);

// All on one grid, that of the largest step.
absl::Status Align(Call& call, SeriesList& series);

// One series of the aggregated points of `series`, aligned already. Its tags
// are those that all have in common.
absl::StatusOr<Series> Combine(Call& call, const SeriesList& series,
                               Aggregation how, std::string name);

// Parts of the series' paths and values of its tags, by dots.
std::string NodesText(const Series& series,
                      const std::vector<const Target*>& nodes);

}  // namespace varve::graphite

#endif  // VARVE_LIB_GRAPHITE_FUNCTIONS_H_
