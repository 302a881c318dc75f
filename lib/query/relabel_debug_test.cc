#include "lib/query/relabel_debug.h"

#include <catch2/catch.hpp>

#include "lib/base/status.h"

namespace varve::query {
namespace {

constexpr RelabelSubject kMetric = RelabelSubject::kMetric;
constexpr RelabelSubject kTarget = RelabelSubject::kTarget;

std::string Json(RelabelSubject subject, std::string_view metric,
                 std::string_view rules) {
  return RelabelStepsJson(ExplainRelabeling(subject, metric, rules));
}

TEST_CASE("each rule is a step, what it changes is marked", "[query]") {
  CHECK(Json(kMetric, R"(up{job="a<b",x="y"})",
             "- {action: labeldrop, regex: x}\n"
             "- {target_label: __tmp, replacement: z}\n") ==
        R"({"status":"success","steps":[)"
        R"({"inLabels":"up{job=&quot;a&lt;b&quot;, )"
        R"(<span style=\"font-weight:bold;color:#D15757\">x=&quot;y&quot;)"
        R"(</span>}","outLabels":"up{job=&quot;a&lt;b&quot;}",)"
        R"("rule":"action: labeldrop\nregex: x\n","errors":{}},)"
        R"({"inLabels":"up{job=&quot;a&lt;b&quot;}",)"
        R"("outLabels":"up{<span style=\"font-weight:bold;color:#4495e0\">)"
        R"(__tmp=&quot;z&quot;</span>, job=&quot;a&lt;b&quot;}",)"
        R"("rule":"target_label: __tmp\nreplacement: z\n","errors":{}},)"
        R"({"inLabels":"up{<span style=\"font-weight:bold;color:#D15757\">)"
        R"(__tmp=&quot;z&quot;</span>, job=&quot;a&lt;b&quot;}",)"
        R"("outLabels":"up{job=&quot;a&lt;b&quot;}",)"
        R"("rule":"remove labels with __ prefix except of __name__",)"
        R"("errors":{}}],"originalLabels":"up{job=&quot;a&lt;b&quot;, )"
        R"(x=&quot;y&quot;}","resultingLabels":"up{job=&quot;a&lt;b&quot;}"})");
}

TEST_CASE("a metric may be written in several ways", "[query]") {
  for (const std::string_view metric :
       {R"(m{l="v"})", R"({__name__="m", l="v"})", R"( __name__="m", l="v" )",
        R"({"m", l="v"})"}) {
    CAPTURE(std::string(metric));
    CHECK(Json(kMetric, metric, "")
              .find(R"("resultingLabels":"m{l=&quot;v&quot;}")") !=
          std::string::npos);
  }
  CHECK(Json(kMetric, "", "") ==
        R"({"status":"success","steps":[],"originalLabels":"{}",)"
        R"("resultingLabels":"{}"})");
}

TEST_CASE("what cannot be read is told in the answer", "[query]") {
  CHECK(Json(kMetric, "{a=\"b\"", "").find("\"error\":\"Error: cannot parse "
                                           "metric: ") != std::string::npos);
  CHECK(Json(kMetric, "{a!=\"b\"}", "").find("is no label of a metric") !=
        std::string::npos);
  CHECK(Json(kMetric, "a", "- {action: keep}") ==
        R"({"status":"error","error":"Error: cannot parse relabel configs: )"
        R"(rule 1, line 1: missing source_labels or if for action keep"})");
  const std::string long_text(kDebugTextBytesMax + 1, ' ');
  CHECK_FALSE(ExplainRelabeling(kMetric, long_text, "").ok());
  CHECK_FALSE(ExplainRelabeling(kMetric, "", long_text).ok());
  // The environment is not for whoever asks.
  CHECK(Json(kMetric, "a", "- {target_label: b, replacement: '%{HOME}'}")
            .find("b=&quot;%{HOME}&quot;") != std::string::npos);
}

TEST_CASE("steps do not grow without bound", "[query]") {
  std::string rules;
  for (int i = 0; i < 200; ++i) {
    rules += "- {target_label: a, replacement: '{{a}}{{a}}'}\n";
  }
  const auto result = ExplainRelabeling(kMetric, "{a=\"xxxxxxxx\"}", rules);
  REQUIRE(result.ok());
  CHECK(result->steps.size() < 20);
  CHECK(result->steps.back().rule.find("too large") != std::string::npos);
}

TEST_CASE("a target has an instance and an address to scrape", "[query]") {
  const auto url = [](std::string_view metric) {
    const auto result = ExplainRelabeling(kTarget, metric, "");
    REQUIRE(result.ok());
    return result->target_url;
  };
  const auto result = ExplainRelabeling(
      kTarget, R"({__address__="h:1",__param_b="x y",__param_a="&"})",
      "- {target_label: job, replacement: j}");
  REQUIRE(result.ok());
  CHECK(result->target_url == "http://h:1/metrics?a=%26&b=x%20y");
  CHECK(result->out == relabel::Labels{{"job", "j"}, {"instance", "h:1"}});
  CHECK(result->steps.size() == 3);
  CHECK(url(R"({__address__="https://h/p",__scheme__="http"})") ==
        "https://h/p");
  CHECK(url(R"({__address__="h",__metrics_path__="p?c=d",__param_a="b"})") ==
        "http://h/p?c=d&a=b");
  CHECK(url("{a=\"b\"}").empty());
}

TEST_CASE("a page shows what came in as text", "[query]") {
  const std::string page = RelabelStepsPage(
      ExplainRelabeling(kTarget, R"(a{b="<script>",__address__="h:1"})",
                        "# </textarea>\n"),
      R"(a{b="<script>"})", "# </textarea>\n");
  CHECK(page.find("<script") == std::string::npos);
  CHECK(page.find("# &lt;/textarea&gt;") != std::string::npos);
  CHECK(page.find("http://h:1/metrics") != std::string::npos);
  CHECK(RelabelStepsPage(ExplainRelabeling(kMetric, "a{<", ""), "a{<", "")
            .find("<p style=\"color:red\">Error: ") != std::string::npos);
}

}  // namespace
}  // namespace varve::query
