#ifndef VARVE_LIB_STORENODE_TEST_NODE_H_
#define VARVE_LIB_STORENODE_TEST_NODE_H_

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/flags.h"
#include "lib/model/label.h"
#include "lib/model/tenant.h"
#include "lib/storenode/storage_role.h"
#include "lib/wire/methods.h"
#include "lib/wire/series_batch.h"
#include "net/rpc/local_channel.h"
#include "proto/varve_rpc.pb.h"

namespace varve::storenode {

constexpr model::TenantId kTestTenant{0, 5};

// A storage node in a folder of its own, called without a network. What must
// not fail is required of Catch2. Not thread-safe.
struct TestNode {
  std::string path;
  base::FlagSet flag_set{"test"};
  StorageFlags flags{flag_set, ""};
  std::unique_ptr<telemetry::Metrics> metrics;
  std::unique_ptr<StorageRole> role;
  std::unique_ptr<rpc::LocalChannel> inserts;
  std::unique_ptr<rpc::LocalChannel> selects;

  explicit TestNode(std::vector<std::string> args = {});
  ~TestNode();
  void Open();
  void Close();

  absl::StatusOr<std::string> Call(rpc::Channel& channel, wire::Method method,
                                   std::string payload);
  // One series, which must be accepted.
  proto::DefineResponse Define(const model::LabelSet& labels);
  // One sample.
  proto::Ack Data(uint64_t ref_epoch, uint64_t ref, int64_t at_ms,
                  double value, uint8_t ack_level = 0);
  // All series' samples; the end must come and be the last.
  std::vector<wire::WireSeries> Search(proto::Coverage& coverage);
  // All messages of the answer joined into one.
  absl::StatusOr<proto::RollupResponse> Rollup(
      const proto::RollupRequest& request);
};

// sum by (job) (`function`(all series[1m])), one step at 0.
proto::RollupRequest SumByJob(std::string_view function);

}  // namespace varve::storenode

#endif  // VARVE_LIB_STORENODE_TEST_NODE_H_
