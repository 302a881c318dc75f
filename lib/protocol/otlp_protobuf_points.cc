#include "lib/protocol/otlp_protobuf_points.h"

#include <bit>

#include "absl/strings/escaping.h"
#include "lib/base/byte_coding.h"
#include "lib/base/status.h"
#include "lib/base/strings.h"
#include "lib/protocol/proto_fields.h"

namespace varve::protocol {
namespace {

using base::InvalidArgument;

absl::Status Broken(std::string_view what) {
  return InvalidArgument("OTLP: broken ", what);
}

double Double(const Field& field) {
  return std::bit_cast<double>(field.scalar);
}

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

}  // namespace

absl::Status OtlpPointReader::Exemplar(std::string_view message,
                                       OtlpPoint& point) {
  if (point.exemplars.size() == kOtlpExemplarsMax) {
    return InvalidArgument("OTLP: a data point has more than ",
                           kOtlpExemplarsMax, " exemplars");
  }
  const auto hex = [](std::string_view id) {
    return absl::BytesToHexString(base::ToAbsl(id.substr(0, 16)));
  };
  OtlpExemplar& exemplar = point.exemplars.emplace_back();
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
        RETURN_IF_ERROR(attributes_.Read(field.bytes, exemplar.attributes));
      }
    }
  }
  return absl::OkStatus();
}

absl::Status OtlpPointReader::NumberPoint(std::string_view message,
                                          OtlpPoint& point) {
  Fields fields(message);
  Field field;
  while (!fields.done()) {
    if (!fields.Next(field)) return Broken("data point");
    if (field.type == kFixed64) {
      if (field.number == 2) point.start_ns = field.scalar;
      if (field.number == 3) point.time_ns = field.scalar;
      if (field.number == 4 || field.number == 6) {
        point.has_value = true;
        point.value = field.number == 4 ? Double(field) : SignedInt(field);
      }
    } else if (field.type == kVarint) {
      if (field.number == 8) point.stale = (field.scalar & 1) != 0;
    } else if (field.type == kBytes) {
      if (field.number == 7) {
        RETURN_IF_ERROR(
            attributes_.ReadOfPoint(fields.last(), field.bytes, point));
      } else if (field.number == 5) {
        RETURN_IF_ERROR(Exemplar(field.bytes, point));
      }
    }
  }
  return absl::OkStatus();
}

absl::Status OtlpPointReader::HistogramPoint(std::string_view message,
                                             OtlpPoint& point) {
  Fields fields(message);
  Field field;
  while (!fields.done()) {
    if (!fields.Next(field)) return Broken("histogram");
    if (field.number == 6) {
      RETURN_IF_ERROR(ReadFixed(field, point.bucket_counts));
    } else if (field.number == 7) {
      RETURN_IF_ERROR(ReadFixed(field, point.bounds));
    } else if (field.type == kFixed64) {
      if (field.number == 2) point.start_ns = field.scalar;
      if (field.number == 3) point.time_ns = field.scalar;
      if (field.number == 4) point.count = field.scalar;
      if (field.number == 5) {
        point.has_sum = true;
        point.sum = Double(field);
      }
    } else if (field.type == kVarint) {
      if (field.number == 10) point.stale = (field.scalar & 1) != 0;
    } else if (field.type == kBytes) {
      if (field.number == 9) {
        RETURN_IF_ERROR(
            attributes_.ReadOfPoint(fields.last(), field.bytes, point));
      } else if (field.number == 8) {
        RETURN_IF_ERROR(Exemplar(field.bytes, point));
      }
    }
  }
  return absl::OkStatus();
}

absl::Status OtlpPointReader::Buckets(std::string_view message,
                                      OtlpBuckets& buckets) {
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

absl::Status OtlpPointReader::ExponentialPoint(std::string_view message,
                                               OtlpPoint& point) {
  Fields fields(message);
  Field field;
  while (!fields.done()) {
    if (!fields.Next(field)) return Broken("exponential histogram");
    if (field.type == kFixed64) {
      if (field.number == 2) point.start_ns = field.scalar;
      if (field.number == 3) point.time_ns = field.scalar;
      if (field.number == 4) point.count = field.scalar;
      if (field.number == 5) {
        point.has_sum = true;
        point.sum = Double(field);
      }
      if (field.number == 7) point.zero_count = field.scalar;
      if (field.number == 14) point.zero_threshold = Double(field);
    } else if (field.type == kVarint) {
      if (field.number == 6) point.scale = Zigzag32(field);
      if (field.number == 10) point.stale = (field.scalar & 1) != 0;
    } else if (field.type == kBytes) {
      if (field.number == 1) {
        RETURN_IF_ERROR(
            attributes_.ReadOfPoint(fields.last(), field.bytes, point));
      } else if (field.number == 8 || field.number == 9) {
        RETURN_IF_ERROR(Buckets(
            field.bytes, field.number == 8 ? point.positive : point.negative));
      } else if (field.number == 11) {
        RETURN_IF_ERROR(Exemplar(field.bytes, point));
      }
    }
  }
  return absl::OkStatus();
}

absl::Status OtlpPointReader::Quantile(std::string_view message,
                                       OtlpPoint& point) {
  if (point.quantiles.size() == kOtlpBucketsMax) {
    return InvalidArgument("OTLP: a summary has more than ", kOtlpBucketsMax,
                           " quantiles");
  }
  OtlpQuantile& quantile = point.quantiles.emplace_back();
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

absl::Status OtlpPointReader::SummaryPoint(std::string_view message,
                                           OtlpPoint& point) {
  point.has_sum = true;
  Fields fields(message);
  Field field;
  while (!fields.done()) {
    if (!fields.Next(field)) return Broken("summary");
    if (field.type == kFixed64) {
      if (field.number == 2) point.start_ns = field.scalar;
      if (field.number == 3) point.time_ns = field.scalar;
      if (field.number == 4) point.count = field.scalar;
      if (field.number == 5) point.sum = Double(field);
    } else if (field.type == kVarint) {
      if (field.number == 8) point.stale = (field.scalar & 1) != 0;
    } else if (field.type == kBytes) {
      if (field.number == 7) {
        RETURN_IF_ERROR(
            attributes_.ReadOfPoint(fields.last(), field.bytes, point));
      } else if (field.number == 6) {
        RETURN_IF_ERROR(Quantile(field.bytes, point));
      }
    }
  }
  return absl::OkStatus();
}

absl::Status OtlpPointReader::Read(OtlpKind kind, std::string_view message,
                                   OtlpPoint& point) {
  point.Clear();
  attributes_.Start();
  switch (kind) {
    case OtlpKind::kGauge:
    case OtlpKind::kSum:
      return NumberPoint(message, point);
    case OtlpKind::kHistogram:
      return HistogramPoint(message, point);
    case OtlpKind::kExponential:
      return ExponentialPoint(message, point);
    case OtlpKind::kSummary:
      return SummaryPoint(message, point);
    case OtlpKind::kNone:
      break;
  }
  return absl::OkStatus();
}

}  // namespace varve::protocol
