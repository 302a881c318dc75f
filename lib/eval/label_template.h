// A replacement text with references to a regular expression's groups.
//
// In:      `$1`, `${1}`, `$name`, `${name}`, `$$`; a name is as long as it can
//          be, so `$1x` is the group "1x". An unknown group is empty; a `$`
//          that starts no reference stands for itself.
// Threads: immutable after construction; the regex must outlive it.
// Source:  Go's regexp.Expand.
#ifndef VARVE_LIB_EVAL_LABEL_TEMPLATE_H_
#define VARVE_LIB_EVAL_LABEL_TEMPLATE_H_

#include <re2/re2.h>

#include <string>
#include <string_view>
#include <vector>

namespace varve::eval {

class LabelTemplate {
 public:
  LabelTemplate(const RE2& regex, std::string_view text);

  // False if `input` does not match; else `out` is the expanded text.
  bool Expand(std::string_view input, std::string& out) const;

  // `input` with each part that matches replaced by the expanded text.
  std::string ReplaceAll(std::string_view input) const;

 private:
  struct Piece {
    std::string text;
    int group = -1;  // -1: the text itself
  };
  // Reads the reference after the `$` at `text[at - 1]` and moves `at` on.
  bool ReadReference(std::string_view text, size_t& at);
  int GroupOf(std::string_view name) const;
  void AddText(std::string_view text);
  void AppendExpansion(const std::vector<re2::StringPiece>& groups,
                       std::string& out) const;

  const RE2& regex_;
  std::vector<Piece> pieces_;
};

}  // namespace varve::eval

#endif  // VARVE_LIB_EVAL_LABEL_TEMPLATE_H_
