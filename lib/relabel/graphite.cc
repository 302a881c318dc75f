#include "lib/relabel/graphite.h"

#include <charconv>

namespace varve::relabel {

GraphitePattern::GraphitePattern(std::string_view pattern) {
  while (true) {
    const size_t star = pattern.find('*');
    if (star != 0 && !pattern.empty()) {
      parts_.emplace_back(pattern.substr(0, star));
    }
    if (star == pattern.npos) return;
    parts_.emplace_back("*");
    pattern.remove_prefix(star + 1);
  }
}

bool GraphitePattern::Match(std::string_view name,
                            std::vector<std::string_view>& groups) const {
  groups.assign({name});
  for (size_t i = 0; i < parts_.size(); ++i) {
    if (parts_[i] != "*") {
      if (!name.starts_with(parts_[i])) return false;
      name.remove_prefix(parts_[i].size());
      continue;
    }
    const size_t end =
        i + 1 == parts_.size() ? name.size() : name.find(parts_[i + 1]);
    if (end == name.npos) return false;
    const std::string_view found = name.substr(0, end);
    if (found.find('.') != found.npos) return false;
    groups.push_back(found);
    name.remove_prefix(end);
  }
  return name.empty();
}

GraphiteTemplate::GraphiteTemplate(std::string_view text) {
  while (!text.empty()) {
    const size_t dollar = text.find('$');
    if (dollar == 0) {
      parts_.push_back(TakeGroup(text));
      continue;
    }
    parts_.push_back({std::string(text.substr(0, dollar))});
    text.remove_prefix(parts_.back().text.size());
  }
}

GraphiteTemplate::Part GraphiteTemplate::TakeGroup(std::string_view& text) {
  const bool braced = text.size() > 1 && text[1] == '{';
  size_t end = braced ? text.find('}') : text.find_first_not_of("0123456789", 1);
  std::string_view number;
  if (braced && end != text.npos) {
    number = text.substr(2, end - 2);
    ++end;
  } else if (!braced) {
    number = text.substr(1, end == text.npos ? end : end - 1);
  }
  Part part{std::string(text.substr(0, end))};
  text.remove_prefix(part.text.size());
  const auto [stop, error] = std::from_chars(
      number.data(), number.data() + number.size(), part.group);
  if (error != std::errc() || stop != number.data() + number.size()) {
    part.group = -1;
  }
  return part;
}

bool GraphiteTemplate::Append(std::span<const std::string_view> groups,
                              size_t bytes_max, std::string& out) const {
  for (const Part& part : parts_) {
    const auto group = static_cast<size_t>(part.group);
    const std::string_view piece = part.group >= 0 && group < groups.size()
                                       ? groups[group]
                                       : std::string_view(part.text);
    if (out.size() + piece.size() > bytes_max) return false;
    out += piece;
  }
  return true;
}

}  // namespace varve::relabel
