#include "lib/query/select_role.h"

#include <utility>

#include "lib/base/clock.h"
#include "lib/base/status.h"

namespace varve::query {

absl::StatusOr<std::unique_ptr<SelectRole>> SelectRole::Make(
    const SelectFlags& flags, cluster::NodeSet* nodes,
    telemetry::Metrics* metrics) {
  ASSIGN_OR_RETURN(SelectOptions options, flags.Options());
  ASSIGN_OR_RETURN(cluster::ReaderOptions reader_options,
                   flags.ReaderOptions());
  std::unique_ptr<SelectRole> role(
      new SelectRole(std::move(options), std::move(reader_options),
                     flags.workers_max(), nodes, metrics));
  role->api_.LoadKeptAnswers();
  return role;
}

SelectRole::SelectRole(SelectOptions options,
                       cluster::ReaderOptions reader_options,
                       int64_t workers_max, cluster::NodeSet* nodes,
                       telemetry::Metrics* metrics)
    : reader_(nodes, std::move(reader_options)),
      deleter_(nodes, &base::SystemClock()),
      storage_(&reader_, &deleter_),
      pool_("query", static_cast<size_t>(workers_max)),
      api_(std::move(options), &storage_, metrics, &pool_,
           &base::SystemClock()) {}

}  // namespace varve::query
