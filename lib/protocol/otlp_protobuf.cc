#include "lib/protocol/otlp_protobuf.h"

#include <bit>

#include "absl/strings/escaping.h"
#include "lib/base/byte_coding.h"
#include "lib/base/status.h"
#include "lib/protocol/proto_fields.h"

namespace varve::protocol {
namespace {

using base::InvalidArgument;

absl::Status Broken(std::string_view what) {
  return InvalidArgument("OTLP: broken ", what);
}

double Double(const Field& field) { return std::bit_cast<double>(field.scalar); }

double SignedInt(const Field& field) {
  return static_cast<double>(static_cast<int64_t>(field.scalar));
}

int32_t Zigzag32(const Field& field) {
  return static_cast<int32_t>(
      base::ZigzagDecode(static_cast<uint32_t>(field.scalar)));
}

template <typename Number>
Number FromBits(uint64_t bits) {
  return std::bit_cast<Number>(bits);
}

// One element of a repeated fixed64 or double, or a packed run of them.
template <typename Number>
absl::Status ReadFixed(const Field& field, std::vector<Number>& out) {
  if (field.type == kFixed64) {
    out.push_back(FromBits<Number>(field.scalar));
  } else if (field.type == kBytes) {
    if (field.bytes.size() % sizeof(Number) != 0) return Broken("histogram");
    if (field.bytes.size() / sizeof(Number) > kOtlpBucketsMax) {
      return InvalidArgument("OTLP: a histogram has more than ",
                             kOtlpBucketsMax, " buckets");
    }
    for (size_t i = 0; i < field.bytes.size(); i += sizeof(Number)) {
      out.push_back(base::LoadLe<Number>(field.bytes.data() + i));
    }
  }
  if (out.size() <= kOtlpBucketsMax) return absl::OkStatus();
  return InvalidArgument("OTLP: a histogram has more than ", kOtlpBucketsMax,
                         " buckets");
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
  absl::Status NumberPoint(std::string_view message);
  absl::Status HistogramPoint(std::string_view message);
  absl::Status ExponentialPoint(std::string_view message);
  absl::Status SummaryPoint(std::string_view message);
  absl::Status Buckets(std::string_view message, OtlpBuckets& buckets);
  absl::Status Quantile(std::string_view message);
  absl::Status Exemplar(std::string_view message);
  // Appends a KeyValue, or an AnyValue without key.
  absl::Status Attribute(std::string_view message, int depth,
                         OtlpAttributes& attributes);
  absl::Status Value(std::string_view message, int depth, OtlpValue& value);
  absl::Status Values(std::string_view message, int depth, bool keys,
                      OtlpAttributes& children);
  absl::Status CountAttribute();

  OtlpMapper& mapper_;
  OtlpAttributes resource_;
  OtlpScope scope_;
  OtlpMetric metric_;
  OtlpPoint point_;
  size_t attributes_ = 0;  // of what is under way
};

absl::Status Reader::CountAttribute() {
  if (++attributes_ <= kOtlpAttributesMax) return absl::OkStatus();
  return InvalidArgument("OTLP: a data point, scope or resource has more than ",
                         kOtlpAttributesMax, " attributes");
}

absl::Status Reader::Values(std::string_view message, int depth, bool keys,
                            OtlpAttributes& children) {
  Fields fields(message);
  Field field;
  while (!fields.done()) {
    if (!fields.Next(field)) return Broken("attribute");
    if (field.number != 1 || field.type != kBytes) continue;
    if (keys) {
      RETURN_IF_ERROR(Attribute(field.bytes, depth, children));
    } else {
      RETURN_IF_ERROR(CountAttribute());
      RETURN_IF_ERROR(
          Value(field.bytes, depth, children.emplace_back().value));
    }
  }
  return absl::OkStatus();
}

absl::Status Reader::Value(std::string_view message, int depth,
                           OtlpValue& value) {
  using Kind = OtlpValue::Kind;
  if (depth > kOtlpDepthMax) {
    return InvalidArgument("OTLP: attributes are nested deeper than ",
                           kOtlpDepthMax);
  }
  Fields fields(message);
  Field field;
  while (!fields.done()) {
    if (!fields.Next(field)) return Broken("attribute");
    if (field.type == kVarint && (field.number == 2 || field.number == 3)) {
      value.kind = field.number == 2 ? Kind::kBool : Kind::kInt;
      value.integer = static_cast<int64_t>(field.scalar);
    } else if (field.type == kFixed64 && field.number == 4) {
      value.kind = Kind::kDouble;
      value.number = Double(field);
    } else if (field.type == kBytes &&
               (field.number == 1 || field.number == 7)) {
      value.kind = field.number == 1 ? Kind::kString : Kind::kBytes;
      value.text = field.bytes;
    } else if (field.type == kBytes &&
               (field.number == 5 || field.number == 6)) {
      const bool map = field.number == 6;
      value.kind = map ? Kind::kMap : Kind::kArray;
      value.children.clear();
      RETURN_IF_ERROR(Values(field.bytes, depth + 1, map, value.children));
    }
  }
  return absl::OkStatus();
}

absl::Status Reader::Attribute(std::string_view message, int depth,
                               OtlpAttributes& attributes) {
  RETURN_IF_ERROR(CountAttribute());
  OtlpAttribute& attribute = attributes.emplace_back();
  Fields fields(message);
  Field field;
  while (!fields.done()) {
    if (!fields.Next(field)) return Broken("attribute");
    if (field.type != kBytes) continue;
    if (field.number == 1) attribute.key = field.bytes;
    if (field.number == 2) {
      RETURN_IF_ERROR(Value(field.bytes, depth, attribute.value));
    }
  }
  return absl::OkStatus();
}

absl::Status Reader::Exemplar(std::string_view message) {
  if (point_.exemplars.size() == kOtlpExemplarsMax) {
    return InvalidArgument("OTLP: a data point has more than ",
                           kOtlpExemplarsMax, " exemplars");
  }
  const auto hex = [](std::string_view id) {
    return absl::BytesToHexString(base::ToAbsl(id.substr(0, 16)));
  };
  OtlpExemplar& exemplar = point_.exemplars.emplace_back();
  Fields fields(message);
  Field field;
  while (!fields.done()) {
    if (!fields.Next(field)) return Broken("exemplar");
    if (field.type == kFixed64) {
      if (field.number == 2) exemplar.time_ns = field.scalar;
      if (field.number == 3) exemplar.value = Double(field);
      if (field.number == 6) exemplar.value = SignedInt(field);
    } else if (field.type == kBytes) {
      if (field.number == 4) exemplar.span_id = hex(field.bytes);
      if (field.number == 5) exemplar.trace_id = hex(field.bytes);
      if (field.number == 7) {
        RETURN_IF_ERROR(Attribute(field.bytes, 0, exemplar.attributes));
      }
    }
  }
  return absl::OkStatus();
}

absl::Status Reader::NumberPoint(std::string_view message) {
  Fields fields(message);
  Field field;
  while (!fields.done()) {
    if (!fields.Next(field)) return Broken("data point");
    if (field.type == kFixed64) {
      if (field.number == 2) point_.start_ns = field.scalar;
      if (field.number == 3) point_.time_ns = field.scalar;
      if (field.number == 4 || field.number == 6) {
        point_.has_value = true;
        point_.value = field.number == 4 ? Double(field) : SignedInt(field);
      }
    } else if (field.type == kVarint) {
      if (field.number == 8) point_.stale = (field.scalar & 1) != 0;
    } else if (field.type == kBytes) {
      if (field.number == 7) {
        RETURN_IF_ERROR(Attribute(field.bytes, 0, point_.attributes));
      } else if (field.number == 5) {
        RETURN_IF_ERROR(Exemplar(field.bytes));
      }
    }
  }
  return absl::OkStatus();
}

absl::Status Reader::HistogramPoint(std::string_view message) {
  Fields fields(message);
  Field field;
  while (!fields.done()) {
    if (!fields.Next(field)) return Broken("histogram");
    if (field.number == 6) {
      RETURN_IF_ERROR(ReadFixed(field, point_.bucket_counts));
    } else if (field.number == 7) {
      RETURN_IF_ERROR(ReadFixed(field, point_.bounds));
    } else if (field.type == kFixed64) {
      if (field.number == 2) point_.start_ns = field.scalar;
      if (field.number == 3) point_.time_ns = field.scalar;
      if (field.number == 4) point_.count = field.scalar;
      if (field.number == 5) {
        point_.has_sum = true;
        point_.sum = Double(field);
      }
    } else if (field.type == kVarint) {
      if (field.number == 10) point_.stale = (field.scalar & 1) != 0;
    } else if (field.type == kBytes) {
      if (field.number == 9) {
        RETURN_IF_ERROR(Attribute(field.bytes, 0, point_.attributes));
      } else if (field.number == 8) {
        RETURN_IF_ERROR(Exemplar(field.bytes));
      }
    }
  }
  return absl::OkStatus();
}

absl::Status Reader::Buckets(std::string_view message, OtlpBuckets& buckets) {
  const auto add = [&buckets](uint64_t count) {
    buckets.counts.push_back(count);
    return buckets.counts.size() <= kOtlpBucketsMax;
  };
  const absl::Status too_many = InvalidArgument(
      "OTLP: a histogram has more than ", kOtlpBucketsMax, " buckets");
  Fields fields(message);
  Field field;
  while (!fields.done()) {
    if (!fields.Next(field)) return Broken("buckets");
    if (field.number == 1 && field.type == kVarint) {
      buckets.offset = Zigzag32(field);
    } else if (field.number == 2 && field.type == kVarint) {
      if (!add(field.scalar)) return too_many;
    } else if (field.number == 2 && field.type == kBytes) {
      Fields packed(field.bytes);
      while (!packed.done()) {
        uint64_t count = 0;
        if (!packed.Varint(count)) return Broken("buckets");
        if (!add(count)) return too_many;
      }
    }
  }
  return absl::OkStatus();
}

absl::Status Reader::ExponentialPoint(std::string_view message) {
  Fields fields(message);
  Field field;
  while (!fields.done()) {
    if (!fields.Next(field)) return Broken("exponential histogram");
    if (field.type == kFixed64) {
      if (field.number == 2) point_.start_ns = field.scalar;
      if (field.number == 3) point_.time_ns = field.scalar;
      if (field.number == 4) point_.count = field.scalar;
      if (field.number == 5) {
        point_.has_sum = true;
        point_.sum = Double(field);
      }
      if (field.number == 7) point_.zero_count = field.scalar;
      if (field.number == 14) point_.zero_threshold = Double(field);
    } else if (field.type == kVarint) {
      if (field.number == 6) point_.scale = Zigzag32(field);
      if (field.number == 10) point_.stale = (field.scalar & 1) != 0;
    } else if (field.type == kBytes) {
      if (field.number == 1) {
        RETURN_IF_ERROR(Attribute(field.bytes, 0, point_.attributes));
      } else if (field.number == 8 || field.number == 9) {
        RETURN_IF_ERROR(Buckets(
            field.bytes, field.number == 8 ? point_.positive : point_.negative));
      } else if (field.number == 11) {
        RETURN_IF_ERROR(Exemplar(field.bytes));
      }
    }
  }
  return absl::OkStatus();
}

absl::Status Reader::Quantile(std::string_view message) {
  if (point_.quantiles.size() == kOtlpBucketsMax) {
    return InvalidArgument("OTLP: a summary has more than ", kOtlpBucketsMax,
                           " quantiles");
  }
  OtlpQuantile& quantile = point_.quantiles.emplace_back();
  Fields fields(message);
  Field field;
  while (!fields.done()) {
    if (!fields.Next(field)) return Broken("summary");
    if (field.type != kFixed64) continue;
    if (field.number == 1) quantile.quantile = Double(field);
    if (field.number == 2) quantile.value = Double(field);
  }
  return absl::OkStatus();
}

absl::Status Reader::SummaryPoint(std::string_view message) {
  point_.has_sum = true;
  Fields fields(message);
  Field field;
  while (!fields.done()) {
    if (!fields.Next(field)) return Broken("summary");
    if (field.type == kFixed64) {
      if (field.number == 2) point_.start_ns = field.scalar;
      if (field.number == 3) point_.time_ns = field.scalar;
      if (field.number == 4) point_.count = field.scalar;
      if (field.number == 5) point_.sum = Double(field);
    } else if (field.type == kVarint) {
      if (field.number == 8) point_.stale = (field.scalar & 1) != 0;
    } else if (field.type == kBytes) {
      if (field.number == 7) {
        RETURN_IF_ERROR(Attribute(field.bytes, 0, point_.attributes));
      } else if (field.number == 6) {
        RETURN_IF_ERROR(Quantile(field.bytes));
      }
    }
  }
  return absl::OkStatus();
}

absl::Status Reader::Points(std::string_view message) {
  Fields fields(message);
  Field field;
  while (!fields.done()) {
    if (!fields.Next(field)) return Broken("metric");
    if (field.number != 1 || field.type != kBytes) continue;
    point_.Clear();
    attributes_ = 0;
    switch (metric_.kind) {
      case OtlpKind::kGauge:
      case OtlpKind::kSum:
        RETURN_IF_ERROR(NumberPoint(field.bytes));
        break;
      case OtlpKind::kHistogram:
        RETURN_IF_ERROR(HistogramPoint(field.bytes));
        break;
      case OtlpKind::kExponential:
        RETURN_IF_ERROR(ExponentialPoint(field.bytes));
        break;
      case OtlpKind::kSummary:
        RETURN_IF_ERROR(SummaryPoint(field.bytes));
        break;
      case OtlpKind::kNone:
        break;
    }
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
  attributes_ = 0;
  RETURN_IF_ERROR(Attribute(message, 0, attributes));
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
      RETURN_IF_ERROR(Attribute(field.bytes, 0, scope_.attributes));
    }
  }
  return absl::OkStatus();
}

absl::Status Reader::ScopeMetrics(std::string_view message) {
  scope_ = OtlpScope();
  attributes_ = 0;
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
    RETURN_IF_ERROR(Attribute(field.bytes, 0, resource_));
  }
  return absl::OkStatus();
}

absl::Status Reader::Resource(std::string_view message) {
  resource_.clear();
  attributes_ = 0;
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
