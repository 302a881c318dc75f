#include "lib/ingest/series_rules.h"

#include "lib/ingest/tenant_labels.h"
#include "lib/relabel/prometheus_names.h"

namespace varve::ingest {

Rejection SeriesRules::Relabel(std::vector<model::Label>& labels) const {
  if (!parts_.relabeling) return Rejection::kNone;
  switch (parts_.relabeling->Apply(labels)) {
    case relabel::Outcome::kKept:
      break;
    case relabel::Outcome::kDropped:
      return Rejection::kDroppedByRelabeling;
    case relabel::Outcome::kTooLarge:
      return Rejection::kTooLargeRelabeled;
  }
  return Rejection::kNone;
}

Rejection SeriesRules::Apply(const std::vector<model::Label>& extra_labels,
                             std::vector<model::Label>& labels,
                             model::TenantId* tenant) const {
  for (const model::Label& extra : extra_labels) {
    std::erase_if(labels, [&extra](const model::Label& label) {
      return label.name == extra.name;
    });
    labels.push_back(extra);
  }
  if (parts_.prometheus_names) relabel::MakePrometheusNames(labels);
  const Rejection why = Relabel(labels);
  if (why != Rejection::kNone) return why;
  if (tenant != nullptr) *tenant = TakeTenantLabels(labels);
  return Rejection::kNone;
}

}  // namespace varve::ingest
