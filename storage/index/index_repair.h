// What an index needs after its database lost rows to damage.
#ifndef VARVE_STORAGE_INDEX_INDEX_REPAIR_H_
#define VARVE_STORAGE_INDEX_INDEX_REPAIR_H_

#include "absl/status/status.h"
#include "storage/kv/kv.h"

namespace varve::storage {

// Makes up for lost rows of `meta`, before Index::Open: reads all of them, and
// where one may be lost, or only an older one be left, ids are given out far
// above every id that the other rows know, so that no new series gets the
// samples of an old one. Nothing to do while the rows are sound.
absl::Status RepairIndexMeta(KvDb& db);

}  // namespace varve::storage

#endif  // VARVE_STORAGE_INDEX_INDEX_REPAIR_H_
