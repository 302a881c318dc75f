// The k best series of a group at each step: what topk and bottomk of the
// whole group pick from, whichever parts of it others have.
//
// In:      each series' canonical bytes (lib/model/label.h) and column.
// Out:     the series that are among the k best at any step, with their
//          values at these steps; and the group's first series by its labels,
//          which places the group among others. At most steps x k places are
//          kept, however many values are equal.
// Threads: one owner at a time; lanes have their own and are merged.
// Source:  prometheus/prometheus promql/engine.go, aggregationK() (3.5), with
//          an order of equal values that does not depend on their arrival.
#ifndef VARVE_LIB_ROLLUP_BEST_SERIES_H_
#define VARVE_LIB_ROLLUP_BEST_SERIES_H_

#include <cmath>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/byte_coding.h"

namespace varve::rollup {

// Queries that want more get little out of what they spare.
inline constexpr uint32_t kBestMax = 1024;

// topk's order, or bottomk's: the better value is less, and NaN is behind all
// numbers. Of equivalent ones the first series by its labels is better.
inline std::weak_ordering Rank(bool top, double a, double b) {
  if (std::isnan(a) || std::isnan(b)) return std::isnan(a) <=> std::isnan(b);
  if (a == b) return std::weak_ordering::equivalent;
  return (a > b) == top ? std::weak_ordering::less
                        : std::weak_ordering::greater;
}

struct StepValue {
  uint32_t step;
  double value;
};

// Runs of steps that have a value, see docs/formats/wire.md. REQUIRES: `values`
// ascend by step.
void AppendStepValues(std::span<const StepValue> values, std::string& out);
// Fills all of `column`, with the staleness marker where there is no value.
// False for bytes that are none of this many steps.
bool ReadStepValues(base::ByteReader& reader, std::span<double> column);

class BestSeries {
 public:
  // REQUIRES: 1 <= k <= kBestMax.
  BestSeries(bool top, uint32_t k, size_t steps);

  // A series that was not added before. Allocates for each series that gets a
  // place, and as the group grows; not by the step.
  void Add(std::string_view labels, std::span<const double> column);
  // REQUIRES: `other` is of the same order, k and steps, and of other series.
  void Merge(const BestSeries& other);

  struct Kept {
    std::string_view labels;        // valid as long as nothing is added
    std::vector<StepValue> values;  // where it is among the best; or none
  };
  std::vector<Kept> All() const;

  // For the memory account.
  size_t bytes() const;

 private:
  struct Place {
    double value;
    uint32_t series;  // index into series_
  };
  struct Series {
    std::string labels;
    uint32_t places = 0;  // 0: on the free list
  };

  Place* PlacesAt(size_t step) { return places_.data() + step * room_; }
  bool IsBetter(const Place& a, const Place& b) const;
  bool BeatsWorst(size_t step, double value, std::string_view labels);
  // Before the values of a series are offered.
  void Begin(std::string_view labels);
  // `series` is where `labels` are, once they have a place.
  void Offer(size_t step, double value, std::string_view labels,
             std::optional<uint32_t>& series);
  uint32_t Take(std::string_view labels);
  void Leave(uint32_t series);
  void Grow();

  bool top_;
  uint32_t k_;
  size_t steps_;
  // For each step `room_` places, of which the first taken_[step] are; once
  // these are k_, they are a heap with the worst one in front.
  uint32_t room_ = 0;
  std::vector<Place> places_;
  std::vector<uint32_t> taken_;
  std::vector<Series> series_;
  std::vector<uint32_t> free_;
  size_t label_bytes_ = 0;
  std::optional<std::string> first_;
  // Which series the one that is offered was equal to last, and whether it goes
  // before that: mostly it is the same one at the next step.
  std::optional<uint32_t> tied_;
  bool before_tied_ = false;
};

}  // namespace varve::rollup

#endif  // VARVE_LIB_ROLLUP_BEST_SERIES_H_
