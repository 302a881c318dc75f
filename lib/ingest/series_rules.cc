#include "lib/ingest/series_rules.h"

namespace varve::ingest {

void SeriesRules::Apply(const std::vector<model::Label>& extra_labels,
                        std::vector<model::Label>& labels) const {
  for (const model::Label& extra : extra_labels) {
    std::erase_if(labels, [&extra](const model::Label& label) {
      return label.name == extra.name;
    });
    labels.push_back(extra);
  }
}

}  // namespace varve::ingest
