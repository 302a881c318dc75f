#include "lib/eval/label_template.h"

#include <charconv>
#include <limits>

namespace varve::eval {
namespace {

// A group that no regular expression has.
constexpr int kNoGroup = std::numeric_limits<int>::max();

bool IsNameByte(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
         (c >= '0' && c <= '9') || c == '_';
}

}  // namespace

LabelTemplate::LabelTemplate(const RE2& regex, std::string_view text)
    : regex_(regex) {
  size_t at = 0;
  while (at < text.size()) {
    const size_t dollar = text.find('$', at);
    if (dollar == std::string_view::npos) break;
    AddText(text.substr(at, dollar - at));
    at = dollar + 1;
    if (at < text.size() && text[at] == '$') {
      AddText("$");
      ++at;
    } else if (!ReadReference(text, at)) {
      AddText("$");
    }
  }
  if (at < text.size()) AddText(text.substr(at));
}

bool LabelTemplate::ReadReference(std::string_view text, size_t& at) {
  const bool braces = at < text.size() && text[at] == '{';
  const size_t begin = at + (braces ? 1 : 0);
  size_t end = begin;
  while (end < text.size() && IsNameByte(text[end])) ++end;
  if (end == begin) return false;
  if (braces && (end >= text.size() || text[end] != '}')) return false;
  pieces_.push_back({"", GroupOf(text.substr(begin, end - begin))});
  at = end + (braces ? 1 : 0);
  return true;
}

int LabelTemplate::GroupOf(std::string_view name) const {
  int number = 0;
  const auto result =
      std::from_chars(name.data(), name.data() + name.size(), number);
  if (result.ec == std::errc() && result.ptr == name.data() + name.size()) {
    return number;
  }
  const auto& names = regex_.NamedCapturingGroups();
  const auto it = names.find(std::string(name));
  return it == names.end() ? kNoGroup : it->second;
}

void LabelTemplate::AddText(std::string_view text) {
  if (!text.empty()) pieces_.push_back({std::string(text), -1});
}

bool LabelTemplate::Expand(std::string_view input, std::string& out) const {
  std::vector<re2::StringPiece> groups(
      static_cast<size_t>(regex_.NumberOfCapturingGroups()) + 1);
  const re2::StringPiece piece(input.data(), input.size());
  if (!regex_.Match(piece, 0, input.size(), RE2::ANCHOR_BOTH, groups.data(),
                    static_cast<int>(groups.size()))) {
    return false;
  }
  out.clear();
  AppendExpansion(groups, out);
  return true;
}

std::string LabelTemplate::ReplaceAll(std::string_view input) const {
  std::vector<re2::StringPiece> groups(
      static_cast<size_t>(regex_.NumberOfCapturingGroups()) + 1);
  const re2::StringPiece piece(input.data(), input.size());
  std::string out;
  size_t at = 0;
  while (at <= input.size() &&
         regex_.Match(piece, at, input.size(), RE2::UNANCHORED, groups.data(),
                      static_cast<int>(groups.size()))) {
    const auto begin = static_cast<size_t>(groups[0].data() - input.data());
    const size_t end = begin + groups[0].size();
    out.append(input.substr(at, begin - at));
    AppendExpansion(groups, out);
    if (end > begin) {
      at = end;
      continue;
    }
    // An empty match: the next byte stays and the search goes on behind it.
    if (end < input.size()) out += input[end];
    at = end + 1;
  }
  if (at < input.size()) out.append(input.substr(at));
  return out;
}

void LabelTemplate::AppendExpansion(const std::vector<re2::StringPiece>& groups,
                                    std::string& out) const {
  for (const Piece& p : pieces_) {
    if (p.group < 0) {
      out += p.text;
    } else if (static_cast<size_t>(p.group) < groups.size()) {
      const re2::StringPiece& group = groups[static_cast<size_t>(p.group)];
      out.append(group.data(), group.size());
    }
  }
}

}  // namespace varve::eval
