#include "lib/query/result_json.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_format.h"
#include "lib/base/status.h"
#include "lib/model/sample.h"

namespace varve::query {
namespace {

using promql::ValueType;

double Rounded(double value, int digits) {
  if (digits >= 100 || digits <= -100 || !std::isfinite(value)) return value;
  const double factor = std::pow(10.0, digits);
  const double rounded = std::round(value * factor) / factor;
  return std::isfinite(rounded) ? rounded : value;
}

histogram::FloatHistogram Rounded(histogram::FloatHistogram h, int digits) {
  for (double* number : {&h.count, &h.sum, &h.zero_count}) {
    *number = Rounded(*number, digits);
  }
  for (std::vector<double>* buckets : {&h.positive, &h.negative}) {
    for (double& count : *buckets) count = Rounded(count, digits);
  }
  return h;
}

class ResultWriter {
 public:
  ResultWriter(Answer& answer, const ResultFormat& format)
      : answer_(answer), format_(format) {}

  absl::Status Write(const eval::EvalResult& result);
  bool truncated() const { return truncated_; }

 private:
  std::string& text() { return answer_.text(); }

  // Opens the next series' object unless the limit is reached.
  bool BeginSeries(const model::LabelSet& labels) {
    if (format_.series_max > 0 && written_ >= format_.series_max) {
      truncated_ = true;
      return false;
    }
    if (written_++ > 0) text().push_back(',');
    text() += "{\"metric\":";
    AppendJsonLabels(text(), labels);
    return true;
  }
  void AppendSample(int64_t timestamp_ms, double value) {
    AppendJsonSample(text(), timestamp_ms,
                     Rounded(value, format_.round_digits));
  }
  void AppendHistogram(int64_t timestamp_ms,
                       const histogram::FloatHistogram& histogram) {
    if (format_.round_digits >= 100) {
      AppendJsonHistogram(text(), timestamp_ms, histogram);
    } else {
      AppendJsonHistogram(text(), timestamp_ms,
                          Rounded(histogram, format_.round_digits));
    }
  }
  // ,"values":[…] and ,"histograms":[…] of what is there; nothing if there is
  // nothing. `at_ms(i)` is the time of the i-th.
  template <typename TimeOf>
  absl::Status WriteFloats(const std::vector<double>& values, TimeOf at_ms);
  template <typename TimeOf>
  absl::Status WriteHistograms(
      const std::vector<histogram::HistogramPtr>& histograms, TimeOf at_ms);

  // "resultType" and "result"; the object stays open.
  absl::Status WriteTyped(const eval::EvalResult& result);
  absl::Status WriteScalar(const eval::EvalResult& result);
  absl::Status WriteVector(const eval::EvalResult& result);
  absl::Status WriteRange(const eval::EvalResult& result);
  absl::Status WriteRaw(const eval::EvalResult& result);

  Answer& answer_;
  const ResultFormat& format_;
  int64_t written_ = 0;
  bool truncated_ = false;
};

template <typename TimeOf>
absl::Status ResultWriter::WriteFloats(const std::vector<double>& values,
                                       TimeOf at_ms) {
  bool first = true;
  for (size_t i = 0; i < values.size(); ++i) {
    if (model::IsStaleNan(values[i])) continue;
    text() += first ? ",\"values\":[" : ",";
    first = false;
    AppendSample(at_ms(i), values[i]);
    RETURN_IF_ERROR(answer_.Flush());
  }
  if (!first) text().push_back(']');
  return absl::OkStatus();
}

template <typename TimeOf>
absl::Status ResultWriter::WriteHistograms(
    const std::vector<histogram::HistogramPtr>& histograms, TimeOf at_ms) {
  bool first = true;
  for (size_t i = 0; i < histograms.size(); ++i) {
    if (histograms[i] == nullptr) continue;
    text() += first ? ",\"histograms\":[" : ",";
    first = false;
    AppendHistogram(at_ms(i), *histograms[i]);
    RETURN_IF_ERROR(answer_.Flush());
  }
  if (!first) text().push_back(']');
  return absl::OkStatus();
}

absl::Status ResultWriter::Write(const eval::EvalResult& result) {
  RETURN_IF_ERROR(WriteTyped(result));
  if (!format_.stats.empty()) {
    base::StrAppend(&text(), ",\"stats\":", format_.stats);
  }
  text().push_back('}');
  return absl::OkStatus();
}

absl::Status ResultWriter::WriteTyped(const eval::EvalResult& result) {
  if (format_.is_range) return WriteRange(result);
  switch (result.type) {
    case ValueType::kScalar:
      return WriteScalar(result);
    case ValueType::kString:
      text() += "{\"resultType\":\"string\",\"result\":[";
      AppendJsonTime(text(), format_.start_ms);
      text().push_back(',');
      AppendJsonString(text(), result.string_value);
      text().push_back(']');
      return absl::OkStatus();
    case ValueType::kVector:
      return WriteVector(result);
    case ValueType::kMatrix:
      return WriteRaw(result);
  }
  return base::Internal("result of unknown type");
}

absl::Status ResultWriter::WriteScalar(const eval::EvalResult& result) {
  if (result.series.size() != 1 || result.series[0].values.size() != 1) {
    return base::Internal("a scalar with ", result.series.size(), " series");
  }
  text() += "{\"resultType\":\"scalar\",\"result\":";
  AppendSample(format_.start_ms, result.series[0].values[0]);
  return absl::OkStatus();
}

absl::Status ResultWriter::WriteVector(const eval::EvalResult& result) {
  text() += "{\"resultType\":\"vector\",\"result\":[";
  for (const eval::ResultSeries& series : result.series) {
    if (series.values.empty()) continue;
    const bool has_histogram =
        !series.histograms.empty() && series.histograms[0] != nullptr;
    if (!has_histogram && model::IsStaleNan(series.values[0])) continue;
    if (!BeginSeries(series.labels)) break;
    if (has_histogram) {
      text() += ",\"histogram\":";
      AppendHistogram(format_.start_ms, *series.histograms[0]);
    } else {
      text() += ",\"value\":";
      AppendSample(format_.start_ms, series.values[0]);
    }
    text().push_back('}');
    RETURN_IF_ERROR(answer_.Flush());
  }
  text().push_back(']');
  return absl::OkStatus();
}

absl::Status ResultWriter::WriteRange(const eval::EvalResult& result) {
  text() += "{\"resultType\":\"matrix\",\"result\":[";
  for (const eval::ResultSeries& series : result.series) {
    const auto is_absent = [](double value) {
      return model::IsStaleNan(value);
    };
    if (series.histograms.empty() &&
        std::all_of(series.values.begin(), series.values.end(), is_absent)) {
      continue;
    }
    if (!BeginSeries(series.labels)) break;
    const auto at_ms = [this](size_t step) {
      return format_.start_ms + static_cast<int64_t>(step) * format_.step_ms;
    };
    RETURN_IF_ERROR(WriteFloats(series.values, at_ms));
    RETURN_IF_ERROR(WriteHistograms(series.histograms, at_ms));
    text().push_back('}');
    RETURN_IF_ERROR(answer_.Flush());
  }
  text().push_back(']');
  return absl::OkStatus();
}

// The samples of a range selector, as they were stored; markers of staleness
// are no samples of a range vector.
absl::Status ResultWriter::WriteRaw(const eval::EvalResult& result) {
  text() += "{\"resultType\":\"matrix\",\"result\":[";
  for (const eval::SeriesData& series : result.raw) {
    if (series.samples.empty() && series.histograms.empty()) continue;
    if (!BeginSeries(series.labels)) break;
    RETURN_IF_ERROR(WriteFloats(series.samples.values, [&series](size_t i) {
      return series.samples.timestamps_ms[i];
    }));
    RETURN_IF_ERROR(WriteHistograms(
        series.histograms.histograms,
        [&series](size_t i) { return series.histograms.timestamps_ms[i]; }));
    text().push_back('}');
  }
  text().push_back(']');
  return absl::OkStatus();
}

void AppendList(std::string& out, std::string_view name,
                const std::vector<std::string>& texts) {
  if (texts.empty()) return;
  base::StrAppend(&out, ",\"", name, "\":[");
  for (size_t i = 0; i < texts.size(); ++i) {
    if (i > 0) out.push_back(',');
    AppendJsonString(out, texts[i]);
  }
  out.push_back(']');
}

double Seconds(int64_t us) { return static_cast<double>(us) / 1e6; }

}  // namespace

std::string SampleStatsJson(const eval::EvalStats& stats,
                            const QueryTimings& timings,
                            const ResultFormat& format, bool per_step) {
  const int64_t eval_us = timings.preparation_us + timings.evaluation_us;
  std::string out = absl::StrFormat(
      "{\"timings\":{\"evalTotalTime\":%.6f,\"resultSortTime\":%.6f,"
      "\"queryPreparationTime\":%.6f,\"innerEvalTime\":%.6f,"
      "\"execQueueTime\":%.6f,\"execTotalTime\":%.6f},\"samples\":{",
      Seconds(eval_us), Seconds(stats.sort_us), Seconds(timings.preparation_us),
      Seconds(timings.evaluation_us - stats.sort_us),
      Seconds(timings.queued_us), Seconds(timings.queued_us + eval_us));
  int64_t all = 0;
  for (size_t step = 0; step < stats.samples_at_steps.size(); ++step) {
    const int64_t samples = stats.samples_at_steps[step];
    all += samples;
    if (!per_step) continue;
    out += step == 0 ? "\"totalQueryableSamplesPerStep\":[[" : ",[";
    AppendJsonTime(out, format.start_ms +
                            static_cast<int64_t>(step) * format.step_ms);
    base::StrAppend(&out, ",", samples, "]");
  }
  if (per_step && !stats.samples_at_steps.empty()) out += "],";
  base::StrAppend(&out, "\"totalQueryableSamples\":", all,
                  ",\"peakSamples\":", stats.samples_held_max, "}}");
  return out;
}

absl::Status WriteResult(Answer& answer, const eval::EvalResult& result,
                         const ResultFormat& format, bool& truncated) {
  ResultWriter writer(answer, format);
  const absl::Status status = writer.Write(result);
  truncated = writer.truncated();
  return status;
}

void AppendAnnotations(std::string& out,
                       const std::vector<std::string>& warnings,
                       const std::vector<std::string>& infos) {
  AppendList(out, "warnings", warnings);
  AppendList(out, "infos", infos);
}

}  // namespace varve::query
