// What an index needs after its database lost rows to damage.
#ifndef VARVE_STORAGE_INDEX_INDEX_REPAIR_H_
#define VARVE_STORAGE_INDEX_INDEX_REPAIR_H_

#include "absl/status/status.h"
#include "storage/kv/kv.h"

namespace varve::storage {

// Makes up for lost rows of `meta`, before Index::Open: ids are given out far
// above every id that label pages know, so that no new series gets the samples
// of a lost one. Nothing to do while the rows are there.
absl::Status RepairIndexMeta(KvDb& db);

}  // namespace varve::storage

#endif  // VARVE_STORAGE_INDEX_INDEX_REPAIR_H_
