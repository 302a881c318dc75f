#include "lib/storenode/tenant_names.h"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "lib/base/clock.h"
#include "lib/storenode/test_node.h"
#include "lib/wire/convert.h"
#include "lib/wire/data_frame_builder.h"

namespace varve::storenode {
namespace {

// Two names that a weak hash gives one id.
const model::Tenant kAcme{{.kind = 1, .id = 77}, "acme"};
const model::Tenant kOther{{.kind = 1, .id = 77}, "other"};
const model::Tenant kInfra{{.kind = 1, .id = 78}, "infra"};

// Which of them are refused.
std::vector<bool> Register(TestNode& node,
                           const std::vector<model::Tenant>& tenants) {
  proto::TenantNames request;
  for (const model::Tenant& one : tenants) {
    wire::ToProto(one.id, one.name, *request.add_tenants());
  }
  const auto answer = node.Call(*node.inserts, wire::kTenantNames,
                                request.SerializeAsString());
  INFO(answer.status());
  REQUIRE(answer.ok());
  proto::TenantNamesResponse response;
  REQUIRE(response.ParseFromString(*answer));
  return {response.refused().begin(), response.refused().end()};
}

void Write(TestNode& node, const model::Tenant& tenant) {
  proto::DefineRequest request;
  proto::DefineRequest::Series& series = *request.add_series();
  wire::ToProto(tenant.id, *series.mutable_tenant());
  std::string canonical;
  model::AppendCanonicalBytes(canonical, model::LabelSet({{"__name__", "up"}}));
  series.set_labels(canonical);
  const auto defined =
      node.Call(*node.inserts, wire::kDefine, request.SerializeAsString());
  REQUIRE(defined.ok());
  proto::DefineResponse response;
  REQUIRE(response.ParseFromString(*defined));
  const int64_t at_ms = base::SystemClock().NowMs();
  const double value = 1;
  wire::DataFrameBuilder builder;
  builder.Start(1, at_ms);
  builder.Add(tenant.id, response.refs(0), std::span(&at_ms, 1),
              std::span(&value, 1));
  REQUIRE(node.Call(*node.inserts, wire::kData,
                    builder.Finish(0, response.ref_epoch(), true))
              .ok());
}

// The label names `tenant` sees.
int Labels(TestNode& node, const model::Tenant& tenant) {
  proto::LabelsRequest request;
  wire::ToProto(tenant.id, tenant.name, *request.mutable_tenant());
  request.set_end_ms(model::kTimestampMaxMs);
  const auto answer =
      node.Call(*node.selects, wire::kLabels, request.SerializeAsString());
  INFO(answer.status());
  REQUIRE(answer.ok());
  proto::LabelsResponse response;
  REQUIRE(response.ParseFromString(*answer));
  return response.items_size();
}

// Series that a delete of everything of `tenant` takes.
int64_t Delete(TestNode& node, const model::Tenant& tenant) {
  proto::DeleteRequest request;
  wire::ToProto(tenant.id, tenant.name, *request.mutable_tenant());
  const std::vector<model::Matchers> all = {
      {{model::MatchType::kEqual, "__name__", "up"}}};
  wire::ToProto(all, *request.mutable_groups());
  request.set_end_ms(model::kTimestampMaxMs);
  request.set_accept_ms(base::SystemClock().NowMs());
  const auto answer =
      node.Call(*node.selects, wire::kDelete, request.SerializeAsString());
  INFO(answer.status());
  REQUIRE(answer.ok());
  proto::DeleteResponse response;
  REQUIRE(response.ParseFromString(*answer));
  return response.series();
}

std::vector<std::string> Names(TestNode& node) {
  proto::TenantsRequest request;
  request.set_end_ms(model::kTimestampMaxMs);
  const auto answer =
      node.Call(*node.selects, wire::kTenants, request.SerializeAsString());
  REQUIRE(answer.ok());
  proto::TenantsResponse response;
  REQUIRE(response.ParseFromString(*answer));
  std::vector<std::string> names;
  for (const proto::Tenant& one : response.tenants()) {
    names.push_back(one.name());
  }
  return names;
}

TEST_CASE("a tenant's name is kept over restarts and deletes", "[storenode]") {
  TestNode node;
  CHECK(Register(node, {kAcme, kInfra}) == std::vector<bool>{false, false});
  Write(node, kAcme);
  CHECK(Names(node) == std::vector<std::string>{"acme"});
  node.Close();
  node.Open();
  CHECK(Names(node) == std::vector<std::string>{"acme"});
  CHECK(Register(node, {kOther, kInfra}) == std::vector<bool>{true, false});
  CHECK(Delete(node, kAcme) == 1);
  REQUIRE(node.role->engine().Flush().ok());
  node.Close();
  node.Open();
  CHECK(Register(node, {kAcme, kOther}) == std::vector<bool>{false, true});
}

TEST_CASE("a name whose id is another's is refused, counted and sees nothing",
          "[storenode]") {
  TestNode node;
  CHECK(Register(node, {kAcme}) == std::vector<bool>{false});
  Write(node, kAcme);
  CHECK(Register(node, {kOther}) == std::vector<bool>{true});
  CHECK(node.metrics->Text().find("varve_tenant_name_collisions_total 1") !=
        std::string::npos);
  CHECK(Labels(node, kAcme) == 1);
  CHECK(Labels(node, kOther) == 0);
  CHECK(Delete(node, kOther) == 0);
  CHECK(Labels(node, kAcme) == 1);
  // Of a node that has no name for the id, whoever asks is the one.
  CHECK(Labels(node, kInfra) == 0);
}

TEST_CASE("what is no tenant with a name is not registered", "[storenode]") {
  TestNode node;
  for (const model::Tenant& bad :
       {model::Tenant{model::TenantId::Numeric(1, 0), "acme"},
        model::Tenant{{.kind = 1, .id = 5}, ""},
        model::Tenant{{.kind = 1, .id = 5}, std::string(2'000, 'x')}}) {
    proto::TenantNames request;
    wire::ToProto(bad.id, bad.name, *request.add_tenants());
    CHECK(absl::IsInvalidArgument(
        node.Call(*node.inserts, wire::kTenantNames,
                  request.SerializeAsString())
            .status()));
  }
  CHECK(Names(node).empty());
}

}  // namespace
}  // namespace varve::storenode
