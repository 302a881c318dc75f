// Bits of Hello::features: what a peer understands beyond version 1's minimum.
//
// A sender uses a feature only when the receiver's HELLO has its bit; a bit
// keeps its meaning for ever.
#ifndef VARVE_LIB_WIRE_FEATURES_H_
#define VARVE_LIB_WIRE_FEATURES_H_

#include <cstdint>

namespace varve::wire {

enum Feature : uint64_t {
  kFeatureFloats = 1u << 0,      // data sections of kind 0 are decoded
  kFeatureHistograms = 1u << 1,  // kind 1, and series batches of kind 2
  kFeatureExemplars = 1u << 2,   // kind 2, in the same batches
  kFeatureMetadata = 1u << 3,    // kind 3
  kFeatureMissed = 1u << 4,      // MISSED records are kept and listed
  kFeatureDelete = 1u << 5,      // DELETE is understood
  kFeatureLz4 = 1u << 6,         // DATA frames of coding 1
  // COVERAGE, ROLLUP, and SEARCH for a coverage version
  kFeatureRollup = 1u << 7,
  kFeatureStarts = 1u << 8,  // kind 4, and series batches of kind 3
  kFeatureTenantNames = 1u << 9,  // TENANTNAMES, and names of tenants in reads
  kFeatureHints = 1u << 10,  // HINTDEFINE, HINTDATA, HINTSTATUS, HINTREPLAY
  kFeatureDigests = 1u << 11,  // DIGEST
  kFeatureCompared = 1u << 12,  // COMPARED
  // SEARCH for a coverage version ends at damage, before what lacks samples
  kFeatureEndsAtDamage = 1u << 13,
};

// What this release understands.
inline constexpr uint64_t kFeatures =
    kFeatureFloats | kFeatureHistograms | kFeatureExemplars |
    kFeatureMetadata | kFeatureMissed | kFeatureDelete | kFeatureLz4 |
    kFeatureRollup | kFeatureStarts | kFeatureTenantNames | kFeatureHints |
    kFeatureDigests | kFeatureCompared | kFeatureEndsAtDamage;

}  // namespace varve::wire

#endif  // VARVE_LIB_WIRE_FEATURES_H_
