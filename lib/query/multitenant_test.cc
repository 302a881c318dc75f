// Reads over all tenants.
#include <string>

#include "lib/query/multitenant_reader.h"
#include "lib/query/test_api.h"

namespace varve::query {
namespace {

using model::TenantId;

const model::Tenant kAcme = *model::ParseOrgId("acme");

void AddTenants(Api& api) {
  const auto add = [&](const char* job, TenantId tenant, double value) {
    api.storage.Add(Up(job), {{kT - 30'000, value}}, tenant);
  };
  add("a", TenantId::Numeric(1, 0), 1);
  add("b", TenantId::Numeric(1, 0), 2);
  add("a", TenantId::Numeric(2, 7), 4);
  add("a", kAcme.id, 8);  // has a name, no numbers
  api.storage.names[kAcme.id] = kAcme.name;
}

KeptAnswer All(Api& api, const std::string& path, http::Arguments arguments) {
  return api.Call("/select/{}/prometheus/" + path, {"multitenant"},
                  std::move(arguments));
}

TEST_CASE("a query over all tenants names the tenant of each series",
          "[query]") {
  Api api;
  AddTenants(api);
  const std::string body =
      All(api, "api/v1/query", {{"query", "up{job=\"a\"}"}}).body;
  CHECK(body.find("{\"__name__\":\"up\",\"job\":\"a\",\"vm_account_id\":\"1\","
                  "\"vm_project_id\":\"0\"}") != std::string::npos);
  CHECK(body.find("{\"__name__\":\"up\",\"job\":\"a\",\"vm_account_id\":\"2\","
                  "\"vm_project_id\":\"7\"}") != std::string::npos);
  CHECK(All(api, "api/v1/query", {{"query", "sum(up)"}})
            .body.find("\"15\"]") != std::string::npos);
  CHECK(All(api, "api/v1/query", {{"query", "up{__tenant_id__=~\".+\"}"}})
            .body.find("[{\"metric\":{\"__name__\":\"up\",\"__tenant_id__\":"
                       "\"acme\",\"job\":\"a\"},\"value\":[1795167840,"
                       "\"8\"]}]") != std::string::npos);
  CHECK(All(api, "api/v1/query",
            {{"query", "sum by (vm_account_id) (up{vm_project_id=~\"0|1\"})"}})
            .body.find("[{\"metric\":{\"vm_account_id\":\"1\"},\"value\":["
                       "1795167840,\"3\"]}]") != std::string::npos);
  http::Arguments headers = {{"accountid", "multitenant"}};
  CHECK(api.Call("/select/prometheus/api/v1/query", {},
                 {{"query", "count(up)"}}, headers)
            .body.find("\"4\"]") != std::string::npos);
}

TEST_CASE("extra filters narrow a query's own tenants, never widen them",
          "[query]") {
  Api api;
  AddTenants(api);
  const auto count = [&](const std::string& query,
                         const std::string& name, const std::string& filter) {
    return All(api, "api/v1/query", {{"query", query}, {name, filter}}).body;
  };
  CHECK(count("up{vm_account_id=\"2\"}", "extra_filters[]",
              "{vm_account_id=\"1\"}")
            .find("\"result\":[]") != std::string::npos);
  CHECK(count("up{vm_account_id=\"2\"}", "extra_label", "vm_account_id=1")
            .find("\"result\":[]") != std::string::npos);
  CHECK(count("sum(up)", "extra_label", "vm_account_id=2")
            .find("\"4\"]") != std::string::npos);
}

TEST_CASE("labels and series over all tenants", "[query]") {
  Api api;
  AddTenants(api);
  CHECK(All(api, "api/v1/labels", {}).body.find(
            "[\"__name__\",\"__tenant_id__\",\"job\",\"vm_account_id\","
            "\"vm_project_id\"]") !=
        std::string::npos);
  CHECK(api.Call("/select/{}/prometheus/api/v1/label/{}/values",
                 {"multitenant", "vm_account_id"},
                 {{"match[]", "up{job=\"b\"}"}})
            .body.find("\"data\":[\"1\"]") != std::string::npos);
  CHECK(api.Call("/select/{}/prometheus/api/v1/label/{}/values",
                 {"multitenant", "job"}, {{"match[]", "{vm_account_id=\"2\"}"}})
            .body.find("\"data\":[\"a\"]") != std::string::npos);
  const std::string series =
      All(api, "api/v1/series", {{"match[]", "up{vm_project_id!=\"0\"}"}}).body;
  CHECK(series.find("\"vm_project_id\":\"7\"") != std::string::npos);
  CHECK(series.find("\"vm_project_id\":\"0\"") == std::string::npos);
}

TEST_CASE("metadata over all tenants is of those that filters let in",
          "[query]") {
  Api api;
  AddTenants(api);
  for (const auto& [account, metric] :
       {std::pair(1, "first"), std::pair(2, "second")}) {
    model::StoredMetadata one;
    one.metadata.metric = metric;
    api.storage.metadata_of[TenantId::Numeric(
        static_cast<uint32_t>(account), account == 2 ? 7 : 0)] = {one};
  }
  const auto told = [&](http::Arguments arguments) {
    const std::string body =
        All(api, "api/v1/metadata", std::move(arguments)).body;
    return std::pair(body.find("\"first\"") != std::string::npos,
                     body.find("\"second\"") != std::string::npos);
  };
  CHECK(told({}) == std::pair(true, true));
  CHECK(told({{"extra_label", "vm_account_id=1"}}) == std::pair(true, false));
  CHECK(told({{"extra_filters[]", "{vm_project_id=\"7\"}"}}) ==
        std::pair(false, true));
  CHECK(told({{"extra_label", "vm_account_id=3"}}) == std::pair(false, false));
}

TEST_CASE("what makes no sense over all tenants is refused", "[query]") {
  Api api;
  CHECK(api.Call("/delete/{}/prometheus/api/v1/admin/tsdb/delete_series",
                 {"multitenant"}, {{"match[]", "up"}}, {}, "POST")
            .status == 400);
  CHECK(All(api, "api/v1/status/metric_names_stats", {}).status == 422);
}

TEST_CASE("matchers of tenants choose them and are taken out", "[query]") {
  const std::vector<model::Tenant> tenants = {
      {TenantId::Numeric(1, 0), ""}, {TenantId::Numeric(2, 7), ""}};
  const model::Matcher job{model::MatchType::kEqual, "job", "a"};
  const model::Matcher first{model::MatchType::kEqual, "vm_account_id", "1"};
  const auto parts = PartsByTenant(tenants, false, {{job, first}, {job}}).value();
  REQUIRE(parts.size() == 2);
  CHECK(parts[0].groups.size() == 2);
  CHECK(parts[1].groups == std::vector<model::Matchers>{{job}});
  CHECK(PartsByTenant(tenants, false, {{first}}).value()[0].groups.empty());
  CHECK(PartsByTenant(tenants, false, {}).value().size() == 2);
  CHECK_FALSE(PartsByTenant(tenants, false, {{{model::MatchType::kRegex,
                                        "vm_account_id", "("}}})
                  .ok());
}

KeptAnswer As(Api& api, const std::string& org, const std::string& path,
              http::Arguments arguments, std::vector<std::string> captures = {},
              const std::string& method = "GET") {
  return api.Call("/prometheus/" + path, std::move(captures),
                  std::move(arguments), {{"x-scope-orgid", org}}, method);
}

TEST_CASE("a tenant by name sees its own, without a label of the tenant",
          "[query]") {
  Api api;
  AddTenants(api);
  CHECK(As(api, "acme", "api/v1/query", {{"query", "up"}})
            .body.find("\"result\":[{\"metric\":{\"__name__\":\"up\",\"job\":"
                       "\"a\"},\"value\":[1795167840,\"8\"]}]") !=
        std::string::npos);
  CHECK(As(api, "1", "api/v1/query", {{"query", "sum(up)"}})
            .body.find("\"3\"]") != std::string::npos);
  CHECK(As(api, "nobody", "api/v1/query", {{"query", "up"}})
            .body.find("\"result\":[]") != std::string::npos);
  CHECK(As(api, "a b", "api/v1/query", {{"query", "up"}}).status == 400);
}

TEST_CASE("tenants that a request names are told apart by __tenant_id__",
          "[query]") {
  Api api;
  AddTenants(api);
  const std::string body =
      As(api, "nobody|acme|1|acme", "api/v1/query",
         {{"query", "sum by (__tenant_id__) (up)"}})
          .body;
  CHECK(body.find("[{\"metric\":{\"__tenant_id__\":\"1\"},\"value\":["
                  "1795167840,\"3\"]},{\"metric\":{\"__tenant_id__\":\"acme\"},"
                  "\"value\":[1795167840,\"8\"]}]") != std::string::npos);
  CHECK(As(api, "acme|1", "api/v1/query",
           {{"query", "sum(up{__tenant_id__!=\"acme\"})"}})
            .body.find("\"3\"]") != std::string::npos);
  CHECK(As(api, "acme|1", "api/v1/label/{}/values", {}, {"__tenant_id__"})
            .body.find("\"data\":[\"1\",\"acme\"]") != std::string::npos);
  CHECK(As(api, "acme|1", "api/v1/labels", {})
            .body.find("[\"__name__\",\"__tenant_id__\",\"job\"]") !=
        std::string::npos);
  CHECK(As(api, "nobody|none", "api/v1/query", {{"query", "up"}})
            .body.find("\"result\":[]") != std::string::npos);
  CHECK(As(api, "acme|1", "api/v1/admin/tsdb/delete_series",
           {{"match[]", "up"}}, {}, "POST")
            .status == 400);
}

TEST_CASE("a series' own __tenant_id__ goes by another name", "[query]") {
  Api api;
  AddTenants(api);
  model::LabelSet liar = Up("liar");
  liar.Set("__tenant_id__", "acme");
  api.storage.Add(liar, {{kT - 30'000, 64}}, TenantId::Numeric(1, 0));
  for (const bool all : {true, false}) {
    CAPTURE(all);
    const auto ask = [&](const std::string& path, http::Arguments arguments) {
      return all ? All(api, path, arguments).body
                 : As(api, "acme|1", path, arguments).body;
    };
    CHECK(ask("api/v1/query", {{"query", "sum(up{__tenant_id__=\"acme\"})"}})
              .find("\"8\"]") != std::string::npos);
    CHECK(ask("api/v1/query",
              {{"query", "sum(up{original___tenant_id__=\"acme\"})"}})
              .find("\"64\"]") != std::string::npos);
    CHECK(ask("api/v1/labels", {}).find("\"original___tenant_id__\"") !=
          std::string::npos);
  }
}

TEST_CASE("admin/tenants lists numbers as data and names as names",
          "[query]") {
  Api api;
  AddTenants(api);
  CHECK(api.Call("/admin/tenants", {}, {})
            .body.find("\"data\":[\"1:0\",\"2:7\"],\"names\":[\"acme\"]") !=
        std::string::npos);
}

}  // namespace
}  // namespace varve::query
