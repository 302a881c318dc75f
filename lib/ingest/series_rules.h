// From the labels a series came with to the labels it shall be stored under.
// Asked once for each series that is not in the table of known series; what
// comes out is then held against the limits of its tenant (series_check.h).
//
// Lifetime: immutable; a reload makes a new one and gives it to the inserter,
//           which then asks again for every series.
// Threads:  all members from any thread.
#ifndef VARVE_LIB_INGEST_SERIES_RULES_H_
#define VARVE_LIB_INGEST_SERIES_RULES_H_

#include <memory>
#include <utility>
#include <vector>

#include "lib/ingest/series_table.h"
#include "lib/model/label.h"
#include "lib/model/tenant.h"
#include "lib/relabel/rule_set.h"

namespace varve::ingest {

// The label instead of any of its name.
void SetLabel(const model::Label& label, std::vector<model::Label>& labels);

struct SeriesRuleParts {
  bool prometheus_names = false;  // -usePromCompatibleNaming
  std::shared_ptr<const relabel::RuleSet> relabeling;  // null: none
};

class SeriesRules {
 public:
  explicit SeriesRules(SeriesRuleParts parts) : parts_(std::move(parts)) {}

  // In this order: sets `extra_labels`, which win over those of the series;
  // makes names those of Prometheus; relabels; takes the tenant out of the
  // labels (tenant_labels.h) where `tenant` is not null. `labels` may come
  // unsorted and repeated. A rejection can only be one of relabeling; `labels`
  // then have no meaning.
  Rejection Apply(const std::vector<model::Label>& extra_labels,
                  std::vector<model::Label>& labels,
                  model::TenantId* tenant = nullptr) const;

  const SeriesRuleParts& parts() const { return parts_; }

 private:
  Rejection Relabel(std::vector<model::Label>& labels) const;

  const SeriesRuleParts parts_;
};

}  // namespace varve::ingest

#endif  // VARVE_LIB_INGEST_SERIES_RULES_H_
