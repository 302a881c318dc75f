#include "storage/index/matcher_algebra.h"

#include <re2/re2.h>

#include <algorithm>
#include <cctype>

#include "lib/base/status.h"

namespace varve::storage {
namespace {

using model::MatchType;

// Point lookups beat a scan up to about this many.
constexpr size_t kLiteralsMax = 1000;
// A value is at most a few KiB, and matching it takes at worst its length times
// the size of the compiled expression: so many instructions are met with a
// value each between two looks at the clock.
constexpr size_t kInstructionsUnasked = 4096;
constexpr std::string_view kMeta = ".+*?()[]{}^$\\|";

bool IsMeta(char c) { return kMeta.find(c) != std::string_view::npos; }

// The literal character at the start of `regex`, unescaped: how many bytes it
// takes; 0 when there is none.
size_t TakeLiteral(std::string_view regex, char& c) {
  if (regex.empty()) return 0;
  if (regex[0] != '\\') {
    c = regex[0];
    return IsMeta(c) ? 0 : 1;
  }
  // An escaped letter or digit is a class or a control character.
  if (regex.size() < 2 || !std::ispunct(static_cast<uint8_t>(regex[1]))) {
    return 0;
  }
  c = regex[1];
  return 2;
}

}  // namespace

std::optional<std::vector<std::string>> RegexLiterals(std::string_view regex) {
  // Grafana puts the values of a variable in parentheses.
  if (regex.size() >= 2 && regex.front() == '(' && regex.back() == ')' &&
      !regex.ends_with("\\)") && regex.substr(1, 1) != "?") {
    regex = regex.substr(1, regex.size() - 2);
  }
  std::vector<std::string> literals(1);
  while (!regex.empty()) {
    if (regex[0] == '|') {
      if (literals.size() == kLiteralsMax) return std::nullopt;
      literals.emplace_back();
      regex.remove_prefix(1);
      continue;
    }
    char c;
    const size_t taken = TakeLiteral(regex, c);
    if (taken == 0) return std::nullopt;
    literals.back().push_back(c);
    regex.remove_prefix(taken);
  }
  return literals;
}

std::string RegexPrefix(std::string_view regex) {
  // Any alternation outside parentheses ends the idea of one prefix; inside
  // brackets | is a character, and telling so is not worth it.
  int depth = 0;
  for (size_t i = 0; i < regex.size(); ++i) {
    if (regex[i] == '\\') {
      ++i;
    } else if (regex[i] == '(') {
      ++depth;
    } else if (regex[i] == ')') {
      --depth;
    } else if (regex[i] == '[') {
      depth = 0;
      if (regex.find('|', i) != std::string_view::npos) return "";
    } else if (regex[i] == '|' && depth <= 0) {
      return "";
    }
  }
  std::string prefix;
  char c;
  while (const size_t taken = TakeLiteral(regex, c)) {
    prefix.push_back(c);
    regex.remove_prefix(taken);
  }
  // A repetition makes the character before it uncertain: all its bytes.
  if (!regex.empty() && (regex[0] == '*' || regex[0] == '?' ||
                         regex[0] == '{')) {
    while (!prefix.empty() && (prefix.back() & 0xc0) == 0x80) {
      prefix.pop_back();
    }
    if (!prefix.empty()) prefix.pop_back();
  }
  return prefix;
}

absl::Status PreparedGroups::AddTerm(const model::Matcher& matcher,
                                     Group& group) {
  ASSIGN_OR_RETURN(model::CompiledMatcher compiled,
                   model::CompiledMatcher::Make(matcher));
  const bool matches_empty = compiled.MatchesEmpty();
  if (matcher.name.empty()) {  // no series has such a label
    if (!matches_empty) group.never = true;
    return absl::OkStatus();
  }
  Term term;
  term.name = matcher.name;
  term.keep = !matches_empty;
  // Values are given when they are exactly the set: those that match of a set
  // to keep, those that do not of a set to take away. "" is the set of all
  // series with the label.
  const std::string& text = matcher.value;
  if (!matcher.is_regex()) {
    term.values = {text};
    group.terms.push_back(std::move(term));
    return absl::OkStatus();
  }
  const bool negative = matcher.is_negative();
  if (text == ".*") {
    if (negative) group.never = true;
    return absl::OkStatus();
  }
  if (text == ".+") {
    term.values = {""};
    group.terms.push_back(std::move(term));
    return absl::OkStatus();
  }
  auto literals = RegexLiterals(text);
  const bool has_empty =
      literals && std::find(literals->begin(), literals->end(), "") !=
                      literals->end();
  if (literals && (!has_empty || literals->size() == 1)) {
    term.values = *std::move(literals);
    group.terms.push_back(std::move(term));
    return absl::OkStatus();
  }
  term.scan = true;
  term.wanted = term.keep;
  // Only where the scan looks for what the expression itself matches.
  if (term.keep != negative) term.prefix = RegexPrefix(text);
  term.scan_key = term.name;
  term.scan_key.push_back('\0');
  term.scan_key.push_back(term.wanted != negative ? '=' : '!');
  term.scan_key += text;
  term.values_unasked = std::max<size_t>(
      1, kInstructionsUnasked /
             static_cast<size_t>(std::max(1, compiled.regex()->ProgramSize())));
  term.matcher = std::move(compiled);
  group.terms.push_back(std::move(term));
  return absl::OkStatus();
}

absl::StatusOr<PreparedGroups> PreparedGroups::Make(
    std::span<const model::Matchers> groups, const base::Alive* alive) {
  PreparedGroups prepared;
  prepared.alive_ = alive;
  prepared.all_ = groups.empty();
  for (const model::Matchers& matchers : groups) {
    Group group;
    for (const model::Matcher& matcher : matchers) {
      RETURN_IF_ERROR(AddTerm(matcher, group));
    }
    if (group.never) continue;
    if (group.terms.empty()) prepared.all_ = true;
    prepared.groups_.push_back(std::move(group));
  }
  return prepared;
}

absl::Status PreparedGroups::AddIds(const Term& term,
                                    const PostingSource& source,
                                    IdSet& ids) const {
  if (!term.scan) {
    for (const std::string& value : term.values) {
      RETURN_IF_ERROR(source.AddPair(term.name, value, ids));
    }
    return absl::OkStatus();
  }
  if (const auto kept = source.FindScan(term.scan_key)) {
    ids |= *kept;
    return absl::OkStatus();
  }
  const auto found = std::make_shared<IdSet>();
  // Parts of one value's ids follow one another: judge the value once.
  std::string judged;
  bool verdict = false;
  size_t unasked = 0;
  RETURN_IF_ERROR(source.VisitValues(
      term.name, term.prefix,
      [&](std::string_view, std::string_view value,
          const PostingView& posting) -> absl::StatusOr<bool> {
        if (judged.empty() || value != judged) {
          if (++unasked >= term.values_unasked) {
            unasked = 0;
            RETURN_IF_ERROR(base::CheckAlive(alive_));
          }
          judged = value;
          verdict = term.matcher->Matches(value) == term.wanted;
        }
        if (verdict) RETURN_IF_ERROR(posting.AddTo(*found));
        return true;
      }));
  ids |= *found;
  source.KeepScan(term.scan_key, found);
  return absl::OkStatus();
}

absl::Status PreparedGroups::Keep(const Term& term,
                                  const PostingSource& source,
                                  std::optional<IdSet>& result) const {
  IdSet kept;
  if (!result || term.scan) {
    RETURN_IF_ERROR(AddIds(term, source, kept));
    if (result) kept &= *result;
    result = std::move(kept);
    return absl::OkStatus();
  }
  // Part by part: what the parts have in common with a small result is little,
  // the whole of them may be much.
  for (const std::string& value : term.values) {
    RETURN_IF_ERROR(
        source.VisitPair(term.name, value, [&](const PostingView& part) {
          IdSet ids;
          RETURN_IF_ERROR(part.AddTo(ids));
          ids &= *result;
          Unite(std::move(ids), kept);
          return absl::OkStatus();
        }));
  }
  result = std::move(kept);
  return absl::OkStatus();
}

absl::Status PreparedGroups::TakeAway(const Term& term,
                                      const PostingSource& source,
                                      IdSet& result) const {
  if (term.scan) {
    IdSet ids;
    RETURN_IF_ERROR(AddIds(term, source, ids));
    result -= ids;
    return absl::OkStatus();
  }
  for (const std::string& value : term.values) {
    RETURN_IF_ERROR(
        source.VisitPair(term.name, value, [&](const PostingView& part) {
          IdSet ids;
          RETURN_IF_ERROR(part.AddTo(ids));
          result -= ids;
          return absl::OkStatus();
        }));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<const PreparedGroups::Term*>>
PreparedGroups::InOrder(const Group& group, const PostingSource& source) {
  std::vector<std::pair<size_t, const Term*>> kept;
  for (const Term& term : group.terms) {
    if (term.keep) kept.emplace_back(term.scan ? SIZE_MAX : 0, &term);
  }
  if (kept.size() > 1) {
    for (auto& [bytes, term] : kept) {
      if (term->scan) continue;
      for (const std::string& value : term->values) {
        ASSIGN_OR_RETURN(const size_t one,
                         source.PairBytes(term->name, value));
        bytes += one;
      }
    }
    std::stable_sort(
        kept.begin(), kept.end(),
        [](const auto& a, const auto& b) { return a.first < b.first; });
  }
  std::vector<const Term*> terms;
  for (const auto& one : kept) terms.push_back(one.second);
  return terms;
}

absl::StatusOr<IdSet> PreparedGroups::Matching(
    const Group& group, const PostingSource& source) const {
  std::optional<IdSet> result;
  ASSIGN_OR_RETURN(const std::vector<const Term*> kept,
                   InOrder(group, source));
  for (const Term* term : kept) {
    RETURN_IF_ERROR(Keep(*term, source, result));
    if (result->isEmpty()) return IdSet();
  }
  if (!result) {
    result.emplace();
    RETURN_IF_ERROR(source.AddPair("", "", *result));
  }
  for (const Term& term : group.terms) {
    if (term.keep) continue;
    if (result->isEmpty()) break;
    RETURN_IF_ERROR(TakeAway(term, source, *result));
  }
  return *std::move(result);
}

absl::Status PreparedGroups::AddMatching(const PostingSource& source,
                                         IdSet& ids) const {
  if (all_) return source.AddPair("", "", ids);
  for (const Group& group : groups_) {
    ASSIGN_OR_RETURN(IdSet matching, Matching(group, source));
    Unite(std::move(matching), ids);
  }
  return absl::OkStatus();
}

}  // namespace varve::storage
