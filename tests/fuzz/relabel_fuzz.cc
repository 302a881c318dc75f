// Relabeling: a text of rules, then a metric's labels. Whatever they are, the
// labels stay within their bounds, and a rule's own text gives the rule again.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "lib/relabel/rule_set.h"
#include "tests/fuzz/seeds.h"

namespace {

using namespace varve;

// Before the first NUL are the rules; then names and values by turns, each
// ended by a NUL.
relabel::Labels LabelsOf(std::string_view text) {
  relabel::Labels labels;
  bool name = true;
  while (!text.empty()) {
    const std::string_view part = text.substr(0, text.find('\0'));
    text.remove_prefix(std::min(part.size() + 1, text.size()));
    if (name) {
      labels.push_back({std::string(part), ""});
    } else {
      labels.back().value = part;
    }
    name = !name;
  }
  return labels;
}

void CheckKept(const relabel::Labels& labels) {
  size_t bytes = 0;
  if (labels.empty() || labels.size() > relabel::kLabelsMax) std::abort();
  for (const model::Label& label : labels) {
    if (label.name.empty() || label.value.empty()) std::abort();
    if (label.name.starts_with("__") && label.name != "__name__") std::abort();
    bytes += label.name.size() + label.value.size();
  }
  if (bytes > relabel::kWrittenBytesMax + (1 << 20)) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const std::string_view yaml = text.substr(0, text.find('\0'));
  const auto rules = relabel::RuleSet::Parse(yaml, relabel::kRequestLimits);
  if (!rules.ok()) return 0;
  relabel::Labels labels =
      LabelsOf(text.substr(std::min(yaml.size() + 1, text.size())));
  const auto steps = rules->Explain(labels, 1 << 16);
  if (!rules->empty() && rules->Apply(labels) == relabel::Outcome::kKept) {
    CheckKept(labels);
  }
  if (steps.size() > rules->size() + 2) std::abort();
  return 0;
}

extern "C" void VarveFuzzSeeds(VarveFuzzAdd add) {
  using namespace std::string_view_literals;
  for (const std::string_view seed :
       {"- {source_labels: [a, b], regex: '(x+);(.*)', target_label: 'c$1', "
        "replacement: '$2{{a}}'}\0a\0xx\0b\0y\0"sv,
        "- action: graphite\n  match: '*.b.*'\n  labels: {c: '${1}-$2'}\n"
        "- action: labelmap_all\n  regex: ['-', '\\.']\n  replacement: _\n"
        "\0__name__\0a.b.c\0d-e\0f\0"sv,
        "- {action: replace_all, source_labels: [a], target_label: a, "
        "regex: 'x*', replacement: '-'}\n"
        "- {action: keep, if: ['{a=~\"x.*\"}', up]}\n"
        "- {action: hashmod, source_labels: [a], target_label: h, "
        "modulus: 7}\0a\0xxay\0"sv,
        "- {action: labelmap, regex: '(.+)', replacement: 'm_$1'}\n"
        "- {action: uppercase, source_labels: [m_a], target_label: a}\n"
        "- {action: labelkeep, regex: 'a|b|c.*'}\0a\0\xc3\xa4\0"sv}) {
    add(seed.data(), seed.size());
  }
}
