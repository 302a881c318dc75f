// The latest samples, for other servers to scrape: /federate.
#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "lib/base/status.h"
#include "lib/model/sample.h"
#include "lib/query/arguments.h"
#include "lib/query/json.h"
#include "lib/query/select_api.h"
#include "lib/query/series_text.h"

namespace varve::query {
namespace {

struct Line {
  model::LabelSet labels;
  int64_t timestamp_ms = 0;
  double value = 0;
};

// The position of the last of ascending times that is not after `end_ms`.
std::optional<size_t> LastSample(const std::vector<int64_t>& times_ms,
                                 int64_t end_ms) {
  const auto after = std::upper_bound(times_ms.begin(), times_ms.end(), end_ms);
  if (after == times_ms.begin()) return std::nullopt;
  return after - times_ms.begin() - 1;
}

// Nothing for a series whose last sample in `range` is stale, or a native
// histogram: the text format has none, and an older float is not the latest.
std::optional<Line> LatestLine(cluster::MergedSeries& series,
                               model::TimeRange range) {
  const auto last = LastSample(series.samples.timestamps_ms, range.end_ms);
  if (!last) return std::nullopt;
  const int64_t at_ms = series.samples.timestamps_ms[*last];
  const double value = series.samples.values[*last];
  if (at_ms < range.start_ms || model::IsStaleNan(value)) return std::nullopt;
  const auto& histograms = series.histograms.timestamps_ms;
  const auto last_histogram = LastSample(histograms, range.end_ms);
  if (last_histogram && histograms[*last_histogram] >= at_ms) {
    return std::nullopt;
  }
  return Line{std::move(series.labels), at_ms, value};
}

// Lines of one metric must stand together.
bool StandsBefore(const Line& a, const Line& b) {
  const auto a_name = a.labels.Get(model::kMetricName);
  const auto b_name = b.labels.Get(model::kMetricName);
  return a_name != b_name ? a_name < b_name : a.labels < b.labels;
}

}  // namespace

absl::Status SelectApi::Federate(Context& context) {
  ASSIGN_OR_RETURN(cluster::ReadRequest read, ExportRequest(context));
  ASSIGN_OR_RETURN(
      const int64_t lookback_ms,
      DurationArgument(context.request, "max_lookback", options_.lookback_ms));
  ASSIGN_OR_RETURN(
      const int64_t end_ms,
      TimeArgument(context.request, "end", context.now_ms, context.now_ms));
  // Left-open, as an instant query's lookback.
  read.range = {end_ms - lookback_ms + 1, end_ms};
  read.series_max = options_.max_federate_series;
  const auto merge = reader_->Search(read);
  if (!merge.ok()) return AsExecutionError(merge.status());
  std::vector<Line> lines;
  std::vector<cluster::MergedSeries> batch;
  for (;;) {
    const absl::Status status = (*merge)->Next(batch);
    if (!status.ok()) return AsExecutionError(status);
    if (batch.empty()) break;
    for (cluster::MergedSeries& series : batch) {
      auto line = LatestLine(series, read.range);
      if (line) lines.push_back(*std::move(line));
    }
  }
  std::sort(lines.begin(), lines.end(), StandsBefore);
  const bool allow_utf8 = context.request.Header("accept").find(
                              "allow-utf-8") != std::string_view::npos;
  Answer answer(context.writer, "text/plain; version=0.0.4; charset=utf-8");
  for (const Line& line : lines) {
    AppendFederated(answer.text(), line.labels, line.timestamp_ms, line.value,
                    allow_utf8);
    if (!answer.Flush().ok()) return absl::OkStatus();  // the client has gone
  }
  (void)answer.Finish();  // fails only when the client has gone
  return absl::OkStatus();
}

}  // namespace varve::query
