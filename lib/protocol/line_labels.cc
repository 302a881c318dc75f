#include "lib/protocol/line_labels.h"

#include <algorithm>

#include "lib/base/byte_coding.h"
#include "lib/model/label.h"

namespace varve::protocol {
namespace {

// stable_sort allocates; lines with more labels are refused by default.
constexpr size_t kInsertionSortMax = 64;

}  // namespace

void LineLabels::Add(std::string_view name, std::string_view value) {
  if (name.empty() || value.empty() || name == model::kMetricName) return;
  labels_.push_back({name, value});
}

bool LineLabels::Has(std::string_view name) const {
  return std::any_of(labels_.begin(), labels_.end(),
                     [name](const Label& label) { return label.name == name; });
}

void LineLabels::Seal() {
  const auto by_name = [](const Label& a, const Label& b) {
    return a.name < b.name;
  };
  if (labels_.size() > kInsertionSortMax) {
    std::stable_sort(labels_.begin(), labels_.end(), by_name);
  } else {
    for (size_t i = 1; i < labels_.size(); ++i) {
      const auto here = labels_.begin() + static_cast<ptrdiff_t>(i);
      std::rotate(std::upper_bound(labels_.begin(), here, *here, by_name),
                  here, here + 1);
    }
  }
  before_.clear();
  after_.clear();
  for (size_t i = 0; i < labels_.size(); ++i) {
    const Label& label = labels_[i];
    if (i + 1 < labels_.size() && labels_[i + 1].name == label.name) continue;
    std::string& part = label.name < model::kMetricName ? before_ : after_;
    base::PutLengthPrefixed(part, label.name);
    base::PutLengthPrefixed(part, label.value);
  }
}

void LineLabels::AppendCanonical(std::string_view metric,
                                 std::string& out) const {
  out.append(before_);
  if (!metric.empty()) {
    base::PutLengthPrefixed(out, model::kMetricName);
    base::PutLengthPrefixed(out, metric);
  }
  out.append(after_);
}

}  // namespace varve::protocol
