// Exemplars: samples that point to a trace, kept beside a series.
//
// Threads: values and free functions without state.
#ifndef VARVE_LIB_MODEL_EXEMPLAR_H_
#define VARVE_LIB_MODEL_EXEMPLAR_H_

#include <algorithm>
#include <bit>
#include <cstdint>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

namespace varve::model {

struct Exemplar {
  int64_t timestamp_ms = 0;
  double value = 0;
  std::string labels;  // canonical bytes; may be empty

  // By time, then by bits: the same order on every node.
  auto Key() const {
    return std::tuple(timestamp_ms, std::bit_cast<uint64_t>(value), labels);
  }
  friend bool operator==(const Exemplar& a, const Exemplar& b) {
    return a.timestamp_ms == b.timestamp_ms &&
           std::bit_cast<uint64_t>(a.value) ==
               std::bit_cast<uint64_t>(b.value) &&
           a.labels == b.labels;
  }
  friend bool operator<(const Exemplar& a, const Exemplar& b) {
    return a.Key() < b.Key();
  }
};

// One on its way in; `labels` are somebody else's.
struct ExemplarView {
  int64_t timestamp_ms = 0;
  double value = 0;
  std::string_view labels;
};

// Sorted by time, equal ones once.
inline void SortAndDedup(std::vector<Exemplar>& exemplars) {
  std::sort(exemplars.begin(), exemplars.end());
  exemplars.erase(std::unique(exemplars.begin(), exemplars.end()),
                  exemplars.end());
}

}  // namespace varve::model

#endif  // VARVE_LIB_MODEL_EXEMPLAR_H_
