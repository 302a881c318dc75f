#include "lib/protocol/newrelic_json.h"

#include <catch2/catch.hpp>

#include "lib/base/status.h"
#include "lib/protocol/read_lines.h"

namespace varve::protocol {
namespace {

constexpr int64_t kNowMs = 1'700'000'123'456;

ReadResult Read(std::string_view body, size_t rows_max = SIZE_MAX) {
  return ReadAll(NewRelicReader(body, kNowMs), rows_max);
}

bool IsGood(std::string_view body) {
  return NewRelicReader(body, kNowMs).Check().ok();
}

constexpr std::string_view kBody = R"([{"EntityID":28257883748326179,
  "IsAgent":true,"Events":[
    {"eventType":"SystemSample","timestamp":1690286061,"entityKey":"mac",
     "cpuPercent":25.056660790748904,"hostname":"mac","ok":true,"x":null},
    {"diskFree":7,"timestamp":1690286061123,"dc":""},
    {"loadAverage":1,"count":2}],"ReportingAgentID":282578837},
  {"Other":[]},{"Events":[]},{"Events":[{"last":1,"timestamp":5}]}])";

TEST_CASE("newrelic: an event's numbers are series, its strings labels",
          "[protocol]") {
  const Rows rows = {
      "cpuPercent{entityKey=\"mac\", eventType=\"SystemSample\", "
      "hostname=\"mac\"} 1690286061000 25.0567",
      "diskFree 1690286061123 7", "loadAverage 1700000123456 1",
      "count 1700000123456 2", "last 5000 1"};
  CHECK(Read(kBody).rows == rows);
  CHECK(Read(kBody, 1).rows == rows);
  CHECK(IsGood(kBody));
}

TEST_CASE("newrelic: what is no array of posts with events is refused whole",
          "[protocol]") {
  for (size_t keep = 0; keep < kBody.size(); ++keep) {
    CAPTURE(keep);
    CHECK_FALSE(IsGood(kBody.substr(0, keep)));
  }
  for (const char* body : {"{}", "[7]", "[{\"Events\":7}]", "[{\"Events\":{}}]",
                           "[{\"Events\":[{]}]", "[] []"}) {
    CAPTURE(body);
    CHECK_FALSE(IsGood(body));
  }
}

TEST_CASE("newrelic: bad events are skipped and counted", "[protocol]") {
  const ReadResult r = Read(
      R"([{"Events":[7,{"a":1,"timestamp":1e300},{"a":1,"timestamp":1}]}])");
  CHECK(r.rows == Rows{"a 1000 1"});
  CHECK(r.bad == 2);
  CHECK(r.error == "event 1: not an object");
  std::string wide = R"([{"Events":[{"t":")" + std::string(500'000, 'x') + '"';
  for (int i = 0; i < 1'000; ++i) wide += ",\"n\":1";
  wide += "}]}]";
  CHECK(Read(wide).bad == 1);
}

}  // namespace
}  // namespace varve::protocol
