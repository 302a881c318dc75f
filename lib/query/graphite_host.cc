#include "lib/query/graphite_host.h"

#include <algorithm>
#include <utility>

#include "lib/base/clock.h"
#include "lib/base/status.h"
#include "lib/graphite/path_pattern.h"
#include "lib/query/cluster_source.h"
#include "lib/wire/sample_limit.h"

namespace varve::query {
namespace {

// Beside its values: a series' name, path and tags, which functions lengthen.
constexpr int64_t kSeriesBytes = 512;

}  // namespace

GraphiteHost::GraphiteHost(StorageReader* reader, Options options)
    : reader_(reader),
      options_(std::move(options)),
      account_(options_.memory_bytes_max, options_.memory_pool) {}

absl::Status GraphiteHost::Charge(int64_t bytes) {
  return charge_.Add(account_, bytes);
}

absl::Status GraphiteHost::CheckAlive() {
  if (options_.base.cancelled && options_.base.cancelled()) {
    return base::Cancelled("the request was canceled");
  }
  if (base::SystemClock().SteadyMs() > options_.base.deadline_steady_ms) {
    return base::DeadlineExceeded(
        "the request took too long; see -search.maxQueryDuration and the "
        "argument `timeout`");
  }
  return absl::OkStatus();
}

absl::StatusOr<graphite::Series> GraphiteHost::OnGrid(
    const cluster::MergedSeries& series, const graphite::Grid& grid) {
  const auto& times = series.samples.timestamps_ms;
  const auto& values = series.samples.values;
  RETURN_IF_ERROR(wire::CheckSeriesSamples(
      series.labels, static_cast<int64_t>(times.size()),
      options_.samples_per_series_max));
  RETURN_IF_ERROR(Charge(
      kSeriesBytes + static_cast<int64_t>(grid.points() * sizeof(double))));
  graphite::Series made;
  made.start_ms = grid.start_ms;
  made.step_ms = grid.step_ms;
  made.values.reserve(grid.points());
  size_t at = static_cast<size_t>(
      std::ranges::lower_bound(times, grid.start_ms) - times.begin());
  for (size_t i = 0; i < grid.points(); ++i) {
    const int64_t end_ms =
        grid.start_ms + static_cast<int64_t>(i + 1) * grid.step_ms;
    double sum = 0;
    int count = 0;
    for (; at < times.size() && times[at] < end_ms; ++at) {
      if (graphite::IsNone(values[at])) continue;  // stale markers too
      sum += values[at];
      ++count;
    }
    made.values.push_back(count == 0 ? graphite::kNone : sum / count);
  }
  for (const model::Label& label : series.labels) {
    made.tags.emplace(graphite::TagOfLabel(label.name), label.value);
  }
  made.name = series.labels.Get(model::kMetricName);
  return made;
}

absl::StatusOr<graphite::SeriesList> GraphiteHost::Fetch(
    const model::Matchers& matchers, const graphite::Grid& grid) {
  cluster::ReadRequest read = options_.base;
  ASSIGN_OR_RETURN(read.matcher_groups,
                   WithFilters({matchers}, options_.filters));
  read.range = {grid.start_ms, grid.end_ms - 1};
  ASSIGN_OR_RETURN(const auto merge, reader_->Search(read));
  std::vector<std::pair<model::LabelSet, graphite::Series>> found;
  std::vector<cluster::MergedSeries> batch;
  while (true) {
    RETURN_IF_ERROR(CheckAlive());
    RETURN_IF_ERROR(merge->Next(batch));
    if (batch.empty()) break;
    for (cluster::MergedSeries& series : batch) {
      ClipToRange(read.range, series);
      if (series.samples.empty()) continue;
      if (++series_ > options_.series_max && options_.series_max > 0) {
        return base::ResourceExhausted(
            "the targets select more than ", options_.series_max,
            " series; narrow them or raise -search.maxGraphiteSeries");
      }
      ASSIGN_OR_RETURN(graphite::Series made, OnGrid(series, grid));
      found.emplace_back(std::move(series.labels), std::move(made));
    }
  }
  if (merge->outcome().is_partial) is_partial_ = true;
  std::ranges::sort(found, [](const auto& a, const auto& b) {
    return a.second.name != b.second.name ? a.second.name < b.second.name
                                          : a.first < b.first;
  });
  graphite::SeriesList list;
  list.reserve(found.size());
  for (auto& [labels, series] : found) list.push_back(std::move(series));
  return list;
}

}  // namespace varve::query
