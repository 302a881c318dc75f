#include "lib/query/arguments.h"

#include <catch2/catch.hpp>

#include "lib/base/status.h"
#include "lib/query/tenant_path.h"

namespace varve::query {
namespace {

constexpr int64_t kNowMs = 1'795'167'828'123;

int64_t Time(std::string_view text) {
  const auto value = ParseTimeMs(text, kNowMs);
  CHECK(base::Message(value.status()) == "");
  return value.ok() ? *value : INT64_MIN;
}

http::Request With(http::Arguments arguments) {
  http::Request request;
  request.arguments = std::move(arguments);
  return request;
}

TEST_CASE("Unix times are told apart by size", "[query]") {
  CHECK(Time("0") == 0);
  CHECK(Time("3000") == 3'000'000);
  CHECK(Time("-1.5") == -1'500);
  CHECK(Time("1795167828") == 1'795'167'828'000);
  CHECK(Time("1795167828.25") == 1'795'167'828'250);
  CHECK(Time("1.795167828e9") == 1'795'167'828'000);
  CHECK(Time("1795167828250") == 1'795'167'828'250);
  CHECK(Time("1795167828250000") == 1'795'167'828'250);
  CHECK(Time("1795167828250000000") == 1'795'167'828'250);
}

TEST_CASE("times of the calendar may be partial", "[query]") {
  CHECK(Time("2026-11-20T09:43:48Z") == 1'795'167'828'000);
  CHECK(Time("2026-11-20T09:43:48.25Z") == 1'795'167'828'250);
  CHECK(Time("2026-11-20T10:43:48+01:00") == 1'795'167'828'000);
  CHECK(Time("2026-11-20T09:43:48") == 1'795'167'828'000);
  CHECK(Time("2026-11-20T09:43") == 1'795'167'780'000);
  CHECK(Time("2026-11-20") == 1'795'132'800'000);
  CHECK(Time("1970-01") == 0);
}

TEST_CASE("times may be relative to now", "[query]") {
  CHECK(Time("now") == kNowMs);
  CHECK(Time("now-1h") == kNowMs - 3'600'000);
  CHECK(Time("now+5m") == kNowMs + 300'000);
  CHECK(Time("-1d") == kNowMs - 86'400'000);
  CHECK(Time("-1h30m") == kNowMs - 5'400'000);
}

TEST_CASE("what is no time is refused and extremes are cut", "[query]") {
  for (const char* bad : {"", "x", "now-", "nowx", "NaN", "Inf", "1h", "--1",
                          "2026-13-01", "0x10", "1e400"}) {
    CAPTURE(bad);
    CHECK_FALSE(ParseTimeMs(bad, kNowMs).ok());
  }
  CHECK(Time("-1e300") == -model::kTimestampMaxMs);
  CHECK(Time("1e300") == model::kTimestampMaxMs);
}

TEST_CASE("durations are seconds or have units", "[query]") {
  CHECK(ParseDurationArgMs("60").value() == 60'000);
  CHECK(ParseDurationArgMs("0.5").value() == 500);
  CHECK(ParseDurationArgMs("5m").value() == 300'000);
  CHECK(ParseDurationArgMs("86399ms").value() == 86'399);
  CHECK(ParseDurationArgMs("1.5h").value() == 5'400'000);
  CHECK(ParseDurationArgMs("1h30m").value() == 5'400'000);
  for (const char* bad : {"", "x", "5x", "1e300", "NaN"}) {
    CHECK_FALSE(ParseDurationArgMs(bad).ok());
  }
}

TEST_CASE("a bad argument is named", "[query]") {
  const auto status =
      TimeArgument(With({{"start", "x"}}), "start", kNowMs, 0).status();
  CHECK(std::string(base::Message(status)).find("`start`") !=
        std::string::npos);
  CHECK(IntArgument(With({{"limit", "7"}}), "limit", 0).value() == 7);
  CHECK_FALSE(IntArgument(With({{"limit", "7x"}}), "limit", 0).ok());
}

TEST_CASE("ranges have defaults and never run backwards", "[query]") {
  auto range = RangeArguments(With({}), kNowMs, 300'000).value();
  CHECK(range.end_ms == kNowMs);
  CHECK(range.start_ms == range.end_ms - 300'000);
  range = RangeArguments(With({{"start", "100"}, {"end", "50"}}), kNowMs, 1)
              .value();
  CHECK(range.start_ms == 100'000);
  CHECK(range.end_ms == 400'000);
}

TEST_CASE("false has several names", "[query]") {
  for (const char* no : {"", "0", "f", "False", "no"}) {
    CHECK_FALSE(BoolArgument(With({{"x", no}}), "x"));
  }
  CHECK_FALSE(BoolArgument(With({}), "x"));
  CHECK(BoolArgument(With({{"x", "1"}}), "x"));
  CHECK(BoolArgument(With({{"x", "true"}}), "x"));
}

TEST_CASE("tenants come from path or headers", "[query]") {
  CHECK(TenantOfPath("42:7", "/p").value() == model::TenantId::Numeric(42, 7));
  for (const char* bad : {"-1", "abc", "4294967296", "1:2:3", "1:", ":1", ""}) {
    CAPTURE(bad);
    CHECK_FALSE(TenantOfPath(bad, "/p").ok());
  }
  http::Request request;
  CHECK(TenantsOfHeaders(request)->one().id ==
        model::TenantId::Numeric(0, 0));
  request.headers = {{"accountid", "5"}, {"projectid", "6"}};
  CHECK(TenantsOfHeaders(request)->one().id ==
        model::TenantId::Numeric(5, 6));
  request.headers = {{"accountid", "abc"}};
  CHECK_FALSE(TenantsOfHeaders(request).ok());
  request.headers = {{"x-scope-orgid", "7"}};
  CHECK(TenantsOfHeaders(request)->one().id ==
        model::TenantId::Numeric(7, 0));
  request.headers = {{"x-scope-orgid", "acme"}};
  CHECK(TenantsOfHeaders(request)->one().name == "acme");
  CHECK_FALSE(TenantsOfHeaders(request)->several());
  CHECK(TenantsOfHeaders(request)->Text() == "acme");
  request.headers = {{"x-scope-orgid", "infra|acme|7|infra"}};
  CHECK(TenantsOfHeaders(request)->several());
  CHECK(TenantsOfHeaders(request)->Text() == "7|acme|infra");
  request.headers = {{"x-scope-orgid", "acme|acme"}};
  CHECK_FALSE(TenantsOfHeaders(request)->several());
  request.headers = {{"x-scope-orgid", "acme"}, {"accountid", "3"}};
  CHECK(TenantsOfHeaders(request)->Text() == "3:0");
  for (const char* bad : {"a b", "..", "a||b", "\xc3\xa4"}) {
    request.headers = {{"x-scope-orgid", bad}};
    CHECK_FALSE(TenantsOfHeaders(request).ok());
  }
  request.headers = {{"accountid", "multitenant"}};
  CHECK(TenantsOfHeaders(request)->all);
  CHECK(TenantsOfHeaders(request)->Text() == "multitenant");
}

TEST_CASE("escaped label names are undone", "[query]") {
  CHECK(UnescapedName("job") == "job");
  CHECK(UnescapedName("U__http_2e_route") == "http.route");
  CHECK(UnescapedName("U__a__b") == "a_b");
  CHECK(UnescapedName("U__caf_e9_") == "caf\xC3\xA9");
  CHECK(UnescapedName("U___1f600_") == "\xF0\x9F\x98\x80");
  CHECK(UnescapedName("U__broken_zz_") == "U__broken_zz_");
  CHECK(UnescapedName("U__open_2e") == "U__open_2e");
}

}  // namespace
}  // namespace varve::query
