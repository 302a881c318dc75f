#include "lib/protocol/datadog_series.h"

#include <bit>
#include <cmath>

#include "lib/base/status.h"
#include "lib/protocol/line_words.h"

namespace varve::protocol {
namespace {

// Field numbers of MetricPayload and its messages.
constexpr uint32_t kPayloadSeries = 1;
constexpr uint32_t kSeriesResource = 1, kSeriesMetric = 2, kSeriesTag = 3,
                   kSeriesPoint = 4, kSeriesSource = 7;
constexpr uint32_t kResourceType = 1, kResourceName = 2;
constexpr uint32_t kPointValue = 1, kPointTimestamp = 2;

struct Resource {
  std::string_view type, name;
};

struct Point {
  double value = 0;
  int64_t seconds = 0;
};

bool ReadResource(std::string_view message, Resource& resource) {
  Fields fields(message);
  for (Field field; !fields.done();) {
    if (!fields.Next(field)) return false;
    if (field.number != kResourceType && field.number != kResourceName) {
      continue;
    }
    if (field.type != kBytes) return false;
    (field.number == kResourceType ? resource.type : resource.name) =
        field.bytes;
  }
  return true;
}

bool ReadPoint(std::string_view message, Point& point) {
  Fields fields(message);
  for (Field field; !fields.done();) {
    if (!fields.Next(field)) return false;
    if (field.number == kPointValue) {
      if (field.type != kFixed64) return false;
      point.value = std::bit_cast<double>(field.scalar);
    } else if (field.number == kPointTimestamp) {
      if (field.type != kVarint) return false;
      point.seconds = static_cast<int64_t>(field.scalar);
    }
  }
  return true;
}

bool IsGoodField(const Field& field) {
  switch (field.number) {
    case kSeriesResource: {
      Resource resource;
      return field.type == kBytes && ReadResource(field.bytes, resource);
    }
    case kSeriesPoint: {
      Point point;
      return field.type == kBytes && ReadPoint(field.bytes, point);
    }
    case kSeriesMetric:
    case kSeriesTag:
    case kSeriesSource:
      return field.type == kBytes;
    default:
      return true;
  }
}

}  // namespace

absl::Status DatadogSeriesReader::Check() const {
  Fields payload(body_);
  int64_t number = 0;
  for (Field field; !payload.done();) {
    if (!payload.Next(field)) {
      return base::InvalidArgument("broken protobuf after series ", number);
    }
    if (field.number != kPayloadSeries) continue;
    ++number;
    bool good = field.type == kBytes;
    Fields series(field.bytes);
    for (Field part; good && !series.done();) {
      good = series.Next(part) && IsGoodField(part);
    }
    if (!good) {
      return base::InvalidArgument("series ", number, " is broken protobuf");
    }
  }
  return absl::OkStatus();
}

std::string_view DatadogSeriesReader::StartSeries(std::string_view series) {
  labels_.Clear();
  std::string_view metric, source;
  // Of a repeated label the last one counts: resources, then tags.
  for (const bool of_tags : {false, true}) {
    Fields fields(series);
    for (Field field; !fields.done();) {
      if (!fields.Next(field)) return "broken protobuf";
      if (field.number == kSeriesMetric) {
        metric = field.bytes;
      } else if (field.number == kSeriesSource) {
        source = field.bytes;
      } else if (field.number == kSeriesTag && of_tags) {
        AddDatadogTag(field.bytes, kExportedHost, labels_);
      } else if (field.number == kSeriesResource && !of_tags) {
        Resource resource;
        if (!ReadResource(field.bytes, resource)) return "broken protobuf";
        labels_.Add(resource.type, resource.name);
      }
    }
  }
  if (metric.empty()) return "no metric";
  labels_.Add("source_type_name", source);
  labels_.Seal();
  if (metric.size() + labels_.sealed_bytes() > kDatadogLabelBytesMax) {
    return kDatadogLabelsTooLong;
  }
  canonical_.clear();
  labels_.AppendCanonical(DatadogName(metric, options_), canonical_);
  series_ = Fields(series);
  return "";
}

bool DatadogSeriesReader::NextPoint(int64_t& ms, double& value) {
  for (Field field; !series_.done() && series_.Next(field);) {
    if (field.number != kSeriesPoint) continue;
    Point point;
    if (!ReadPoint(field.bytes, point)) {
      AddBad("series", number_, "broken protobuf");
      continue;
    }
    const auto seconds = static_cast<double>(point.seconds);
    if (!(std::abs(seconds) < kSecondsMax)) {
      AddBad("series", number_, "a timestamp is out of range");
      continue;
    }
    ms = DatadogMilliseconds(seconds, options_);
    value = point.value;
    return true;
  }
  return false;
}

bool DatadogSeriesReader::Next(SampleBatch& batch, size_t rows_max) {
  while (!batch.full(rows_max)) {
    if (!in_series_) {
      Field field;
      if (payload_.done() || !payload_.Next(field)) return false;
      if (field.number != kPayloadSeries) continue;
      ++number_;
      const std::string_view why = StartSeries(field.bytes);
      if (!why.empty()) {
        AddBad("series", number_, why);
        continue;
      }
    }
    in_series_ = AppendRows(
        canonical_, rows_max,
        [this](int64_t& ms, double& value) { return NextPoint(ms, value); },
        batch);
  }
  return true;
}

}  // namespace varve::protocol
