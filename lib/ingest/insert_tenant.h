// Whose data a request brings.
#ifndef VARVE_LIB_INGEST_INSERT_TENANT_H_
#define VARVE_LIB_INGEST_INSERT_TENANT_H_

#include "lib/model/tenant.h"

namespace varve::ingest {

struct InsertTenant {
  model::Tenant tenant;  // of no meaning with in_labels
  // `multitenant`: labels of each series say whose it is (tenant_labels.h).
  bool in_labels = false;
};

}  // namespace varve::ingest

#endif  // VARVE_LIB_INGEST_INSERT_TENANT_H_
