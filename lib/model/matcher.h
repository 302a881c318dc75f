// What a selector asks of one label.
//
// An absent label is the empty value. Regular expressions are RE2, anchored
// at both ends, dot matches newline, as in Prometheus.
//
// Threads: a CompiledMatcher is immutable and may be shared.
#ifndef VARVE_LIB_MODEL_MATCHER_H_
#define VARVE_LIB_MODEL_MATCHER_H_

#include <compare>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "lib/model/label.h"

namespace re2 {
class RE2;
}

namespace varve::model {

enum class MatchType : uint8_t {
  kEqual = 0,
  kNotEqual = 1,
  kRegex = 2,
  kNotRegex = 3
};

struct Matcher {
  MatchType type = MatchType::kEqual;
  std::string name;
  std::string value;
  friend auto operator<=>(const Matcher&, const Matcher&) = default;

  bool is_regex() const { return type >= MatchType::kRegex; }
  bool is_negative() const {
    return type == MatchType::kNotEqual || type == MatchType::kNotRegex;
  }
  // name="value", name!~"value" …
  std::string Text() const;
};

// All must match. Or-ed groups (MetricsQL) are several of these.
using Matchers = std::vector<Matcher>;

class CompiledMatcher {
 public:
  // InvalidArgument for a regular expression that does not parse or is
  // larger than 1 MiB compiled; the text names it.
  static absl::StatusOr<CompiledMatcher> Make(Matcher matcher);

  const Matcher& matcher() const { return matcher_; }
  bool Matches(std::string_view value) const;
  bool MatchesEmpty() const { return matches_empty_; }
  // Null unless the matcher is a regular expression.
  const re2::RE2* regex() const { return regex_.get(); }

 private:
  CompiledMatcher() = default;
  Matcher matcher_;
  std::shared_ptr<const re2::RE2> regex_;
  bool matches_empty_ = false;
};

}  // namespace varve::model

#endif  // VARVE_LIB_MODEL_MATCHER_H_
