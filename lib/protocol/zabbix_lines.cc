#include "lib/protocol/zabbix_lines.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include "lib/base/strings.h"
#include "lib/protocol/line_words.h"

namespace varve::protocol {
namespace {

using Element = simdjson::dom::element;

// A line with more is refused: their names are compared one with another.
constexpr size_t kTagsMax = 1'000;

std::string_view StringMember(const Element& object, std::string_view key) {
  const auto member = JsonMember(object, key);
  return member ? JsonString(*member) : "";
}

// A number that is no string.
std::optional<double> NumberMember(const Element& object,
                                   std::string_view key) {
  const auto member = JsonMember(object, key);
  if (!member || member->is_string()) return std::nullopt;
  return JsonNumber(*member);
}

}  // namespace

std::string_view ZabbixLinesReader::ReadGroups(const Element& item) {
  if (options_.groups_value.empty()) return "";
  const auto member = JsonMember(item, "groups");
  simdjson::dom::array groups;
  if (!member || member->get(groups) != simdjson::SUCCESS) return "no groups";
  for (const Element& group : groups) {
    if (tags_.size() >= kTagsMax) return "too many groups";
    const std::string_view name = JsonString(group);
    if (name.empty()) continue;
    tags_.push_back({base::StrCat("group_", name), options_.groups_value});
  }
  return "";
}

std::string_view ZabbixLinesReader::ReadTags(const Element& item) {
  const auto member = JsonMember(item, "item_tags");
  simdjson::dom::array tags;
  if (!member || member->get(tags) != simdjson::SUCCESS) return "no item_tags";
  for (const Element& tag : tags) {
    if (tags_.size() >= kTagsMax) return "too many tags";
    const std::string_view name = StringMember(tag, "tag");
    std::string_view value = StringMember(tag, "value");
    if (value.empty()) value = options_.empty_tags_value;
    if (name.empty() || value.empty()) continue;
    Tag added{base::StrCat("tag_", name), std::string(value)};
    const auto same = std::find_if(
        tags_.begin(), tags_.end(),
        [&added](const Tag& one) { return one.name == added.name; });
    if (same != tags_.end() && !options_.duplicate_separator.empty()) {
      base::StrAppend(&same->value, options_.duplicate_separator, value);
    } else {
      tags_.push_back(std::move(added));
    }
  }
  return "";
}

std::string_view ZabbixLinesReader::ReadItem(const Element& item,
                                             SampleBatch& batch) {
  const auto type = NumberMember(item, "type");
  if (!type) return "no type";
  if (*type != 0 && *type != 3) return "the type is not numeric";
  const auto host = JsonMember(item, "host");
  if (!host || !host->is_object()) return "no host";
  const std::string_view host_name = StringMember(*host, "host");
  const std::string_view visible_name = StringMember(*host, "name");
  const std::string_view metric = StringMember(item, "name");
  if (host_name.empty() || visible_name.empty() || metric.empty()) {
    return "no name of the host or the item";
  }
  const auto value = NumberMember(item, "value");
  const auto clock = NumberMember(item, "clock");
  const auto ns = NumberMember(item, "ns");
  if (!value) return "the value is not a number";
  if (!clock || !(std::abs(*clock) < kSecondsMax)) return "no clock";
  if (!ns || !(std::abs(*ns) < 1e9)) return "no ns";
  labels_.Clear();
  tags_.clear();
  labels_.Add("host", host_name);
  labels_.Add("hostname", visible_name);
  if (const auto why = ReadGroups(item); !why.empty()) return why;
  if (const auto why = ReadTags(item); !why.empty()) return why;
  for (const Tag& tag : tags_) labels_.Add(tag.name, tag.value);
  labels_.Seal();
  canonical_.clear();
  labels_.AppendCanonical(metric, canonical_);
  const int64_t ms = static_cast<int64_t>(*clock) * 1'000 +
                     static_cast<int64_t>(*ns) / 1'000'000;
  AppendRow(canonical_, ms, *value, batch);
  return "";
}

void ZabbixLinesReader::ReadLine(std::string_view line, SampleBatch& batch) {
  if (line.find_first_not_of(" \t") == std::string_view::npos) return;
  const auto item = reader_.Read(line);
  if (!item || !item->is_object()) {
    return AddBadLine("not a JSON object of at most 1048576 bytes");
  }
  const std::string_view why = ReadItem(*item, batch);
  if (!why.empty()) AddBadLine(why);
}

}  // namespace varve::protocol
