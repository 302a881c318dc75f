#include "lib/relabel/replacement.h"

#include <algorithm>
#include <charconv>

namespace varve::relabel {
namespace {

bool IsWord(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
         (c >= 'A' && c <= 'Z') || c == '_';
}

}  // namespace

std::string_view ValueOf(const Labels& labels, std::string_view name) {
  for (const model::Label& label : labels) {
    if (label.name == name) return label.value;
  }
  return {};
}

Replacement::Replacement(std::string_view text, const Regex& regex,
                         LabelReferences references) {
  while (references == LabelReferences::kYes) {
    const size_t begin = text.find("{{");
    const size_t end =
        begin == text.npos ? begin : text.find("}}", begin + 2);
    if (end == text.npos) break;
    ParseGroups(text.substr(0, begin), regex);
    parts_.push_back({Part::Kind::kLabel,
                      std::string(text.substr(begin + 2, end - begin - 2))});
    text.remove_prefix(end + 2);
  }
  ParseGroups(text, regex);
}

void Replacement::AddText(std::string_view text) {
  if (text.empty()) return;
  if (parts_.empty() || parts_.back().kind != Part::Kind::kText) {
    parts_.push_back({Part::Kind::kText, {}});
  }
  parts_.back().text += text;
}

void Replacement::AddGroup(std::string_view name, const Regex& regex) {
  has_groups_ = true;
  int group = -1;
  const auto [end, error] =
      std::from_chars(name.data(), name.data() + name.size(), group);
  if (error != std::errc() || end != name.data() + name.size()) {
    group = regex.GroupOf(name);
  }
  parts_.push_back({Part::Kind::kGroup, {}, group});
}

void Replacement::ParseGroups(std::string_view text, const Regex& regex) {
  while (true) {
    const size_t dollar = text.find('$');
    AddText(text.substr(0, dollar));
    if (dollar == text.npos) return;
    text.remove_prefix(dollar + 1);
    if (text.starts_with('$')) {
      AddText("$");
      text.remove_prefix(1);
      continue;
    }
    const bool braced = text.starts_with('{');
    const std::string_view rest = text.substr(braced ? 1 : 0);
    const auto end = std::find_if_not(rest.begin(), rest.end(), IsWord);
    const auto size = static_cast<size_t>(end - rest.begin());
    if (size == 0 || (braced && !rest.substr(size).starts_with('}'))) {
      AddText("$");
      continue;
    }
    AddGroup(rest.substr(0, size), regex);
    text.remove_prefix(size + (braced ? 2 : 0));
  }
}

bool Replacement::Append(std::span<const std::string_view> groups,
                         const Labels& labels, size_t bytes_max,
                         std::string& out) const {
  for (const Part& part : parts_) {
    std::string_view piece = part.text;
    if (part.kind == Part::Kind::kLabel) {
      piece = ValueOf(labels, part.text);
    } else if (part.kind == Part::Kind::kGroup) {
      const auto group = static_cast<size_t>(part.group);
      piece = part.group >= 0 && group < groups.size() ? groups[group]
                                                       : std::string_view{};
    }
    if (out.size() + piece.size() > bytes_max) return false;
    out += piece;
  }
  return true;
}

}  // namespace varve::relabel
