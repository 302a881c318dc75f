#include "lib/graphite/path_pattern.h"

#include <algorithm>
#include <set>

#include "lib/base/status.h"

namespace varve::graphite {
namespace {

constexpr std::string_view kRegexMeta = "\\.+*?()|[]{}^$";
constexpr std::string_view kNameTag = "name";

void AppendLiteral(std::string& regex, char c) {
  if (kRegexMeta.find(c) != kRegexMeta.npos) regex.push_back('\\');
  regex.push_back(c);
}

absl::Status BadPattern(std::string_view text, std::string_view why) {
  return base::InvalidArgument("bad path pattern \"", text, "\": ", why);
}

// "[…]" at the start of `text`, which is shortened by it.
absl::Status TakeClass(std::string_view& text, std::string_view whole,
                       std::string& regex) {
  const size_t end = text.find(']', 1);
  if (end == text.npos) return BadPattern(whole, "missing ]");
  std::string_view inside = text.substr(1, end - 1);
  if (inside.empty()) return BadPattern(whole, "empty []");
  regex.push_back('[');
  if (inside[0] == '!' || inside[0] == '^') {
    regex.push_back('^');
    inside.remove_prefix(1);
    if (inside.empty()) return BadPattern(whole, "empty []");
  }
  for (const char c : inside) {
    if (c == '\\' || c == '[' || c == '^') regex.push_back('\\');
    regex.push_back(c);
  }
  regex.push_back(']');
  text.remove_prefix(end + 1);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<PathPattern> PathPattern::Parse(std::string_view text,
                                               char delimiter) {
  if (text.empty()) return base::InvalidArgument("missing `query` arg");
  if (text.size() > kPatternBytesMax) {
    return base::InvalidArgument("a path pattern of ", text.size(),
                                 " bytes; at most ", kPatternBytesMax,
                                 " are taken");
  }
  PathPattern pattern;
  pattern.delimiter_ = delimiter;
  std::string not_delimiter = "[^";
  if (delimiter == '\\' || delimiter == ']' || delimiter == '^' ||
      delimiter == '-') {
    not_delimiter.push_back('\\');
  }
  not_delimiter.push_back(delimiter);
  not_delimiter += "]";
  std::string& regex = pattern.leaf_regex_;
  int depth = 0;
  for (std::string_view rest = text; !rest.empty();) {
    const char c = rest[0];
    if (c == '[') {
      RETURN_IF_ERROR(TakeClass(rest, text, regex));
      continue;
    }
    rest.remove_prefix(1);
    if (c == '*') {
      regex += not_delimiter + "*";
    } else if (c == '?') {
      regex += not_delimiter;
    } else if (c == '{') {
      ++depth;
      regex += "(?:";
    } else if (c == '}' && depth > 0) {
      --depth;
      regex += ")";
    } else if (c == ',' && depth > 0) {
      regex += "|";
    } else if (c == delimiter && depth > 0) {
      return BadPattern(text, "a delimiter inside {}");
    } else {
      if (c == delimiter) ++pattern.nodes_;
      AppendLiteral(regex, c);
    }
  }
  if (depth > 0) return BadPattern(text, "missing }");
  pattern.below_regex_ = "(?:";
  AppendLiteral(pattern.below_regex_, delimiter);
  pattern.below_regex_ += ".*)?";
  return pattern;
}

std::vector<PathNode> NodesAt(const PathPattern& pattern,
                              const std::vector<std::string>& names) {
  std::set<PathNode> found;
  for (const std::string& name : names) {
    size_t end = 0;
    for (size_t node = 0; node < pattern.nodes() && end != name.npos; ++node) {
      end = name.find(pattern.delimiter(), node == 0 ? 0 : end + 1);
    }
    found.insert({name.substr(0, end), end == name.npos});
  }
  return {found.begin(), found.end()};
}

absl::StatusOr<model::Matcher> ParseTagExpression(std::string_view text) {
  const size_t equals = text.find('=');
  if (equals == text.npos || equals == 0) {
    return base::InvalidArgument("bad tag expression \"", text,
                                 "\": expected tag=value, tag!=value, "
                                 "tag=~regex or tag!=~regex");
  }
  const bool negative = text[equals - 1] == '!';
  const std::string_view tag = text.substr(0, negative ? equals - 1 : equals);
  std::string_view value = text.substr(equals + 1);
  if (tag.empty()) {
    return base::InvalidArgument("bad tag expression \"", text,
                                 "\": the tag is empty");
  }
  model::Matcher matcher;
  matcher.name = LabelOfTag(tag);
  if (!value.starts_with('~')) {
    matcher.type =
        negative ? model::MatchType::kNotEqual : model::MatchType::kEqual;
    matcher.value = value;
    return matcher;
  }
  matcher.type =
      negative ? model::MatchType::kNotRegex : model::MatchType::kRegex;
  matcher.value = base::StrCat("(?:", value.substr(1), ").*");
  RETURN_IF_ERROR(model::CompiledMatcher::Make(matcher).status());
  return matcher;
}

std::string TaggedPath(const model::LabelSet& labels) {
  std::string out(labels.Get(model::kMetricName));
  for (const model::Label& label : labels) {
    if (label.name == model::kMetricName) continue;
    base::StrAppend(&out, ";", label.name, "=", label.value);
  }
  return out;
}

absl::StatusOr<model::LabelSet> ParseTaggedPath(std::string_view text) {
  size_t end = text.find(';');
  model::LabelSet labels;
  labels.Set(model::kMetricName, text.substr(0, end));
  while (end != text.npos) {
    const size_t begin = end + 1;
    end = text.find(';', begin);
    const std::string_view part =
        text.substr(begin, end == text.npos ? end : end - begin);
    const size_t equals = part.find('=');
    if (equals == part.npos || equals == 0) {
      return base::InvalidArgument("bad path \"", text, "\": \"", part,
                                   "\" is no tag=value");
    }
    labels.Set(LabelOfTag(part.substr(0, equals)), part.substr(equals + 1));
  }
  if (labels.Get(model::kMetricName).empty()) {
    return base::InvalidArgument("bad path \"", text, "\": it has no name");
  }
  return labels;
}

std::string_view LabelOfTag(std::string_view tag) {
  return tag == kNameTag ? std::string_view(model::kMetricName) : tag;
}

std::string_view TagOfLabel(std::string_view label) {
  return label == model::kMetricName ? kNameTag : label;
}

}  // namespace varve::graphite
