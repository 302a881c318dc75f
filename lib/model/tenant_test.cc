#include "lib/model/tenant.h"

#include <catch2/catch.hpp>

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

}  // namespace
}  // namespace varve::model
