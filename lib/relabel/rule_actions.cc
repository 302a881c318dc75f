// What each action does to the labels of one series.
#include "lib/relabel/rule_actions.h"

#include <algorithm>

#include "absl/container/flat_hash_map.h"
#include "lib/base/hash.h"
#include "lib/base/strings.h"
#include "lib/relabel/letter_case.h"

namespace varve::relabel {
namespace {

Outcome KeptIf(bool keep) {
  return keep ? Outcome::kKept : Outcome::kDropped;
}

Outcome Within(bool bounds) {
  return bounds ? Outcome::kKept : Outcome::kTooLarge;
}

}  // namespace

bool Work::Charge(size_t bytes) {
  if (bytes > bytes_left) return false;
  bytes_left -= bytes;
  return true;
}

bool Work::Set(std::string_view name, std::string_view value) {
  if (!Charge(name.size() + value.size())) return false;
  for (model::Label& label : labels) {
    if (label.name != name) continue;
    label.value = value;
    return true;
  }
  // It would be left out in the end.
  if (value.empty() || name.empty()) return true;
  if (labels.size() >= kLabelsMax) return false;
  labels.push_back({std::string(name), std::string(value)});
  return true;
}

bool Work::SetAll(Labels renamed) {
  absl::flat_hash_map<std::string, size_t> places;
  for (size_t i = 0; i < labels.size(); ++i) {
    places.emplace(labels[i].name, i);
  }
  for (model::Label& label : renamed) {
    const auto [place, is_new] = places.emplace(label.name, labels.size());
    if (!is_new) {
      labels[place->second].value = std::move(label.value);
    } else if (labels.size() < kLabelsMax) {
      labels.push_back(std::move(label));
    } else {
      return false;
    }
  }
  return true;
}

bool Rule::Join(Work& work) const {
  work.source.clear();
  for (const std::string& name : source_labels_) {
    if (&name != &source_labels_.front()) work.source += separator_;
    work.source += ValueOf(work.labels, name);
    if (work.source.size() > kWrittenBytesMax) return false;
  }
  return true;
}

Outcome Rule::Replace(Work& work) const {
  if (!Join(work)) return Outcome::kTooLarge;
  if (!regex_.Capture(work.source, work.groups)) return Outcome::kKept;
  work.value.clear();
  work.name.clear();
  const bool fits =
      replacement_.Append(work.groups, work.labels, work.bytes_left,
                          work.value) &&
      target_.Append(work.groups, work.labels, work.bytes_left, work.name) &&
      work.Set(work.name, work.value);
  return Within(fits);
}

bool Rule::ReplaceMatches(std::string_view text, Work& work) const {
  work.value.clear();
  size_t done = 0;  // of `text`, copied or replaced
  const char* last_end = nullptr;
  for (size_t from = 0; regex_.Find(text, from, work.groups);) {
    const std::string_view found = work.groups[0];
    const auto begin = static_cast<size_t>(found.data() - text.data());
    // An empty match right behind another is none.
    if (!found.empty() || found.data() != last_end) {
      work.value += text.substr(done, begin - done);
      if (!replacement_.Append(work.groups, work.labels, work.bytes_left,
                               work.value)) {
        return false;
      }
      done = begin + found.size();
      last_end = found.data() + found.size();
    }
    from = begin + found.size();
    if (found.empty()) {
      // Past the next character, not within it.
      do {
        ++from;
      } while (from < text.size() &&
               (static_cast<uint8_t>(text[from]) & 0xC0) == 0x80);
    }
    if (from > text.size()) break;
  }
  work.value += text.substr(std::min(done, text.size()));
  return work.value.size() <= work.bytes_left;
}

Outcome Rule::ReplaceAll(Work& work) const {
  if (!Join(work) || !ReplaceMatches(work.source, work)) {
    return Outcome::kTooLarge;
  }
  if (work.value == work.source) return Outcome::kKept;
  return Within(work.Set(fields_.target_label, work.value));
}

Outcome Rule::Keep(Work& work) const {
  if (regex_.is_any()) return Outcome::kKept;
  if (!Join(work)) return Outcome::kTooLarge;
  return KeptIf(regex_.Matches(work.source));
}

Outcome Rule::Drop(Work& work) const {
  if (regex_.is_any()) return Outcome::kDropped;
  if (!Join(work)) return Outcome::kTooLarge;
  return KeptIf(!regex_.Matches(work.source));
}

Outcome Rule::KeepEqual(Work& work) const {
  if (!Join(work)) return Outcome::kTooLarge;
  return KeptIf(work.source == ValueOf(work.labels, fields_.target_label));
}

Outcome Rule::DropEqual(Work& work) const {
  if (!Join(work)) return Outcome::kTooLarge;
  return KeptIf(work.source != ValueOf(work.labels, fields_.target_label));
}

bool Rule::AllEqual(const Labels& labels) const {
  const std::string_view first = ValueOf(labels, source_labels_.front());
  return std::ranges::all_of(source_labels_, [&](const std::string& name) {
    return ValueOf(labels, name) == first;
  });
}

Outcome Rule::KeepIfEqual(Work& work) const {
  return KeptIf(AllEqual(work.labels));
}

Outcome Rule::DropIfEqual(Work& work) const {
  return KeptIf(!AllEqual(work.labels));
}

bool Rule::ContainsAll(const Labels& labels) const {
  const std::string_view target = ValueOf(labels, fields_.target_label);
  return std::ranges::all_of(source_labels_, [&](const std::string& name) {
    return target.find(ValueOf(labels, name)) != target.npos;
  });
}

Outcome Rule::KeepIfContains(Work& work) const {
  return KeptIf(ContainsAll(work.labels));
}

Outcome Rule::DropIfContains(Work& work) const {
  return KeptIf(!ContainsAll(work.labels));
}

Outcome Rule::HashMod(Work& work) const {
  if (!Join(work)) return Outcome::kTooLarge;
  const uint64_t shard = base::Xxh64Of(work.source) % fields_.modulus;
  return Within(work.Set(fields_.target_label, base::StrCat(shard)));
}

// All names are taken before any label changes.
Outcome Rule::LabelMap(Work& work) const {
  Labels renamed;
  for (const model::Label& label : work.labels) {
    if (!regex_.Capture(label.name, work.groups)) continue;
    work.name.clear();
    if (!replacement_.Append(work.groups, work.labels, work.bytes_left,
                             work.name) ||
        !work.Charge(work.name.size() + label.value.size())) {
      return Outcome::kTooLarge;
    }
    if (work.name != label.name && !work.name.empty()) {
      renamed.push_back({work.name, label.value});
    }
  }
  if (renamed.empty()) return Outcome::kKept;
  return Within(work.SetAll(std::move(renamed)));
}

Outcome Rule::LabelMapAll(Work& work) const {
  Labels renamed;
  for (model::Label& label : work.labels) {
    if (!ReplaceMatches(label.name, work) ||
        !work.Charge(work.value.size())) {
      return Outcome::kTooLarge;
    }
    if (work.value == label.name) continue;
    if (!work.value.empty()) {
      renamed.push_back({work.value, std::move(label.value)});
    }
    label.name.clear();
  }
  if (renamed.empty()) return Outcome::kKept;
  std::erase_if(work.labels, [](const model::Label& label) {
    return label.name.empty();
  });
  return Within(work.SetAll(std::move(renamed)));
}

Outcome Rule::LabelDrop(Work& work) const {
  std::erase_if(work.labels, [this](const model::Label& label) {
    return regex_.Matches(label.name);
  });
  return Outcome::kKept;
}

Outcome Rule::LabelKeep(Work& work) const {
  std::erase_if(work.labels, [this](const model::Label& label) {
    return !regex_.Matches(label.name);
  });
  return Outcome::kKept;
}

Outcome Rule::Lowercase(Work& work) const {
  if (!Join(work)) return Outcome::kTooLarge;
  return Within(work.Set(fields_.target_label, ToLowerCase(work.source)));
}

Outcome Rule::Uppercase(Work& work) const {
  if (!Join(work)) return Outcome::kTooLarge;
  return Within(work.Set(fields_.target_label, ToUpperCase(work.source)));
}

Outcome Rule::Graphite(Work& work) const {
  work.source = ValueOf(work.labels, model::kMetricName);
  if (!pattern_.Match(work.source, work.groups)) return Outcome::kKept;
  for (const auto& [name, text] : templates_) {
    work.value.clear();
    if (!text.Append(work.groups, work.bytes_left, work.value) ||
        !work.Set(name, work.value)) {
      return Outcome::kTooLarge;
    }
  }
  return Outcome::kKept;
}

}  // namespace varve::relabel
