#include "lib/protocol/otlp_mapper.h"

#include <algorithm>
#include <utility>

#include "lib/base/hash.h"
#include "lib/base/status.h"
#include "lib/model/histogram.h"
#include "lib/model/label.h"
#include "lib/model/time_range.h"
#include "lib/protocol/otlp_exponential.h"
#include "lib/protocol/otlp_names.h"
#include "lib/protocol/otlp_text.h"
#include "lib/protocol/remote_write_kinds.h"

namespace varve::protocol {
namespace {

constexpr uint64_t kNsPerMs = 1'000'000;

// Labels and metadata of one batch, so that its arena does not grow with the
// request.
constexpr size_t kBatchLabelBytes = 16 << 20;

// Of a metric's name and of its unit.
constexpr size_t kNameBytesMax = 64 << 10;

// Names remembered as told; a name that is forgotten is told again.
constexpr size_t kToldMax = 1 << 18;

int64_t Milliseconds(uint64_t ns) {
  return static_cast<int64_t>(ns / kNsPerMs);
}

model::MetricType TypeOf(const OtlpMetric& metric) {
  using model::MetricType;
  if (metric.prometheus_type == "unknown") return MetricType::kUnknown;
  if (metric.prometheus_type == "info") return MetricType::kInfo;
  if (metric.prometheus_type == "stateset") return MetricType::kStateset;
  switch (metric.kind) {
    case OtlpKind::kGauge:
      return MetricType::kGauge;
    case OtlpKind::kSum:
      return metric.monotonic ? MetricType::kCounter : MetricType::kGauge;
    case OtlpKind::kHistogram:
    case OtlpKind::kExponential:
      return MetricType::kHistogram;
    case OtlpKind::kSummary:
      return MetricType::kSummary;
    case OtlpKind::kNone:
      break;
  }
  return MetricType::kUnknown;
}

std::string_view ReservedLabel(OtlpKind kind) {
  if (kind == OtlpKind::kHistogram) return "le";
  if (kind == OtlpKind::kSummary) return "quantile";
  return {};
}

}  // namespace

OtlpMapper::OtlpMapper(const OtlpOptions* options, int64_t now_ms,
                       size_t rows_max, SampleBatch* batch, OtlpSink sink)
    : options_(*options),
      now_ms_(now_ms),
      rows_max_(rows_max),
      batch_(*batch),
      sink_(std::move(sink)),
      labels_(options),
      identities_(options) {
  StartBatch();
}

void OtlpMapper::StartBatch() {
  batch_.form = IdentityForm::kOfReader;
  batch_.identity_reader = &identities_;
  batch_.identity_context = identities_.context();
}

void OtlpMapper::StartResource(const OtlpAttributes& attributes) {
  resource_ = &attributes;
  first_ms_ = INT64_MAX;
  last_ms_ = INT64_MIN;
  labels_.SetResource(attributes);
}

void OtlpMapper::StartScope(const OtlpScope& scope) {
  labels_.SetScope(scope);
}

absl::Status OtlpMapper::StartMetric(const OtlpMetric& metric) {
  metric_ = &metric;
  name_.clear();
  unnamed_ = "a metric has no name";
  if (std::max(metric.name.size(), metric.unit.size()) > kNameBytesMax) {
    unnamed_ = "a metric's name or unit has more than 65536 bytes";
    return absl::OkStatus();
  }
  const OtlpNameForm form = options_.prometheus
                                ? OtlpNameForm::kPrometheus
                                : OtlpNameForm::kVictoriaMetrics;
  if (options_.names_converted()) {
    name_ = PrometheusMetricName(metric, form);
  } else {
    name_ = metric.name;
  }
  if (name_.empty()) return absl::OkStatus();
  reserved_ = ReservedLabel(metric.kind);
  identities_.StartMetric(labels_.base(), &name_, &reserved_);
  AddMetadata();
  return FlushWhenFull();
}

void OtlpMapper::AddMetadata() {
  static const base::SecretHash hash;
  if (told_.size() == kToldMax) told_.clear();
  if (!told_.insert(hash(name_)).second) return;
  model::MetricMetadata metadata;
  metadata.metric = name_;
  metadata.type = TypeOf(*metric_);
  metadata.help = metric_->description;
  metadata.unit = options_.prometheus ? PrometheusUnit(metric_->unit)
                                      : std::string(metric_->unit);
  batch_label_bytes_ +=
      name_.size() + metadata.help.size() + metadata.unit.size();
  batch_.metadata.push_back(std::move(metadata));
}

void OtlpMapper::Reject(std::string_view why) {
  if (rejected_++ == 0) {
    first_error_ = base::StrCat(why, ": metric ", metric_->name.substr(0, 200));
  }
}

BatchSeries& OtlpMapper::StartSeries(std::string_view suffix,
                                     std::string_view label) {
  const std::string_view identity =
      plain_ ? identities_.OfPlain(suffix, label)
             : identities_.OfCanonical(labels_.Identity(name_, suffix, label));
  batch_label_bytes_ += identity.size();
  BatchSeries& series = batch_.series.emplace_back();
  series.identity = batch_.arena.Copy(identity);
  series.first_row = static_cast<uint32_t>(batch_.values.size());
  series.first_histogram = static_cast<uint32_t>(batch_.histograms.size());
  series.first_exemplar = static_cast<uint32_t>(batch_.exemplars.size());
  series.first_start = static_cast<uint32_t>(batch_.starts.size());
  points_.push_back(point_);
  return series;
}

void OtlpMapper::AddStart(const OtlpPoint& point, BatchSeries& series) {
  const bool counts =
      metric_->kind == OtlpKind::kSum
          ? metric_->monotonic || metric_->delta
          : metric_->kind != OtlpKind::kGauge;
  // No storage keeps a sample of such a time.
  if (!counts || point.start_ns == 0 || time_ms_ < 0 ||
      time_ms_ > model::kTimestampMaxMs) {
    return;
  }
  model::AddStart(batch_.starts, series.first_start, time_ms_,
                  Milliseconds(point.start_ns));
  series.starts =
      static_cast<uint32_t>(batch_.starts.size()) - series.first_start;
}

BatchSeries& OtlpMapper::AddRow(std::string_view suffix,
                                std::string_view label, double value,
                                const OtlpPoint& point) {
  BatchSeries& series = StartSeries(suffix, label);
  batch_.timestamps_ms.push_back(time_ms_);
  batch_.values.push_back(point.stale ? model::StaleNan() : value);
  series.rows = 1;
  AddStart(point, series);
  return series;
}

void OtlpMapper::AddExemplar(const OtlpExemplar& exemplar,
                             BatchSeries& series) {
  std::vector<model::Label> labels;
  if (!exemplar.trace_id.empty()) {
    labels.push_back({"trace_id", exemplar.trace_id});
  }
  if (!exemplar.span_id.empty()) {
    labels.push_back({"span_id", exemplar.span_id});
  }
  std::vector<model::Label> all;
  OtlpLabels::AppendPlain(exemplar.attributes, all);
  all.insert(all.end(), labels.begin(), labels.end());
  std::string canonical;
  model::AppendCanonicalBytes(canonical, model::LabelSet(std::move(all)));
  if (canonical.size() > kExemplarLabelBytesMax) {
    canonical.clear();
    model::AppendCanonicalBytes(canonical, model::LabelSet(std::move(labels)));
  }
  if (canonical.size() > kExemplarLabelBytesMax) return;
  batch_.exemplars.push_back(
      {.timestamp_ms = exemplar.time_ns != 0 ? Milliseconds(exemplar.time_ns)
                                             : time_ms_,
       .value = exemplar.value,
       .labels = batch_.arena.Copy(canonical)});
  ++series.exemplars;
}

bool OtlpMapper::Fits(size_t series) {
  constexpr size_t kOwnBytes = 32;  // the suffix, le or quantile
  const size_t bytes = point_label_bytes_ + name_.size() + kOwnBytes;
  if (series * bytes <= kBatchLabelBytes) return true;
  Reject(base::StrCat("the labels of the ", series,
                      " series of a data point have more than ",
                      kBatchLabelBytes, " bytes"));
  return false;
}

void OtlpMapper::AddHistogram(const OtlpPoint& point) {
  const size_t buckets = point.bucket_counts.size();
  if (buckets != 0 && buckets != point.bounds.size() + 1) {
    return Reject(base::StrCat("a histogram has ", buckets, " buckets and ",
                               point.bounds.size(), " bounds"));
  }
  if (!Fits(buckets + 2)) return;
  // Exemplars in the order of their buckets.
  std::vector<std::pair<size_t, const OtlpExemplar*>> exemplars;
  const size_t bounds = buckets == 0 ? 0 : point.bounds.size();
  for (const OtlpExemplar& exemplar : point.exemplars) {
    const auto end = point.bounds.begin() + static_cast<ptrdiff_t>(bounds);
    const auto found =
        std::lower_bound(point.bounds.begin(), end, exemplar.value);
    exemplars.emplace_back(found - point.bounds.begin(), &exemplar);
  }
  std::stable_sort(
      exemplars.begin(), exemplars.end(),
      [](const auto& a, const auto& b) { return a.first < b.first; });
  AddRow("_count", {}, static_cast<double>(point.count), point);
  if (point.has_sum || point.stale) AddRow("_sum", {}, point.sum, point);
  auto exemplar = exemplars.begin();
  uint64_t below = 0;
  for (size_t i = 0; i <= bounds; ++i) {
    const bool last = i == bounds;
    if (!last) below += point.bucket_counts[i];
    BatchSeries& series = AddRow(
        "_bucket", last ? "+Inf" : FloatText(point.bounds[i]),
        static_cast<double>(last ? point.count : below), point);
    for (; exemplar != exemplars.end() && exemplar->first == i; ++exemplar) {
      AddExemplar(*exemplar->second, series);
    }
  }
}

void OtlpMapper::AddExponential(const OtlpPoint& point) {
  absl::StatusOr<model::Histogram> histogram =
      NativeHistogram(point, metric_->delta);
  absl::Status status = histogram.status();
  if (status.ok()) status = model::CheckHistogram(*histogram);
  if (!status.ok()) return Reject(base::Message(status));
  BatchSeries& series = StartSeries({}, {});
  std::string bytes;
  model::AppendHistogramBytes(bytes, *histogram);
  batch_label_bytes_ += bytes.size();
  batch_.histogram_timestamps_ms.push_back(time_ms_);
  batch_.histograms.push_back(batch_.arena.Copy(bytes));
  series.histograms = 1;
  AddStart(point, series);
  for (const OtlpExemplar& exemplar : point.exemplars) {
    AddExemplar(exemplar, series);
  }
}

void OtlpMapper::AddSummary(const OtlpPoint& point) {
  if (!Fits(point.quantiles.size() + 2)) return;
  AddRow("_count", {}, static_cast<double>(point.count), point);
  AddRow("_sum", {}, point.sum, point);
  for (const OtlpQuantile& quantile : point.quantiles) {
    AddRow({}, FloatText(quantile.quantile), quantile.value, point);
  }
}

void OtlpMapper::AddOfKind(const OtlpPoint& point) {
  switch (metric_->kind) {
    case OtlpKind::kGauge:
    case OtlpKind::kSum:
      if (!point.has_value && !point.stale) {
        Reject("a data point has no value");
        break;
      }
      {
        BatchSeries& series = AddRow({}, {}, point.value, point);
        for (const OtlpExemplar& exemplar : point.exemplars) {
          AddExemplar(exemplar, series);
        }
      }
      break;
    case OtlpKind::kHistogram:
      AddHistogram(point);
      break;
    case OtlpKind::kExponential:
      AddExponential(point);
      break;
    case OtlpKind::kSummary:
      AddSummary(point);
      break;
    case OtlpKind::kNone:
      break;
  }
}

void OtlpMapper::StartPoint(const OtlpPoint& point) {
  plain_ = point.attributes.empty();
  if (plain_) {
    identities_.StartPoint(&point);
    point_label_bytes_ =
        labels_.base().size() + point.plain_attributes.size();
  } else {
    labels_.SetPoint(point.attributes, reserved_);
    point_label_bytes_ = labels_.point_bytes();
  }
}

absl::Status OtlpMapper::Add(const OtlpPoint& point) {
  ++point_;
  if (name_.empty()) {
    Reject(unnamed_);
    return absl::OkStatus();
  }
  time_ms_ = point.time_ns == 0 ? now_ms_ : Milliseconds(point.time_ns);
  first_ms_ = std::min(first_ms_, time_ms_);
  last_ms_ = std::max(last_ms_, time_ms_);
  StartPoint(point);
  const int64_t rejected = rejected_;
  if (plain_ ? labels_.base_complete() : labels_.complete()) {
    AddOfKind(point);
  } else {
    Reject("the keys of maps in the attributes have more than 1048576 bytes");
  }
  // Its labels have cost as much as those of a stored one.
  if (rejected_ > rejected) label_bytes_ += point_label_bytes_;
  return FlushWhenFull();
}

void OtlpMapper::AddTargetInfo() {
  // A sample at least this often, so that a lookup of 5 minutes finds one.
  constexpr int64_t kStepMs = 150'000;
  // Of clocks gone wrong: in a request as many more than its points.
  constexpr int64_t kSamplesMax = 1000;
  const std::string labels = labels_.TargetInfo(*resource_);
  if (labels.empty() || first_ms_ > last_ms_) return;
  const std::string_view identity = identities_.OfCanonical(labels);
  BatchSeries series;
  series.identity = batch_.arena.Copy(identity);
  series.first_row = static_cast<uint32_t>(batch_.values.size());
  const int64_t samples = point_ + kSamplesMax - info_samples_;
  const int64_t first_ms = std::max(
      first_ms_,
      last_ms_ - kStepMs * std::clamp<int64_t>(samples - 1, 0, kSamplesMax));
  for (int64_t at_ms = first_ms; at_ms < last_ms_; at_ms += kStepMs) {
    batch_.timestamps_ms.push_back(at_ms);
    batch_.values.push_back(1);
    ++series.rows;
  }
  batch_.timestamps_ms.push_back(last_ms_);
  batch_.values.push_back(1);
  ++series.rows;
  info_samples_ += series.rows;
  batch_.series.push_back(series);
  points_.push_back(point_);
  batch_label_bytes_ += identity.size();
}

absl::Status OtlpMapper::FinishResource() {
  if (options_.prometheus) AddTargetInfo();
  return FlushWhenFull();
}

absl::Status OtlpMapper::FlushWhenFull() {
  if (batch_.full(rows_max_) || batch_label_bytes_ > kBatchLabelBytes ||
      label_bytes_ > kOtlpLabelBytesMax) {
    return Flush(true);
  }
  return absl::OkStatus();
}

absl::Status OtlpMapper::Flush(bool more) {
  label_bytes_ += batch_label_bytes_;
  batch_label_bytes_ = 0;
  if (label_bytes_ > kOtlpLabelBytesMax) {
    return base::InvalidArgument("OTLP: the labels of all series of the "
                                 "request have more than ",
                                 kOtlpLabelBytesMax, " bytes");
  }
  const absl::Status status = sink_(batch_, points_, more);
  batch_.Clear();
  StartBatch();
  points_.clear();
  return status;
}

absl::Status OtlpMapper::Finish() {
  if (batch_.series.empty() && batch_.metadata.empty()) {
    return absl::OkStatus();
  }
  return Flush(false);
}

}  // namespace varve::protocol
