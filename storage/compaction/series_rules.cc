#include "storage/compaction/series_rules.h"

#include <algorithm>

namespace varve::storage {
namespace {

void Resize(model::SampleColumns& samples, size_t size) {
  samples.timestamps_ms.resize(size);
  samples.values.resize(size);
}

void Move(model::SampleColumns& samples, size_t from, size_t to) {
  samples.timestamps_ms[to] = samples.timestamps_ms[from];
  samples.values[to] = samples.values[from];
}

// Where the first row at or after `at_ms` is.
size_t LowerBound(const model::SampleColumns& samples, size_t from,
                  int64_t at_ms) {
  const auto& times = samples.timestamps_ms;
  return static_cast<size_t>(
      std::lower_bound(times.begin() + static_cast<ptrdiff_t>(from),
                       times.end(), at_ms) -
      times.begin());
}

// Keeps one row of [from, end) for each interval, from `to` on; returns the
// end of what was kept.
size_t Thin(model::SampleColumns& samples, size_t from, size_t end, size_t to,
            int64_t interval_ms) {
  const std::vector<int64_t>& times = samples.timestamps_ms;
  while (from < end) {
    // The interval's end: the timestamp, rounded up.
    const int64_t last_ms =
        (times[from] + interval_ms - 1) / interval_ms * interval_ms;
    size_t best = from;
    size_t next = from + 1;
    for (; next < end && times[next] <= last_ms; ++next) {
      if (times[next] > times[best] ||
          model::ReadsBefore(samples.values[next], samples.values[best])) {
        best = next;
      }
    }
    Move(samples, best, to++);
    from = next;
  }
  return to;
}

}  // namespace

void HideDeleted(const SeriesRules& rules, uint64_t generation, size_t from,
                 model::SampleColumns& samples) {
  for (const DeletedSpan& span : rules.deleted) {
    if (generation >= span.below_generation) continue;
    size_t to = from;
    for (size_t i = from; i < samples.size(); ++i) {
      if (!span.range.Contains(samples.timestamps_ms[i])) {
        Move(samples, i, to++);
      }
    }
    Resize(samples, to);
  }
}

void ApplyRules(const SeriesRules& rules, int64_t now_ms,
                model::SampleColumns& samples) {
  size_t from = LowerBound(samples, 0, rules.oldest_ms);
  if (from == 0 && rules.downsampling.empty()) return;
  size_t to = 0;
  // The oldest samples first: they have the largest offset.
  for (auto step = rules.downsampling.rbegin();
       step != rules.downsampling.rend() && from < samples.size(); ++step) {
    if (now_ms < step->offset_ms) continue;
    const int64_t whole_ms = (now_ms - step->offset_ms) / step->interval_ms *
                             step->interval_ms;
    const size_t end = LowerBound(samples, from, whole_ms + 1);
    to = Thin(samples, from, end, to, step->interval_ms);
    from = end;
  }
  for (; from < samples.size(); ++from) Move(samples, from, to++);
  Resize(samples, to);
}

}  // namespace varve::storage
