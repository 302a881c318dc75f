#include "lib/graphite/time_text.h"

#include <catch2/catch.hpp>
#include <string>

#include "lib/model/time_range.h"

namespace varve::graphite {
namespace {

// 2026-11-20 12:34:56
constexpr int64_t kNowMs = 1'795'178'096'000;
constexpr int64_t kDayMs = 86'400'000;
constexpr int64_t kMidnightMs = kNowMs - kNowMs % kDayMs;

int64_t Time(const std::string& text) {
  const auto ms = ParseTimeMs(text, kNowMs);
  return ms.ok() ? *ms : -1;
}

TEST_CASE("times are relative, named, calendar or Unix seconds",
          "[graphite]") {
  CHECK(Time("now") == kNowMs);
  CHECK(Time("today") == kMidnightMs);
  CHECK(Time("noon") == kMidnightMs + kDayMs / 2);
  CHECK(Time("yesterday") == kMidnightMs - kDayMs);
  CHECK(Time("-1h") == kNowMs - 3'600'000);
  CHECK(Time("-90min") == kNowMs - 5'400'000);
  CHECK(Time("-7days") == kNowMs - 7 * kDayMs);
  CHECK(Time("-2mon") == kNowMs - 60 * kDayMs);
  CHECK(Time("-1y") == kNowMs - 365 * kDayMs);
  CHECK(Time("+30s") == kNowMs + 30'000);
  CHECK(Time("now-1d") == kNowMs - kDayMs);
  CHECK(Time("midnight+8h") == kMidnightMs + 28'800'000);
  CHECK(Time("20261120") == kMidnightMs);
  CHECK(Time("2026-11-20") == kMidnightMs);
  CHECK(Time("11/20/26") == kMidnightMs);
  for (const char* text :
       {"12:34_20261120", "12:3420261120", "12:34 20261120",
        "2026-11-20T12:34:00Z", "2026-11-20T13:34:00+01:00"}) {
    CAPTURE(text);
    CHECK(Time(text) == kNowMs - 56'000);
  }
  CHECK(Time("1795178096") == kNowMs);
  CHECK(Time("0") == 0);
  CHECK(Time("99991231") == model::kTimestampMaxMs);
  CHECK(Time("999999999999") == model::kTimestampMaxMs);
}

TEST_CASE("other texts are no times", "[graphite]") {
  for (const char* text :
       {"", "-", "-1", "-1 fortnight", "1h", "nowish", "12:34_2026", "--1h",
        "25:00_20261120", "infinite-future", "infinite-past",
        "1e9", "-99999999999999999999y", "20261341"}) {
    CAPTURE(text);
    CHECK(Time(text) == -1);
  }
  CHECK(Time(std::string(100, '1')) == -1);
}

TEST_CASE("intervals add up, with the sign that was last", "[graphite]") {
  CHECK(*ParseIntervalMs("1min") == 60'000);
  CHECK(*ParseIntervalMs("1.5h") == 5'400'000);
  CHECK(*ParseIntervalMs("1h30min") == 5'400'000);
  CHECK(*ParseIntervalMs("-1h30min") == -5'400'000);
  CHECK(*ParseIntervalMs("250ms") == 250);
  CHECK(*ParseIntervalMs("2 weeks") == 14 * kDayMs);
  for (const char* text : {"", "5", "min", "1 min x", "1.2.3s", "1H"}) {
    CAPTURE(text);
    CHECK_FALSE(ParseIntervalMs(text).ok());
  }
}

}  // namespace
}  // namespace varve::graphite
