// The `regex` of a relabeling rule: RE2, dot matches newline.
//
// Most rules ask for names: alternatives without special characters, or such
// with .* or .+ behind them, are found by a hash set and by prefixes; RE2 is
// asked only where that says no and other alternatives are left.
//
// Errors:  InvalidArgument for what does not parse, or takes more than
//          `bytes_max` of memory when compiled; the text names it.
// Threads: immutable, may be shared.
#ifndef VARVE_LIB_RELABEL_REGEX_H_
#define VARVE_LIB_RELABEL_REGEX_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/status/statusor.h"

namespace re2 {
class RE2;
}

namespace varve::relabel {

class Regex {
 public:
  // What a rule without `regex` has: (.*).
  Regex() = default;
  static absl::StatusOr<Regex> Make(std::string_view pattern,
                                    int64_t bytes_max);

  // True for (.*) and .*, which all texts match; both have the group 1.
  bool is_any() const { return any_; }

  // Whether it matches the whole text.
  bool Matches(std::string_view text) const;
  // The same, and what its groups matched: groups[0] is the text.
  bool Capture(std::string_view text,
               std::vector<std::string_view>& groups) const;
  // The leftmost match that begins at `from` or later.
  bool Find(std::string_view text, size_t from,
            std::vector<std::string_view>& groups) const;

  // The number of a named group; -1 when there is none.
  int GroupOf(std::string_view name) const;

 private:
  struct Prefix {
    std::string text;
    bool more = false;  // at least one byte follows
  };
  // Sorts the alternatives into those below; true when none is left over.
  bool FindShortcuts(std::string_view pattern);
  bool MatchesShortcut(std::string_view text) const;

  bool any_ = true;
  absl::flat_hash_set<std::string> literals_;
  std::vector<Prefix> prefixes_;
  bool only_shortcuts_ = true;
  std::shared_ptr<const re2::RE2> re2_;  // null for any_
};

}  // namespace varve::relabel

#endif  // VARVE_LIB_RELABEL_REGEX_H_
