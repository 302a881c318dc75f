#include "lib/ingest/test_insert.h"

namespace varve::ingest {
namespace {

const model::LabelSet kUpSet = {{"__name__", "up"}, {"job", "a"}};
constexpr const char* kPush = "/api/v1/push";

TEST_CASE("a named tenant is one of its own, on Mimir's path and on ours",
          "[ingest]") {
  Insert insert;
  const std::string body = protocol::SnappyBody(Series(kUp, 1, 1));
  const uint64_t acme = model::ParseOrgId("acme")->id.id;
  CHECK(insert.Post(kPush, body, {{"x-scope-orgid", "acme"}}).status == 204);
  CHECK(insert
            .Post("/insert/prometheus/api/v1/write", body,
                  {{"x-scope-orgid", "acme"}})
            .status == 204);
  CHECK(insert.Samples(kUpSet, acme).size() == 2);
  CHECK(insert.node.names == std::map<uint64_t, std::string>{{acme, "acme"}});
  CHECK(insert.Counted("vm_tenant_inserted_rows_total",
                       {{"tenant", "acme"}}) == 2);
  CHECK(insert.Post(kPush, body, {{"x-scope-orgid", "42"}}).status == 204);
  CHECK(insert.Samples(kUpSet, uint64_t{42} << 32).size() == 1);
  // Nobody asked for one.
  CHECK(insert.Post(kPush, body).status == 204);
  CHECK(insert.Samples(kUpSet).size() == 1);
  CHECK(insert.node.name_calls == 1);
}

TEST_CASE("a name that another tenant's id has is refused, before its rows",
          "[ingest]") {
  Insert insert;
  const uint64_t acme = model::ParseOrgId("acme")->id.id;
  insert.node.names[acme] = "other";  // as a weaker hash would have it
  const Reply reply =
      insert.Post(kPush, protocol::SnappyBody(Series(kUp, 1, 1)),
                  {{"x-scope-orgid", "acme"}});
  CHECK(reply.status == 400);
  CHECK(reply.body.find("another tenant's name") != std::string::npos);
  CHECK(insert.node.rows() == 0);
  CHECK(insert.node.refs.empty());
}

TEST_CASE("what is no tenant is refused, whatever its bytes", "[ingest]") {
  Insert insert;
  const std::string body = protocol::SnappyBody(Series(kUp, 1, 1));
  for (const std::string& bad :
       {std::string("a|b"), std::string("a b"), std::string(".."),
        std::string("\x01\x02"), std::string("\xff"),
        std::string("\xc3\xa4"), std::string("007"), std::string("1:2"),
        std::string(151, 'a'), std::string(1 << 20, 'a')}) {
    CAPTURE(bad.substr(0, 20));
    const Reply reply = insert.Post(kPush, body, {{"x-scope-orgid", bad}});
    CHECK(reply.status == 400);
    CHECK(reply.body.size() < 300);
  }
  CHECK(insert.node.rows() == 0);
  CHECK(insert.node.names.empty());
}

TEST_CASE("Mimir's paths want a tenant when they are told to", "[ingest]") {
  const std::string body = protocol::SnappyBody(Series(kUp, 1, 1));
  InsertRouteOptions options;
  options.tenant_headers.require_org_id = true;
  Insert strict(options);
  const Reply reply = strict.Post(kPush, body);
  CHECK(reply.status == 401);
  CHECK(reply.body == "no org id\n");
  CHECK(strict.Post(kPush, body, {{"x-scope-orgid", "acme"}}).status == 204);
  CHECK(strict.Post(kPush, body, {{"accountid", "7"}}).status == 204);
  CHECK(strict.Post("/insert/prometheus/api/v1/write", body).status == 204);
  InsertRouteOptions off;
  off.tenant_headers.enabled = false;
  Insert deaf(off);
  CHECK(deaf.Post(kPush, body, {{"x-scope-orgid", "a b"}}).status == 204);
  CHECK(deaf.Post(kPush, body, {{"accountid", "7"}}).status == 204);
  CHECK(deaf.Samples(kUpSet).size() == 2);
}

TEST_CASE("labels say whose the series of a multitenant request are",
          "[ingest]") {
  Insert insert;
  const auto with = [](const char* account, const char* project) {
    return Labels{{"__name__", "up"},
                  {"job", "a"},
                  {"vm_account_id", account},
                  {"vm_project_id", project}};
  };
  const std::string body = protocol::SnappyBody(
      Series(with("5", "7"), 1, 1) + Series(with("6", ""), 1, 1) +
      Series(with("bad", "x"), 1, 1) + Series(kUp, 2, 1));
  for (int i = 0; i < 2; ++i) {  // the second time they are known
    CHECK(insert.Post(kWrite, body, {}, {}, "multitenant").status == 204);
  }
  CHECK(insert
            .Post("/insert/prometheus/api/v1/write", body,
                  {{"accountid", "multitenant"}})
            .status == 204);
  CHECK(insert.Samples(kUpSet, uint64_t{5} << 32 | 7).size() == 3);
  CHECK(insert.Samples(kUpSet, uint64_t{6} << 32).size() == 3);
  CHECK(insert.Samples(kUpSet).size() == 6);
  CHECK(insert.node.refs.size() == 3);
  const auto rows = [&](const char* account, const char* project) {
    return insert.Counted("vm_tenant_inserted_rows_total",
                          {{"accountID", account}, {"projectID", project}});
  };
  CHECK(rows("5", "7") == 3);
  CHECK(rows("6", "0") == 3);
  CHECK(rows("0", "0") == 6);
  // To one tenant they are labels as any other.
  CHECK(insert.Post(kWrite, body, {}, {}, "9").status == 204);
  CHECK(insert.Samples(model::LabelSet{{"__name__", "up"},
                                       {"job", "a"},
                                       {"vm_account_id", "5"},
                                       {"vm_project_id", "7"}},
                       uint64_t{9} << 32)
            .size() == 1);
}

}  // namespace
}  // namespace varve::ingest
