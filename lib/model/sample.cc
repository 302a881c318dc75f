#include "lib/model/sample.h"

#include <algorithm>
#include <numeric>

namespace varve::model {
namespace {

// Stale marker < other NaN < number.
int Rank(double value) {
  if (IsStaleNan(value)) return 0;
  return std::isnan(value) ? 1 : 2;
}

// The end of the interval (k*d - d, k*d] that holds the timestamp.
int64_t IntervalEnd(int64_t timestamp_ms, int64_t interval_ms) {
  const int64_t remainder = timestamp_ms % interval_ms;
  return remainder > 0 ? timestamp_ms - remainder + interval_ms
                       : timestamp_ms - remainder;
}

// Strictly. Without an early end the loop is vector code.
bool Ascends(const std::vector<int64_t>& timestamps_ms) {
  bool ascends = true;
  for (size_t i = 1; i < timestamps_ms.size(); ++i) {
    ascends &= timestamps_ms[i - 1] < timestamps_ms[i];
  }
  return ascends;
}

void SortColumns(SampleColumns& columns) {
  const size_t n = columns.size();
  if (std::is_sorted(columns.timestamps_ms.begin(),
                     columns.timestamps_ms.end())) {
    return;
  }
  std::vector<size_t> order(n);
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    return columns.timestamps_ms[a] < columns.timestamps_ms[b];
  });
  SampleColumns sorted;
  sorted.timestamps_ms.reserve(n);
  sorted.values.reserve(n);
  for (size_t i : order) {
    sorted.push_back(columns.timestamps_ms[i], columns.values[i]);
  }
  columns = std::move(sorted);
}

// [begin, end) share a timestamp: read order first, byte-equal ones once.
size_t CollapseEqual(SampleColumns& columns, size_t begin, size_t end,
                     size_t out, bool keep_all) {
  const int64_t timestamp_ms = columns.timestamps_ms[begin];
  if (end - begin > 1) {
    auto first = columns.values.begin() + begin;
    auto last = columns.values.begin() + end;
    std::sort(first, last, ReadsBefore);
    last = std::unique(first, last, SameBits);
    end = keep_all ? last - columns.values.begin() : begin + 1;
  }
  for (size_t i = begin; i < end; ++i, ++out) {
    columns.timestamps_ms[out] = timestamp_ms;
    columns.values[out] = columns.values[i];
  }
  return out;
}

}  // namespace

bool ReadsBefore(double a, double b) {
  const int rank_a = Rank(a);
  const int rank_b = Rank(b);
  if (rank_a != rank_b) return rank_a > rank_b;
  if (rank_a == 2 && a != b) return a > b;
  // Equal numbers differ at most in the sign of zero; NaNs differ in bits.
  const auto bits_a = std::bit_cast<uint64_t>(a);
  const auto bits_b = std::bit_cast<uint64_t>(b);
  return rank_a == 2 ? bits_a < bits_b : bits_a > bits_b;
}

void SortAndDedup(SampleColumns& columns, const DedupRule& rule) {
  // Most runs: a quarter of a nanosecond a sample in place of two.
  if (rule.interval_ms <= 0 && Ascends(columns.timestamps_ms)) return;
  SortColumns(columns);
  const bool keep_all = rule.keep_all && rule.interval_ms == 0;
  size_t out = 0;
  for (size_t begin = 0, n = columns.size(); begin < n;) {
    size_t end = begin + 1;
    while (end < n &&
           columns.timestamps_ms[end] == columns.timestamps_ms[begin]) {
      ++end;
    }
    out = CollapseEqual(columns, begin, end, out, keep_all);
    begin = end;
  }
  if (rule.interval_ms > 0) {
    const size_t n = out;
    out = 0;
    for (size_t i = 0; i < n; ++i) {
      const bool last_of_interval =
          i + 1 == n ||
          IntervalEnd(columns.timestamps_ms[i], rule.interval_ms) !=
              IntervalEnd(columns.timestamps_ms[i + 1], rule.interval_ms);
      if (!last_of_interval) continue;
      columns.timestamps_ms[out] = columns.timestamps_ms[i];
      columns.values[out] = columns.values[i];
      ++out;
    }
  }
  columns.timestamps_ms.resize(out);
  columns.values.resize(out);
}

}  // namespace varve::model
