// OTLP metrics in memory, as both encodings of a request are read into.
//
// One point, metric, scope or resource at a time: a reader (otlp_protobuf.h,
// otlp_json.h) fills these and hands them to an OtlpMapper (otlp_mapper.h),
// which makes series of them. Readers keep them for the next, with the memory
// they have grown.
//
// Units:    Unix nanoseconds; 0: not known.
// Lifetime: texts point into the request's body or into what its reader keeps.
// Threads:  values without state.
// Source:   opentelemetry-proto, metrics.proto and common.proto v1.
#ifndef VARVE_LIB_PROTOCOL_OTLP_DATA_H_
#define VARVE_LIB_PROTOCOL_OTLP_DATA_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "lib/model/histogram.h"

namespace varve::protocol {

// What few bytes on the wire could make large in memory; more of any in one
// point, resource or scope is refused with the request.
inline constexpr size_t kOtlpAttributesMax = 4096;  // values in values too
inline constexpr size_t kOtlpExemplarsMax = 1024;
inline constexpr size_t kOtlpBucketsMax = model::kHistogramBucketsMax;
// Arrays and maps inside of attributes; senders have one or two levels.
inline constexpr int kOtlpDepthMax = 16;

struct OtlpAttribute;
using OtlpAttributes = std::vector<OtlpAttribute>;

struct OtlpValue {
  enum class Kind : uint8_t {
    kNone,
    kString,
    kBool,    // in `integer`
    kInt,
    kDouble,
    kBytes,   // in `text`
    kArray,   // `children` without keys
    kMap,
  };
  Kind kind = Kind::kNone;
  std::string_view text;
  int64_t integer = 0;
  double number = 0;
  OtlpAttributes children;
};

struct OtlpAttribute {
  std::string_view key;
  OtlpValue value;
};

struct OtlpScope {
  bool present = false;
  std::string_view name;
  std::string_view version;
  std::string_view schema_url;
  OtlpAttributes attributes;
};

enum class OtlpKind : uint8_t {
  kNone,
  kGauge,
  kSum,
  kHistogram,
  kExponential,
  kSummary,
};

struct OtlpMetric {
  std::string_view name;
  std::string_view description;
  std::string_view unit;
  std::string_view prometheus_type;  // of its metadata; mostly ""
  OtlpKind kind = OtlpKind::kNone;
  bool delta = false;
  bool monotonic = false;
};

struct OtlpExemplar {
  uint64_t time_ns = 0;
  double value = 0;
  std::string trace_id;  // hex digits
  std::string span_id;
  OtlpAttributes attributes;
};

// Bucket i of an exponential histogram has (base^(offset+i), ..+1)].
struct OtlpBuckets {
  int32_t offset = 0;
  std::vector<uint64_t> counts;
};

struct OtlpQuantile {
  double quantile = 0;
  double value = 0;
};

// A data point of any kind; of other kinds' fields the defaults.
struct OtlpPoint {
  OtlpAttributes attributes;
  // In their place the fields of protobuf as they came, one after the other,
  // when all values are texts (otlp_protobuf_attributes.h).
  std::string_view plain_attributes;
  std::vector<OtlpExemplar> exemplars;
  uint64_t start_ns = 0;
  uint64_t time_ns = 0;
  bool stale = false;  // the flag "no recorded value"

  bool has_value = false;
  double value = 0;

  uint64_t count = 0;
  bool has_sum = false;  // always of summaries
  double sum = 0;
  std::vector<uint64_t> bucket_counts;
  std::vector<double> bounds;

  int32_t scale = 0;
  uint64_t zero_count = 0;
  double zero_threshold = 0;
  OtlpBuckets positive;
  OtlpBuckets negative;

  std::vector<OtlpQuantile> quantiles;

  void Clear() {
    attributes.clear();
    plain_attributes = {};
    exemplars.clear();
    start_ns = time_ns = 0;
    stale = has_value = has_sum = false;
    value = sum = zero_threshold = 0;
    count = zero_count = 0;
    bucket_counts.clear();
    bounds.clear();
    scale = 0;
    positive.offset = negative.offset = 0;
    positive.counts.clear();
    negative.counts.clear();
    quantiles.clear();
  }
};

}  // namespace varve::protocol

#endif  // VARVE_LIB_PROTOCOL_OTLP_DATA_H_
