// Rules from YAML and back; the owner of yaml-cpp here. Its exceptions end in
// this file.
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/yaml.h>

#include <charconv>
#include <set>
#include <sstream>

#include "lib/base/status.h"
#include "lib/relabel/rule_set.h"

namespace varve::relabel {
namespace {

class Ignore : public YAML::EventHandler {
 public:
  using Mark = YAML::Mark;
  using Anchor = YAML::anchor_t;
  using Style = YAML::EmitterStyle::value;
  void OnDocumentStart(const Mark&) override {}
  void OnDocumentEnd() override {}
  void OnNull(const Mark&, Anchor) override {}
  void OnAlias(const Mark&, Anchor) override {}
  void OnScalar(const Mark&, const std::string&, Anchor,
                const std::string&) override {}
  void OnSequenceStart(const Mark&, const std::string&, Anchor,
                       Style) override {}
  void OnSequenceEnd() override {}
  void OnMapStart(const Mark&, const std::string&, Anchor, Style) override {}
  void OnMapEnd() override {}
};

// YAML::Load looks at no more than the first document, which for a text such
// as ",a" is an empty one; YAML::LoadAll then never ends.
bool HasMoreThanOneDocument(const std::string& text) {
  std::istringstream stream(text);
  YAML::Parser parser(stream);
  Ignore ignore;
  return parser.HandleNextDocument(ignore) &&
         parser.HandleNextDocument(ignore);
}

// Lines count from 1; of an empty node the place is not known.
std::string LineOf(const YAML::Node& node) {
  return node.Mark().is_null() ? std::string()
                               : base::StrCat(", line ", node.Mark().line + 1);
}

absl::StatusOr<std::string> TextOf(const YAML::Node& node) {
  if (node.IsNull()) return std::string();
  if (!node.IsScalar()) return base::InvalidArgument("a text is expected");
  return node.Scalar();
}

// A list of texts, or a single one where `or_text`.
absl::StatusOr<std::vector<std::string>> TextsOf(const YAML::Node& node,
                                                 bool or_text) {
  std::vector<std::string> texts;
  if (or_text && node.IsScalar()) return std::vector{node.Scalar()};
  if (!node.IsSequence()) {
    return base::InvalidArgument(or_text ? "a text or a list is expected"
                                         : "a list is expected");
  }
  for (const YAML::Node& item : node) {
    if (!item.IsScalar() && !item.IsNull()) {
      return base::InvalidArgument("a list of texts is expected");
    }
    texts.push_back(item.IsNull() ? "null" : item.Scalar());
  }
  return texts;
}

absl::StatusOr<uint64_t> NumberOf(const YAML::Node& node) {
  ASSIGN_OR_RETURN(const std::string text, TextOf(node));
  uint64_t number = 0;
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) {
    return base::InvalidArgument("a whole number is expected");
  }
  return number;
}

absl::Status ReadLabels(const YAML::Node& node, RuleFields& fields) {
  if (!node.IsMap()) {
    return base::InvalidArgument("names and texts are expected");
  }
  for (const auto& entry : node) {
    ASSIGN_OR_RETURN(std::string name, TextOf(entry.first));
    ASSIGN_OR_RETURN(std::string text, TextOf(entry.second));
    for (const auto& [known, unused] : fields.labels) {
      if (known == name) {
        return base::InvalidArgument("the label ", name, " is there twice");
      }
    }
    fields.labels.emplace_back(std::move(name), std::move(text));
  }
  return absl::OkStatus();
}

template <typename T, typename To>
absl::Status Put(absl::StatusOr<T> value, To& to) {
  RETURN_IF_ERROR(value.status());
  to = *std::move(value);
  return absl::OkStatus();
}

// A field without a value is as if it were not there.
absl::Status ReadField(const std::string& name, const YAML::Node& node,
                       RuleFields& fields) {
  const auto put_text = [&node](auto& to) {
    return node.IsNull() ? absl::OkStatus() : Put(TextOf(node), to);
  };
  const auto put_texts = [&node](auto& to, bool or_text) {
    return node.IsNull() ? absl::OkStatus() : Put(TextsOf(node, or_text), to);
  };
  if (name == "action") return put_text(fields.action);
  if (name == "separator") return put_text(fields.separator);
  if (name == "target_label") return put_text(fields.target_label);
  if (name == "replacement") return put_text(fields.replacement);
  if (name == "match") return put_text(fields.match);
  if (name == "source_labels") return put_texts(fields.source_labels, false);
  if (name == "regex") return put_texts(fields.regex, true);
  if (name == "if") return put_texts(fields.conditions, true);
  if (name == "modulus") {
    return node.IsNull() ? absl::OkStatus()
                         : Put(NumberOf(node), fields.modulus);
  }
  if (name == "labels") {
    return node.IsNull() ? absl::OkStatus() : ReadLabels(node, fields);
  }
  return base::InvalidArgument("no rule has such a field");
}

absl::StatusOr<RuleFields> ReadFields(const YAML::Node& node) {
  if (!node.IsMap()) {
    return base::InvalidArgument(
        "a rule has fields such as action and regex");
  }
  RuleFields fields;
  std::set<std::string> seen;
  for (const auto& entry : node) {
    ASSIGN_OR_RETURN(const std::string name, TextOf(entry.first));
    absl::Status status = ReadField(name, entry.second, fields);
    if (status.ok() && !seen.insert(name).second) {
      status = base::InvalidArgument("the field is there twice");
    }
    if (!status.ok()) {
      return base::Annotate(
          status, base::StrCat("field ", name, LineOf(entry.first)));
    }
  }
  return fields;
}

void EmitTexts(YAML::Emitter& out, const char* name,
               const std::vector<std::string>& texts) {
  out << YAML::Key << name << YAML::Value;
  if (texts.size() == 1) {
    out << texts[0];
  } else {
    out << texts;
  }
}

}  // namespace

std::string RuleFields::Text() const {
  YAML::Emitter out;
  out << YAML::BeginMap;
  const auto emit = [&out](const char* name, const std::string& text) {
    out << YAML::Key << name << YAML::Value << text;
  };
  if (!conditions.empty()) EmitTexts(out, "if", conditions);
  if (!action.empty()) emit("action", action);
  if (!source_labels.empty()) {
    out << YAML::Key << "source_labels" << YAML::Value << YAML::Flow
        << source_labels;
  }
  if (separator) emit("separator", *separator);
  if (!target_label.empty()) emit("target_label", target_label);
  if (regex) EmitTexts(out, "regex", *regex);
  if (modulus != 0) out << YAML::Key << "modulus" << YAML::Value << modulus;
  if (replacement) emit("replacement", *replacement);
  if (!match.empty()) emit("match", match);
  if (!labels.empty()) {
    out << YAML::Key << "labels" << YAML::Value << YAML::BeginMap;
    for (const auto& [name, text] : labels) emit(name.c_str(), text);
    out << YAML::EndMap;
  }
  out << YAML::EndMap;
  return std::string(out.c_str()) + "\n";
}

absl::StatusOr<RuleSet> RuleSet::Parse(std::string_view yaml,
                                       const ParseLimits& limits) try {
  RuleSet set;
  const std::string text(yaml);
  if (HasMoreThanOneDocument(text)) {
    return base::InvalidArgument("one YAML document is expected");
  }
  const YAML::Node root = YAML::Load(text);
  if (root.IsNull()) return set;
  if (!root.IsSequence()) {
    return base::InvalidArgument("a list of rules is expected");
  }
  if (root.size() > limits.rules_max) {
    return base::InvalidArgument(root.size(), " rules are more than ",
                                 limits.rules_max);
  }
  for (size_t i = 0; i < root.size(); ++i) {
    const YAML::Node node = root[i];
    const std::string place = base::StrCat("rule ", i + 1, LineOf(node));
    absl::StatusOr<RuleFields> fields = ReadFields(node);
    if (!fields.ok()) return base::Annotate(fields.status(), place);
    absl::StatusOr<Rule> rule =
        Rule::Make(*std::move(fields), limits.regex_bytes_max);
    if (!rule.ok()) return base::Annotate(rule.status(), place);
    set.rules_.push_back(*std::move(rule));
  }
  return set;
} catch (const YAML::Exception& error) {
  return base::InvalidArgument("line ", error.mark.line + 1, ": ", error.msg);
} catch (const std::exception& error) {
  return base::InvalidArgument("bad YAML: ", error.what());
}

}  // namespace varve::relabel
