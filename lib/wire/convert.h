// Between lib/model's values and the proto messages of the same meaning.
//
// Errors:  InvalidArgument for a tenant kind, matcher type or range that no
//          release has; texts name the value.
// Threads: free functions without state.
#ifndef VARVE_LIB_WIRE_CONVERT_H_
#define VARVE_LIB_WIRE_CONVERT_H_

#include <span>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "google/protobuf/repeated_field.h"
#include "lib/model/matcher.h"
#include "lib/model/metadata.h"
#include "lib/model/tenant.h"
#include "proto/varve_rpc.pb.h"

namespace varve::wire {

// An outside query has a few matchers; these bound what a peer can ask for.
inline constexpr int kMatcherGroupsMax = 10'000;
inline constexpr int kMatchersMax = 10'000;

void ToProto(const model::TenantId& tenant, proto::Tenant& out);
void ToProto(const model::TenantId& tenant, std::string_view name,
             proto::Tenant& out);
absl::StatusOr<model::TenantId> FromProto(const proto::Tenant& tenant);

void ToProto(const model::StoredMetadata& metadata,
             proto::MetadataResponse::Entry& out);

using ProtoGroups = google::protobuf::RepeatedPtrField<proto::MatcherGroup>;
void ToProto(std::span<const model::Matchers> groups, ProtoGroups& out);
absl::StatusOr<std::vector<model::Matchers>> FromProto(
    const ProtoGroups& groups);

}  // namespace varve::wire

#endif  // VARVE_LIB_WIRE_CONVERT_H_
