// Samples, the staleness marker, and which of two equal timestamps is read.
#ifndef VARVE_LIB_MODEL_SAMPLE_H_
#define VARVE_LIB_MODEL_SAMPLE_H_

#include <bit>
#include <cmath>
#include <cstdint>
#include <vector>

namespace varve::model {

struct Sample {
  int64_t timestamp_ms = 0;
  double value = 0;
};

// The NaN that says "this series has ended"; Prometheus' bit pattern.
inline constexpr uint64_t kStaleNanBits = 0x7ff0000000000002;
// The NaN that queries produce.
inline constexpr uint64_t kNormalNanBits = 0x7ff8000000000001;

inline double StaleNan() { return std::bit_cast<double>(kStaleNanBits); }
inline double NormalNan() { return std::bit_cast<double>(kNormalNanBits); }
inline bool IsStaleNan(double value) {
  return std::bit_cast<uint64_t>(value) == kStaleNanBits;
}
inline bool SameBits(double a, double b) {
  return std::bit_cast<uint64_t>(a) == std::bit_cast<uint64_t>(b);
}

// True when, of two samples at one timestamp, `a` is the one to read rather
// than `b`: any float over a staleness marker, a number over NaN, the larger
// number, +0 over -0, NaNs by bits. A strict total order over bit patterns,
// the same on every node.
bool ReadsBefore(double a, double b);

// One series' samples as columns; timestamps never decrease.
struct SampleColumns {
  std::vector<int64_t> timestamps_ms;
  std::vector<double> values;

  size_t size() const { return timestamps_ms.size(); }
  bool empty() const { return timestamps_ms.empty(); }
  void clear() {
    timestamps_ms.clear();
    values.clear();
  }
  void resize(size_t n) {
    timestamps_ms.resize(n);
    values.resize(n);
  }
  void push_back(int64_t timestamp_ms, double value) {
    timestamps_ms.push_back(timestamp_ms);
    values.push_back(value);
  }
};

// What to do with samples that share a timestamp or an interval.
struct DedupRule {
  // 0 keeps all distinct (timestamp, value bits) pairs when `keep_all`, else
  // one per timestamp; above 0 the last of each (k*d - d, k*d].
  int64_t interval_ms = 0;
  bool keep_all = false;
};

// Sorts by timestamp (stably kept order where sorted already), collapses
// byte-equal samples, then applies `rule`: of equal timestamps the one that
// ReadsBefore all others; of an interval the last timestamp.
void SortAndDedup(SampleColumns& columns, const DedupRule& rule);

}  // namespace varve::model

#endif  // VARVE_LIB_MODEL_SAMPLE_H_
