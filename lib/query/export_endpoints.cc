// Raw samples: /api/v1/export, /api/v1/export/csv, /api/v1/export/native.
#include <algorithm>
#include <utility>
#include <vector>

#include "lib/base/status.h"
#include "lib/histogram/float_histogram.h"
#include "lib/model/sample.h"
#include "lib/protocol/vm_native_writer.h"
#include "lib/query/arguments.h"
#include "lib/query/cluster_source.h"
#include "lib/query/csv_format.h"
#include "lib/query/json.h"
#include "lib/query/select_api.h"
#include "lib/query/series_text.h"
#include "lib/query/statistics.h"

namespace varve::query {
namespace {

enum class ExportFormat { kJsonLines, kExposition, kPromApi };

absl::StatusOr<ExportFormat> FormatArgument(const http::Request& request) {
  const std::string_view format = request.Argument("format");
  if (format.empty() || format == "json") return ExportFormat::kJsonLines;
  if (format == "prometheus") return ExportFormat::kExposition;
  if (format == "promapi") return ExportFormat::kPromApi;
  return base::InvalidArgument("unsupported `format` \"", format,
                               "\"; supported: json, prometheus, promapi");
}

std::string_view ContentType(ExportFormat format) {
  switch (format) {
    case ExportFormat::kJsonLines:
      return "application/stream+json; charset=utf-8";
    case ExportFormat::kExposition:
      return "text/plain; charset=utf-8";
    case ExportFormat::kPromApi:
      return "application/json";
  }
  return "";
}

void AppendPromApi(std::string& out, const cluster::MergedSeries& series,
                   bool first) {
  if (!first) out.push_back(',');
  out += "{\"metric\":";
  AppendJsonLabels(out, series.labels);
  const auto& samples = series.samples;
  const auto& histograms = series.histograms;
  for (size_t i = 0; i < samples.size(); ++i) {
    out += i == 0 ? ",\"values\":[" : ",";
    AppendJsonSample(out, samples.timestamps_ms[i], samples.values[i]);
  }
  if (!samples.empty()) out.push_back(']');
  for (size_t i = 0; i < histograms.size(); ++i) {
    out += i == 0 ? ",\"histograms\":[" : ",";
    AppendJsonHistogram(out, histograms.timestamps_ms[i],
                        histogram::FromModel(histograms.histograms[i]));
  }
  if (!histograms.empty()) out.push_back(']');
  out.push_back('}');
}

// Writes all series of `merge`; samples outside `range` are left out.
absl::Status WriteSeries(cluster::SeriesMerge& merge, model::TimeRange range,
                         ExportFormat format, int64_t rows_max,
                         Answer& answer) {
  std::vector<cluster::MergedSeries> batch;
  bool first = true;
  for (;;) {
    RETURN_IF_ERROR(merge.Next(batch));
    if (batch.empty()) return absl::OkStatus();
    for (cluster::MergedSeries& series : batch) {
      ClipToRange(range, series);
      if (series.samples.empty() && series.histograms.empty()) continue;
      switch (format) {
        case ExportFormat::kJsonLines:
          AppendHistogramLines(answer.text(), series, rows_max);
          AppendJsonLines(answer.text(), series, rows_max);
          break;
        case ExportFormat::kExposition:
          AppendExposition(answer.text(), series);
          break;
        case ExportFormat::kPromApi:
          AppendPromApi(answer.text(), series, first);
          break;
      }
      first = false;
      RETURN_IF_ERROR(answer.Flush());
    }
  }
}

// A part at a time: the text of a long series is many times its samples.
absl::Status WriteCsv(const cluster::MergedSeries& series,
                      const CsvFormat& format, Answer& answer) {
  constexpr size_t kLinesAtOnce = 256;
  const size_t lines = series.samples.size();
  for (size_t begin = 0; begin < lines; begin += kLinesAtOnce) {
    format.Append(answer.text(), series, begin,
                  std::min(lines, begin + kLinesAtOnce));
    RETURN_IF_ERROR(answer.Flush());
  }
  return absl::OkStatus();
}

// A block at a time, as WriteCsv.
absl::Status WriteNative(const cluster::MergedSeries& series,
                         protocol::VmNativeWriter& writer, Answer& answer) {
  writer.Start(series.labels);
  std::span<const int64_t> timestamps_ms = series.samples.timestamps_ms;
  std::span<const double> values = series.samples.values;
  while (!values.empty()) {
    const size_t rows = std::min(values.size(), protocol::kVmBlockRowsMax);
    writer.Append(answer.text(), timestamps_ms.first(rows), values.first(rows));
    timestamps_ms = timestamps_ms.subspan(rows);
    values = values.subspan(rows);
    RETURN_IF_ERROR(answer.Flush());
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<cluster::ReadRequest> SelectApi::ExportRequest(
    Context& context) {
  ASSIGN_OR_RETURN(cluster::ReadRequest read,
                   BaseRequest(context, options_.max_export_duration));
  ASSIGN_OR_RETURN(auto groups, Selectors(context));
  if (groups.empty()) return base::InvalidArgument("missing `match[]` arg");
  ASSIGN_OR_RETURN(const auto filters, ExtraFilters(context));
  ASSIGN_OR_RETURN(read.matcher_groups,
                   WithFilters(std::move(groups), filters));
  // By default everything up to now.
  ASSIGN_OR_RETURN(read.range, RangeArguments(context.request, context.now_ms,
                                              context.now_ms));
  read.series_max = options_.max_export_series;
  // A part of the data that looks like all of it would be taken for a backup.
  read.deny_partial = true;
  return read;
}

absl::Status SelectApi::Export(Context& context) {
  ASSIGN_OR_RETURN(const ExportFormat format, FormatArgument(context.request));
  ASSIGN_OR_RETURN(cluster::ReadRequest read, ExportRequest(context));
  ASSIGN_OR_RETURN(const int64_t rows_max,
                   IntArgument(context.request, "max_rows_per_line", 0));
  const auto merge = context.reader->Search(read);
  if (!merge.ok()) return AsExecutionError(merge.status());
  Answer answer(context.writer, ContentType(format));
  if (format == ExportFormat::kPromApi) {
    answer.text() +=
        "{\"status\":\"success\",\"data\":{\"resultType\":\"matrix\","
        "\"result\":[";
  }
  absl::Status status =
      WriteSeries(**merge, read.range, format, rows_max, answer);
  if (status.ok()) {
    if (format == ExportFormat::kPromApi) answer.text() += "]}}";
    status = answer.Finish();
  }
  if (status.ok() || !answer.begun()) return AsExecutionError(status);
  // The client must see a cut body, not a complete one.
  context.writer.Abort();
  return absl::OkStatus();
}

absl::Status SelectApi::ExportCsv(Context& context) {
  ASSIGN_OR_RETURN(const CsvFormat format,
                   CsvFormat::Parse(context.request.Argument("format")));
  ASSIGN_OR_RETURN(cluster::ReadRequest read, ExportRequest(context));
  const auto merge = context.reader->Search(read);
  if (!merge.ok()) return AsExecutionError(merge.status());
  Answer answer(context.writer, "text/csv; charset=utf-8");
  std::vector<cluster::MergedSeries> batch;
  absl::Status status;
  while (status.ok()) {
    status = (*merge)->Next(batch);
    if (!status.ok() || batch.empty()) break;
    for (cluster::MergedSeries& series : batch) {
      ClipToRange(read.range, series);
      status.Update(WriteCsv(series, format, answer));
    }
  }
  if (status.ok()) status = answer.Finish();
  if (status.ok() || !answer.begun()) return AsExecutionError(status);
  context.writer.Abort();  // a cut body, not a complete one
  return absl::OkStatus();
}

absl::Status SelectApi::ExportNative(Context& context) {
  ASSIGN_OR_RETURN(cluster::ReadRequest read, ExportRequest(context));
  const auto merge = context.reader->Search(read);
  if (!merge.ok()) return AsExecutionError(merge.status());
  Answer answer(context.writer, "VictoriaMetrics/native");
  protocol::VmNativeWriter::AppendHead(answer.text(), read.range);
  protocol::VmNativeWriter writer;
  std::vector<cluster::MergedSeries> batch;
  size_t histograms = 0;
  absl::Status status;
  while (status.ok()) {
    status = (*merge)->Next(batch);
    if (!status.ok() || batch.empty()) break;
    for (cluster::MergedSeries& series : batch) {
      ClipToRange(read.range, series);
      histograms += series.histograms.size();
      status.Update(WriteNative(series, writer, answer));
    }
  }
  if (status.ok()) status = answer.Finish();
  statistics_->native_nans_left_out.Add(writer.left_out());
  statistics_->native_histograms_left_out.Add(
      static_cast<int64_t>(histograms));
  if (status.ok() || !answer.begun()) return AsExecutionError(status);
  context.writer.Abort();  // a cut body, not a complete one
  return absl::OkStatus();
}

}  // namespace varve::query
