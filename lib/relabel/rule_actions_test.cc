// Each action by the examples of the public documentation.
#include <catch2/catch.hpp>

#include "lib/relabel/letter_case.h"
#include "lib/relabel/test_labels.h"

namespace varve::relabel {
namespace {

TEST_CASE("replace writes what the regex found into the target label",
          "[relabel]") {
  CHECK(Relabeled(R"y(
- source_labels: [a]
  regex: f(.*)
  target_label: d
  replacement: ch${1}-ch${1}
)y", R"({a="foo",b="bar"})") == R"({a="foo",b="bar",d="choo-choo"})");
  CHECK(Relabeled(R"y(
- source_labels: [a, b]
  regex: f(.*);(.*)r
  target_label: a
  replacement: b${1}${2}m
- source_labels: [c, a]
  regex: (b).*b(.*)ba(.*)
  target_label: d
  replacement: $1$2$2$3
)y", R"({a="foo",b="bar",c="baz"})") ==
        R"({a="boobam",b="bar",c="baz",d="boooom"})");
  CHECK(Relabeled(R"y(
- source_labels: [xxx, foo]
  target_label: bar
  replacement: a-$1-b
)y", R"({xxx="yyy"})") == R"({bar="a-yyy;-b",xxx="yyy"})");
  // The target label has groups too.
  CHECK(Relabeled(R"y(
- source_labels: [a]
  regex: some-([^-]+)-([^,]+)
  target_label: ${1}
  replacement: ${2}
)y", R"({a="some-name-value"})") == R"({a="some-name-value",name="value"})");
  CHECK(Relabeled(R"y(
- source_labels: [a]
  regex: (?P<host>.+):\d+
  target_label: host
  replacement: $host
)y", R"({a="db1:9100"})") == R"({a="db1:9100",host="db1"})");
  // Groups run over line ends; $$ is a dollar, $1x another group than $1.
  CHECK(Relabeled(R"y(
- {source_labels: [a], target_label: b, replacement: "$$$1$1x"}
)y", "{a=\"x\\ny\"}") == "{a=\"x\ny\",b=\"$x\ny\"}");
}

TEST_CASE("replace leaves all as it is where the regex does not match",
          "[relabel]") {
  CHECK(Relabeled("- {source_labels: [a], regex: f, target_label: b, "
                  "replacement: bar}",
                  R"({a="boo"})") == R"({a="boo"})");
  CHECK(Relabeled("- {source_labels: [foo], target_label: bar}",
                  R"({xxx="yyy"})") == R"({xxx="yyy"})");
  CHECK(Relabeled("- {source_labels: [foo], regex: .+, target_label: bar}",
                  R"({xxx="yyy"})") == R"({xxx="yyy"})");
}

TEST_CASE("replace with nothing removes the label", "[relabel]") {
  constexpr std::string_view kRule = R"y(
- source_labels: [xxx, foo]
  regex: "yyy;.+"
  target_label: foo
  replacement: ""
)y";
  CHECK(Relabeled(kRule, R"({xxx="yyy",foo="bar"})") == R"({xxx="yyy"})");
  CHECK(Relabeled(kRule, R"({xxx="yyyz",foo="bar"})") ==
        R"({foo="bar",xxx="yyyz"})");
}

TEST_CASE("replacements refer to labels by {{name}}", "[relabel]") {
  CHECK(Relabeled(R"y(
- target_label: instance-job
  replacement: "{{instance}}-{{job}}"
)y", R"({instance="host123",job="node_exporter"})") ==
        R"({instance="host123",instance-job="host123-node_exporter",)"
        R"(job="node_exporter"})");
  CHECK(Relabeled(R"y(
- target_label: abc
  replacement: "{{__name__}}.{{foo}}.$1"
  source_labels: [baz]
  regex: "a(.+)"
)y", R"(qwe{foo="bar",baz="aaa"})") ==
        R"(qwe{abc="qwe.bar.aa",baz="aaa",foo="bar"})");
  // A label's value is a value, whatever it looks like.
  CHECK(Relabeled(R"y(
- {target_label: b, source_labels: [c], replacement: "{{a}}{{none}}{{x"}
)y", R"({a="$1",c="secret"})") == R"({a="$1",b="$1{{x",c="secret"})");
}

TEST_CASE("replace_all replaces each match", "[relabel]") {
  CHECK(Relabeled(R"y(
- action: replace_all
  source_labels: ["__name__"]
  target_label: "__name__"
  regex: "-"
  replacement: "_"
)y", R"({__name__="http-request-latency"})") == "http_request_latency");
  CHECK(Relabeled(R"y(
- action: replace_all
  source_labels: [xxx, foo]
  target_label: xxx
  regex: "(;)"
  replacement: "-$1-"
)y", R"({xxx="y;y"})") == R"({xxx="y-;-y-;-"})");
  CHECK(Relabeled(R"y(
- action: replace_all
  source_labels: [a]
  target_label: a
  regex: "x*"
  replacement: "-"
)y", R"({a="äxxb"})") == R"({a="-ä-b-"})");
  // Without a match the target stays as it is.
  CHECK(Relabeled(R"y(
- {action: replace_all, source_labels: [a], target_label: b, regex: q,
   replacement: r}
)y", R"({a="x",b="y"})") == R"({a="x",b="y"})");
}

TEST_CASE("keep and drop look at the joined source labels", "[relabel]") {
  CHECK(Relabeled("- {action: drop, source_labels: [a], regex: .*o.*}",
                  R"({a="foo"})") == "dropped");
  // Anchored at both ends.
  CHECK(Relabeled("- {action: drop, source_labels: [a], regex: f|o}",
                  R"({a="foo"})") == R"({a="foo"})");
  CHECK(Relabeled("- {action: keep, source_labels: [a], regex: no-match}",
                  R"({a="foo"})") == "dropped");
  CHECK(Relabeled("- {action: keep, source_labels: [a], regex: f.*}",
                  R"({a="foo"})") == R"({a="foo"})");
  CHECK(Relabeled("- {action: keep, source_labels: [__name__, instance], "
                  "regex: \"node_memory_MemAvailable_bytes;host123\"}",
                  R"(node_memory_MemAvailable_bytes{instance="host123"})") ==
        R"(node_memory_MemAvailable_bytes{instance="host123"})");
  CHECK(Relabeled("- {action: keep, source_labels: [a, b], separator: '',"
                  " regex: xy}",
                  R"({a="x",b="y"})") == R"({a="x",b="y"})");
  CHECK(Relabeled("- {action: drop, source_labels: [foo]}", R"({a="b"})") ==
        "dropped");
}

TEST_CASE("keep_metrics and drop_metrics look at the metric's name",
          "[relabel]") {
  constexpr std::string_view kKeep = R"y(
- action: keep_metrics
  regex:
    - "http_requests_total"
    - "node_memory_MemAvailable_bytes"
    - "nginx_.+"
)y";
  CHECK(Relabeled(kKeep, "http_requests_total") == "http_requests_total");
  CHECK(Relabeled(kKeep, "nginx_latency_seconds") == "nginx_latency_seconds");
  CHECK(Relabeled(kKeep, "nginx_") == "dropped");
  CHECK(Relabeled(kKeep, "xhttp_requests_total") == "dropped");
  CHECK(Relabeled("- {action: drop_metrics, regex: go_gc.+|process_cpu}",
                  "go_gc_duration_seconds") == "dropped");
  CHECK(Relabeled("- {action: drop_metrics, regex: go_gc.+|process_cpu}",
                  "go_goroutines") == "go_goroutines");
  CHECK(Relabeled("- {action: drop_metrics, if: foo}", "foo") == "dropped");
}

TEST_CASE("keepequal and dropequal compare with the target label",
          "[relabel]") {
  constexpr std::string_view kPorts =
      R"({tmp_port="1234",port1="1234",port2="5678"})";
  const auto rule = [](std::string_view action, std::string_view target) {
    return base::StrCat("- {action: ", action,
                        ", source_labels: [tmp_port], target_label: ", target,
                        "}");
  };
  CHECK(Relabeled(rule("keepequal", "port2"), kPorts) == "dropped");
  CHECK(Relabeled(rule("dropequal", "port1"), kPorts) == "dropped");
  CHECK(Relabeled(rule("keepequal", "port1"), kPorts) != "dropped");
  CHECK(Relabeled(rule("dropequal", "port2"), kPorts) != "dropped");
}

TEST_CASE("keep_if_equal and drop_if_equal compare source labels",
          "[relabel]") {
  constexpr std::string_view kKeep =
      "- {action: keep_if_equal, source_labels: [instance, host]}";
  constexpr std::string_view kDrop =
      "- {action: drop_if_equal, source_labels: [instance, host]}";
  CHECK(Relabeled(kKeep, R"({instance="srv2",host="srv3"})") == "dropped");
  CHECK(Relabeled(kKeep, R"({instance="srv3",host="srv3"})") != "dropped");
  CHECK(Relabeled(kDrop, R"({instance="srv3",host="srv3"})") == "dropped");
  CHECK(Relabeled(kDrop, R"({instance="srv2"})") == R"({instance="srv2"})");
}

TEST_CASE("keep_if_contains and drop_if_contains look for all values",
          "[relabel]") {
  constexpr std::string_view kKeep =
      "- {action: keep_if_contains, target_label: tags, "
      "source_labels: [one, two]}";
  CHECK(Relabeled(kKeep, R"({tags=",dev,api,",one="dev",two="api"})") !=
        "dropped");
  CHECK(Relabeled(kKeep, R"({tags=",dev,",one="dev",two="api"})") ==
        "dropped");
  constexpr std::string_view kDrop =
      "- {action: drop_if_contains, target_label: tags, "
      "source_labels: [blocked]}";
  CHECK(Relabeled(kDrop, R"({tags="prod,api",blocked="api"})") == "dropped");
  CHECK(Relabeled(kDrop, R"({tags="prod",blocked="api"})") != "dropped");
}

// The values are those of VictoriaMetrics' own tests: XXH64, not MD5.
TEST_CASE("hashmod shards by the hash VictoriaMetrics takes", "[relabel]") {
  constexpr std::string_view kRule =
      "- {action: hashmod, source_labels: [foo], target_label: aaa, "
      "modulus: 123}";
  CHECK(Relabeled(kRule, R"({xxx="yyy"})") == R"({aaa="81",xxx="yyy"})");
  CHECK(Relabeled(kRule, R"({foo="yyy"})") == R"({aaa="73",foo="yyy"})");
}

TEST_CASE("labelmap copies labels, from their values before", "[relabel]") {
  CHECK(Relabeled("- {action: labelmap, regex: (b.*), replacement: 'bar_${1}'}",
                  R"({a="foo",b1="bar",b2="baz"})") ==
        R"({a="foo",b1="bar",b2="baz",bar_b1="bar",bar_b2="baz"})");
  CHECK(Relabeled("- {action: labelmap, regex: __meta_(my.*)}",
                  R"({a="foo",__meta_my_bar="aaa",__meta_other="ccc"})") ==
        R"({a="foo",my_bar="aaa"})");
  CHECK(Relabeled("- {action: labelmap, regex: foo(.+)}",
                  R"({foo="yyy",foobar="aaa"})") ==
        R"({bar="aaa",foo="yyy",foobar="aaa"})");
  CHECK(Relabeled("- {action: labelmap, regex: x(.), replacement: x$1$1}",
                  R"({x1="a",x11="b"})") == R"({x1="a",x11="a"})");
}

TEST_CASE("labelmap_all renames labels", "[relabel]") {
  CHECK(Relabeled(R"y(
- action: labelmap_all
  regex: "-"
  replacement: "_"
)y", R"({__name__="m","pod-label-region"="us-west",b="c"})") ==
        R"(m{b="c",pod_label_region="us-west"})");
  CHECK(Relabeled(R"y(
- action: labelmap_all
  regex: "ba(.)"
  replacement: "${1}ss"
)y", R"({"foo.bar.baz"="yyy",foozar="aaa"})") ==
        R"({foo.rss.zss="yyy",foozar="aaa"})");
  // Where the new name is taken, its label is replaced.
  CHECK(Relabeled("- {action: labelmap_all, regex: '-', replacement: _}",
                  R"({"a-b"="1",a_b="2"})") == R"({a_b="1"})");
}

TEST_CASE("labeldrop and labelkeep look at names of labels", "[relabel]") {
  CHECK(Relabeled("- {action: labeldrop, regex: b.*}",
                  R"({a="foo",b1="bar",b2="baz"})") == R"({a="foo"})");
  CHECK(Relabeled("- {action: labelkeep, regex: (b.*)}",
                  R"({a="foo",b1="bar",b2="baz"})") ==
        R"({b1="bar",b2="baz"})");
  CHECK(Relabeled("- {action: labeldrop, regex: [a, 'b\\d']}",
                  R"({a="foo",b1="bar",c="baz"})") == R"({c="baz"})");
  // All labels gone: nothing to store.
  CHECK(Relabeled("- {action: labelkeep, regex: z}", R"({a="foo"})") ==
        "dropped");
}

TEST_CASE("lowercase and uppercase change letters", "[relabel]") {
  CHECK(Relabeled(R"y(
- {action: uppercase, source_labels: [foo], target_label: foo_uppercase}
- {action: lowercase, source_labels: [foo], target_label: foo_lowercase}
)y", R"({foo="bAr123Foo"})") ==
        R"({foo="bAr123Foo",foo_lowercase="bar123foo",)"
        R"(foo_uppercase="BAR123FOO"})");
  CHECK(ToUpperCase("straße äé жи σ") == "STRAßE ÄÉ ЖИ Σ");
  CHECK(ToLowerCase("ÄÉ ЖИ Σ 漢") == "äé жи σ 漢");
  CHECK(ToLowerCase("A\xff\xc3") == "a\xff\xc3");
  CHECK(ToUpperCase("a\0b\xf0\x90\x90\xa8") == "A\0B\xf0\x90\x90\x80");
}

TEST_CASE("graphite takes labels from parts of a name", "[relabel]") {
  constexpr std::string_view kRule = R"y(
- action: graphite
  match: "*.*.*.total"
  labels:
    __name__: "${3}_total"
    job: "$1"
    instance: "${2}:8080"
)y";
  CHECK(Relabeled(kRule, R"({__name__="authservice.us-west-2.login.total"})") ==
        R"(login_total{instance="us-west-2:8080",job="authservice"})");
  CHECK(Relabeled(kRule, R"({__name__="a.b.total"})") == "a.b.total");
}

TEST_CASE("a rule applies where one of its conditions holds", "[relabel]") {
  constexpr std::string_view kRule = R"y(
- target_label: team
  replacement: infra
  if:
    - '{job="api"}'
    - '{instance=~"web-.+" or __name__="up"}'
)y";
  CHECK(Relabeled(kRule, R"({job="api"})") == R"({job="api",team="infra"})");
  CHECK(Relabeled(kRule, R"({instance="web-2"})") ==
        R"({instance="web-2",team="infra"})");
  CHECK(Relabeled(kRule, "up") == R"(up{team="infra"})");
  CHECK(Relabeled(kRule, R"({job="db"})") == R"({job="db"})");
  // A keep keeps what its condition says and nothing else.
  CHECK(Relabeled("- {action: keep, if: '{foo=\"bar\"}'}", R"({foo="b"})") ==
        "dropped");
  CHECK(Relabeled("- {action: keep, if: '{foo=\"bar\"}'}", R"({foo="bar"})") ==
        R"({foo="bar"})");
  CHECK(Relabeled("- {action: drop, if: '{foo!=\"bar\"}'}", R"({a="b"})") ==
        "dropped");
  CHECK(Relabeled("- {action: drop, if: '{a=\"b\",c=\"d\"}'}", R"({a="b"})") ==
        R"({a="b"})");
  CHECK(Relabeled("- {action: labeldrop, if: '{x=~\"|y\"}', regex: a}",
                  R"({a="1",b="2"})") == R"({b="2"})");
}

TEST_CASE("rules apply in their order, internal labels go in the end",
          "[relabel]") {
  CHECK(Relabeled(R"y(
- {source_labels: [xxx], target_label: __tmp, replacement: a-$1}
- {source_labels: [__tmp], target_label: zar, replacement: b-$1}
)y", R"({xxx="yyy"})") == R"({xxx="yyy",zar="b-a-yyy"})");
  // Without rules they stay.
  CHECK(Relabeled("", R"({__tmp="yyy"})") == R"({__tmp="yyy"})");
}

}  // namespace
}  // namespace varve::relabel
