// The latest samples, for other servers to scrape: /federate.
#include <algorithm>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "lib/base/status.h"
#include "lib/base/strings.h"
#include "lib/model/sample.h"
#include "lib/protocol/metric_families.h"
#include "lib/query/arguments.h"
#include "lib/query/json.h"
#include "lib/query/select_api.h"
#include "lib/query/series_text.h"

namespace varve::query {
namespace {

using protocol::LatestSample;

// Bounds what a family takes in memory; a name may have several.
constexpr size_t kFamilySamplesMax = 1000;

struct Format {
  bool families = false;  // else text
  bool allow_utf8 = false;
};

// Families are for who prefers them to text, as Prometheus does when it
// scrapes native histograms.
Format WantedFormat(std::string_view accept) {
  double families = 0;
  double text = 0;
  bool utf8_families = false;
  bool utf8_text = false;
  for (const absl::string_view type :
       absl::StrSplit(base::ToAbsl(accept), ',')) {
    double quality = 1;
    const size_t q = type.find("q=");
    if (q != absl::string_view::npos &&
        !absl::SimpleAtod(absl::StripAsciiWhitespace(type.substr(q + 2)),
                          &quality)) {
      quality = 0;
    }
    const bool utf8 = absl::StrContains(type, "allow-utf-8");
    if (absl::StrContains(type, "io.prometheus.client.MetricFamily") &&
        absl::StrContains(type, "encoding=delimited")) {
      families = std::max(families, quality);
      utf8_families = utf8_families || utf8;
    } else if (absl::StrContains(type, "text/plain")) {
      text = std::max(text, quality);
    }
    utf8_text = utf8_text || utf8;
  }
  if (families > text) return {true, utf8_families};
  return {false, utf8_text};
}

// The position of the last of ascending times that is not after `end_ms`.
std::optional<size_t> LastSample(const std::vector<int64_t>& times_ms,
                                 int64_t end_ms) {
  const auto after = std::upper_bound(times_ms.begin(), times_ms.end(), end_ms);
  if (after == times_ms.begin()) return std::nullopt;
  return after - times_ms.begin() - 1;
}

// Nothing for a series whose last sample in `range` is stale, or one that
// `format` has no form for: an older one is not the latest.
std::optional<LatestSample> Latest(cluster::MergedSeries& series,
                                   model::TimeRange range,
                                   const Format& format) {
  const auto& floats_ms = series.samples.timestamps_ms;
  const auto& histograms_ms = series.histograms.timestamps_ms;
  const auto last_float = LastSample(floats_ms, range.end_ms);
  const auto last_histogram = LastSample(histograms_ms, range.end_ms);
  if (last_histogram &&
      (!last_float ||
       histograms_ms[*last_histogram] >= floats_ms[*last_float])) {
    model::Histogram& histogram =
        series.histograms.histograms[*last_histogram];
    if (!format.families || histogram.stale() ||
        histogram.layout.schema == model::kSchemaCustom ||
        histograms_ms[*last_histogram] < range.start_ms) {
      return std::nullopt;
    }
    return LatestSample{std::move(series.labels),
                        histograms_ms[*last_histogram], 0,
                        std::move(histogram)};
  }
  if (!last_float || floats_ms[*last_float] < range.start_ms) {
    return std::nullopt;
  }
  const double value = series.samples.values[*last_float];
  if (model::IsStaleNan(value)) return std::nullopt;
  return LatestSample{std::move(series.labels), floats_ms[*last_float], value,
                      std::nullopt};
}

// Those of one metric must stand together.
bool StandsBefore(const LatestSample& a, const LatestSample& b) {
  const auto a_name = a.labels.Get(model::kMetricName);
  const auto b_name = b.labels.Get(model::kMetricName);
  return a_name != b_name ? a_name < b_name : a.labels < b.labels;
}

absl::Status WriteText(std::span<const LatestSample> samples, bool allow_utf8,
                       Answer& answer) {
  for (const LatestSample& sample : samples) {
    AppendFederated(answer.text(), sample.labels, sample.timestamp_ms,
                    sample.value, allow_utf8);
    RETURN_IF_ERROR(answer.Flush());
  }
  return answer.Finish();
}

absl::Status WriteFamilies(std::span<const LatestSample> samples,
                           Answer& answer) {
  while (!samples.empty()) {
    size_t n = 1;
    while (n < std::min(samples.size(), kFamilySamplesMax) &&
           protocol::SameFamily(samples[0], samples[n])) {
      ++n;
    }
    protocol::AppendMetricFamily(answer.text(), samples.first(n));
    samples = samples.subspan(n);
    RETURN_IF_ERROR(answer.Flush());
  }
  return answer.Finish();
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
  const auto merge = context.reader->Search(read);
  if (!merge.ok()) return AsExecutionError(merge.status());
  const Format format = WantedFormat(context.request.Header("accept"));
  std::vector<LatestSample> samples;
  std::vector<cluster::MergedSeries> batch;
  for (;;) {
    const absl::Status status = (*merge)->Next(batch);
    if (!status.ok()) return AsExecutionError(status);
    if (batch.empty()) break;
    for (cluster::MergedSeries& series : batch) {
      auto latest = Latest(series, read.range, format);
      if (!latest) continue;
      if (format.families && !format.allow_utf8) {
        latest->labels = UnderscoredNames(latest->labels);
      }
      samples.push_back(*std::move(latest));
    }
  }
  std::sort(samples.begin(), samples.end(), StandsBefore);
  // Writing fails only when the client has gone.
  if (format.families) {
    Answer answer(context.writer, protocol::kMetricFamiliesType);
    (void)WriteFamilies(samples, answer);
  } else {
    Answer answer(context.writer, "text/plain; version=0.0.4; charset=utf-8");
    (void)WriteText(samples, format.allow_utf8, answer);
  }
  return absl::OkStatus();
}

}  // namespace varve::query
