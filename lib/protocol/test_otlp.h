// Requests of OTLP and what becomes of them, for tests.
#ifndef VARVE_LIB_PROTOCOL_TEST_OTLP_H_
#define VARVE_LIB_PROTOCOL_TEST_OTLP_H_

#include <catch2/catch.hpp>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "google/protobuf/util/json_util.h"
#include "lib/base/status.h"
#include "lib/base/strings.h"
#include "lib/model/label.h"
#include "lib/model/sample.h"
#include "lib/protocol/otlp_json.h"
#include "lib/protocol/otlp_protobuf.h"
#include "lib/protocol/series_labels.h"
#include "proto/otlp_metrics.pb.h"

namespace varve::protocol {

inline constexpr int64_t kNowMs = 1'700'000'000'000;
inline constexpr uint64_t kTimeNs = 1'700'000'123'456'789'000;
inline constexpr int64_t kTimeMs = 1'700'000'123'456;
inline constexpr uint64_t kStartNs = 1'600'000'000'000'000'000;

// Everything that a request became, series by series.
struct Stored {
  std::string labels;
  int64_t timestamp_ms = 0;
  double value = 0;
  std::string histogram;
  std::vector<std::pair<std::string, double>> exemplars;
  int64_t start_ms = 0;
  uint32_t point = 0;

  friend bool operator==(const Stored& a, const Stored& b) {
    return a.labels == b.labels && a.timestamp_ms == b.timestamp_ms &&
           model::SameBits(a.value, b.value) && a.histogram == b.histogram &&
           a.exemplars == b.exemplars && a.start_ms == b.start_ms &&
           a.point == b.point;
  }
};

struct Result {
  absl::Status status;
  std::vector<Stored> series;
  std::vector<model::MetricMetadata> metadata;
  int64_t rejected = 0;
  std::string error;

  const Stored* Find(std::string_view labels) const {
    for (const Stored& one : series) {
      if (one.labels == labels) return &one;
    }
    return nullptr;
  }
  double Value(std::string_view labels) const {
    const Stored* found = Find(labels);
    if (found == nullptr) UNSCOPED_INFO("no series " << labels);
    return found == nullptr ? -1e300 : found->value;
  }
};

// up{a="b",c="d"}, without escapes.
inline std::string Text(std::string_view canonical) {
  const auto labels = model::ParseCanonicalBytes(canonical);
  REQUIRE(labels.ok());
  std::string text;
  for (const model::Label& label : *labels) {
    if (label.name == model::kMetricName) continue;
    base::StrAppend(&text, text.empty() ? "{" : ",", label.name, "=\"",
                    label.value, "\"");
  }
  return base::StrCat(labels->Get(model::kMetricName), text,
                      text.empty() ? "" : "}");
}

inline std::string TextOf(const SampleBatch& batch, const BatchSeries& series) {
  std::vector<model::Label> labels;
  REQUIRE(ReadSeriesLabels(batch, series, labels).ok());
  std::string canonical;
  model::AppendCanonicalBytes(canonical, model::LabelSet(std::move(labels)));
  return Text(canonical);
}

inline Stored StoredOf(const SampleBatch& batch, const BatchSeries& series) {
  Stored stored;
  stored.labels = TextOf(batch, series);
  REQUIRE(series.rows + series.histograms >= 1);
  if (series.rows > 0) {
    stored.timestamp_ms = batch.Timestamps(series).back();
    stored.value = batch.Values(series).back();
  } else {
    stored.timestamp_ms = batch.HistogramTimestamps(series).back();
    stored.histogram = batch.Histograms(series).back();
  }
  for (const model::ExemplarView& one : batch.Exemplars(series)) {
    stored.exemplars.emplace_back(Text(one.labels), one.value);
  }
  if (series.starts > 0) stored.start_ms = batch.Starts(series)[0].start_ms;
  return stored;
}

template <typename Read>
Result Run(std::string_view body, const OtlpOptions& options, Read read,
           size_t rows_max = 4) {
  Result result;
  SampleBatch batch;
  OtlpMapper mapper(
      &options, kNowMs, rows_max, &batch,
      [&](const SampleBatch& filled, const std::vector<uint32_t>& points,
          bool) {
        REQUIRE(points.size() == filled.series.size());
        for (size_t i = 0; i < points.size(); ++i) {
          result.series.push_back(StoredOf(filled, filled.series[i]));
          result.series.back().point = points[i];
        }
        for (const auto& one : filled.metadata) result.metadata.push_back(one);
        return absl::OkStatus();
      });
  result.status = read(body, mapper);
  result.rejected = mapper.rejected();
  result.error = mapper.first_error();
  return result;
}

inline absl::Status ReadJson(std::string_view body, OtlpMapper& mapper) {
  const absl::StatusOr<OtlpJson> json = OtlpJson::Parse(body);
  return json.ok() ? json->Read(mapper) : json.status();
}

inline Result RunJson(std::string_view json, const OtlpOptions& options = {}) {
  return Run(json, options, ReadJson);
}

// Both encodings of one message, which must become the same.
inline Result RunBoth(const otlp::ExportMetricsServiceRequest& request,
               const OtlpOptions& options = {}) {
  const Result result =
      Run(request.SerializeAsString(), options, ReadOtlpProtobuf);
  std::string json;
  REQUIRE(
      google::protobuf::util::MessageToJsonString(request, &json).ok());
  // Of ids OTLP has hex digits where protobuf's JSON has base64.
  const auto replace = [&json](std::string_view from, std::string_view to) {
    for (size_t at = 0; (at = json.find(from, at)) != std::string::npos;) {
      json.replace(at, from.size(), to);
    }
  };
  replace("\"AQIDBAUGBwgBAgMEBQYHCA==\"",
          "\"01020304050607080102030405060708\"");
  replace("\"AQIDBAUGBwg=\"", "\"0102030405060708\"");
  const Result from_json = RunJson(json, options);
  INFO(json);
  CHECK(base::Message(from_json.status) == base::Message(result.status));
  CHECK(from_json.series == result.series);
  CHECK(from_json.metadata == result.metadata);
  CHECK(from_json.rejected == result.rejected);
  return result;
}

inline otlp::Metric& AddMetric(otlp::ExportMetricsServiceRequest& request,
                        std::string_view name) {
  if (request.resource_metrics_size() == 0) {
    request.add_resource_metrics()->add_scope_metrics();
  }
  otlp::Metric& metric =
      *request.mutable_resource_metrics(0)->mutable_scope_metrics(0)
           ->add_metrics();
  metric.set_name(std::string(name));
  return metric;
}

template <typename Owner>
void AddText(Owner* attributes, const std::string& key,
             const std::string& text) {
  otlp::KeyValue& attribute = *attributes->Add();
  attribute.set_key(key);
  attribute.mutable_value()->set_string_value(text);
}

template <typename Point>
Point& Timed(Point& point) {
  point.set_time_unix_nano(kTimeNs);
  point.set_start_time_unix_nano(kStartNs);
  return point;
}

}  // namespace varve::protocol

#endif  // VARVE_LIB_PROTOCOL_TEST_OTLP_H_
