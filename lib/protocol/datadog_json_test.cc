#include "lib/protocol/datadog_json.h"

#include <catch2/catch.hpp>

#include "lib/base/status.h"
#include "lib/base/strings.h"
#include "lib/protocol/read_lines.h"

namespace varve::protocol {
namespace {

constexpr DatadogOptions kOptions = {.now_ms = 1'700'000'123'456};

ReadResult Read(std::string_view body, DatadogVersion version,
                const DatadogOptions& options = kOptions,
                size_t rows_max = SIZE_MAX) {
  return ReadAll(DatadogJsonReader(body, version, options), rows_max);
}

bool IsGood(std::string_view body) {
  return DatadogJsonReader(body, DatadogVersion::k1, kOptions).Check().ok();
}

// The examples of "Submit metrics", and what the agent adds.
constexpr std::string_view kBody1 = R"({"series":[
  {"host":"test.example.com","interval":20,"metric":"system.load.1",
   "device":"/dev/sda",
   "points":[[1575317847,0.5],[1575317857.5,-1e3]],
   "tags":["environment:test","bare","host:other","url:http://x:80","e:"],
   "type":"rate"},
  {"metric":"two","points":[[0,1]],"tags":null,"host":null}],"other":[{}]})";
constexpr std::string_view kBody2 = R"({"series":[
  {"metric":"system.load.1","type":0,
   "points":[{"timestamp":1636629071,"value":0.7},{"value":2}],
   "resources":[{"name":"dummyhost","type":"host"},{"name":"no type"}],
   "source_type_name":"System","tags":["environment:test","host:t"]}]})";

TEST_CASE("datadog: version 1 has host and device, tags are labels",
          "[protocol]") {
  const Rows rows = {
      "system.load.1{bare=\"no_label_value\", device=\"/dev/sda\", "
      "environment=\"test\", exported_host=\"other\", "
      "host=\"test.example.com\", url=\"http://x:80\"} 1575317847000 0.5",
      "system.load.1{bare=\"no_label_value\", device=\"/dev/sda\", "
      "environment=\"test\", exported_host=\"other\", "
      "host=\"test.example.com\", url=\"http://x:80\"} 1575317857500 -1000",
      "two 1700000123000 1"};
  CHECK(Read(kBody1, DatadogVersion::k1).rows == rows);
  CHECK(Read(kBody1, DatadogVersion::k1, kOptions, 1).rows == rows);
  CHECK(Read(kBody1, DatadogVersion::k1).bad == 0);
  CHECK(IsGood(kBody1));
}

TEST_CASE("datadog: version 2 has resources and a source", "[protocol]") {
  const Rows rows = {
      "system.load.1{environment=\"test\", exported_host=\"t\", "
      "host=\"dummyhost\", source_type_name=\"System\"} 1636629071000 0.7",
      "system.load.1{environment=\"test\", exported_host=\"t\", "
      "host=\"dummyhost\", source_type_name=\"System\"} 1700000123000 2"};
  CHECK(Read(kBody2, DatadogVersion::k2).rows == rows);
  CHECK(Read(kBody2, DatadogVersion::k2, kOptions, 1).rows == rows);
  CHECK(IsGood(kBody2));
}

TEST_CASE("datadog: of a repeated tag the last one counts, escapes are read",
          "[protocol]") {
  CHECK(Read(R"({"series":[{"metric":"m\u0031","points":[[1,1]],
                 "tags":["env:a","env:b\"\\","device:sdb"],"device":"sda"}]})",
             DatadogVersion::k1)
            .rows ==
        Rows{"m1{device=\"sdb\", env=\"b\"\\\"} 1000 1"});
}

TEST_CASE("datadog: names are those that DataDog would store", "[protocol]") {
  const auto name = SanitizedDatadogName;
  CHECK(name("") == "");
  CHECK(name("system.load.1") == "system.load.1");
  CHECK(name("a - b") == "a_b");
  CHECK(name("a__b") == "a_b");
  CHECK(name("a_._b") == "a.b");
  CHECK(name("a..b_") == "a..b_");
  CHECK(name("._.x") == "..x");
  CHECK(name("caf\u00e9!") == "caf_");
  CHECK(DatadogName("a - b", {.sanitize_names = false}) == "a - b");
}

TEST_CASE("datadog: what is no object with an array of series is refused whole",
          "[protocol]") {
  for (const std::string_view body : {kBody1, kBody2}) {
    for (size_t keep = 0; keep < body.size(); ++keep) {
      CAPTURE(keep);
      CHECK_FALSE(IsGood(body.substr(0, keep)));
    }
  }
  for (const char* body :
       {"[]", "7", R"({"series":7})", R"({"series":{}})", R"({"series":[7]})",
        R"({"series":[{]})", R"({"series":[{"points":[[1,]]}]})",
        R"({"series":[{"x":@}]})", "{} {}"}) {
    CAPTURE(body);
    CHECK_FALSE(IsGood(body));
  }
  CHECK(IsGood("{}"));
  CHECK(IsGood(R"({"series":null})"));
  CHECK(IsGood(R"({"series":[]})"));
}

TEST_CASE("datadog: bad series and points are skipped and counted",
          "[protocol]") {
  const ReadResult r = Read(
      R"({"series":[{"points":[[1,1]]},{"metric":5,"points":[[1,1]]},
          {"metric":"t","tags":[1],"points":[[1,1]]},
          {"metric":"p","points":[[1],[1,null],[1e300,1],["x",1],7,[5,6],
                                  ["1",1],[1,"1"]]},
          {"metric":"o","points":{}},{"metric":"none"}]})",
      DatadogVersion::k1);
  CHECK(r.rows == Rows{"p 5000 6"});
  CHECK(r.bad == 11);
  CHECK(r.error == "series 1: no metric");
  CHECK(Read(R"({"series":[{"metric":"m","points":[{"timestamp":1}],
                 "resources":[{"type":1}]},
                {"metric":"m","points":[{"timestamp":1}]}]})",
             DatadogVersion::k2)
            .bad == 2);
}

TEST_CASE("datadog: long members are read by items or refused whole",
          "[protocol]") {
  const auto body = [](std::string_view member, const std::string& value) {
    return base::StrCat(R"({"series":[{"metric":"m","points":[[1,2]],")",
                        member, R"(":)", value, "}]}");
  };
  std::string tags = R"(["a:b")";
  for (int i = 0; i < 200'000; ++i) tags += R"(,"a:b")";
  REQUIRE(tags.size() > kJsonItemBytesMax);
  const std::string good = body("tags", tags + "]");
  CHECK(IsGood(good));
  CHECK(Read(good, DatadogVersion::k1).rows == Rows{"m{a=\"b\"} 1000 2"});
  for (const char* member : {"tags", "resources", "points", "other"}) {
    CAPTURE(member);
    CHECK_FALSE(IsGood(body(member, tags + R"(,"a":"b"])")));
    CHECK_FALSE(IsGood(body(member, tags + ",@]")));
  }
  CHECK_FALSE(IsGood(body("other", tags + "]")));
}

TEST_CASE("datadog: a series of very long labels is skipped, others not",
          "[protocol]") {
  const auto bytes = GENERATE(kDatadogLabelBytesMax, kJsonItemBytesMax);
  const std::string text(bytes, 'x');
  const std::string member =
      GENERATE(R"("host":"@")", R"("tags":["a:b","c:@"])");
  const std::string body = base::StrCat(
      R"({"series":[{"metric":"m","points":[[1,2]],)",
      std::string(member).replace(member.find('@'), 1, text),
      R"(},{"metric":"n","points":[[1,2]]}]})");
  CHECK(IsGood(body));
  const ReadResult r = Read(body, DatadogVersion::k1);
  CHECK(r.rows == Rows{"n 1000 2"});
  CHECK(r.error == "series 1: its labels exceed 262144 bytes");
}

TEST_CASE("datadog: a series of very many points is read in parts",
          "[protocol]") {
  std::string body = R"({"series":[{"metric":"m","points":[[1,0])";
  for (int i = 0; i < 300'000; ++i) body += ",[1,0]";
  body += "]}]}";
  REQUIRE(body.size() > kJsonItemBytesMax);
  REQUIRE(IsGood(body));
  DatadogJsonReader reader(body, DatadogVersion::k1, kOptions);
  SampleBatch batch;
  size_t rows = 0;
  for (bool more = true; more;) {
    batch.Clear();
    more = reader.Next(batch, 1'000);
    CHECK(batch.values.size() <= 1'000);
    rows += batch.values.size();
  }
  CHECK(rows == 300'001);
  CHECK(reader.bad_lines() == 0);
}

}  // namespace
}  // namespace varve::protocol
