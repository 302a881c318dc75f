#include "lib/protocol/json_lines.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <limits>
#include <random>

#include "lib/model/label.h"
#include "lib/model/sample.h"

namespace varve::protocol {
namespace {

SampleBatch Read(std::string_view text, int64_t* bad = nullptr,
                 std::string* error = nullptr) {
  JsonLinesReader reader(text, 100'000);
  SampleBatch batch;
  while (reader.Next(batch, SIZE_MAX)) {
  }
  if (bad != nullptr) *bad = reader.bad_lines();
  if (error != nullptr) *error = reader.first_error();
  CHECK(batch.values.size() == batch.timestamps_ms.size());
  return batch;
}

TEST_CASE("a JSON line is one series with all its samples", "[protocol]") {
  int64_t bad = 0;
  const SampleBatch batch = Read(
      R"({"metric":{"__name__":"up","job":"é\n"},"values":[1,-0.0,2.5e-3],"timestamps":[10,-20,30]})"
      "\n\n"
      R"({"timestamps":[9223372036854775807],"x":[{"y":[1]}],"values":[1],"metric":{"a":"b"}})",
      &bad);
  CHECK(bad == 0);
  REQUIRE(batch.series.size() == 2);
  const auto labels = model::ParseCanonicalBytes(batch.series[0].identity);
  REQUIRE(labels.ok());
  CHECK(*labels == model::LabelSet{{"__name__", "up"}, {"job", "é\n"}});
  CHECK(batch.timestamps_ms == std::vector<int64_t>{10, -20, 30, INT64_MAX});
  CHECK(batch.values[0] == 1);
  CHECK(std::signbit(batch.values[1]));
  CHECK(batch.values[2] == 0.0025);
  CHECK(batch.series[1].rows == 1);
}

TEST_CASE("null is a staleness marker and infinities come as strings",
          "[protocol]") {
  const SampleBatch batch = Read(
      R"({"metric":{"a":"b"},"values":[null,"Infinity","-Inf","NaN"],"timestamps":[1,2,3,4]})");
  REQUIRE(batch.values.size() == 4);
  CHECK(model::IsStaleNan(batch.values[0]));
  CHECK(batch.values[1] == INFINITY);
  CHECK(batch.values[2] == -INFINITY);
  CHECK(model::SameBits(batch.values[3], model::NormalNan()));
}

TEST_CASE("integers above 2^53 and long decimals are rounded once",
          "[protocol]") {
  const SampleBatch batch = Read(
      R"({"metric":{"a":"b"},"values":[9007199254740993,0.1,1.7976931348623157e308,5e-324],"timestamps":[1,2,3,4]})");
  CHECK(batch.values == std::vector<double>{9007199254740992.0, 0.1,
                                            std::numeric_limits<double>::max(),
                                            5e-324});
}

TEST_CASE("bad JSON lines are skipped whole", "[protocol]") {
  const char* lines[] = {
      "x",
      "{}",
      "[]",
      "1",
      "null",
      R"({"metric":{},"values":[1],"timestamps":[1]})",
      R"({"metric":{"a":"b"},"values":[1,2],"timestamps":[1]})",
      R"({"metric":{"a":"b"},"values":[1],"timestamps":[1.5]})",
      R"({"metric":{"a":"b"},"values":[1],"timestamps":[null]})",
      R"({"metric":{"a":"b"},"values":[1],"timestamps":[9223372036854775808]})",
      R"({"metric":{"a":"b"},"values":[true],"timestamps":[1]})",
      R"({"metric":{"a":"b"},"values":["x"],"timestamps":[1]})",
      R"({"metric":{"a":"b"},"values":[1e999],"timestamps":[1]})",
      R"({"metric":{"a":"b"},"values":[[1]],"timestamps":[1]})",
      R"({"metric":{"a":"b"},"values":1,"timestamps":[1]})",
      R"({"metric":{"a":"b"},"values":{},"timestamps":[1]})",
      R"({"metric":{"a":1},"values":[1],"timestamps":[1]})",
      R"({"metric":{"a":{}},"values":[1],"timestamps":[1]})",
      R"({"metric":["a"],"values":[1],"timestamps":[1]})",
      R"({"metric":{"a":"b"},"values":[1],"timestamps":[1]} x)",
      R"({"metric":{"":"b"},"values":[1],"timestamps":[1]})",
      "{\"metric\":{\"a\":\"\xff\"},\"values\":[1],\"timestamps\":[1]}",
  };
  std::string text;
  for (const char* line : lines) {
    text += line;
    text += '\n';
  }
  text += R"({"metric":{"good":"1"},"values":[7],"timestamps":[8]})";
  int64_t bad = 0;
  std::string error;
  const SampleBatch batch = Read(text, &bad, &error);
  CHECK(bad == static_cast<int64_t>(std::size(lines)));
  CHECK(error == "line 1: not JSON");
  REQUIRE(batch.values == std::vector<double>{7});
  REQUIRE(batch.series.size() == 1);
  CHECK(batch.series[0].first_row == 0);
}

TEST_CASE("deep nesting does not overflow the stack", "[protocol]") {
  int64_t bad = 0;
  Read(std::string(99'000, '['), &bad);
  CHECK(bad == 1);
  Read("{\"x\":" + std::string(99'000, '['), &bad);
  CHECK(bad == 1);
}

TEST_CASE("JSON cut or damaged at any byte neither crashes nor loops",
          "[protocol]") {
  const std::string text =
      R"({"metric":{"__name__":"up","j":"\u00e9"},"values":[1,null,"NaN"],"timestamps":[1,2,3]})";
  for (size_t size = 0; size < text.size(); ++size) {
    CHECK(Read(std::string(text.data(), size)).series.empty());
  }
  std::mt19937_64 random(4);
  for (int i = 0; i < 5000; ++i) {
    std::string damaged = text;
    for (int n = 0; n < 2; ++n) {
      damaged[random() % damaged.size()] = static_cast<char>(random());
    }
    Read(damaged);
  }
}

}  // namespace
}  // namespace varve::protocol
