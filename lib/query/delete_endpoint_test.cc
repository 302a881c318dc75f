// /delete/…/api/v1/admin/tsdb/delete_series.
#include <string>

#include "lib/base/status.h"
#include "lib/query/test_api.h"

namespace varve::query {
namespace {

KeptAnswer Delete(Api& api, http::Arguments arguments,
                  const std::string& method = "POST") {
  return api.Call("/delete/{}/prometheus/api/v1/admin/tsdb/delete_series",
                  {"5:6"}, std::move(arguments), {}, method);
}

TEST_CASE("delete_series deletes by matchers and range", "[query]") {
  Api api;
  CHECK(
      Delete(api, {{"match[]", "up{job=\"a\"}"}, {"match[]", "down"}}).status ==
      204);
  const cluster::DeleteCommand& command = api.storage.last_delete;
  CHECK(command.tenant == model::TenantId::Numeric(5, 6));
  CHECK(command.matcher_groups.size() == 2);
  CHECK(command.range == model::TimeRange{0, model::kTimestampMaxMs});
  CHECK(command.series_max == 1'000'000);
  CHECK(Delete(api,
               {{"match[]", "up"},
                {"extra_label", "team=x"},
                {"start", "1795167780"},
                {"end", "1795167840"}},
               "PUT")
            .status == 204);
  CHECK(command.range == model::TimeRange{kT - 60'000, kT});
  REQUIRE(command.matcher_groups.size() == 1);
  CHECK(command.matcher_groups[0].size() == 2);
  CHECK(api.Call("/delete/prometheus/api/v1/admin/tsdb/delete_series", {},
                 {{"match[]", "up"}}, {{"accountid", "9"}}, "POST")
            .status == 204);
  CHECK(command.tenant == model::TenantId::Numeric(9, 0));
}

TEST_CASE("delete_series refuses what it cannot do whole", "[query]") {
  Api api;
  CHECK(Delete(api, {{"match[]", "up"}}, "GET").status == 405);
  CHECK(Delete(api, {}).status == 400);
  CHECK(Delete(api, {{"match[]", "up{"}}).status == 400);
  CHECK(Delete(api, {{"match[]", "up"}, {"start", "9"}, {"end", "8"}}).status ==
        400);
  CHECK(Delete(api, {{"match[]", "{job=~\".*\"}"}}).status == 400);
  CHECK(api.storage.last_delete.matcher_groups.empty());
  api.storage.status = base::Unavailable("storage node b:8401: no connection");
  const KeptAnswer answer = Delete(api, {{"match[]", "up"}});
  CHECK(answer.status == 503);
  CHECK(answer.body.find("b:8401") != std::string::npos);
}

}  // namespace
}  // namespace varve::query
