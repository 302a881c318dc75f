// Takes native histograms and exemplars that rules hide out of a value.
//
// Unlike floats they are not joined when a day is over: their segments stay as
// they are unless a rule takes something out of them.
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

}  // namespace varve::storage

#endif  // VARVE_STORAGE_COMPACTION_KIND_REWRITE_H_
