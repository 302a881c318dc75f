#include "lib/query/top_queries.h"

#include <map>
#include <tuple>
#include <utility>

namespace varve::query {
namespace {

// What a query takes besides its own size, and the one tenant most have.
int64_t TextBytes(const RanQuery& query) {
  const std::vector<model::Tenant>& tenants = query.tenants.tenants;
  size_t bytes = query.query.size() + query.filters.size();
  if (tenants.size() > 1) bytes += tenants.size() * sizeof(model::Tenant);
  for (const model::Tenant& one : tenants) bytes += one.name.size();
  return static_cast<int64_t>(bytes);
}

}  // namespace

void TopQueries::Add(RanQuery query) {
  if (options_.queries_max <= 0) return;
  if (query.duration_ms < options_.duration_ms_min &&
      query.memory_bytes < options_.memory_bytes_min) {
    return;
  }
  base::MutexLock lock(mutex_);
  text_bytes_ += TextBytes(query);
  last_.push_back(std::move(query));
  while (last_.size() > static_cast<size_t>(options_.queries_max) ||
         text_bytes_ > options_.text_bytes_max) {
    text_bytes_ -= TextBytes(last_.front());
    last_.pop_front();
  }
}

std::vector<QuerySummary> TopQueries::Summaries(
    int64_t since_steady_ms,
    const std::function<bool(const RanQuery&)>& takes) const {
  using Key = std::tuple<QueryTenants, std::string_view, int64_t>;
  std::map<Key, QuerySummary> sums;
  base::MutexLock lock(mutex_);
  for (const RanQuery& one : last_) {
    if (one.end_steady_ms < since_steady_ms || !takes(one)) continue;
    QuerySummary& sum = sums[{one.tenants, one.query, one.range_s}];
    if (sum.count == 0) sum.query = one;
    ++sum.count;
    sum.sum_duration_s += static_cast<double>(one.duration_ms) / 1000;
    sum.sum_memory_bytes += static_cast<double>(one.memory_bytes);
  }
  std::vector<QuerySummary> all;
  all.reserve(sums.size());
  for (auto& [key, sum] : sums) all.push_back(std::move(sum));
  return all;
}

}  // namespace varve::query
