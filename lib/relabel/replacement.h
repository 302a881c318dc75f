// The `replacement` of a rule, or its `target_label`: text with $1, ${1},
// ${name}, $$ for a dollar and, where asked for, {{label}} for the value of a
// label. What a group or label does not have is the empty text.
//
// Threads: immutable after parsing, may be shared.
// Source:  Go's regexp.Expand for the dollars: $1x is the group named 1x.
#ifndef VARVE_LIB_RELABEL_REPLACEMENT_H_
#define VARVE_LIB_RELABEL_REPLACEMENT_H_

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lib/model/label.h"
#include "lib/relabel/regex.h"

namespace varve::relabel {

using Labels = std::vector<model::Label>;

// The value of the first label with this name; "" when there is none.
std::string_view ValueOf(const Labels& labels, std::string_view name);

class Replacement {
 public:
  enum class LabelReferences : bool { kNo, kYes };

  Replacement() = default;
  Replacement(std::string_view text, const Regex& regex,
              LabelReferences references);

  // True when the result depends on what the regex matched.
  bool has_groups() const { return has_groups_; }
  // Appends to `out`; false when it would hold more than `bytes_max`.
  bool Append(std::span<const std::string_view> groups, const Labels& labels,
              size_t bytes_max, std::string& out) const;

 private:
  struct Part {
    enum class Kind : uint8_t { kText, kGroup, kLabel } kind;
    std::string text;  // of kText; the label's name of kLabel
    int group = -1;    // of kGroup
  };
  void AddText(std::string_view text);
  void AddGroup(std::string_view name, const Regex& regex);
  void ParseGroups(std::string_view text, const Regex& regex);

  std::vector<Part> parts_;
  bool has_groups_ = false;
};

}  // namespace varve::relabel

#endif  // VARVE_LIB_RELABEL_REPLACEMENT_H_
