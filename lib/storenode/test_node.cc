#include "lib/storenode/test_node.h"

#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <span>
#include <utility>

#include "lib/base/clock.h"
#include "lib/base/status.h"
#include "lib/rollup/group_columns.h"
#include "lib/wire/convert.h"
#include "lib/wire/data_frame_builder.h"
#include "lib/wire/hello.h"

namespace varve::storenode {
namespace {

int64_t Deadline() { return base::SystemClock().SteadyMs() + 30'000; }

}  // namespace

TestNode::TestNode(std::vector<std::string> args) {
  std::string pattern =
      (std::filesystem::temp_directory_path() / "storenode-XXXXXX").string();
  path = mkdtemp(pattern.data());
  args.push_back("-storageDataPath=" + path);
  args.push_back("-memory.allowedBytes=256MiB");
  int exit_code = 0;
  REQUIRE(flag_set.Parse(args, &exit_code).ok());
  Open();
}

TestNode::~TestNode() {
  Close();
  std::filesystem::remove_all(path);
}

void TestNode::Open() {
  metrics = std::make_unique<telemetry::Metrics>("vmstorage", &flag_set);
  auto opened = StorageRole::Open(
      {.flags = &flags, .metrics = metrics.get(), .service = {}});
  INFO(opened.status());
  REQUIRE(opened.ok());
  role = *std::move(opened);
  inserts = std::make_unique<rpc::LocalChannel>(
      "local", &role->insert_service(), wire::EncodeHello("insert", ""));
  selects = std::make_unique<rpc::LocalChannel>(
      "local", &role->select_service(), wire::EncodeHello("select", ""));
  REQUIRE(inserts->connected());
}

void TestNode::Close() {
  inserts.reset();
  selects.reset();
  if (role != nullptr) CHECK(role->Close().ok());
  role.reset();
  metrics.reset();
}

absl::StatusOr<std::string> TestNode::Call(rpc::Channel& channel,
                                           wire::Method method,
                                           std::string payload) {
  return rpc::CallOnce(channel, method, std::move(payload), Deadline());
}

proto::DefineResponse TestNode::Define(const model::LabelSet& labels) {
  proto::DefineRequest request;
  proto::DefineRequest::Series& series = *request.add_series();
  wire::ToProto(kTestTenant, *series.mutable_tenant());
  std::string canonical;
  model::AppendCanonicalBytes(canonical, labels);
  series.set_labels(canonical);
  const auto answer = Call(*inserts, wire::kDefine, request.SerializeAsString());
  INFO(answer.status());
  REQUIRE(answer.ok());
  proto::DefineResponse response;
  REQUIRE(response.ParseFromString(*answer));
  REQUIRE(response.refs_size() == 1);
  return response;
}

proto::Ack TestNode::Data(uint64_t ref_epoch, uint64_t ref, int64_t at_ms,
                          double value, uint8_t ack_level) {
  wire::DataFrameBuilder builder;
  builder.Start(1, at_ms);
  builder.Add(kTestTenant, ref, std::span(&at_ms, 1), std::span(&value, 1));
  const auto answer = Call(*inserts, wire::kData,
                           builder.Finish(ack_level, ref_epoch, true));
  INFO(answer.status());
  REQUIRE(answer.ok());
  proto::Ack ack;
  REQUIRE(ack.ParseFromString(*answer));
  return ack;
}

std::vector<wire::WireSeries> TestNode::Search(proto::Coverage& coverage) {
  proto::SearchRequest request;
  wire::ToProto(kTestTenant, *request.mutable_tenant());
  request.set_end_ms(model::kTimestampMaxMs);
  const auto call = selects->Start(wire::kSearch, request.SerializeAsString());
  std::vector<wire::WireSeries> out;
  bool ended = false;
  while (true) {
    const auto message = call->Next(Deadline());
    INFO(message.status());
    REQUIRE(message.ok());
    if (!message->has_value()) break;
    auto batch = wire::DecodeSeriesBatch(**message);
    REQUIRE(batch.ok());
    REQUIRE_FALSE(ended);
    ended = batch->is_end;
    if (ended) coverage = batch->coverage;
    for (auto& series : batch->series) out.push_back(std::move(series));
  }
  CHECK(ended);
  return out;
}

absl::StatusOr<proto::RollupResponse> TestNode::Rollup(
    const proto::RollupRequest& request) {
  const auto call = selects->Start(wire::kRollup, request.SerializeAsString());
  proto::RollupResponse all;
  while (true) {
    ASSIGN_OR_RETURN(const std::optional<std::string> bytes,
                     call->Next(Deadline()));
    if (!bytes) return all;
    proto::RollupResponse one;
    REQUIRE(one.ParseFromString(*bytes));
    all.MergeFrom(one);
  }
}

proto::RollupRequest SumByJob(std::string_view function) {
  proto::RollupRequest request;
  wire::ToProto(kTestTenant, *request.mutable_search()->mutable_tenant());
  request.mutable_search()->set_end_ms(model::kTimestampMaxMs);
  request.set_function(std::string(function));
  request.set_range_ms(60'000);
  request.set_steps(1);
  request.set_aggregate(static_cast<uint32_t>(rollup::Aggregate::kSum));
  request.add_grouping("job");
  return request;
}

}  // namespace varve::storenode
