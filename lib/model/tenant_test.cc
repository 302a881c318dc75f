#include "lib/model/tenant.h"

#include <catch2/catch.hpp>
#include <string>

namespace varve::model {
namespace {

TEST_CASE("a tenant is an account, with or without a project", "[model]") {
  CHECK(*ParseTenant("42") == TenantId::Numeric(42, 0));
  CHECK(*ParseTenant("42:7") == TenantId::Numeric(42, 7));
  CHECK(*ParseTenant("4294967295:4294967295") ==
        TenantId::Numeric(4294967295, 4294967295));
}

TEST_CASE("anything else is refused with the text named", "[model]") {
  for (const char* text :
       {"", "-1", "1:", ":1", "1:2:3", "abc", "4294967296", "1:4294967296",
        " 1", "1 ", "+1", "0x1", "1.0"}) {
    CAPTURE(text);
    auto tenant = ParseTenant(text);
    REQUIRE_FALSE(tenant.ok());
    CHECK(absl::IsInvalidArgument(tenant.status()));
    CHECK(std::string(tenant.status().message()).find(text) !=
          std::string::npos);
  }
}

TEST_CASE("keys of tenants sort by kind, account, project", "[model]") {
  std::string low, high;
  AppendTenantKey(low, TenantId::Numeric(1, 0xffffffff));
  AppendTenantKey(high, TenantId::Numeric(2, 0));
  CHECK(low < high);
  CHECK(low.size() == kTenantKeyBytes);
  CHECK(TenantFromKey(low) == TenantId::Numeric(1, 0xffffffff));
}

TEST_CASE("X-Scope-OrgID is an account's number or a name", "[model]") {
  CHECK(*ParseOrgId("42") == Tenant{TenantId::Numeric(42, 0), ""});
  CHECK(*ParseOrgId("4294967295") ==
        Tenant{TenantId::Numeric(4294967295, 0), ""});
  const Tenant acme = *ParseOrgId("acme");
  CHECK(acme.id.kind == 1);
  CHECK(acme.name == "acme");
  CHECK(TenantText(acme) == "acme");
  CHECK(acme.id == ParseOrgId("acme")->id);
  CHECK(acme.id != ParseOrgId("Acme")->id);
  for (const std::string& name :
       {std::string("a"), std::string("7a"), std::string("..."),
        std::string("!-_.*'()"), std::string(150, 'x')}) {
    CAPTURE(name);
    CHECK(ParseOrgId(name)->name == name);
  }
}

TEST_CASE("what is no tenant of X-Scope-OrgID is refused in plain ASCII",
          "[model]") {
  for (const std::string& text :
       {std::string(), std::string("."), std::string(".."),
        std::string("007"), std::string("4294967296"), std::string("1:2"),
        std::string("a/b"), std::string("a b"), std::string("a|b"),
        std::string("a\0b", 3), std::string("\x01"), std::string("\u00e4"),
        std::string("\xff\xfe"), std::string(151, 'x'),
        std::string(1 << 20, 'x'), std::string(40, '9')}) {
    CAPTURE(text.substr(0, 60));
    const auto tenant = ParseOrgId(text);
    REQUIRE_FALSE(tenant.ok());
    CHECK(absl::IsInvalidArgument(tenant.status()));
    const std::string error(tenant.status().message());
    CHECK(error.size() < 200);
    for (const char c : error) CHECK((c >= ' ' && c < 127));
  }
}

TEST_CASE("several tenants are each once, in the order of their texts",
          "[model]") {
  const auto tenants = ParseOrgIds("b|10|a|b|9");
  REQUIRE(tenants.ok());
  std::string texts;
  for (const Tenant& one : *tenants) texts += OrgIdText(one) + " ";
  CHECK(texts == "10 9 a b ");
  CHECK(ParseOrgIds("a")->size() == 1);
  for (const char* bad : {"", "|", "a|", "|a", "a||b", "a|.", "a| b"}) {
    CAPTURE(bad);
    CHECK_FALSE(ParseOrgIds(bad).ok());
  }
  std::string many;
  for (size_t i = 0; i < kOrgIdsMax; ++i) many += "x|";
  CHECK_FALSE(ParseOrgIds(many + "y").ok());
  many.pop_back();
  CHECK(ParseOrgIds(many)->size() == 1);
}

}  // namespace
}  // namespace varve::model
