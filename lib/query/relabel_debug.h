// What relabeling rules make of a metric, step by step: the pages
// metric-relabel-debug and target-relabel-debug.
//
// In:      rules as of -relabelConfig (no environment is filled in), a metric
//          as up{job="x"} or job="x", each at most kDebugTextBytesMax.
// Out:     JSON in the shape vmui reads, labels in HTML, what changed marked;
//          or a page with a form.
// Errors:  are part of the answer.
// Threads: free functions without state.
#ifndef VARVE_LIB_QUERY_RELABEL_DEBUG_H_
#define VARVE_LIB_QUERY_RELABEL_DEBUG_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "lib/relabel/rule_set.h"
#include "net/http/server.h"

namespace varve::query {

inline constexpr size_t kDebugTextBytesMax = 64 << 10;

// Labels of a scraped target have more rules at the end: a missing instance
// is the address, and the address to scrape is made of internal labels.
enum class RelabelSubject { kMetric, kTarget };

struct RelabelSteps {
  relabel::Labels in;
  relabel::Labels out;
  std::vector<relabel::RuleSet::Step> steps;
  std::string target_url;  // of a target that has an address
};

absl::StatusOr<RelabelSteps> ExplainRelabeling(RelabelSubject subject,
                                               std::string_view metric,
                                               std::string_view rules);

std::string RelabelStepsJson(const absl::StatusOr<RelabelSteps>& result);
std::string RelabelStepsPage(const absl::StatusOr<RelabelSteps>& result,
                             std::string_view metric, std::string_view rules);

// Of both pages; they read no data. `from_root`: also without /select.
std::vector<http::Route> RelabelDebugRoutes(bool from_root);

}  // namespace varve::query

#endif  // VARVE_LIB_QUERY_RELABEL_DEBUG_H_
