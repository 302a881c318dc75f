#include "lib/ingest/series_rules.h"

namespace varve::ingest {
namespace {

void SetExtraLabels(const std::vector<model::Label>& extra_labels,
                    std::vector<model::Label>& labels) {
  for (const model::Label& extra : extra_labels) {
    std::erase_if(labels, [&extra](const model::Label& label) {
      return label.name == extra.name;
    });
    labels.push_back(extra);
  }
}

}  // namespace

Rejection SeriesRules::Apply(const std::vector<model::Label>& extra_labels,
                             std::vector<model::Label>& labels) const {
  SetExtraLabels(extra_labels, labels);
  const Rejection why = CheckSeries(labels, limits_);
  if (why != Rejection::kNone) return why;
  // Before a LabelSet sees them: of x="1",x="" it would keep the last, none.
  std::erase_if(labels,
                [](const model::Label& label) { return label.value.empty(); });
  return Rejection::kNone;
}

}  // namespace varve::ingest
