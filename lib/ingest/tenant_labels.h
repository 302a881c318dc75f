// The tenant of a series of a multitenant request, by its labels.
//
// vm_account_id and vm_project_id, which are taken out; where one is missing
// the older VictoriaMetrics_AccountID or VictoriaMetrics_ProjectID, which stay.
// What is missing, or no number below 2^32, is 0.
//
// Threads: a free function without state.
#ifndef VARVE_LIB_INGEST_TENANT_LABELS_H_
#define VARVE_LIB_INGEST_TENANT_LABELS_H_

#include <vector>

#include "lib/model/label.h"
#include "lib/model/tenant.h"

namespace varve::ingest {

model::TenantId TakeTenantLabels(std::vector<model::Label>& labels);

}  // namespace varve::ingest

#endif  // VARVE_LIB_INGEST_TENANT_LABELS_H_
