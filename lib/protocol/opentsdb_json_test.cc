#include "lib/protocol/opentsdb_json.h"

#include <catch2/catch.hpp>

#include "lib/base/status.h"
#include "lib/protocol/read_lines.h"

namespace varve::protocol {
namespace {

constexpr int64_t kNowMs = 1'700'000'123'456;

ReadResult Read(std::string_view body, int64_t trim_ms = 1,
                size_t rows_max = SIZE_MAX) {
  return ReadAll(OpenTsdbJsonReader(body, trim_ms, kNowMs), rows_max);
}

bool IsJson(std::string_view body) {
  return OpenTsdbJsonReader(body, 1, kNowMs).Check().ok();
}

// From the documentation of /api/put.
constexpr std::string_view kMany = R"([
    {"metric": "sys.cpu.nice", "timestamp": 1346846400, "value": 18,
     "tags": {"host": "web01", "dc": "lga"}},
    {"metric": "sys.cpu.nice", "timestamp": 1346846400, "value": 9,
     "tags": {"host": "web02", "dc": "lga"}}
])";

TEST_CASE("opentsdb json: one data point or an array of them is read",
          "[protocol]") {
  const Rows rows = {
      "sys.cpu.nice{dc=\"lga\", host=\"web01\"} 1346846400000 18",
      "sys.cpu.nice{dc=\"lga\", host=\"web02\"} 1346846400000 9"};
  CHECK(Read(kMany).rows == rows);
  CHECK(Read(kMany, 1, 1).rows == rows);
  CHECK(IsJson(kMany));
  constexpr std::string_view kOne =
      R"( {"metric":"a\u00e9","value":"1.5","timestamp":"1346846400123"} )";
  CHECK(Read(kOne).rows == Rows{"aé 1346846400123 1.5"});
  CHECK(IsJson(kOne));
  CHECK(Read(R"([{"metric":"a","value":1},{"metric":"b","timestamp":0,
                  "value":2,"tags":{"x":""}}])")
            .rows == Rows{"a 1700000123000 1", "b 1700000123000 2"});
  CHECK(Read(R"({"metric":"a","timestamp":119,"value":1})", 60'000).rows ==
        Rows{"a 60000 1"});
}

TEST_CASE("opentsdb json: bad data points are skipped and counted",
          "[protocol]") {
  constexpr std::string_view kBody = R"([{"value":1},{"metric":"","value":1},
      {"metric":"a"},{"metric":"a","value":"x"},{"metric":"a","value":[]},
      {"metric":"a","value":1,"timestamp":"soon"},
      {"metric":"a","value":1,"timestamp":1e300},
      {"metric":"a","value":1,"tags":[]},{"metric":"a","value":1,"tags":{"b":1}},
      7,{"metric":"good","value":1,"timestamp":1}])";
  const ReadResult r = Read(kBody);
  CHECK(IsJson(kBody));
  CHECK(r.rows == Rows{"good 1000 1"});
  CHECK(r.bad == 10);
  CHECK(r.error == "item 1: no metric");
}

TEST_CASE("opentsdb json: a broken body is told before anything is stored",
          "[protocol]") {
  for (const char* body : {"", "x", "7", "\"a\"", "{", "[", "[{]", "[{}}",
                           "[{\"metric\":\"a\",\"value\":1}", "[{\"a\" 1}]",
                           "{\"metric\":\"a\",\"value\":01}", "[{}] x"}) {
    CAPTURE(body);
    CHECK_FALSE(IsJson(body));
  }
  for (size_t keep = 0; keep < kMany.size(); ++keep) {
    CAPTURE(keep);
    CHECK_FALSE(IsJson(kMany.substr(0, keep)));
  }
}

}  // namespace
}  // namespace varve::protocol
