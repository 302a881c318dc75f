#include "lib/relabel/rule_set.h"

#include <catch2/catch.hpp>

#include "lib/relabel/prometheus_names.h"
#include "lib/relabel/test_labels.h"

namespace varve::relabel {
namespace {

std::string ErrorOf(std::string_view yaml,
                    const ParseLimits& limits = kFileLimits) {
  const auto rules = RuleSet::Parse(yaml, limits);
  REQUIRE(absl::IsInvalidArgument(rules.status()));
  return std::string(base::Message(rules.status()));
}

TEST_CASE("no text and no rules are no rules", "[relabel]") {
  for (const std::string_view yaml : {"", "\n# rules\n", "[]", "~"}) {
    CHECK(RulesOf(yaml).empty());
  }
  CHECK(RulesOf("- {action: labeldrop, regex: a}\n"
                "- {action: KEEP, if: up}")
            .size() == 2);
}

TEST_CASE("what is not YAML, or no list of rules, is told by its line",
          "[relabel]") {
  CHECK(ErrorOf("- action: keep\n  regex: [a\n").find("line ") == 0);
  CHECK(ErrorOf("action: keep") == "a list of rules is expected");
  CHECK(ErrorOf("[]\n---\n[]") == "one YAML document is expected");
  CHECK(ErrorOf(",a") == "one YAML document is expected");
  CHECK(ErrorOf("- keep") ==
        "rule 1, line 1: a rule has fields such as action and regex");
  CHECK_FALSE(RuleSet::Parse(std::string(1 << 16, '['), kFileLimits).ok());
  CHECK_FALSE(RuleSet::Parse("&a [*a, *a]", kFileLimits).ok());
}

TEST_CASE("a field that no rule has, or twice, is an error", "[relabel]") {
  CHECK(ErrorOf("- action: labeldrop\n  regex: a\n"
                "- action: drop\n  sourcelabels: [a]\n") ==
        "rule 2, line 3: field sourcelabels, line 4: no rule has such a "
        "field");
  CHECK(ErrorOf("- regex: a\n  regex: b\n") ==
        "rule 1, line 1: field regex, line 2: the field is there twice");
  CHECK(ErrorOf("- modulus: 1.5\n") ==
        "rule 1, line 1: field modulus, line 1: a whole number is expected");
  CHECK(ErrorOf("- modulus: -5\n").find("a whole number") !=
        std::string::npos);
  CHECK(ErrorOf("- source_labels: a\n").find("a list is expected") !=
        std::string::npos);
  CHECK(ErrorOf("- regex: {a: b}\n").find("a text or a list") !=
        std::string::npos);
  CHECK(ErrorOf("- action: [keep]\n").find("a text is expected") !=
        std::string::npos);
  CHECK(ErrorOf("- labels: {a: b, a: c}\n").find("label a is there twice") !=
        std::string::npos);
}

TEST_CASE("a rule must have what its action needs, and no more",
          "[relabel]") {
  constexpr std::string_view kBad[] = {
      "action: invalid-action",
      "source_labels: [aaa], target_label: xxx, regex: 'foo[bar'",
      "action: replace, source_labels: [foo]",
      "action: replace_all, target_label: xxx",
      "action: replace_all, source_labels: [foo]",
      "action: keep",
      "action: drop",
      "action: keep_if_equal",
      "action: keep_if_equal, source_labels: [foo]",
      "action: keep_if_equal, source_labels: [foo, bar], target_label: x",
      "action: drop_if_equal, source_labels: [foo]",
      "action: drop_if_equal, source_labels: [foo, bar], regex: x",
      "action: keep_if_contains, source_labels: [foo]",
      "action: keep_if_contains, target_label: foo",
      "action: drop_if_contains, source_labels: [a], target_label: b, "
      "regex: c",
      "action: keepequal, source_labels: [foo]",
      "action: dropequal, source_labels: [a], target_label: b, regex: c",
      "action: hashmod, target_label: aaa, modulus: 123",
      "action: hashmod, source_labels: [aaa], modulus: 123",
      "action: hashmod, source_labels: [aaa], target_label: xxx",
      "action: drop_metrics",
      "action: drop_metrics, regex: ''",
      "action: drop_metrics, source_labels: [foo], regex: bar",
      "action: keep_metrics",
      "action: keep_metrics, source_labels: [foo], regex: bar",
      "action: uppercase, target_label: foobar",
      "action: lowercase, source_labels: [foobar]",
      "action: graphite, labels: {foo: bar}",
      "action: graphite, match: 'foo.*.bar'",
      "action: graphite, match: 'f.*', labels: {a: b}, source_labels: [foo]",
      "action: graphite, match: 'f.*', labels: {a: b}, target_label: foo",
      "action: graphite, match: 'f.*', labels: {a: b}, replacement: foo",
      "action: graphite, match: 'f.*', labels: {a: b}, regex: foo",
      "action: uppercase, source_labels: [f], target_label: f, match: a",
      "action: uppercase, source_labels: [f], target_label: f, labels: {a: b}",
      "action: drop, if: '{a=}'",
      "action: drop, if: 'sum(a)'",
      "action: drop, if: ''",
  };
  for (const std::string_view rule : kBad) {
    CAPTURE(std::string(rule));
    CHECK(ErrorOf(base::StrCat("- {", rule, "}")).find("rule 1, line 1: ") ==
          0);
  }
  CHECK(ErrorOf("- {action: hashmod, target_label: a, modulus: 1}") ==
        "rule 1, line 1: missing source_labels for action hashmod");
}

TEST_CASE("a field without a value counts as absent", "[relabel]") {
  CHECK(Relabeled("- {action: ~, source_labels: [a], target_label: b, "
                  "replacement: , regex: ~, if: ~}",
                  R"({a="1"})") == R"({a="1",b="1"})");
  CHECK(Relabeled("- {source_labels: [a], target_label: b, replacement: 8080}",
                  R"({a="1"})") == R"({a="1",b="8080"})");
}

TEST_CASE("rules from requests are fewer and smaller", "[relabel]") {
  std::string many;
  for (int i = 0; i < 201; ++i) many += "- {action: labeldrop, regex: a}\n";
  CHECK(ErrorOf(many, kRequestLimits) == "201 rules are more than 200");
  CHECK(RulesOf(many).size() == 201);
  const std::string large = base::StrCat("- {action: labeldrop, regex: '",
                                         std::string(100'000, '.'), "'}");
  CHECK(ErrorOf(large, kRequestLimits).find("bad regular expression") !=
        std::string::npos);
  CHECK(RulesOf(large).size() == 1);
}

// Where rules would make labels grow without end, the series is refused.
TEST_CASE("the work on one series is bounded", "[relabel]") {
  std::string doubling;
  for (int i = 0; i < 40; ++i) {
    doubling += "- {target_label: a, replacement: '{{a}}{{a}}'}\n";
  }
  CHECK(Relabeled(doubling, R"({a="xxxxxxxx"})") == "too large");
  CHECK(Relabeled(base::StrCat("- {target_label: b, replacement: '",
                               [] {
                                 std::string text;
                                 for (int i = 0; i < 100'000; ++i) text += "{{a}}";
                                 return text;
                               }(),
                               "'}"),
                  base::StrCat("{a=\"", std::string(100'000, 'x'), "\"}")) ==
        "too large");
  CHECK(Relabeled("- {action: replace_all, source_labels: [a], target_label: "
                  "a, regex: '', replacement: '{{0123456789}}$0'}\n"
                  "- {action: replace_all, source_labels: [a], target_label: "
                  "a, regex: '.', replacement: '$0$0$0$0$0$0$0$0$0$0'}",
                  base::StrCat("{a=\"", std::string(100'000, 'x'), "\"}")) ==
        "too large");
  // 4,000 labels, each copied under a second name.
  Labels labels;
  for (int i = 0; i < 4'000; ++i) {
    labels.push_back({base::StrCat("l", i), "v"});
  }
  const RuleSet map =
      RulesOf("- {action: labelmap, regex: (.+), replacement: 'm_$1'}");
  CHECK(map.Apply(labels) == Outcome::kTooLarge);
  labels.assign(5'000, {"a", "b"});
  CHECK(map.Apply(labels) == Outcome::kTooLarge);
}

TEST_CASE("idempotent rules change nothing the second time", "[relabel]") {
  const RuleSet rules = RulesOf(R"y(
- {source_labels: [instance], regex: '([^:]+):\d+', target_label: host}
- {action: labeldrop, regex: 'pod_.*|uid'}
- {action: labelmap, regex: meta_(.+)}
- {action: lowercase, source_labels: [job], target_label: job}
- {action: hashmod, source_labels: [instance], target_label: shard, modulus: 9}
- {action: replace_all, source_labels: [__name__], target_label: __name__,
   regex: '[.-]', replacement: _}
- {action: labelmap_all, regex: '[.]', replacement: _}
- {action: drop, if: '{job="test"}'}
)y");
  for (const std::string_view metric :
       {R"({__name__="a.b-c",instance="x:1",job="J",pod_a="1",meta_z="2"})",
        R"({__name__="up","a.b"="1",a_b="2"})", R"({job="TEST",x="y"})",
        R"({instance="no port"})"}) {
    Labels once = LabelsOf(metric);
    if (rules.Apply(once) != Outcome::kKept) continue;
    Labels twice = once;
    CAPTURE(std::string(metric));
    CHECK(rules.Apply(twice) == Outcome::kKept);
    CHECK(model::LabelSet(twice) == model::LabelSet(once));
  }
}

TEST_CASE("steps tell what each rule made of the labels", "[relabel]") {
  const auto steps = RulesOf(R"y(
- source_labels: [a]
  target_label: b
  replacement: ""
- action: keep
  if:
  - up
  - down
  regex: [x, "y|z"]
  source_labels: [a]
)y").Explain(LabelsOf(R"(up{a="x",b="y"})"), 1000);
  REQUIRE(steps.size() == 3);
  CHECK(steps[0].rule ==
        "source_labels: [a]\ntarget_label: b\nreplacement: \"\"\n");
  CHECK(TextOf(steps[0].in) == R"(up{a="x",b="y"})");
  CHECK(steps[0].out.size() == 3);  // b is empty
  CHECK(steps[1].rule ==
        "if:\n  - up\n  - down\naction: keep\nsource_labels: [a]\n"
        "regex:\n  - x\n  - y|z\n");
  CHECK(steps[2].rule == "remove empty labels");
  CHECK(steps[2].out.size() == 2);
  // What is read back is the same rule.
  for (const RuleSet::Step& step : {steps[0], steps[1]}) {
    std::string yaml = "- " + step.rule;
    for (size_t at = 0; (at = yaml.find('\n', at)) + 1 < yaml.size();) {
      yaml.insert(++at, "  ");
    }
    const auto again = RulesOf(yaml).Explain({{"a", "b"}}, 1000);
    CHECK(again.front().rule == step.rule);
  }
  const auto dropped = RulesOf("- {action: drop, if: up}\n"
                               "- {action: labeldrop, regex: a}")
                           .Explain(LabelsOf("up"), 1000);
  REQUIRE(dropped.size() == 1);
  CHECK(dropped[0].out.empty());
}

TEST_CASE("names become those of old Prometheus", "[relabel]") {
  Labels labels = {{"__name__", "foo.bar/baz:a"},
                   {"a.b:c", "d.e"},
                   {"ключ", "v"},
                   {"ok_1", ""}};
  MakePrometheusNames(labels);
  CHECK(labels == Labels{{"__name__", "foo_bar_baz:a"},
                         {"a_b_c", "d.e"},
                         {"____", "v"},
                         {"ok_1", ""}});
}

}  // namespace
}  // namespace varve::relabel
