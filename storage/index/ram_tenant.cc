#include "storage/index/ram_tenant.h"

#include <algorithm>
#include <cstring>
#include <numeric>

#include "lib/base/byte_coding.h"
#include "lib/base/hash.h"
#include "lib/base/strings.h"

namespace varve::storage {
namespace {

// Blocks of text grow from small, for the many tenants of few series.
constexpr size_t kBlockBytesMin = 512;
constexpr size_t kBlockBytesMax = 64 << 10;

}  // namespace

std::string_view TextArena::Keep(std::string_view text) {
  if (text.size() > left_) {
    block_bytes_ = std::clamp(block_bytes_ * 2, kBlockBytesMin, kBlockBytesMax);
    left_ = std::max(block_bytes_, text.size());
    blocks_.push_back(std::make_unique_for_overwrite<char[]>(left_));
    next_ = blocks_.back().get();
    bytes_ += left_;
  }
  std::memcpy(next_, text.data(), text.size());
  const std::string_view kept(next_, text.size());
  next_ += text.size();
  left_ -= text.size();
  return kept;
}

size_t RamTenant::HashOfSeries::operator()(uint32_t place) const {
  return tenant->hashes_[place].low;
}
size_t RamTenant::HashOfSeries::operator()(
    const model::SeriesHash& hash) const {
  return hash.low;
}
bool RamTenant::SameSeries::operator()(uint32_t a,
                                       const model::SeriesHash& b) const {
  return tenant->hashes_[a] == b;
}
size_t RamTenant::HashOfPair::operator()(uint32_t pair) const {
  const Pair& entry = tenant->pairs_[pair];
  return (*this)(PairText{entry.name, entry.value});
}
size_t RamTenant::HashOfPair::operator()(const PairText& text) const {
  return base::Hash64Of(text.value, text.name);
}
bool RamTenant::SamePair::operator()(uint32_t a, const PairText& b) const {
  const Pair& entry = tenant->pairs_[a];
  return entry.name == b.name && entry.value == b.value;
}

RamTenant::RamTenant()
    : pair_numbers_(0, HashOfPair{this}, SamePair{this}),
      by_hash_(0, HashOfSeries{this}, SameSeries{this}) {}

std::optional<uint32_t> RamTenant::FindHash(
    const model::SeriesHash& hash) const {
  const auto it = by_hash_.find(hash);
  if (it == by_hash_.end()) return std::nullopt;
  return *it;
}

std::optional<uint32_t> RamTenant::FindId(uint32_t id) const {
  if (by_id_.empty()) {
    const auto it = std::lower_bound(ids_.begin(), ids_.end(), id);
    if (it == ids_.end() || *it != id) return std::nullopt;
    return static_cast<uint32_t>(it - ids_.begin());
  }
  const auto it = std::lower_bound(
      by_id_.begin(), by_id_.end(), id,
      [this](uint32_t place, uint32_t wanted) { return ids_[place] < wanted; });
  if (it == by_id_.end() || ids_[*it] != id) return std::nullopt;
  return *it;
}

uint32_t RamTenant::NameNumber(std::string_view name) {
  const auto it = name_numbers_.find(base::ToAbsl(name));
  if (it != name_numbers_.end()) return it->second;
  const auto number = static_cast<uint32_t>(names_.size());
  names_.push_back({arena_.Keep(name), {}, {}});
  name_numbers_.emplace(base::ToAbsl(names_.back().name), number);
  return number;
}

uint32_t RamTenant::PairNumber(uint32_t name, std::string_view value) {
  const auto it = pair_numbers_.find(PairText{name, value});
  if (it != pair_numbers_.end()) return *it;
  const auto number = static_cast<uint32_t>(pairs_.size());
  pairs_.push_back({arena_.Keep(value), name, {}});
  pair_numbers_.insert(number);
  names_[name].pairs.push_back(number);
  return number;
}

void RamTenant::Add(uint32_t id, uint32_t metric_id,
                    const model::SeriesHash& hash,
                    std::span<const LabelView> labels) {
  const auto place = static_cast<uint32_t>(ids_.size());
  const bool in_order = ids_.empty() || id > ids_.back();
  if (!in_order && by_id_.empty()) {
    by_id_.resize(ids_.size());
    std::iota(by_id_.begin(), by_id_.end(), 0);
  }
  ids_.push_back(id);
  if (!in_order || !by_id_.empty()) {
    const auto at = std::lower_bound(
        by_id_.begin(), by_id_.end(), id,
        [this](uint32_t other, uint32_t wanted) {
          return ids_[other] < wanted;
        });
    by_id_.insert(at, place);
  }
  metric_ids_.push_back(metric_id);
  hashes_.push_back(hash);
  for (const LabelView& label : labels) {
    const uint32_t name = NameNumber(label.name);
    const uint32_t pair = PairNumber(name, label.value);
    names_[name].present.Add(id);
    pairs_[pair].ids.Add(id);
    labels_.push_back(pair);
  }
  all_.Add(id);
  label_ends_.push_back(static_cast<uint32_t>(labels_.size()));
  by_hash_.insert(place);
}

void RamTenant::LabelsOf(uint32_t place,
                         std::vector<LabelView>& labels) const {
  labels.clear();
  for (uint32_t i = place == 0 ? 0 : label_ends_[place - 1];
       i < label_ends_[place]; ++i) {
    const Pair& pair = pairs_[labels_[i]];
    labels.push_back({names_[pair.name].name, pair.value});
  }
}

void RamTenant::AppendCanonical(uint32_t place, std::string& out) const {
  for (uint32_t i = place == 0 ? 0 : label_ends_[place - 1];
       i < label_ends_[place]; ++i) {
    const Pair& pair = pairs_[labels_[i]];
    base::PutLengthPrefixed(out, names_[pair.name].name);
    base::PutLengthPrefixed(out, pair.value);
  }
}

std::vector<uint32_t> RamTenant::PlacesById() const {
  if (!by_id_.empty()) return by_id_;
  std::vector<uint32_t> places(ids_.size());
  std::iota(places.begin(), places.end(), 0);
  return places;
}

void RamTenant::AddMetric(std::string_view name, uint32_t metric_id) {
  metrics_.emplace(std::string(name), metric_id);
}

std::optional<uint32_t> RamTenant::FindMetric(std::string_view name) const {
  const auto it = metrics_.find(base::ToAbsl(name));
  if (it == metrics_.end()) return std::nullopt;
  return it->second;
}

const RamTenant::Name* RamTenant::FindName(std::string_view name) const {
  const auto it = name_numbers_.find(base::ToAbsl(name));
  return it == name_numbers_.end() ? nullptr : &names_[it->second];
}

absl::Status RamTenant::VisitPair(std::string_view name,
                                  std::string_view value,
                                  const VisitParts& visit) const {
  if (name.empty()) {
    return value.empty() ? visit(PostingView(all_)) : absl::OkStatus();
  }
  const auto number = name_numbers_.find(base::ToAbsl(name));
  if (number == name_numbers_.end()) return absl::OkStatus();
  if (value.empty()) {
    return visit(PostingView(names_[number->second].present));
  }
  const auto pair = pair_numbers_.find(PairText{number->second, value});
  if (pair == pair_numbers_.end()) return absl::OkStatus();
  return visit(PostingView(pairs_[*pair].ids));
}

absl::Status RamTenant::VisitValues(std::string_view name,
                                    std::string_view prefix,
                                    const VisitPostings& visit) const {
  const Name* const found = FindName(name);
  if (found == nullptr) return absl::OkStatus();
  for (const uint32_t number : found->pairs) {
    const Pair& pair = pairs_[number];
    if (!pair.value.starts_with(prefix)) continue;
    const absl::StatusOr<bool> more =
        visit(name, pair.value, PostingView(pair.ids));
    if (!more.ok()) return more.status();
    if (!*more) break;
  }
  return absl::OkStatus();
}

absl::Status RamTenant::VisitAll(const VisitPostings& visit) const {
  if (ids_.empty()) return absl::OkStatus();
  absl::StatusOr<bool> more = visit("", "", PostingView(all_));
  for (size_t n = 0; more.ok() && *more && n < names_.size(); ++n) {
    more = visit(names_[n].name, "", PostingView(names_[n].present));
  }
  for (size_t p = 0; more.ok() && *more && p < pairs_.size(); ++p) {
    more = visit(names_[pairs_[p].name].name, pairs_[p].value,
                 PostingView(pairs_[p].ids));
  }
  return more.status();
}

absl::Status RamTenant::VisitSorted(const VisitPostings& visit) const {
  if (ids_.empty()) return absl::OkStatus();
  absl::StatusOr<bool> more = visit("", "", PostingView(all_));
  std::vector<const Name*> names;
  for (const Name& name : names_) names.push_back(&name);
  std::sort(names.begin(), names.end(),
            [](const Name* a, const Name* b) { return a->name < b->name; });
  std::vector<uint32_t> pairs;
  for (const Name* name : names) {
    if (!more.ok() || !*more) break;
    more = visit(name->name, "", PostingView(name->present));
    pairs = name->pairs;
    std::sort(pairs.begin(), pairs.end(), [this](uint32_t a, uint32_t b) {
      return pairs_[a].value < pairs_[b].value;
    });
    for (size_t p = 0; more.ok() && *more && p < pairs.size(); ++p) {
      more = visit(name->name, pairs_[pairs[p]].value,
                   PostingView(pairs_[pairs[p]].ids));
    }
  }
  return more.status();
}

absl::Status RamTenant::AddNames(std::vector<std::string>& names) const {
  for (const Name& name : names_) names.emplace_back(name.name);
  return absl::OkStatus();
}

size_t RamTenant::memory_bytes() const {
  size_t bytes = sizeof(*this) + arena_.bytes() +
                 names_.capacity() * sizeof(Name) +
                 pairs_.capacity() * sizeof(Pair) +
                 (ids_.capacity() + metric_ids_.capacity() +
                  label_ends_.capacity() + labels_.capacity() +
                  by_id_.capacity()) *
                     sizeof(uint32_t) +
                 hashes_.capacity() * sizeof(model::SeriesHash) +
                 (pair_numbers_.capacity() + by_hash_.capacity()) *
                     (sizeof(uint32_t) + 1) +
                 pairs_.size() * sizeof(uint32_t);
  // Lists that left their inline bytes; sampled, as there may be millions.
  const size_t step = pairs_.size() / 1024 + 1;
  size_t sampled = 0;
  for (size_t i = 0; i < pairs_.size(); i += step) {
    sampled += pairs_[i].ids.heap_bytes();
  }
  for (const Name& name : names_) bytes += name.present.heap_bytes();
  return bytes + sampled * step + all_.heap_bytes() +
         metrics_.size() * (sizeof(std::string) + 32);
}

}  // namespace varve::storage
