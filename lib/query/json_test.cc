#include "lib/query/json.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <limits>

#include "lib/model/sample.h"
#include "lib/query/series_text.h"

namespace varve::query {
namespace {

std::string Json(std::string_view text) {
  std::string out;
  AppendJsonString(out, text);
  return out;
}

std::string Time(int64_t ms) {
  std::string out;
  AppendJsonTime(out, ms);
  return out;
}

TEST_CASE("strings are escaped and always UTF-8", "[query]") {
  CHECK(Json("") == "\"\"");
  CHECK(Json("a\"b\\c\n\t\x01") == "\"a\\\"b\\\\c\\n\\t\\u0001\"");
  CHECK(Json("\xC3\xA9\xF0\x9F\x98\x80") == "\"\xC3\xA9\xF0\x9F\x98\x80\"");
  CHECK(Json("a\xFFz") == "\"a\xEF\xBF\xBDz\"");
  CHECK(Json("\xE6\x9D") == "\"\xEF\xBF\xBD\xEF\xBF\xBD\"");
  CHECK(Json("\xED\xA0\x80").find('\xED') == std::string::npos);
}

TEST_CASE("a special byte is found wherever it stands", "[query]") {
  const std::string plain = "node-3.fra1.example.com:9100/~";
  CHECK(Json(plain) == "\"" + plain + "\"");
  const std::pair<std::string, std::string> specials[] = {
      {"\"", "\\\""},       {"\\", "\\\\"},          {"\x1F", "\\u001f"},
      {"\x80", "\xEF\xBF\xBD"}, {"\xC3\xA9", "\xC3\xA9"}, {"\x7F", "\x7F"}};
  for (const auto& [special, shown] : specials) {
    for (size_t at = 0; at <= plain.size(); ++at) {
      std::string text = plain;
      std::string want = plain;
      REQUIRE(Json(text.insert(at, special)) ==
              "\"" + want.insert(at, shown) + "\"");
    }
  }
}

TEST_CASE("times are whole seconds or have three decimals", "[query]") {
  CHECK(Time(0) == "0");
  CHECK(Time(1'795'167'828'000) == "1795167828");
  CHECK(Time(1'795'167'828'250) == "1795167828.250");
  CHECK(Time(7) == "0.007");
  CHECK(Time(-1'500) == "-1.500");
}

TEST_CASE("labels are an object", "[query]") {
  std::string out;
  AppendJsonLabels(out, model::LabelSet{{"job", "x"}, {"__name__", "up"}});
  CHECK(out == "{\"__name__\":\"up\",\"job\":\"x\"}");
  out.clear();
  AppendJsonLabels(out, {});
  CHECK(out == "{}");
}

TEST_CASE("a histogram is shown by its non-empty buckets", "[query]") {
  std::string out;
  AppendJsonHistogram(out, 1500,
                      {.zero_threshold = 0.5,
                       .zero_count = 1,
                       .count = 10,
                       .sum = -2.5,
                       .positive_spans = {{1, 2}},
                       .negative_spans = {{1, 1}},
                       .positive = {0, 4},
                       .negative = {5}});
  CHECK(out ==
        "[1.500,{\"count\":\"10\",\"sum\":\"-2.5\",\"buckets\":["
        "[1,\"-2\",\"-1\",\"5\"],[3,\"-0.5\",\"0.5\",\"1\"],"
        "[0,\"2\",\"4\",\"4\"]]}]");
  out.clear();
  AppendJsonHistogram(out, 0, {.sum = std::nan("")});
  CHECK(out == "[0,{\"count\":\"0\",\"sum\":\"NaN\"}]");
}

cluster::MergedSeries Series(std::initializer_list<double> values) {
  cluster::MergedSeries series;
  series.labels = model::LabelSet{{"__name__", "m"}, {"a", "b\"\n"}};
  int64_t at = 1000;
  for (const double value : values) {
    series.samples.push_back(at, value);
    at += 1000;
  }
  return series;
}

TEST_CASE("JSON lines keep every number", "[query]") {
  const double inf = std::numeric_limits<double>::infinity();
  std::string out;
  AppendJsonLines(out, Series({1.5, -0.0, inf, -inf, model::StaleNan(), 1e21}),
                  0);
  CHECK(out ==
        "{\"metric\":{\"__name__\":\"m\",\"a\":\"b\\\"\\n\"},\"values\":[1.5,"
        "-0.0,\"Infinity\",\"-Infinity\",null,1e+21],\"timestamps\":[1000,2000,"
        "3000,4000,5000,6000]}\n");
  out.clear();
  AppendJsonLines(out, Series({1, 2, 3}), 2);
  CHECK(out ==
        "{\"metric\":{\"__name__\":\"m\",\"a\":\"b\\\"\\n\"},\"values\":[1,2],"
        "\"timestamps\":[1000,2000]}\n"
        "{\"metric\":{\"__name__\":\"m\",\"a\":\"b\\\"\\n\"},\"values\":[3],"
        "\"timestamps\":[3000]}\n");
}

TEST_CASE("the exposition format has a line per sample", "[query]") {
  std::string out;
  AppendExposition(out, Series({1, std::nan("")}));
  CHECK(out == "m{a=\"b\\\"\\n\"} 1 1000\nm{a=\"b\\\"\\n\"} NaN 2000\n");
}

TEST_CASE("federated names are quoted or underscored", "[query]") {
  const model::LabelSet labels{{"__name__", "a.b"}, {"c.d", "e"}};
  std::string out;
  AppendFederated(out, labels, 5, 1, true);
  CHECK(out == "{\"a.b\",\"c.d\"=\"e\"} 1 5\n");
  out.clear();
  AppendFederated(out, labels, 5, 1, false);
  CHECK(out == "a_b{c_d=\"e\"} 1 5\n");
  out.clear();
  AppendFederated(out, model::LabelSet{{"__name__", "up"}}, 5, 1, false);
  CHECK(out == "up 1 5\n");
}

}  // namespace
}  // namespace varve::query
