#include "lib/protocol/json_items.h"

#include <algorithm>

#include "lib/protocol/prometheus_text.h"

namespace varve::protocol {
namespace {

constexpr std::string_view kSpace = " \t\r\n";

}  // namespace

JsonItems::JsonItems(std::string_view text) : rest_(text) {
  SkipSpace();
  if (!rest_.starts_with('[') && !rest_.starts_with('{')) return;
  kind_ = rest_.front();
  rest_.remove_prefix(1);
}

void JsonItems::SkipSpace() {
  rest_.remove_prefix(
      std::min(rest_.find_first_not_of(kSpace), rest_.size()));
}

bool JsonItems::TakeString(std::string_view& text) {
  if (!rest_.starts_with('"')) return false;
  for (size_t i = 1; i < rest_.size(); ++i) {
    if (rest_[i] == '\\') {
      ++i;
    } else if (rest_[i] == '"') {
      text = rest_.substr(1, i - 1);
      rest_.remove_prefix(i + 1);
      return true;
    }
  }
  return false;
}

bool JsonItems::TakeValue(std::string_view& value) {
  const std::string_view all = rest_;
  std::string_view text;
  size_t depth = 0;
  do {
    if (rest_.empty()) return false;
    const char c = rest_.front();
    if (c == '"') {
      if (!TakeString(text)) return false;
      continue;
    }
    if (c == '[' || c == '{') {
      ++depth;
    } else if (c == ']' || c == '}') {
      if (depth == 0) return false;
      --depth;
    } else if (depth == 0) {
      const size_t end =
          std::min(rest_.find_first_of(",]} \t\r\n"), rest_.size());
      if (end == 0) return false;
      rest_.remove_prefix(end);
      continue;
    }
    rest_.remove_prefix(1);
  } while (depth > 0);
  value = all.substr(0, all.size() - rest_.size());
  return true;
}

bool JsonItems::Next(std::string_view& key, std::string_view& value) {
  if (kind_ == '\0' || complete_) return false;
  SkipSpace();
  if (rest_.starts_with(kind_ == '[' ? ']' : '}')) {
    rest_.remove_prefix(1);
    SkipSpace();
    complete_ = rest_.empty();
    kind_ = complete_ ? kind_ : '\0';
    return false;
  }
  if (!first_) {
    if (!rest_.starts_with(',')) return false;
    rest_.remove_prefix(1);
    SkipSpace();
  }
  first_ = false;
  if (kind_ == '{') {
    if (!TakeString(key)) return false;
    SkipSpace();
    if (!rest_.starts_with(':')) return false;
    rest_.remove_prefix(1);
    SkipSpace();
  }
  return TakeValue(value);
}

std::optional<simdjson::dom::element> JsonItemReader::Read(
    std::string_view text) {
  if (text.size() > kJsonItemBytesMax) return std::nullopt;
  padded_.reserve(text.size() + simdjson::SIMDJSON_PADDING);
  padded_.assign(text);
  simdjson::dom::element element;
  const auto error =
      parser_.parse(padded_.data(), padded_.size(), /*realloc_if_needed=*/false)
          .get(element);
  if (error != simdjson::SUCCESS) return std::nullopt;
  return element;
}

std::optional<double> JsonNumber(const simdjson::dom::element& element) {
  if (element.is_string()) return ParseNumber(JsonString(element));
  double number = 0;
  if (element.get(number) != simdjson::SUCCESS) return std::nullopt;
  return number;
}

std::string_view JsonString(const simdjson::dom::element& element) {
  std::string_view text;
  if (element.get(text) != simdjson::SUCCESS) return "";
  return text;
}

std::optional<simdjson::dom::element> JsonMember(
    const simdjson::dom::element& object, std::string_view key) {
  simdjson::dom::element member;
  if (object.at_key(key).get(member) != simdjson::SUCCESS ||
      member.is_null()) {
    return std::nullopt;
  }
  return member;
}

}  // namespace varve::protocol
