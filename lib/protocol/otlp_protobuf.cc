#include "lib/protocol/otlp_protobuf.h"

#include "lib/base/status.h"
#include "lib/protocol/otlp_protobuf_attributes.h"
#include "lib/protocol/otlp_protobuf_points.h"
#include "lib/protocol/proto_fields.h"

namespace varve::protocol {
namespace {

using base::InvalidArgument;

absl::Status Broken(std::string_view what) {
  return InvalidArgument("OTLP: broken ", what);
}

class Reader {
 public:
  explicit Reader(OtlpMapper& mapper) : mapper_(mapper) {}

  absl::Status Request(std::string_view message);

 private:
  absl::Status Resource(std::string_view message);
  absl::Status ResourceAttributes(std::string_view message);
  absl::Status ScopeMetrics(std::string_view message);
  absl::Status Scope(std::string_view message);
  absl::Status Metric(std::string_view message);
  absl::Status MetricHead(std::string_view message, uint32_t& data);
  absl::Status Metadata(std::string_view message);
  absl::Status Data(std::string_view message);
  absl::Status Points(std::string_view message);

  OtlpMapper& mapper_;
  OtlpAttributeReader attributes_;  // of the resource or scope under way
  OtlpPointReader points_;
  OtlpAttributes resource_;
  OtlpScope scope_;
  OtlpMetric metric_;
  OtlpPoint point_;
};

absl::Status Reader::Points(std::string_view message) {
  Fields fields(message);
  Field field;
  while (!fields.done()) {
    if (!fields.Next(field)) return Broken("metric");
    if (field.number != 1 || field.type != kBytes) continue;
    RETURN_IF_ERROR(points_.Read(metric_.kind, field.bytes, point_));
    RETURN_IF_ERROR(mapper_.Add(point_));
  }
  return absl::OkStatus();
}

// What of Sum, Histogram and the like stands beside the points.
absl::Status Reader::Data(std::string_view message) {
  constexpr uint64_t kDelta = 1;
  Fields fields(message);
  Field field;
  while (!fields.done()) {
    if (!fields.Next(field)) return Broken("metric");
    if (field.type != kVarint) continue;
    if (field.number == 2) metric_.delta = field.scalar == kDelta;
    if (field.number == 3) metric_.monotonic = field.scalar != 0;
  }
  return absl::OkStatus();
}

absl::Status Reader::Metadata(std::string_view message) {
  OtlpAttributes attributes;
  attributes_.Start();
  RETURN_IF_ERROR(attributes_.Read(message, attributes));
  const OtlpAttribute& attribute = attributes.front();
  if (attribute.key == "prometheus.type") {
    metric_.prometheus_type = attribute.value.text;
  }
  return absl::OkStatus();
}

absl::Status Reader::MetricHead(std::string_view message, uint32_t& data) {
  Fields fields(message);
  Field field;
  while (!fields.done()) {
    if (!fields.Next(field)) return Broken("metric");
    if (field.type != kBytes) continue;
    switch (field.number) {
      case 1:
        metric_.name = field.bytes;
        break;
      case 2:
        metric_.description = field.bytes;
        break;
      case 3:
        metric_.unit = field.bytes;
        break;
      case 12:
        RETURN_IF_ERROR(Metadata(field.bytes));
        break;
      case 5:
      case 7:
      case 9:
      case 10:
      case 11:  // of a oneof the last holds
        data = field.number;
        break;
      default:
        break;
    }
  }
  return absl::OkStatus();
}

absl::Status Reader::Metric(std::string_view message) {
  metric_ = OtlpMetric();
  uint32_t data = 0;
  RETURN_IF_ERROR(MetricHead(message, data));
  metric_.kind = data == 5    ? OtlpKind::kGauge
                 : data == 7  ? OtlpKind::kSum
                 : data == 9  ? OtlpKind::kHistogram
                 : data == 10 ? OtlpKind::kExponential
                 : data == 11 ? OtlpKind::kSummary
                              : OtlpKind::kNone;
  if (metric_.kind == OtlpKind::kNone) return absl::OkStatus();
  // Points come before what says how to read them.
  for (const bool points : {false, true}) {
    if (points) RETURN_IF_ERROR(mapper_.StartMetric(metric_));
    Fields fields(message);
    Field field;
    while (!fields.done()) {
      if (!fields.Next(field)) return Broken("metric");
      if (field.number != data || field.type != kBytes) continue;
      RETURN_IF_ERROR(points ? Points(field.bytes) : Data(field.bytes));
    }
  }
  return absl::OkStatus();
}

absl::Status Reader::Scope(std::string_view message) {
  scope_.present = true;
  Fields fields(message);
  Field field;
  while (!fields.done()) {
    if (!fields.Next(field)) return Broken("scope");
    if (field.type != kBytes) continue;
    if (field.number == 1) scope_.name = field.bytes;
    if (field.number == 2) scope_.version = field.bytes;
    if (field.number == 3) {
      RETURN_IF_ERROR(attributes_.Read(field.bytes, scope_.attributes));
    }
  }
  return absl::OkStatus();
}

absl::Status Reader::ScopeMetrics(std::string_view message) {
  scope_ = OtlpScope();
  attributes_.Start();
  for (const bool metrics : {false, true}) {
    if (metrics) mapper_.StartScope(scope_);
    Fields fields(message);
    Field field;
    while (!fields.done()) {
      if (!fields.Next(field)) return Broken("scope");
      if (field.type != kBytes) continue;
      if (metrics) {
        if (field.number == 2) RETURN_IF_ERROR(Metric(field.bytes));
      } else if (field.number == 1) {
        RETURN_IF_ERROR(Scope(field.bytes));
      } else if (field.number == 3) {
        scope_.schema_url = field.bytes;
      }
    }
  }
  return absl::OkStatus();
}

absl::Status Reader::ResourceAttributes(std::string_view message) {
  Fields fields(message);
  Field field;
  while (!fields.done()) {
    if (!fields.Next(field)) return Broken("resource");
    if (field.number != 1 || field.type != kBytes) continue;
    RETURN_IF_ERROR(attributes_.Read(field.bytes, resource_));
  }
  return absl::OkStatus();
}

absl::Status Reader::Resource(std::string_view message) {
  resource_.clear();
  attributes_.Start();
  for (const bool scopes : {false, true}) {
    if (scopes) mapper_.StartResource(resource_);
    Fields fields(message);
    Field field;
    while (!fields.done()) {
      if (!fields.Next(field)) return Broken("resource");
      if (field.type != kBytes) continue;
      if (!scopes && field.number == 1) {
        RETURN_IF_ERROR(ResourceAttributes(field.bytes));
      } else if (scopes && field.number == 2) {
        RETURN_IF_ERROR(ScopeMetrics(field.bytes));
      }
    }
  }
  return mapper_.FinishResource();
}

absl::Status Reader::Request(std::string_view message) {
  Fields fields(message);
  Field field;
  while (!fields.done()) {
    if (!fields.Next(field)) {
      return InvalidArgument("OTLP: broken request at byte ", fields.offset());
    }
    if (field.number != 1 || field.type != kBytes) continue;
    RETURN_IF_ERROR(Resource(field.bytes));
  }
  return mapper_.Finish();
}

}  // namespace

absl::Status ReadOtlpProtobuf(std::string_view body, OtlpMapper& mapper) {
  return Reader(mapper).Request(body);
}

}  // namespace varve::protocol
