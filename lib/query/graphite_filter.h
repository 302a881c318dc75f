// Selectors by Graphite's paths: {__graphite__="web.*.load"} selects the
// series whose names the pattern matches as a whole.
//
// In:      groups of matchers, some of the label __graphite__. Patterns are
//          those of lib/graphite/path_pattern.h; besides, (a|b) is {a,b} and
//          (.*) is *, as dashboards fill in variables of several values. Both
//          = and =~ take a pattern, != and !~ the names that do not match. In
//          a query, one behind =~ or !~ is read as a regular expression first
//          and refused if it is none: *.load.
// Out:     the same groups with matchers of __name__ in their place.
// Errors:  InvalidArgument that shows the pattern.
// Threads: a free function without state.
// Source:  VictoriaMetrics README, "Selecting Graphite metrics".
#ifndef VARVE_LIB_QUERY_GRAPHITE_FILTER_H_
#define VARVE_LIB_QUERY_GRAPHITE_FILTER_H_

#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "lib/model/matcher.h"

namespace varve::query {

inline constexpr std::string_view kGraphiteLabel = "__graphite__";

absl::Status PathsToNames(std::vector<model::Matchers>& groups);

}  // namespace varve::query

#endif  // VARVE_LIB_QUERY_GRAPHITE_FILTER_H_
