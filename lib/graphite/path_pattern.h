// Patterns of Graphite's dotted paths, and expressions over tags.
//
//   a.b*.c?.[x-z]{one,two}
//
// `*` and `?` stand for characters other than the delimiter, `[…]` for one of a
// class, `{…}` for one of some patterns; nodes are separated by the delimiter.
//
// Errors:  InvalidArgument that shows the pattern.
// Threads: values and free functions without state.
// Source:  graphite.readthedocs.io "Paths and Wildcards", "Querying" of tags.
#ifndef VARVE_LIB_GRAPHITE_PATH_PATTERN_H_
#define VARVE_LIB_GRAPHITE_PATH_PATTERN_H_

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "lib/model/matcher.h"

namespace varve::graphite {

// Bounds what a pattern makes of the memory and the time of a regular
// expression.
inline constexpr size_t kPatternBytesMax = 1024;

class PathPattern {
 public:
  static absl::StatusOr<PathPattern> Parse(std::string_view text,
                                           char delimiter = '.');

  // Anchored RE2 of the names whose first nodes the pattern matches.
  std::string regex() const { return leaf_regex_ + below_regex_; }
  // Of those that end with the pattern's last node.
  const std::string& leaf_regex() const { return leaf_regex_; }
  // How many nodes it has; at least 1.
  size_t nodes() const { return nodes_; }
  char delimiter() const { return delimiter_; }

 private:
  std::string leaf_regex_;
  std::string below_regex_;
  size_t nodes_ = 1;
  char delimiter_ = '.';
};

// A place in the tree of names.
struct PathNode {
  std::string path;     // without a delimiter at its end
  bool is_leaf = false; // a name; else names are below it
  friend auto operator<=>(const PathNode&, const PathNode&) = default;
};

// Where `names`, that the pattern matched, stand at its last node: sorted,
// each once, one that is both a name and a branch as two.
std::vector<PathNode> NodesAt(const PathPattern& pattern,
                              const std::vector<std::string>& names);

// "tag=value", "tag!=value", "tag=~regex", "tag!=~regex": regular expressions
// match at the beginning. The tag `name` is the metric's name.
absl::StatusOr<model::Matcher> ParseTagExpression(std::string_view text);

// "name;tag=value;…" and back.
std::string TaggedPath(const model::LabelSet& labels);
absl::StatusOr<model::LabelSet> ParseTaggedPath(std::string_view text);

// The label of a tag, the tag of a label: `name` is __name__.
std::string_view LabelOfTag(std::string_view tag);
std::string_view TagOfLabel(std::string_view label);

}  // namespace varve::graphite

#endif  // VARVE_LIB_GRAPHITE_PATH_PATTERN_H_
