#include "lib/ingest/series_rules.h"

#include <catch2/catch.hpp>

namespace varve::ingest {
namespace {

using Labels = std::vector<model::Label>;

std::shared_ptr<const relabel::RuleSet> Relabeling(std::string_view yaml) {
  auto rules = relabel::RuleSet::Parse(yaml, relabel::kFileLimits);
  REQUIRE(rules.ok());
  return std::make_shared<const relabel::RuleSet>(*std::move(rules));
}

TEST_CASE("relabeling sees extra labels and the names of Prometheus",
          "[ingest]") {
  const SeriesRules rules({.prometheus_names = true,
                           .relabeling = Relabeling(R"(
- {source_labels: [__name__, dc], target_label: where}
)")});
  Labels labels = {{"__name__", "a.b"}, {"dc", "x"}, {"c-d", "e"}};
  CHECK(rules.Apply({{"dc", "eu"}}, labels) == Rejection::kNone);
  CHECK(model::LabelSet(labels) == model::LabelSet{{"__name__", "a_b"},
                                                   {"dc", "eu"},
                                                   {"c_d", "e"},
                                                   {"where", "a_b;eu"}});
}

TEST_CASE("relabeling drops, and refuses what grows too large", "[ingest]") {
  const SeriesRules rules({.prometheus_names = false,
                           .relabeling = Relabeling(R"(
- {action: labeldrop, regex: 'tmp_.*'}
- {action: drop, if: '{job="test"}'}
)")});
  Labels labels = {{"a", "b"}, {"tmp_1", "c"}};
  CHECK(rules.Apply({}, labels) == Rejection::kNone);
  CHECK(labels == Labels{{"a", "b"}});
  labels = {{"job", "test"}};
  CHECK(rules.Apply({}, labels) == Rejection::kDroppedByRelabeling);
  labels = {{"tmp_1", "c"}};
  CHECK(rules.Apply({}, labels) == Rejection::kDroppedByRelabeling);
  labels.assign(relabel::kLabelsMax + 1, {"tmp_1", "c"});
  CHECK(rules.Apply({}, labels) == Rejection::kTooLargeRelabeled);
}

}  // namespace
}  // namespace varve::ingest
