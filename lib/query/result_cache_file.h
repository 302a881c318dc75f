// Kept answers in a file, from one run of a select node to the next.
//
// They are as valid as in memory: whoever finds one asks the storage nodes. A
// file of another configuration is not read, since answers depend on it; of a
// damaged one what comes before the damage is. Answers with native histograms
// are not saved.
//
// Format:  docs/formats/result_cache.md.
// Errors:  Unavailable names the file and what the system said. NotFound when
//          there is no file; DataLoss for a damaged one.
// Threads: one call at a time for a path.
#ifndef VARVE_LIB_QUERY_RESULT_CACHE_FILE_H_
#define VARVE_LIB_QUERY_RESULT_CACHE_FILE_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "lib/query/result_cache.h"

namespace varve::query {

// Replaces the file when all is written. How many answers it has.
absl::StatusOr<int64_t> SaveResults(const std::string& path,
                                    uint64_t configuration,
                                    const ResultCache& cache);

// Puts the file's answers into `cache`; how many. 0 when the file is of
// another configuration.
absl::StatusOr<int64_t> LoadResults(const std::string& path,
                                    uint64_t configuration, ResultCache& cache);

}  // namespace varve::query

#endif  // VARVE_LIB_QUERY_RESULT_CACHE_FILE_H_
