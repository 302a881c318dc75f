// A tenant's name on all nodes that are up, before anything under it.
#ifndef VARVE_LIB_CLUSTER_NAME_REGISTRATION_H_
#define VARVE_LIB_CLUSTER_NAME_REGISTRATION_H_

#include "absl/status/status.h"
#include "lib/cluster/write_attempt.h"
#include "lib/model/tenant.h"

namespace varve::cluster {

// Once per view and name. Nodes that do not answer have failed the attempt.
// InvalidArgument where another name has the id or there is no room for more;
// Unavailable while a node that is up is of a release without names;
// ResourceExhausted when a node has no disk for it.
absl::Status RegisterName(WriteAttempt& attempt, const model::Tenant& named);

}  // namespace varve::cluster

#endif  // VARVE_LIB_CLUSTER_NAME_REGISTRATION_H_
