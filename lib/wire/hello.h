// The greeting of each side of a connection, and how it is judged.
//
// Errors:  DataLoss for bytes that are no Hello; FailedPrecondition for a
//          version this release cannot speak; PermissionDenied for a wrong
//          token. Texts name the peer's value, never the token.
// Threads: free functions without state.
#ifndef VARVE_LIB_WIRE_HELLO_H_
#define VARVE_LIB_WIRE_HELLO_H_

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace varve::wire {

// Of Hello: a node that repairs its copies, or one that stores rows.
inline constexpr std::string_view kStorageRole = "storage";

struct Hello {
  uint32_t version = 0;
  std::string role;        // "insert", "select", "storage"
  uint64_t node_id = 0;    // of a storage node, or a cluster; 0 otherwise
  uint64_t ref_epoch = 0;  // of what has a node_id
  uint64_t features = 0;   // bits of lib/wire/features.h
  std::string token;
  std::string zone;
  uint32_t weight = 1;     // of a storage node, see placement::Member
  // Of an insert node the storage nodes it writes to, ascending.
  std::vector<uint64_t> member_ids;
};

// This release's version and features are filled in.
std::string EncodeHello(std::string_view role, std::string_view token);
std::string EncodeStorageHello(uint64_t node_id, uint64_t ref_epoch,
                               std::string_view zone, uint32_t weight = 1);
// A select node's to one above it: without what only a storage node can do.
std::string EncodeSelectServerHello();
// An insert node's to one above it, to which it stands for the cluster below:
// `cluster_id` as placement::ClusterId, `features` what the storage nodes have,
// `member_ids` these nodes, ascending.
std::string EncodeInsertServerHello(uint64_t cluster_id, uint64_t ref_epoch,
                                    uint64_t features,
                                    std::span<const uint64_t> member_ids);

absl::StatusOr<Hello> DecodeHello(std::string_view bytes);

// For logs: what a server of this release in that role understands and the
// sender of `hello` does not; "" where that is nothing.
std::string LackedFeatures(const Hello& hello);

// A side's judgement of the other one: the version must be this release's or
// the one before or after it. An empty `token` asks for none.
absl::Status AcceptHello(std::string_view bytes, std::string_view token);

}  // namespace varve::wire

#endif  // VARVE_LIB_WIRE_HELLO_H_
