#include "lib/ingest/series_rules.h"

#include "lib/ingest/tenant_labels.h"
#include "lib/relabel/prometheus_names.h"

namespace varve::ingest {

void SetLabel(const model::Label& label, std::vector<model::Label>& labels) {
  std::erase_if(labels, [&label](const model::Label& one) {
    return one.name == label.name;
  });
  labels.push_back(label);
}

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
  for (const model::Label& extra : extra_labels) SetLabel(extra, labels);
  if (parts_.prometheus_names) relabel::MakePrometheusNames(labels);
  const Rejection why = Relabel(labels);
  if (why != Rejection::kNone) return why;
  if (tenant != nullptr) *tenant = TakeTenantLabels(labels);
  return Rejection::kNone;
}

}  // namespace varve::ingest
