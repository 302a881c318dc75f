// Series kept in vectors, as a source for tests and benchmarks.
//
// Threads: Select from any thread; Add before the first one.
#ifndef VARVE_LIB_EVAL_VECTOR_SOURCE_H_
#define VARVE_LIB_EVAL_VECTOR_SOURCE_H_

#include <memory>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "lib/eval/series_source.h"

namespace varve::eval {

class VectorSource final : public SeriesSource {
 public:
  // `batch_series` series come in one batch.
  explicit VectorSource(size_t batch_series = 1024)
      : batch_series_(batch_series) {}

  // Samples of a series that is there already are merged into it; of equal
  // timestamps the new one stays.
  void Add(SeriesData series);
  void Clear() { series_.clear(); }

  absl::StatusOr<std::unique_ptr<SeriesStream>> Select(
      const SelectRequest& request) override;

 private:
  const size_t batch_series_;
  std::vector<SeriesData> series_;
};

}  // namespace varve::eval

#endif  // VARVE_LIB_EVAL_VECTOR_SOURCE_H_
