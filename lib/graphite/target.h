// The language of Graphite's targets: paths and calls of functions.
//
//   aliasByNode(scale(servers.*.cpu{0,1}, factor=0.1), 1)
//   servers.*.load|sumSeries()|alias('all')
//
// In:      at most kTargetBytesMax bytes; calls nest at most kTargetDepthMax
//          deep, so that no text overflows a stack.
// Errors:  InvalidArgument that shows the target and the place.
// Threads: values and free functions without state.
// Source:  graphite.readthedocs.io "Functions", "The Render URL API".
#ifndef VARVE_LIB_GRAPHITE_TARGET_H_
#define VARVE_LIB_GRAPHITE_TARGET_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace varve::graphite {

inline constexpr size_t kTargetBytesMax = 64 << 10;
inline constexpr int kTargetDepthMax = 64;

struct Target {
  enum class Kind : uint8_t { kPath, kCall, kNumber, kText, kBool, kNone };

  Kind kind = Kind::kPath;
  // The path, the function's name, or what stands in quotes; of the others as
  // written.
  std::string text;
  double number = 0;  // of kNumber; of kBool 0 or 1
  std::string keyword;  // of an argument "keyword=…"
  std::vector<Target> arguments;  // of kCall
  int depth = 0;  // of a call: 1 more than the deepest of its arguments
};

absl::StatusOr<Target> ParseTarget(std::string_view text);

// A text that parses to the same.
std::string TargetText(const Target& target);

// The first path in a series' name, which may be that of calls: "a.b" of
// "scale(sumSeries(a.b,c),2)"; tags ";x=y" are left out.
std::string FirstPath(std::string_view name);

}  // namespace varve::graphite

#endif  // VARVE_LIB_GRAPHITE_TARGET_H_
