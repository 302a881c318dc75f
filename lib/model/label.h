// Labels and label sets, the identity of a series.
//
// A label set is sorted by name (bytewise), has no empty values and no name
// twice; the metric's name is the label "__name__".
//
// The canonical bytes of a label set, stored and hashed everywhere, are for
// each label in order: varint size and bytes of the name, varint size and
// bytes of the value.
#ifndef VARVE_LIB_MODEL_LABEL_H_
#define VARVE_LIB_MODEL_LABEL_H_

#include <compare>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "lib/base/hash.h"
#include "lib/model/tenant.h"

namespace varve::model {

inline constexpr std::string_view kMetricName = "__name__";

struct Label {
  std::string name;
  std::string value;
  friend auto operator<=>(const Label&, const Label&) = default;
};

class LabelSet {
 public:
  LabelSet() = default;
  LabelSet(std::initializer_list<Label> labels);
  // Sorts; drops empty values; of a repeated name the last one stays.
  explicit LabelSet(std::vector<Label> labels);

  bool empty() const { return labels_.empty(); }
  size_t size() const { return labels_.size(); }
  auto begin() const { return labels_.begin(); }
  auto end() const { return labels_.end(); }
  const std::vector<Label>& labels() const { return labels_; }

  // "" when the label is absent.
  std::string_view Get(std::string_view name) const;
  bool Has(std::string_view name) const { return !Get(name).empty(); }
  // An empty value removes the label.
  void Set(std::string_view name, std::string_view value);
  void Remove(std::string_view name) { Set(name, {}); }

  // {__name__="up", job="x"} as up{job="x"}, for errors and logs.
  std::string Text() const;

  // Bytewise by name and value, label after label, as Prometheus sorts.
  friend auto operator<=>(const LabelSet&, const LabelSet&) = default;
  template <typename H>
  friend H AbslHashValue(H state, const LabelSet& set) {
    for (const Label& label : set.labels_) {
      state = H::combine(std::move(state), label.name, label.value);
    }
    return H::combine(std::move(state), set.labels_.size());
  }

 private:
  std::vector<Label> labels_;
};

void AppendCanonicalBytes(std::string& out, const LabelSet& labels);
// DataLoss for missing or surplus bytes, unsorted or repeated names, empty
// names or values.
absl::StatusOr<LabelSet> ParseCanonicalBytes(std::string_view bytes);

// xxh3-128 over the tenant's key and the canonical bytes: the same on every
// node; replicas merge by it; its top 16 bits are the slot.
using SeriesHash = base::Hash128;
SeriesHash HashSeries(const TenantId& tenant, std::string_view canonical);

inline uint16_t SlotOf(const SeriesHash& hash) {
  return static_cast<uint16_t>(hash.high >> 48);
}

}  // namespace varve::model

#endif  // VARVE_LIB_MODEL_LABEL_H_
