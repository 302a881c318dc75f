// What two digests of one span have unlike, and how it is pulled in searches
// of bounded size.
//
// Threads: values and free functions without state.
#ifndef VARVE_LIB_REPAIR_DIGEST_DIFFERENCE_H_
#define VARVE_LIB_REPAIR_DIGEST_DIFFERENCE_H_

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "lib/repair/sample_digest.h"
#include "proto/varve_rpc.pb.h"

namespace varve::repair {

// Appends the rows of a message; of totals one a kind.
void AppendRows(const proto::DigestResponse& message,
                std::vector<DigestRow>& rows);

// An hour of a part of the slots.
struct DigestUnit {
  uint8_t hour = 0;
  uint16_t part = 0;
  DigestTotals own;
  DigestTotals theirs;
};

// Where they have samples and a digest is not the own one; by hour and part.
std::vector<DigestUnit> UnlikeUnits(std::span<const DigestRow> own,
                                    std::span<const DigestRow> theirs);

// Units that are searched as one: all of the parts in all of the hours.
struct UnitBatch {
  uint8_t first_hour = 0;
  uint8_t last_hour = 0;
  std::vector<uint16_t> parts;
  std::vector<const DigestUnit*> units;
};

// Covers `units`, each once, with batches of about `samples_max` samples at
// most (native histograms count for 16); a unit is not divided. The batches
// refer to the units.
std::vector<UnitBatch> BatchesOf(std::span<const DigestUnit> units,
                                 uint64_t samples_max);

}  // namespace varve::repair

#endif  // VARVE_LIB_REPAIR_DIGEST_DIFFERENCE_H_
