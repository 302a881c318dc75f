// Names, keys and options of the families in a node's data/ database; drawn in
// docs/formats/storage_directory.md.
//
// Threads: free functions without state.
#ifndef VARVE_STORAGE_ENGINE_DATA_FAMILIES_H_
#define VARVE_STORAGE_ENGINE_DATA_FAMILIES_H_

#include <string_view>

#include "storage/kv/kv.h"

namespace varve::storage {

// Families besides the days'.
inline constexpr std::string_view kMetaFamily = "meta";
inline constexpr std::string_view kClosedFamily = "closed";

// Keys of the meta family. A watermark is the log position below which
// everything is in blocks, and the next head generation: two u64 LE.
inline constexpr std::string_view kWatermarkKey = "watermark";
inline constexpr std::string_view kStatePrefix = "state/";
inline constexpr std::string_view kRowsPrefix = "rows/";  // + day i32 BE: u64

KvFamilyOptions DataFamilyOptions(std::string_view name);

}  // namespace varve::storage

#endif  // VARVE_STORAGE_ENGINE_DATA_FAMILIES_H_
