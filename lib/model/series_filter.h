// Which series a rule is about: matchers over labels and tenant, as operators
// write them in -retentionFilter and -downsampling.period.
//
// The pseudo-labels vm_account_id and vm_project_id are the tenant's numbers;
// a named tenant has neither. No matchers: every series.
//
// Errors:  InvalidArgument for a regular expression that does not compile.
// Threads: a SeriesFilter is immutable and may be shared.
#ifndef VARVE_LIB_MODEL_SERIES_FILTER_H_
#define VARVE_LIB_MODEL_SERIES_FILTER_H_

#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "lib/model/label.h"
#include "lib/model/matcher.h"
#include "lib/model/tenant.h"

namespace varve::model {

class SeriesFilter {
 public:
  SeriesFilter() = default;
  static absl::StatusOr<SeriesFilter> Make(const Matchers& matchers);

  // `labels` are canonical bytes.
  bool Matches(const TenantId& tenant, std::string_view labels) const;
  bool Matches(const TenantId& tenant, const LabelSet& labels) const;

 private:
  template <typename ValueOf>
  bool MatchesAll(const TenantId& tenant, const ValueOf& value_of) const;

  std::vector<CompiledMatcher> matchers_;
};

// Matching series are kept for so long instead of the node's retention.
struct RetentionFilter {
  SeriesFilter filter;
  int64_t retention_ms = 0;
};

}  // namespace varve::model

#endif  // VARVE_LIB_MODEL_SERIES_FILTER_H_
