#include "lib/model/downsampling.h"

#include <algorithm>

#include "lib/base/status.h"

namespace varve::model {
namespace {

void Move(SampleColumns& samples, size_t from, size_t to) {
  samples.timestamps_ms[to] = samples.timestamps_ms[from];
  samples.values[to] = samples.values[from];
}
void Move(HistogramColumns& histograms, size_t from, size_t to) {
  if (from == to) return;
  histograms.timestamps_ms[to] = histograms.timestamps_ms[from];
  histograms.histograms[to] = std::move(histograms.histograms[from]);
}

bool RowReadsBefore(const SampleColumns& samples, size_t a, size_t b) {
  return ReadsBefore(samples.values[a], samples.values[b]);
}
bool RowReadsBefore(const HistogramColumns& histograms, size_t a, size_t b) {
  return ReadsBefore(histograms.histograms[a], histograms.histograms[b]);
}

// Keeps one row of [from, end) for each interval, from `to` on; returns the
// end of what was kept.
template <typename Columns>
size_t Thin(Columns& columns, size_t from, size_t end, size_t to,
            int64_t interval_ms) {
  const std::vector<int64_t>& times = columns.timestamps_ms;
  while (from < end) {
    // The interval's end: the timestamp, rounded up.
    const int64_t last_ms =
        (times[from] + interval_ms - 1) / interval_ms * interval_ms;
    size_t best = from;
    size_t next = from + 1;
    for (; next < end && times[next] <= last_ms; ++next) {
      if (times[next] > times[best] || RowReadsBefore(columns, next, best)) {
        best = next;
      }
    }
    Move(columns, best, to++);
    from = next;
  }
  return to;
}

template <typename Columns>
void DownsampleColumns(const DownsampleSteps& steps, int64_t now_ms,
                       size_t from, Columns& columns) {
  const std::vector<int64_t>& times = columns.timestamps_ms;
  size_t to = 0;
  // The oldest samples first: they have the largest offset.
  for (auto step = steps.rbegin(); step != steps.rend() && from < times.size();
       ++step) {
    if (now_ms < step->offset_ms) continue;
    const int64_t whole_ms = (now_ms - step->offset_ms) / step->interval_ms *
                             step->interval_ms;
    const auto end = static_cast<size_t>(
        std::upper_bound(times.begin() + static_cast<ptrdiff_t>(from),
                         times.end(), whole_ms) -
        times.begin());
    to = Thin(columns, from, end, to, step->interval_ms);
    from = end;
  }
  for (; from < times.size(); ++from) Move(columns, from, to++);
  columns.resize(to);
}

}  // namespace

absl::Status CheckSteps(std::string_view name, int64_t dedup_interval_ms,
                        DownsampleSteps& steps) {
  std::sort(steps.begin(), steps.end(), [](const auto& a, const auto& b) {
    return a.offset_ms < b.offset_ms;
  });
  const DownsampleStep* before = nullptr;
  for (const DownsampleStep& step : steps) {
    if (step.offset_ms < 0 || step.interval_ms <= 0) {
      return base::InvalidArgument(
          name, ": offset ", step.offset_ms, " ms and interval ",
          step.interval_ms, " ms; an interval must be above 0");
    }
    if (dedup_interval_ms > 0 && step.interval_ms % dedup_interval_ms != 0) {
      return base::InvalidArgument(
          name, ": the interval of ", step.interval_ms,
          " ms is no multiple of -dedup.minScrapeInterval, ",
          dedup_interval_ms, " ms");
    }
    if (before != nullptr && step.offset_ms == before->offset_ms) {
      return base::InvalidArgument(name, ": two intervals for the offset of ",
                                   step.offset_ms, " ms");
    }
    if (before != nullptr && (step.interval_ms <= before->interval_ms ||
                              step.interval_ms % before->interval_ms != 0)) {
      return base::InvalidArgument(
          name, ": the interval of ", step.interval_ms, " ms after ",
          step.offset_ms, " ms must be a multiple of the ",
          before->interval_ms, " ms before it, and larger");
    }
    before = &step;
  }
  return absl::OkStatus();
}

void Downsample(const DownsampleSteps& steps, int64_t now_ms, size_t from,
                SampleColumns& samples) {
  DownsampleColumns(steps, now_ms, from, samples);
}

void Downsample(const DownsampleSteps& steps, int64_t now_ms, size_t from,
                HistogramColumns& histograms) {
  DownsampleColumns(steps, now_ms, from, histograms);
}

void Downsample(const DownsampleRules& rules, const TenantId& tenant,
                const LabelSet& labels, int64_t now_ms,
                SampleColumns& samples) {
  for (const DownsampleRule& rule : rules) {
    if (!rule.filter.Matches(tenant, labels)) continue;
    if (!rule.steps.empty()) Downsample(rule.steps, now_ms, 0, samples);
    return;
  }
}

}  // namespace varve::model
