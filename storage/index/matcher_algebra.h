// Matchers as set algebra over postings, before any label is decoded.
//
// Each matcher becomes a set to keep (it does not match "") or a set to take
// away (it does). Order: exact values by size, smallest first; then scans over
// values, bounded by a regular expression's literal prefix; sets to take away
// last. An alternation of literals is looked up, not scanned; what a scan found
// is kept by the source, where that pays.
//
// Errors:  InvalidArgument for a bad regular expression; DataLoss from the
//          source; what `alive` says, asked between the values of a scan.
// Threads: PreparedGroups is immutable.
// Source:  Prometheus' PostingsForMatchers for the treatment of "".
#ifndef VARVE_STORAGE_INDEX_MATCHER_ALGEBRA_H_
#define VARVE_STORAGE_INDEX_MATCHER_ALGEBRA_H_

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "lib/base/alive.h"
#include "lib/model/matcher.h"
#include "storage/index/posting_source.h"

namespace varve::storage {

class PreparedGroups {
 public:
  // `alive` may be null; else it outlives the groups.
  static absl::StatusOr<PreparedGroups> Make(
      std::span<const model::Matchers> groups,
      const base::Alive* alive = nullptr);

  // No groups, or one without matchers: every series.
  bool all() const { return all_; }
  // Adds the ids of the series of `source` that match any group.
  absl::Status AddMatching(const PostingSource& source, IdSet& ids) const;

 private:
  struct Term {
    std::optional<model::CompiledMatcher> matcher;  // of scans
    std::string name;
    bool keep = true;    // else take away
    bool scan = false;
    bool wanted = true;  // scans: values that match, or that do not
    std::vector<std::string> values;  // when not a scan
    std::string prefix;               // of scans
    std::string scan_key;             // names its result
    size_t values_unasked = 1;  // scans: values judged between two `alive`
  };
  struct Group {
    std::vector<Term> terms;
    bool never = false;
  };

  static absl::Status AddTerm(const model::Matcher& matcher, Group& group);
  absl::Status AddIds(const Term& term, const PostingSource& source,
                      IdSet& ids) const;
  // What `result` has in common with the term; all of the term for the first.
  absl::Status Keep(const Term& term, const PostingSource& source,
                    std::optional<IdSet>& result) const;
  absl::Status TakeAway(const Term& term, const PostingSource& source,
                        IdSet& result) const;
  // The terms to keep, the smallest postings first. Scans last: they are dear,
  // and spared when nothing is left.
  static absl::StatusOr<std::vector<const Term*>> InOrder(
      const Group& group, const PostingSource& source);
  absl::StatusOr<IdSet> Matching(const Group& group,
                                 const PostingSource& source) const;

  std::vector<Group> groups_;
  bool all_ = false;
  const base::Alive* alive_ = nullptr;
};

// "a|b\.c|(d|e)" and its like: the strings it matches; nothing when the
// expression is not an alternation of literals.
std::optional<std::vector<std::string>> RegexLiterals(std::string_view regex);
// What every match begins with.
std::string RegexPrefix(std::string_view regex);

}  // namespace varve::storage

#endif  // VARVE_STORAGE_INDEX_MATCHER_ALGEBRA_H_
