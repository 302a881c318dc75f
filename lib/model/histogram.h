// Native histograms: values, their bytes, which of two equal timestamps is
// read.
//
// A histogram has a layout (schema, zero threshold, spans, custom bounds),
// which successive samples of a series mostly share, and counts. Counts are
// uint64, or, with float_counts, the bits of float64: they are kept, compared
// and moved alike, and nothing of what a sender wrote is lost.
//
// Bytes, the canonical form that logs, frames and comparisons use:
//
//   histogram := layout reset:u8 sum:f64 count zero_count bucket*
//   layout    := flags:u8 (1: float counts) schema:zigzag zero_threshold:f64
//                spans spans bounds:varint f64*
//   spans     := n:varint { offset:zigzag length:varint }*   positive, negative
//   counts    := integer: varint, buckets as the zigzag of the difference to
//                the bucket before, the first to 0; float: f64
//
// There are as many buckets as the spans' lengths add up to, first those of
// the positive spans. Integers are little endian, differences wrap at 2^64.
//
// Errors:  DataLoss for missing, surplus or impossible bytes; reads never
//          leave them. CheckHistogram: InvalidArgument.
// Threads: values and free functions without state.
// Source:  prometheus.io/docs/specs/native_histograms.
#ifndef VARVE_LIB_MODEL_HISTOGRAM_H_
#define VARVE_LIB_MODEL_HISTOGRAM_H_

#include <bit>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "lib/base/byte_coding.h"
#include "lib/model/sample.h"

namespace varve::model {

// Far above what agents send (160 buckets a side by default); bounds what a
// few bytes of spans can make a reader allocate.
inline constexpr uint64_t kHistogramBucketsMax = 1 << 16;

inline constexpr int32_t kSchemaMin = -4;
inline constexpr int32_t kSchemaMax = 8;
inline constexpr int32_t kSchemaCustom = -53;  // buckets of custom bounds

struct HistogramSpan {
  int32_t offset = 0;  // to the end of the span before; the first: an index
  uint32_t length = 0;
  friend bool operator==(const HistogramSpan&, const HistogramSpan&) = default;
};

// What the sender knows of a counter reset before this sample.
enum class CounterReset : uint8_t {
  kUnknown = 0,
  kYes = 1,
  kNo = 2,
  kGauge = 3,
};

struct HistogramLayout {
  bool float_counts = false;
  int32_t schema = 0;
  double zero_threshold = 0;
  std::vector<HistogramSpan> positive;
  std::vector<HistogramSpan> negative;
  std::vector<double> custom_bounds;  // upper bounds, with kSchemaCustom

  size_t positive_buckets() const;
  size_t buckets() const;  // of both sides
  // By bits.
  friend bool operator==(const HistogramLayout& a, const HistogramLayout& b);
};

struct Histogram {
  HistogramLayout layout;
  CounterReset reset = CounterReset::kUnknown;
  double sum = 0;  // a staleness marker ends the series
  uint64_t count = 0;
  uint64_t zero_count = 0;
  std::vector<uint64_t> buckets;  // positive, then negative; absolute

  bool stale() const { return IsStaleNan(sum); }
  // A count as a number, whichever kind it is.
  double Number(uint64_t value) const {
    return layout.float_counts ? std::bit_cast<double>(value)
                               : static_cast<double>(value);
  }
  // By bits.
  friend bool operator==(const Histogram& a, const Histogram& b);
};

// REQUIRES: buckets.size() == layout.buckets().
void AppendHistogramBytes(std::string& out, const Histogram& histogram);
absl::StatusOr<Histogram> ParseHistogramBytes(std::string_view bytes);

void AppendLayoutBytes(std::string& out, const HistogramLayout& layout);
// Takes a layout off `reader`.
absl::Status ReadLayout(base::ByteReader& reader, HistogramLayout& layout);

// What no sender may send: an unknown schema, other numbers of buckets than
// the spans have, buckets below 0 or beyond the count, unordered bounds.
absl::Status CheckHistogram(const Histogram& histogram);

// As for floats: a strict total order, the same on every node. Any histogram
// over a stale one; the larger count, sum, then bytes.
bool ReadsBefore(const Histogram& a, const Histogram& b);

// One series' histograms as columns; timestamps never decrease.
struct HistogramColumns {
  std::vector<int64_t> timestamps_ms;
  std::vector<Histogram> histograms;

  size_t size() const { return timestamps_ms.size(); }
  bool empty() const { return timestamps_ms.empty(); }
  void clear() {
    timestamps_ms.clear();
    histograms.clear();
  }
  void push_back(int64_t timestamp_ms, Histogram histogram) {
    timestamps_ms.push_back(timestamp_ms);
    histograms.push_back(std::move(histogram));
  }
  void resize(size_t n) {
    timestamps_ms.resize(n);
    histograms.resize(n);
  }
};

// As SortAndDedup of floats, of histograms alone.
void SortAndDedup(HistogramColumns& columns, const DedupRule& rule);

// Of a series that has both kinds: each alone, then, unless all are kept, one
// sample a timestamp (a histogram over a float over a stale one) and the last
// of each interval, whichever kind it is.
void SortAndDedup(SampleColumns& samples, HistogramColumns& histograms,
                  const DedupRule& rule);

// Keeps what is inside [start_ms, end_ms]; `columns` need not be sorted.
void KeepRange(int64_t start_ms, int64_t end_ms, size_t from,
               HistogramColumns& columns);

}  // namespace varve::model

#endif  // VARVE_LIB_MODEL_HISTOGRAM_H_
