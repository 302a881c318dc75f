#include "lib/relabel/regex.h"

#include <re2/re2.h>

#include "lib/base/status.h"

namespace varve::relabel {
namespace {

// What makes a text more than itself; `|` apart.
constexpr std::string_view kSpecial = "\\.+*?()[]{}^$";

re2::StringPiece Piece(std::string_view text) {
  return re2::StringPiece(text.data(), text.size());
}

// Without ^ in front and $ behind, which a match of the whole text has anyway.
std::string_view WithoutAnchors(std::string_view pattern) {
  if (pattern.starts_with('^')) pattern.remove_prefix(1);
  if (pattern.ends_with('$')) {
    const size_t last = pattern.find_last_not_of('\\', pattern.size() - 2);
    const size_t text = last == pattern.npos ? 0 : last + 1;
    const bool escaped = (pattern.size() - 1 - text) % 2 == 1;
    if (!escaped) pattern.remove_suffix(1);
  }
  return pattern;
}

bool IsLiteral(std::string_view text) {
  return text.find_first_of(kSpecial) == text.npos;
}

bool IsAny(std::string_view pattern) {
  const std::string_view inner = WithoutAnchors(pattern);
  return inner == ".*" || inner == "(.*)";
}

void CopyGroups(const std::vector<re2::StringPiece>& found,
                std::vector<std::string_view>& groups) {
  groups.clear();
  for (const re2::StringPiece& piece : found) {
    groups.emplace_back(piece.data(), piece.size());
  }
}

}  // namespace

absl::StatusOr<Regex> Regex::Make(std::string_view pattern,
                                  int64_t bytes_max) {
  Regex regex;
  if (IsAny(pattern)) return regex;
  regex.any_ = false;
  re2::RE2::Options options;
  options.set_log_errors(false);
  options.set_dot_nl(true);
  options.set_max_mem(bytes_max);
  auto re2 = std::make_shared<const re2::RE2>(Piece(pattern), options);
  if (!re2->ok()) {
    return base::InvalidArgument("bad regular expression ",
                                 pattern.substr(0, 200), ": ", re2->error());
  }
  regex.re2_ = std::move(re2);
  regex.only_shortcuts_ = regex.FindShortcuts(pattern);
  return regex;
}

bool Regex::FindShortcuts(std::string_view pattern) {
  // A | within brackets or behind a backslash does not part alternatives.
  std::string_view rest = WithoutAnchors(pattern);
  if (rest.find_first_of("\\()[]{}^$") != rest.npos) return false;
  bool all = true;
  while (true) {
    const size_t bar = rest.find('|');
    const std::string_view one = rest.substr(0, bar);
    const bool open =
        one.size() >= 2 && (one.ends_with(".*") || one.ends_with(".+"));
    const std::string_view text = one.substr(0, one.size() - (open ? 2 : 0));
    if (!IsLiteral(text)) {
      all = false;
    } else if (open) {
      prefixes_.push_back({std::string(text), one.back() == '+'});
    } else {
      literals_.insert(std::string(text));
    }
    if (bar == rest.npos) return all;
    rest.remove_prefix(bar + 1);
  }
}

bool Regex::MatchesShortcut(std::string_view text) const {
  for (const Prefix& prefix : prefixes_) {
    if (text.starts_with(prefix.text) &&
        text.size() >= prefix.text.size() + (prefix.more ? 1 : 0)) {
      return true;
    }
  }
  return !literals_.empty() &&
         literals_.find(base::ToAbsl(text)) != literals_.end();
}

bool Regex::Matches(std::string_view text) const {
  if (any_ || MatchesShortcut(text)) return true;
  if (only_shortcuts_) return false;
  return re2_->Match(Piece(text), 0, text.size(), re2::RE2::ANCHOR_BOTH,
                     nullptr, 0);
}

bool Regex::Capture(std::string_view text,
                    std::vector<std::string_view>& groups) const {
  if (any_) {
    groups.assign({text, text});
    return true;
  }
  if (re2_->NumberOfCapturingGroups() == 0) {
    groups.assign({text});
    return Matches(text);
  }
  std::vector<re2::StringPiece> found(
      static_cast<size_t>(re2_->NumberOfCapturingGroups()) + 1);
  if (!re2_->Match(Piece(text), 0, text.size(), re2::RE2::ANCHOR_BOTH,
                   found.data(), static_cast<int>(found.size()))) {
    return false;
  }
  CopyGroups(found, groups);
  return true;
}

bool Regex::Find(std::string_view text, size_t from,
                 std::vector<std::string_view>& groups) const {
  if (any_) {
    groups.assign({text, text});
    return from == 0;
  }
  std::vector<re2::StringPiece> found(
      static_cast<size_t>(re2_->NumberOfCapturingGroups()) + 1);
  if (!re2_->Match(Piece(text), from, text.size(), re2::RE2::UNANCHORED,
                   found.data(), static_cast<int>(found.size()))) {
    return false;
  }
  CopyGroups(found, groups);
  return true;
}

int Regex::GroupOf(std::string_view name) const {
  if (any_) return -1;
  const auto& names = re2_->NamedCapturingGroups();
  const auto found = names.find(std::string(name));
  return found == names.end() ? -1 : found->second;
}

}  // namespace varve::relabel
