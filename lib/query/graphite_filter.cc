#include "lib/query/graphite_filter.h"

#include <string>

#include "lib/base/status.h"
#include "lib/graphite/path_pattern.h"

namespace varve::query {
namespace {

// (a|b) to {a,b} and (.*) to *; a parenthesis that does not end stays.
std::string WithoutAlternatives(std::string_view pattern) {
  std::string out;
  while (!pattern.empty()) {
    const size_t begin = pattern.find('(');
    const size_t end =
        begin == pattern.npos ? begin : pattern.find(')', begin);
    if (end == pattern.npos) break;
    out += pattern.substr(0, begin);
    const std::string_view inside =
        pattern.substr(begin + 1, end - begin - 1);
    if (inside == ".*") {
      out += '*';
    } else {
      out += '{';
      for (const char c : inside) out += c == '|' ? ',' : c;
      out += '}';
    }
    pattern.remove_prefix(end + 1);
  }
  out += pattern;
  return out;
}

absl::StatusOr<model::Matcher> NameMatcher(const model::Matcher& by_path) {
  const std::string path = WithoutAlternatives(by_path.value);
  const bool is_pattern = path.find_first_of("*?[{") != path.npos;
  model::Matcher matcher;
  matcher.name = model::kMetricName;
  if (!is_pattern) {
    matcher.type = by_path.is_negative() ? model::MatchType::kNotEqual
                                         : model::MatchType::kEqual;
    matcher.value = path;
    return matcher;
  }
  ASSIGN_OR_RETURN(const graphite::PathPattern pattern,
                   graphite::PathPattern::Parse(path));
  matcher.type = by_path.is_negative() ? model::MatchType::kNotRegex
                                       : model::MatchType::kRegex;
  matcher.value = pattern.leaf_regex();
  RETURN_IF_ERROR(model::CompiledMatcher::Make(matcher).status());
  return matcher;
}

}  // namespace

absl::Status PathsToNames(std::vector<model::Matchers>& groups) {
  for (model::Matchers& group : groups) {
    for (model::Matcher& matcher : group) {
      if (matcher.name != kGraphiteLabel) continue;
      ASSIGN_OR_RETURN(matcher, NameMatcher(matcher));
    }
  }
  return absl::OkStatus();
}

}  // namespace varve::query
