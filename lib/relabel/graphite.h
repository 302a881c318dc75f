// `match` and `labels` of the graphite action: parts of a dotted metric name.
//
//   match: foo.*.*.bar      a * is any text without a dot, also none
//   labels: {job: $1, instance: "${2}:8080"}      $0 is the whole name
//
// Threads: immutable, may be shared.
#ifndef VARVE_LIB_RELABEL_GRAPHITE_H_
#define VARVE_LIB_RELABEL_GRAPHITE_H_

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace varve::relabel {

class GraphitePattern {
 public:
  GraphitePattern() = default;
  explicit GraphitePattern(std::string_view pattern);

  // Fills `groups` with the name and what each * stands for. A * ends where
  // the text behind it in the pattern first occurs.
  bool Match(std::string_view name,
             std::vector<std::string_view>& groups) const;

 private:
  std::vector<std::string> parts_;  // "*" for a star
};

// $1 and ${1}; what names no group stays as it is written.
class GraphiteTemplate {
 public:
  explicit GraphiteTemplate(std::string_view text);

  // Appends to `out`; false when it would hold more than `bytes_max`.
  bool Append(std::span<const std::string_view> groups, size_t bytes_max,
              std::string& out) const;

 private:
  struct Part {
    std::string text;  // as written
    int group = -1;
  };
  // Takes what begins with a dollar off the front.
  Part TakeGroup(std::string_view& text);

  std::vector<Part> parts_;
};

}  // namespace varve::relabel

#endif  // VARVE_LIB_RELABEL_GRAPHITE_H_
