// The labels of one line of text, as views, to canonical bytes; nothing is
// allocated once its buffers have grown.
//
//   labels.Clear();
//   labels.Add("host", "a");
//   labels.Seal();
//   labels.AppendCanonical("cpu", canonical);  // again for each name
//
// Lifetime: the views outlive the last AppendCanonical.
// Threads:  belongs to one thread.
#ifndef VARVE_LIB_PROTOCOL_LINE_LABELS_H_
#define VARVE_LIB_PROTOCOL_LINE_LABELS_H_

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace varve::protocol {

class LineLabels {
 public:
  void Clear() { labels_.clear(); }
  // Labels without a name or a value are left out, and so is __name__, which
  // AppendCanonical sets.
  void Add(std::string_view name, std::string_view value);
  bool Has(std::string_view name) const;

  // Sorts; of a repeated name the last one stays.
  void Seal();
  // The labels and the metric's name ("" for none), as lib/model/label.h has
  // them. REQUIRES: Seal was called after the last Add.
  void AppendCanonical(std::string_view metric, std::string& out) const;
  // What AppendCanonical writes for each metric besides its name.
  size_t sealed_bytes() const { return before_.size() + after_.size(); }

 private:
  struct Label {
    std::string_view name;
    std::string_view value;
  };
  std::vector<Label> labels_;
  std::string before_;  // canonical bytes of the labels below __name__
  std::string after_;
};

}  // namespace varve::protocol

#endif  // VARVE_LIB_PROTOCOL_LINE_LABELS_H_
