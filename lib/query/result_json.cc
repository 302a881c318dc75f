#include "lib/query/result_json.h"

#include <algorithm>
#include <cmath>

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

  absl::Status WriteScalar(const eval::EvalResult& result);
  absl::Status WriteVector(const eval::EvalResult& result);
  absl::Status WriteRange(const eval::EvalResult& result);
  absl::Status WriteRaw(const eval::EvalResult& result);

  Answer& answer_;
  const ResultFormat& format_;
  int64_t written_ = 0;
  bool truncated_ = false;
};

absl::Status ResultWriter::Write(const eval::EvalResult& result) {
  if (format_.is_range) return WriteRange(result);
  switch (result.type) {
    case ValueType::kScalar:
      return WriteScalar(result);
    case ValueType::kString:
      text() += "{\"resultType\":\"string\",\"result\":[";
      AppendJsonTime(text(), format_.start_ms);
      text().push_back(',');
      AppendJsonString(text(), result.string_value);
      text() += "]}";
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
  text().push_back('}');
  return absl::OkStatus();
}

absl::Status ResultWriter::WriteVector(const eval::EvalResult& result) {
  text() += "{\"resultType\":\"vector\",\"result\":[";
  for (const eval::ResultSeries& series : result.series) {
    if (series.values.empty() || model::IsStaleNan(series.values[0])) continue;
    if (!BeginSeries(series.labels)) break;
    text() += ",\"value\":";
    AppendSample(format_.start_ms, series.values[0]);
    text().push_back('}');
    RETURN_IF_ERROR(answer_.Flush());
  }
  text() += "]}";
  return absl::OkStatus();
}

absl::Status ResultWriter::WriteRange(const eval::EvalResult& result) {
  text() += "{\"resultType\":\"matrix\",\"result\":[";
  for (const eval::ResultSeries& series : result.series) {
    const auto is_there = [](double value) {
      return !model::IsStaleNan(value);
    };
    if (std::none_of(series.values.begin(), series.values.end(), is_there)) {
      continue;
    }
    if (!BeginSeries(series.labels)) break;
    text() += ",\"values\":[";
    bool first = true;
    for (size_t i = 0; i < series.values.size(); ++i) {
      if (!is_there(series.values[i])) continue;
      if (!first) text().push_back(',');
      first = false;
      AppendSample(format_.start_ms + static_cast<int64_t>(i) * format_.step_ms,
                   series.values[i]);
    }
    text() += "]}";
    RETURN_IF_ERROR(answer_.Flush());
  }
  text() += "]}";
  return absl::OkStatus();
}

// The samples of a range selector, as they were stored; markers of staleness
// are no samples of a range vector.
absl::Status ResultWriter::WriteRaw(const eval::EvalResult& result) {
  text() += "{\"resultType\":\"matrix\",\"result\":[";
  for (const eval::SeriesData& series : result.raw) {
    if (series.samples.empty()) continue;
    if (!BeginSeries(series.labels)) break;
    text() += ",\"values\":[";
    bool first = true;
    for (size_t i = 0; i < series.samples.size(); ++i) {
      if (model::IsStaleNan(series.samples.values[i])) continue;
      if (!first) text().push_back(',');
      first = false;
      AppendSample(series.samples.timestamps_ms[i], series.samples.values[i]);
      RETURN_IF_ERROR(answer_.Flush());
    }
    text() += "]}";
  }
  text() += "]}";
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

}  // namespace

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
