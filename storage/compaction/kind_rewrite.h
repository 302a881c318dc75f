// Takes what rules hide of native histograms, exemplars and start timestamps
// out of a value.
//
// Unlike floats the first two are not joined when a day is over: their segments
// stay as they are unless a rule takes something out of them. Start timestamps
// are: a day's are one short segment then.
//
// Threads: free functions without state.
#ifndef VARVE_STORAGE_COMPACTION_KIND_REWRITE_H_
#define VARVE_STORAGE_COMPACTION_KIND_REWRITE_H_

#include <cstdint>
#include <string>

#include "storage/compaction/series_rules.h"

namespace varve::storage {

// `segments` are of kinds histogram and exemplars only. True when it was
// replaced by fewer rows, of the largest generation there was; damaged
// segments leave it as it is.
bool RewriteKinds(const SeriesRules& rules, int64_t now_ms,
                  std::string& segments);

// Likewise of kind start timestamps only. True when it was replaced: something
// was hidden, or there were several segments.
bool RewriteStarts(const SeriesRules& rules, std::string& segments);

}  // namespace varve::storage

#endif  // VARVE_STORAGE_COMPACTION_KIND_REWRITE_H_
