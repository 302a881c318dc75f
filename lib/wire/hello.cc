#include "lib/wire/hello.h"

#include <algorithm>

#include "lib/base/status.h"
#include "lib/wire/features.h"
#include "lib/wire/methods.h"
#include "proto/varve_rpc.pb.h"

namespace varve::wire {
namespace {

// Releases next to one another understand each other.
constexpr uint32_t kVersionMin = 1;
constexpr uint32_t kVersionMax = kWireVersion + 1;

// A greeting has names and numbers only.
constexpr size_t kHelloBytesMax = 64 << 10;

constexpr uint64_t kFeaturesOfSelect =
    kFeatures & ~uint64_t{kFeatureMissed | kFeatureRollup | kFeatureCompared |
                           kFeatureEndsAtDamage};
// It keeps nothing itself, and hints least of all.
constexpr uint64_t kFeaturesOfInsert =
    kFeatureFloats | kFeatureHistograms | kFeatureExemplars |
    kFeatureMetadata | kFeatureMissed | kFeatureLz4 | kFeatureStarts |
    kFeatureTenantNames;

struct FeatureName {
  Feature feature;
  std::string_view name;
};
// Those that a caller of a node misses.
constexpr FeatureName kFeatureNames[] = {
    {kFeatureFloats, "floats"},
    {kFeatureHistograms, "native histograms"},
    {kFeatureExemplars, "exemplars"},
    {kFeatureMetadata, "metadata"},
    {kFeatureMissed, "MISSED records"},
    {kFeatureDelete, "deletes"},
    {kFeatureLz4, "LZ4"},
    {kFeatureRollup, "coverage and pushdown"},
    {kFeatureStarts, "start timestamps"},
    {kFeatureTenantNames, "names of tenants"},
    {kFeatureHints, "hints"},
    {kFeatureDigests, "digests"},
};

// Takes the same time wherever the first difference is.
bool SameToken(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  unsigned char difference = 0;
  for (size_t i = 0; i < a.size(); ++i) difference |= a[i] ^ b[i];
  return difference == 0;
}

}  // namespace

std::string EncodeHello(std::string_view role, std::string_view token) {
  proto::Hello hello;
  hello.set_version(kWireVersion);
  hello.set_role(std::string(role));
  hello.set_features(kFeatures);
  hello.set_token(std::string(token));
  return hello.SerializeAsString();
}

std::string EncodeStorageHello(uint64_t node_id, uint64_t ref_epoch,
                               std::string_view zone, uint32_t weight) {
  proto::Hello hello;
  hello.set_version(kWireVersion);
  hello.set_role(std::string(kStorageRole));
  hello.set_node_id(node_id);
  hello.set_ref_epoch(ref_epoch);
  hello.set_features(kFeatures);
  hello.set_zone(std::string(zone));
  if (weight != 1) hello.set_weight(weight);
  return hello.SerializeAsString();
}

std::string EncodeSelectServerHello() {
  proto::Hello hello;
  hello.set_version(kWireVersion);
  hello.set_role("select");
  hello.set_features(kFeaturesOfSelect);
  return hello.SerializeAsString();
}

std::string EncodeInsertServerHello(uint64_t cluster_id, uint64_t ref_epoch,
                                    uint64_t features,
                                    std::span<const uint64_t> member_ids) {
  proto::Hello hello;
  hello.set_version(kWireVersion);
  hello.set_role("insert");
  hello.set_node_id(cluster_id);
  hello.set_ref_epoch(ref_epoch);
  hello.set_features(features & kFeaturesOfInsert);
  hello.mutable_member_ids()->Assign(member_ids.begin(), member_ids.end());
  return hello.SerializeAsString();
}

absl::StatusOr<Hello> DecodeHello(std::string_view bytes) {
  proto::Hello hello;
  if (bytes.size() > kHelloBytesMax ||
      !hello.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return base::DataLoss("not a HELLO message: ", bytes.size(), " bytes");
  }
  return Hello{.version = hello.version(),
               .role = hello.role(),
               .node_id = hello.node_id(),
               .ref_epoch = hello.ref_epoch(),
               .features = hello.features(),
               .token = hello.token(),
               .zone = hello.zone(),
               .weight = std::max(hello.weight(), 1U),
               .member_ids = {hello.member_ids().begin(),
                              hello.member_ids().end()}};
}

std::string LackedFeatures(const Hello& hello) {
  const uint64_t expected = hello.role == "select"   ? kFeaturesOfSelect
                            : hello.role == "insert" ? kFeaturesOfInsert
                                                     : kFeatures;
  std::string lacked;
  for (const FeatureName& one : kFeatureNames) {
    if ((expected & ~hello.features & one.feature) == 0) continue;
    base::StrAppend(&lacked, lacked.empty() ? "" : ", ", one.name);
  }
  return lacked;
}

absl::Status AcceptHello(std::string_view bytes, std::string_view token) {
  ASSIGN_OR_RETURN(const Hello hello, DecodeHello(bytes));
  if (hello.version < kVersionMin || hello.version > kVersionMax) {
    return base::FailedPrecondition(
        "HELLO of version ", hello.version, "; this node speaks version ",
        kWireVersion, " and works with versions ", kVersionMin, " to ",
        kVersionMax);
  }
  if (!token.empty() && !SameToken(hello.token, token)) {
    return absl::PermissionDeniedError("HELLO with a wrong token");
  }
  return absl::OkStatus();
}

}  // namespace varve::wire
