#include "lib/protocol/prometheus_text.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <random>

#include "lib/model/sample.h"
#include "lib/protocol/series_labels.h"

namespace varve::protocol {
namespace {

model::LabelSet LabelsOf(const SampleBatch& batch, size_t series) {
  std::vector<model::Label> labels;
  REQUIRE(ReadSeriesLabels(batch, batch.series[series], labels).ok());
  return model::LabelSet(labels);
}

struct Result {
  std::vector<std::string> lines;  // labels timestamp value
  int64_t bad = 0;
  std::string error;
};

Result Read(std::string_view text, size_t rows_max = SIZE_MAX) {
  PrometheusTextReader reader(text, 777, 1000);
  SampleBatch batch;
  Result result;
  bool more = true;
  while (more) {
    batch.Clear();
    more = reader.Next(batch, rows_max);
    for (size_t i = 0; i < batch.series.size(); ++i) {
      const BatchSeries& series = batch.series[i];
      result.lines.push_back(base::StrCat(LabelsOf(batch, i).Text(), " ",
                                          batch.Timestamps(series)[0], " ",
                                          batch.Values(series)[0]));
    }
  }
  result.bad = reader.bad_lines();
  result.error = reader.first_error();
  return result;
}

using Lines = std::vector<std::string>;

TEST_CASE("text lines with and without labels and timestamps are read",
          "[protocol]") {
  const Result r = Read(
      "# HELP up is up\n# TYPE up gauge\n\n"
      "up 1\nup{job=\"a\"} 2 1700000000000\r\n"
      "  up { job = \"a\" , b=\"c\", } 3 -5000000000 \n"
      "up{} 4e3\n# EOF\nlast 5");
  CHECK(r.bad == 0);
  CHECK(r.lines == Lines{R"(up 777 1)", R"(up{job="a"} 1700000000000 2)",
                         R"(up{b="c", job="a"} -5000000000 3)", R"(up 777 4000)",
                         R"(last 777 5)"});
}

TEST_CASE("escapes and utf-8 in names and values are read", "[protocol]") {
  const Result r = Read(
      "a{x=\"q\\\"b\\\\n\\nz\\t\"} 1\n"
      "{\"3fooµ¥\",\"3👋tfにちは\"=\"漢\"} 2\n3fooµ¥{k=\"é\"} 3\n");
  CHECK(r.bad == 0);
  REQUIRE(r.lines.size() == 3);
  PrometheusTextReader reader("a{x=\"q\\\"b\\\\n\\nz\\t\"} 1", 0);
  SampleBatch batch;
  reader.Next(batch, 1);
  CHECK(LabelsOf(batch, 0).Get("x") == "q\"b\\n\nz\\t");
  PrometheusTextReader utf8("{\"3fooµ¥\",\"3👋tfにちは\"=\"漢\"} 2", 0);
  batch.Clear();
  utf8.Next(batch, 1);
  const model::LabelSet named = LabelsOf(batch, 0);
  CHECK(named.Get("__name__") == "3fooµ¥");
  CHECK(named.Get("3👋tfにちは") == "漢");
}

TEST_CASE("special numbers keep their bits", "[protocol]") {
  CHECK(std::signbit(*ParseNumber("-0")));
  CHECK(ParseNumber("+Inf") == INFINITY);
  CHECK(ParseNumber("-inf") == -INFINITY);
  CHECK(ParseNumber("Infinity") == INFINITY);
  CHECK(model::SameBits(*ParseNumber("NaN"), model::NormalNan()));
  CHECK(ParseNumber("0x1p-2") == 0.25);
  CHECK(ParseNumber("1e-400") == 0);
  CHECK(ParseNumber("9007199254740993") == 9007199254740992.0);
  CHECK(ParseNumber("0.1") == 0.1);
  CHECK(ParseNumber("5e-324") == 5e-324);
  for (const char* bad : {"", "+", "-", "--1", "+-1", "1x", "x", "nan(1)",
                          "1e400", "0x", ".", "infin", "1 "}) {
    CHECK_FALSE(ParseNumber(bad).has_value());
  }
}

TEST_CASE("bad lines are skipped and counted, the good ones stay",
          "[protocol]") {
  const Result r = Read(
      "good 1\nbad\nbad x\nbad{a=\"b\" 1\nbad{a=b} 1\nbad{a} 1\nbad{=\"x\"} "
      "1\nbad 1 x\nbad 1 2 3\n{} 1\nbad{a=\"b\"c=\"d\"} 1\nbad{a=\"b\n 5\n" +
      std::string(1001, 'x') + " 1\ngood 2");
  CHECK(r.lines == Lines{"good 777 1", "good 777 2"});
  CHECK(r.bad == 13);
  CHECK(r.error == "line 2: the value is not a number");
}

TEST_CASE("plain series are named by their own text, others by labels",
          "[protocol]") {
  const std::string text =
      "a{x=\"1\",y=\"{,}\"} 1\nb 2\nb\t3\na{x=\"1\",y=\"{,}\",} 4\n"
      "a{ x=\"1\",y=\"{,}\"} 5\na {x=\"1\",y=\"{,}\"} 6\n"
      "a{x=\"\\\"1\",y=\"2\"} 7\na{__name__=\"\"} 8\nb{__name__=\"c\"} 9";
  PrometheusTextReader reader(text, 0);
  SampleBatch batch;
  CHECK_FALSE(reader.Next(batch, SIZE_MAX));
  const auto identity = [&](size_t i) { return batch.series[i].identity; };
  REQUIRE(batch.series.size() == 8);
  CHECK(identity(0) == "a{x=\"1\",y=\"{,}\"}");
  CHECK(identity(1) == "b");
  CHECK(identity(2) == "b");
  for (const size_t i : {3, 4, 5}) {
    CHECK(identity(i).front() == kCanonicalMark);
    CHECK(LabelsOf(batch, i) == LabelsOf(batch, 0));
  }
  CHECK(LabelsOf(batch, 6).Get("x") == "\"1");
  CHECK(LabelsOf(batch, 7).Text() == "c");
  CHECK(reader.bad_lines() == 1);
}

TEST_CASE("of a repeated label the last one counts; empty ones go",
          "[protocol]") {
  const Result r = Read("a{x=\"1\",x=\"2\",y=\"\"} 1");
  CHECK(r.lines == Lines{R"(a{x="2"} 777 1)"});
}

TEST_CASE("a family's comments are one entry of bounded size", "[protocol]") {
  const std::string text =
      "# HELP a why\n# TYPE a counter\n# UNIT a bytes\n# HELP a " +
      std::string((64 << 10) + 1, 'x') + "\n# HELP b " +
      std::string(64 << 10, 'y') + "\n";
  PrometheusTextReader reader(text, 777);
  SampleBatch batch;
  CHECK_FALSE(reader.Next(batch, SIZE_MAX));
  REQUIRE(batch.metadata.size() == 2);
  CHECK(batch.metadata[0].type == model::MetricType::kCounter);
  CHECK(batch.metadata[0].help == "why");
  CHECK(batch.metadata[0].unit == "bytes");
  CHECK(batch.metadata[1].help.size() == 64 << 10);
  CHECK(reader.bad_lines() == 1);
  CHECK(reader.first_error() ==
        "line 4: a help or a unit is longer than 65536 bytes");
}

TEST_CASE("an exemplar follows the value", "[protocol]") {
  const std::string text =
      "a 1 # {trace=\"x\",b=\"y\"} 5 1700000000.25\na 2 5 # {} 1\nb 3\n"
      "c 4 # {broken\nc 5 # none\nd 6 # {l=\"" + std::string(1100, 'x') +
      "\"} 1\n";
  PrometheusTextReader reader(text, 777);
  SampleBatch batch;
  CHECK_FALSE(reader.Next(batch, SIZE_MAX));
  CHECK(reader.bad_lines() == 0);
  REQUIRE(batch.series.size() == 6);
  REQUIRE(batch.exemplars.size() == 2);
  const auto first = batch.Exemplars(batch.series[0]);
  REQUIRE(first.size() == 1);
  CHECK(first[0].value == 5);
  CHECK(first[0].timestamp_ms == 1700000000250);
  CHECK(model::ParseCanonicalBytes(first[0].labels)->Text() ==
        R"({b="y", trace="x"})");
  const auto second = batch.Exemplars(batch.series[1]);
  REQUIRE(second.size() == 1);
  CHECK(second[0].timestamp_ms == 5000);
  CHECK(second[0].labels.empty());
  for (size_t i = 2; i < 6; ++i) CHECK(batch.series[i].exemplars == 0);
}

TEST_CASE("timestamps are seconds in OpenMetrics, and where they look so",
          "[protocol]") {
  const auto time = [](std::string_view text, TextFormat format) {
    PrometheusTextReader reader(text, 777, kLineBytesMax, format);
    SampleBatch batch;
    reader.Next(batch, SIZE_MAX);
    REQUIRE(batch.timestamps_ms.size() == 1);
    return batch.timestamps_ms[0];
  };
  constexpr auto kText = TextFormat::kPrometheus;
  CHECK(time("a 1 1700000000123", kText) == 1700000000123);
  CHECK(time("a 1 1700000000", kText) == 1700000000000);
  CHECK(time("a 1 1700000000.123", kText) == 1700000000123);
  CHECK(time("a 1 2147483647", kText) == 2147483647000);
  CHECK(time("a 1 2147483648", kText) == 2147483648);
  CHECK(time("a 1 2147483648\n# EOF\n", kText) == 2147483648000);
  CHECK(time("a 1 2147483648\n# EOF", kText) == 2147483648000);
  CHECK(time("a 1 2147483648", TextFormat::kOpenMetrics) == 2147483648000);
  CHECK(time("a 1 1.7e9", TextFormat::kOpenMetrics) == 1700000000000);
  CHECK(Read("a 1 1e18\na 1 NaN\n").bad == 2);
}

TEST_CASE("comments tell type, help and unit of a metric", "[protocol]") {
  PrometheusTextReader reader(
      "# HELP a_seconds Says \\\\ and\\n\\\"more\\\".\n"
      "# TYPE a_seconds counter\n# UNIT a_seconds seconds\n"
      "a_seconds_total 1\na_seconds_created 1.5e9\n# just a comment\n#\n"
      "# TYPE \"a.b c\" untyped\n#TYPE x gauge\n# TYPE y stateset\n"
      "# TYPE z wrong\n# TYPE\n# HELP h\n# EOF\n", 0);
  SampleBatch batch;
  CHECK_FALSE(reader.Next(batch, SIZE_MAX));
  CHECK(batch.series.size() == 2);
  CHECK(reader.bad_lines() == 1);
  REQUIRE(batch.metadata.size() == 5);
  CHECK(batch.metadata[0] ==
        model::MetricMetadata{.metric = "a_seconds",
                              .type = model::MetricType::kCounter,
                              .help = "Says \\ and\n\"more\".",
                              .unit = "seconds"});
  CHECK(batch.metadata[1].metric == "a.b c");
  CHECK(batch.metadata[2].type == model::MetricType::kGauge);
  CHECK(batch.metadata[3].type == model::MetricType::kStateset);
  CHECK(batch.metadata[4].metric == "h");
}

TEST_CASE("text cut or damaged at any byte neither crashes nor loops",
          "[protocol]") {
  const std::string text =
      "up{job=\"a\",b=\"c\\n\"} 1.5e3 1000 # {x=\"y\"} 1\n{\"q\"} NaN\n";
  for (size_t size = 0; size <= text.size(); ++size) {
    Read(std::string(text.data(), size));
  }
  std::mt19937_64 random(3);
  for (int i = 0; i < 5000; ++i) {
    std::string damaged = text;
    for (int n = 0; n < 4; ++n) {
      damaged[random() % damaged.size()] = static_cast<char>(random());
    }
    Read(damaged, 1);
  }
}

TEST_CASE("metadata comes again with series that another batch begins with",
          "[protocol]") {
  PrometheusTextReader reader("a 1\n# HELP b why\n# TYPE b counter\n", 0);
  SampleBatch batch;
  CHECK_FALSE(reader.Next(batch, 100));
  REQUIRE(batch.metadata.size() == 1);
  reader.Feed("b 2\nb 3\nb 4\n# TYPE c gauge\nc 5\n");
  const model::MetricMetadata b{.metric = "b",
                                .type = model::MetricType::kCounter,
                                .help = "why",
                                .unit = {}};
  batch.Clear();
  CHECK(reader.Next(batch, 3));
  CHECK(batch.values == std::vector<double>{2, 3});
  CHECK(batch.metadata == std::vector<model::MetricMetadata>{b});
  batch.Clear();
  CHECK_FALSE(reader.Next(batch, 100));
  CHECK(batch.values == std::vector<double>{4, 5});
  REQUIRE(batch.metadata.size() == 2);
  CHECK(batch.metadata[0] == b);
  CHECK(batch.metadata[1].metric == "c");
}

}  // namespace
}  // namespace varve::protocol
