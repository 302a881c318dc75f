// The calls roles make of one another: numbers of net/rpc methods, version 1.
// Numbers are never used again for something else.
#ifndef VARVE_LIB_WIRE_METHODS_H_
#define VARVE_LIB_WIRE_METHODS_H_

#include <cstdint>

namespace varve::wire {

inline constexpr uint32_t kWireVersion = 1;

enum Method : uint8_t {
  // insert -> storage
  kPing = 1,    // empty -> empty
  kDefine = 2,  // proto DefineRequest -> DefineResponse, after its fsync
  kData = 3,    // DataFrame (lib/wire/data_frame.h) -> proto Ack
  kMissed = 4,  // proto Missed -> Ack
  kPutRing = 6, // proto Ring -> empty
  kGetRings = 7,  // empty -> proto RingList
  // proto TenantNames -> TenantNamesResponse, after its fsync
  kTenantNames = 8,
  // To the holder of hints for a node that is down.
  kHintDefine = 9,  // proto HintDefineRequest -> HintDefineResponse
  kHintData = 10,   // owner:u64le, DataFrame -> proto HintAck
  // storage -> storage, over the port for insert
  kHintStatus = 11,  // proto HintStatusRequest -> HintStatusResponse
  kHintReplay = 12,  // DataFrame -> proto Ack; accept_ms stays as it is
  kCompared = 14,  // proto ComparedRequest -> ComparedResponse
  // insert -> storage: empty -> stream of proto MissedList, those records that
  // came from levels above
  kGetMissed = 13,
  // select -> storage
  kDelete = 5,  // proto DeleteRequest -> DeleteResponse, after its fsync
  kSearch = 32,       // proto SearchRequest -> stream of series batches
  kLabels = 33,       // proto LabelsRequest -> LabelsResponse
  kCardinality = 34,  // proto CardinalityRequest -> CardinalityResponse
  kTenants = 35,      // proto TenantsRequest -> TenantsResponse
  kMetadata = 36,     // proto MetadataRequest -> MetadataResponse
  kHistory = 37,      // proto HistoryRequest -> HistoryResponse
  kCoverage = 38,     // proto CoverageRequest -> Coverage
  kRollup = 39,       // proto RollupRequest -> stream of RollupResponse
  kNameUsage = 40,    // proto NameUsageRequest -> NameUsageResponse
  // storage -> storage, over either port, as are kSearch and kTenants
  kDigest = 41,  // proto DigestRequest -> stream of DigestResponse
};

}  // namespace varve::wire

#endif  // VARVE_LIB_WIRE_METHODS_H_
