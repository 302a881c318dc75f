#include "lib/protocol/otlp_json.h"

#include <simdjson.h>

#include <utility>

#include "absl/strings/ascii.h"
#include "lib/base/status.h"
#include "lib/protocol/otlp_json_fields.h"

namespace varve::protocol {
namespace {

using base::InvalidArgument;
using otlp_json::ForEach;
using otlp_json::ForMembers;
using otlp_json::Member;
using otlp_json::Read;
using otlp_json::ReadDouble;
using otlp_json::ReadInt;
using simdjson::dom::element;

absl::Status TooMany(std::string_view what, size_t max) {
  return InvalidArgument("OTLP: a ", what, " are more than ", max);
}

class Reader {
 public:
  Reader(OtlpMapper& mapper, element null) : mapper_(mapper), null_(null) {}

  absl::Status Request(element from);

 private:
  absl::Status Resource(element from);
  absl::Status ScopeMetrics(element from);
  absl::Status Metric(element from);
  absl::Status Data(element from);
  absl::Status Point(element from);
  absl::Status PointField(std::string_view key, element from);
  absl::Status NumberField(std::string_view key, element from);
  absl::Status HistogramField(std::string_view key, element from);
  absl::Status ExponentialField(std::string_view key, element from);
  absl::Status SummaryField(std::string_view key, element from);
  absl::Status Counts(std::string_view name, element from,
                      std::vector<uint64_t>& counts);
  absl::Status Buckets(std::string_view name, element from,
                       OtlpBuckets& buckets);
  absl::Status Exemplar(element from);
  absl::Status Attributes(element from, int depth, OtlpAttributes& attributes);
  absl::Status Value(element from, int depth, OtlpValue& value);
  absl::Status CountAttribute();

  OtlpMapper& mapper_;
  const element null_;
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

absl::Status Reader::Value(element from, int depth, OtlpValue& value) {
  using Kind = OtlpValue::Kind;
  if (depth > kOtlpDepthMax) {
    return InvalidArgument("OTLP: attributes are nested deeper than ",
                           kOtlpDepthMax);
  }
  return ForMembers("value", from, [&](std::string_view key, element member) {
    if (member.is_null()) return absl::OkStatus();
    if (key == "stringValue" || key == "bytesValue") {
      value.kind = Kind::kString;  // bytes are base64 in labels, too
      return Read(key, member, value.text);
    }
    if (key == "boolValue") {
      value.kind = Kind::kBool;
      bool truth = false;
      RETURN_IF_ERROR(Read(key, member, truth));
      value.integer = truth ? 1 : 0;
      return absl::OkStatus();
    }
    if (key == "intValue") {
      value.kind = Kind::kInt;
      return ReadInt(key, member, value.integer);
    }
    if (key == "doubleValue") {
      value.kind = Kind::kDouble;
      return ReadDouble(key, member, value.number);
    }
    if (key == "arrayValue") {
      value.kind = Kind::kArray;
      value.children.clear();
      return ForEach("values", Member(member, "values", null_),
                     [&](element one) {
                       RETURN_IF_ERROR(CountAttribute());
                       return Value(one, depth + 1,
                                    value.children.emplace_back().value);
                     });
    }
    if (key == "kvlistValue") {
      value.kind = Kind::kMap;
      value.children.clear();
      return Attributes(Member(member, "values", null_), depth + 1,
                        value.children);
    }
    return absl::OkStatus();
  });
}

absl::Status Reader::Attributes(element from, int depth,
                                OtlpAttributes& attributes) {
  return ForEach("attributes", from, [&](element one) {
    RETURN_IF_ERROR(CountAttribute());
    OtlpAttribute& attribute = attributes.emplace_back();
    return ForMembers(
        "attribute", one, [&](std::string_view key, element member) {
          if (key == "key") return Read(key, member, attribute.key);
          if (key == "value") return Value(member, depth, attribute.value);
          return absl::OkStatus();
        });
  });
}

absl::Status Reader::Exemplar(element from) {
  if (point_.exemplars.size() == kOtlpExemplarsMax) {
    return TooMany("data point's exemplars", kOtlpExemplarsMax);
  }
  OtlpExemplar& exemplar = point_.exemplars.emplace_back();
  const auto read_id = [](std::string_view key, element member,
                          std::string& out) {
    std::string_view text;
    RETURN_IF_ERROR(Read(key, member, text));
    out = text.substr(0, 32);
    for (char& c : out) c = absl::ascii_tolower(static_cast<uint8_t>(c));
    return absl::OkStatus();
  };
  return ForMembers("exemplar", from, [&](std::string_view key, element member) {
    if (key == "timeUnixNano") return ReadInt(key, member, exemplar.time_ns);
    if (key == "asDouble") return ReadDouble(key, member, exemplar.value);
    if (key == "asInt") {
      int64_t value = 0;
      RETURN_IF_ERROR(ReadInt(key, member, value));
      exemplar.value = static_cast<double>(value);
      return absl::OkStatus();
    }
    if (key == "traceId") return read_id(key, member, exemplar.trace_id);
    if (key == "spanId") return read_id(key, member, exemplar.span_id);
    if (key == "filteredAttributes") {
      return Attributes(member, 0, exemplar.attributes);
    }
    return absl::OkStatus();
  });
}

absl::Status Reader::NumberField(std::string_view key, element from) {
  if (from.is_null()) return absl::OkStatus();
  if (key == "asDouble") {
    point_.has_value = true;
    return ReadDouble(key, from, point_.value);
  }
  if (key == "asInt") {
    point_.has_value = true;
    int64_t value = 0;
    RETURN_IF_ERROR(ReadInt(key, from, value));
    point_.value = static_cast<double>(value);
  }
  return absl::OkStatus();
}

absl::Status Reader::Counts(std::string_view name, element from,
                            std::vector<uint64_t>& counts) {
  return ForEach(name, from, [&](element one) {
    if (counts.size() == kOtlpBucketsMax) {
      return TooMany("histogram's buckets", kOtlpBucketsMax);
    }
    return ReadInt(name, one, counts.emplace_back());
  });
}

absl::Status Reader::Buckets(std::string_view name, element from,
                             OtlpBuckets& buckets) {
  return ForMembers(name, from, [&](std::string_view key, element member) {
    if (key == "offset") return ReadInt(key, member, buckets.offset);
    if (key == "bucketCounts") return Counts(key, member, buckets.counts);
    return absl::OkStatus();
  });
}

absl::Status Reader::HistogramField(std::string_view key, element from) {
  if (key == "bucketCounts") return Counts(key, from, point_.bucket_counts);
  if (key == "explicitBounds") {
    return ForEach(key, from, [&](element one) {
      if (point_.bounds.size() == kOtlpBucketsMax) {
        return TooMany("histogram's bounds", kOtlpBucketsMax);
      }
      return ReadDouble(key, one, point_.bounds.emplace_back());
    });
  }
  return absl::OkStatus();
}

absl::Status Reader::ExponentialField(std::string_view key, element from) {
  if (key == "scale") return ReadInt(key, from, point_.scale);
  if (key == "zeroCount") return ReadInt(key, from, point_.zero_count);
  if (key == "zeroThreshold") {
    return ReadDouble(key, from, point_.zero_threshold);
  }
  if (key == "positive") return Buckets(key, from, point_.positive);
  if (key == "negative") return Buckets(key, from, point_.negative);
  return absl::OkStatus();
}

absl::Status Reader::SummaryField(std::string_view key, element from) {
  if (key != "quantileValues") return absl::OkStatus();
  return ForEach(key, from, [&](element one) {
    if (point_.quantiles.size() == kOtlpBucketsMax) {
      return TooMany("summary's quantiles", kOtlpBucketsMax);
    }
    OtlpQuantile& quantile = point_.quantiles.emplace_back();
    return ForMembers(
        "quantile", one, [&](std::string_view name, element member) {
          if (name == "quantile") {
            return ReadDouble(name, member, quantile.quantile);
          }
          if (name == "value") return ReadDouble(name, member, quantile.value);
          return absl::OkStatus();
        });
  });
}

absl::Status Reader::PointField(std::string_view key, element from) {
  if (key == "attributes") return Attributes(from, 0, point_.attributes);
  if (key == "startTimeUnixNano") return ReadInt(key, from, point_.start_ns);
  if (key == "timeUnixNano") return ReadInt(key, from, point_.time_ns);
  if (key == "count") return ReadInt(key, from, point_.count);
  if (key == "sum") {
    point_.has_sum |= !from.is_null();
    return ReadDouble(key, from, point_.sum);
  }
  if (key == "flags") {
    uint32_t flags = 0;
    RETURN_IF_ERROR(ReadInt(key, from, flags));
    point_.stale = (flags & 1) != 0;
    return absl::OkStatus();
  }
  if (key == "exemplars") {
    return ForEach(key, from, [this](element one) { return Exemplar(one); });
  }
  switch (metric_.kind) {
    case OtlpKind::kGauge:
    case OtlpKind::kSum:
      return NumberField(key, from);
    case OtlpKind::kHistogram:
      return HistogramField(key, from);
    case OtlpKind::kExponential:
      return ExponentialField(key, from);
    case OtlpKind::kSummary:
      return SummaryField(key, from);
    case OtlpKind::kNone:
      break;
  }
  return absl::OkStatus();
}

absl::Status Reader::Point(element from) {
  point_.Clear();
  point_.has_sum = metric_.kind == OtlpKind::kSummary;
  attributes_ = 0;
  RETURN_IF_ERROR(ForMembers("data point", from,
                             [this](std::string_view key, element member) {
                               return PointField(key, member);
                             }));
  return mapper_.Add(point_);
}

// What of a sum, histogram and the like stands beside the points.
absl::Status Reader::Data(element from) {
  return ForMembers("data", from, [&](std::string_view key, element member) {
    if (key == "isMonotonic") return Read(key, member, metric_.monotonic);
    if (key != "aggregationTemporality") return absl::OkStatus();
    std::string_view name;
    if (member.get(name) == simdjson::SUCCESS) {
      metric_.delta = name == "AGGREGATION_TEMPORALITY_DELTA";
      return absl::OkStatus();
    }
    int32_t number = 0;
    RETURN_IF_ERROR(ReadInt(key, member, number));
    metric_.delta = number == 1;
    return absl::OkStatus();
  });
}

absl::Status Reader::Metric(element from) {
  metric_ = OtlpMetric();
  element data = null_;
  const auto hold = [&](OtlpKind kind, element member) {
    if (member.is_null()) return;
    metric_.kind = kind;
    data = member;
  };
  RETURN_IF_ERROR(
      ForMembers("metric", from, [&](std::string_view key, element member) {
        if (key == "name") return Read(key, member, metric_.name);
        if (key == "description") {
          return Read(key, member, metric_.description);
        }
        if (key == "unit") return Read(key, member, metric_.unit);
        if (key == "gauge") hold(OtlpKind::kGauge, member);
        if (key == "sum") hold(OtlpKind::kSum, member);
        if (key == "histogram") hold(OtlpKind::kHistogram, member);
        if (key == "exponentialHistogram") {
          hold(OtlpKind::kExponential, member);
        }
        if (key == "summary") hold(OtlpKind::kSummary, member);
        if (key != "metadata") return absl::OkStatus();
        OtlpAttributes metadata;
        attributes_ = 0;
        RETURN_IF_ERROR(Attributes(member, 0, metadata));
        for (const OtlpAttribute& one : metadata) {
          if (one.key == "prometheus.type") {
            metric_.prometheus_type = one.value.text;
          }
        }
        return absl::OkStatus();
      }));
  if (metric_.kind == OtlpKind::kNone) return absl::OkStatus();
  RETURN_IF_ERROR(Data(data));
  RETURN_IF_ERROR(mapper_.StartMetric(metric_));
  return ForEach("dataPoints", Member(data, "dataPoints", null_),
                 [this](element one) { return Point(one); });
}

absl::Status Reader::ScopeMetrics(element from) {
  scope_ = OtlpScope();
  attributes_ = 0;
  const element scope = Member(from, "scope", null_);
  scope_.present = !scope.is_null();
  RETURN_IF_ERROR(
      ForMembers("scope", scope, [&](std::string_view key, element member) {
        if (key == "name") return Read(key, member, scope_.name);
        if (key == "version") return Read(key, member, scope_.version);
        if (key != "attributes") return absl::OkStatus();
        return Attributes(member, 0, scope_.attributes);
      }));
  RETURN_IF_ERROR(Read("schemaUrl", Member(from, "schemaUrl", null_),
                       scope_.schema_url));
  mapper_.StartScope(scope_);
  return ForEach("metrics", Member(from, "metrics", null_),
                 [this](element one) { return Metric(one); });
}

absl::Status Reader::Resource(element from) {
  resource_.clear();
  attributes_ = 0;
  RETURN_IF_ERROR(Attributes(
      Member(Member(from, "resource", null_), "attributes", null_), 0,
      resource_));
  mapper_.StartResource(resource_);
  RETURN_IF_ERROR(ForEach("scopeMetrics", Member(from, "scopeMetrics", null_),
                          [this](element one) { return ScopeMetrics(one); }));
  return mapper_.FinishResource();
}

absl::Status Reader::Request(element from) {
  if (!from.is_object()) {
    return InvalidArgument("OTLP: the request is no JSON object");
  }
  RETURN_IF_ERROR(ForEach("resourceMetrics",
                          Member(from, "resourceMetrics", null_),
                          [this](element one) { return Resource(one); }));
  return mapper_.Finish();
}

}  // namespace

struct OtlpJson::Parsed {
  simdjson::dom::parser parser;
  element root;
  simdjson::dom::parser nulls;
  element null;
};

absl::StatusOr<OtlpJson> OtlpJson::Parse(std::string_view body) {
  // Deeper than any request with attributes of kOtlpDepthMax levels is.
  constexpr size_t kJsonDepthMax = 64;
  auto parsed = std::make_shared<Parsed>();
  simdjson::error_code error = parsed->nulls.parse("null", 4).get(parsed->null);
  if (error == simdjson::SUCCESS) {
    error = parsed->parser.allocate(body.size(), kJsonDepthMax);
  }
  if (error == simdjson::SUCCESS) {
    error = parsed->parser.parse(body.data(), body.size()).get(parsed->root);
  }
  if (error != simdjson::SUCCESS) {
    return InvalidArgument("OTLP: broken JSON: ", error_message(error));
  }
  return OtlpJson(std::move(parsed));
}

absl::Status OtlpJson::Read(OtlpMapper& mapper) const {
  return Reader(mapper, parsed_->null).Request(parsed_->root);
}

}  // namespace varve::protocol
