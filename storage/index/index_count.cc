// Counts of series: by name, value and slot.
#include <algorithm>
#include <array>

#include "lib/base/hash.h"
#include "lib/base/status.h"
#include "lib/base/strings.h"
#include "storage/index/index_impl.h"

namespace varve::storage {
namespace {

// Pairs counted between two looks at the clock.
constexpr size_t kVisitedUnasked = 256;

using Counts = absl::flat_hash_map<std::string, int64_t>;
using Hashes = absl::flat_hash_map<std::string, std::vector<uint64_t>>;

std::vector<IndexCount> Largest(const Counts& counts, int64_t top_n) {
  std::vector<IndexCount> list;
  for (const auto& [name, count] : counts) list.push_back({name, count});
  const auto larger = [](const IndexCount& a, const IndexCount& b) {
    return a.count != b.count ? a.count > b.count : a.name < b.name;
  };
  const size_t n = std::min(list.size(), static_cast<size_t>(
                                             std::max<int64_t>(top_n, 0)));
  std::partial_sort(list.begin(), list.begin() + n, list.end(), larger);
  list.resize(n);
  return list;
}

// Labels of few values first, as many as fit.
std::vector<std::pair<std::string, std::vector<uint64_t>>> Fitting(
    Hashes& hashes) {
  std::vector<std::pair<std::string, std::vector<uint64_t>>> list;
  for (auto& [name, values] : hashes) {
    list.emplace_back(name, std::move(values));
  }
  std::sort(list.begin(), list.end(), [](const auto& a, const auto& b) {
    return a.second.size() < b.second.size();
  });
  size_t total = 0;
  size_t n = 0;
  while (n < list.size() && total + list[n].second.size() <= kValueHashesMax) {
    total += list[n++].second.size();
  }
  list.resize(n);
  return list;
}

}  // namespace

absl::StatusOr<std::optional<IdSet>> IndexImpl::CountRestriction(
    const IndexCountRequest& request) const {
  ASSIGN_OR_RETURN(std::optional<IdSet> ids,
                   Restriction(request.tenant, request.groups, request.days,
                               request.alive));
  if (request.slots == nullptr) return ids;
  if (!ids) {
    ids.emplace();
    RETURN_IF_ERROR(
        ForEachSource(request.tenant, [&](const PostingSource& source) {
          return source.AddPair("", "", *ids);
        }));
  }
  std::vector<uint64_t> kept = ToIds(*ids);
  RETURN_IF_ERROR(KeepSlots(request.tenant, *request.slots, kept));
  IdSet in_slots;
  for (const uint64_t id : kept) in_slots.add(static_cast<uint32_t>(id));
  return std::optional<IdSet>(std::move(in_slots));
}

absl::StatusOr<IndexCardinality> IndexImpl::CardinalityOf(
    const IndexCountRequest& request) const {
  ASSIGN_OR_RETURN(const std::optional<IdSet> restriction,
                   CountRestriction(request));
  IndexCardinality result;
  Counts by_metric, by_label, by_focus, by_pair, values_by_label;
  Hashes hashes;
  size_t visited = 0;
  const auto count = [&](std::string_view name, std::string_view value,
                         const PostingView& posting) -> absl::StatusOr<bool> {
    if (++visited % kVisitedUnasked == 0) {
      RETURN_IF_ERROR(base::CheckAlive(request.alive));
    }
    IdSet ids;
    RETURN_IF_ERROR(posting.AddTo(ids));
    const auto n = static_cast<int64_t>(
        restriction ? ids.and_cardinality(*restriction) : ids.cardinality());
    if (n == 0) return true;
    if (name.empty()) {
      result.total_series += n;
      return true;
    }
    if (value.empty()) {
      by_label[base::ToAbsl(name)] += n;
      result.total_label_value_pairs += n;
      return true;
    }
    int64_t& pair = by_pair[base::StrCat(name, "=", value)];
    if (pair == 0) {
      ++values_by_label[base::ToAbsl(name)];
      if (request.value_hashes) {
        hashes[base::ToAbsl(name)].push_back(base::Hash64Of(value));
      }
    }
    pair += n;
    if (name == model::kMetricName) by_metric[base::ToAbsl(value)] += n;
    if (name == request.focus_label) by_focus[base::ToAbsl(value)] += n;
    return true;
  };
  RETURN_IF_ERROR(
      ForEachSource(request.tenant, [&](const PostingSource& source) {
        return source.VisitAll(count);
      }));
  const int64_t top_n = request.top_n;
  result.series_count_by_metric_name = Largest(by_metric, top_n);
  result.series_count_by_label_name = Largest(by_label, top_n);
  result.series_count_by_focus_label_value = Largest(by_focus, top_n);
  result.series_count_by_label_value_pair = Largest(by_pair, top_n);
  result.label_value_count_by_label_name = Largest(values_by_label, top_n);
  result.value_hashes = Fitting(hashes);
  return result;
}

absl::StatusOr<std::vector<IndexSlotDigest>> IndexImpl::SlotDigests(
    const IndexCountRequest& request) const {
  ASSIGN_OR_RETURN(
      const std::vector<uint64_t> ids,
      Select(request.tenant, request.groups, request.days, request.alive));
  std::vector<IndexSlotDigest> all(model::SlotSet::kSlots);
  RETURN_IF_ERROR(
      ForEachSeries(request.tenant, ids, [&](const IndexSeries& series) {
        const model::SeriesHash hash =
            model::HashSeries(request.tenant, series.labels);
        IndexSlotDigest& digest = all[model::SlotOf(hash)];
        digest.slot = model::SlotOf(hash);
        ++digest.count;
        digest.sum += hash.low;
      }));
  std::erase_if(all, [](const auto& digest) { return digest.count == 0; });
  return all;
}

}  // namespace varve::storage
