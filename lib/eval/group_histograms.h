// The native histograms of one group of a sum or avg, over all steps.
//
// In:      histograms of the group's series; other states of the same group.
// Out:     a histogram at the steps whose histograms fit together.
// Threads: one owner at a time, as rollup::GroupColumns.
// Source:  prometheus/prometheus promql/engine.go, aggregation() (3.5).
#ifndef VARVE_LIB_EVAL_GROUP_HISTOGRAMS_H_
#define VARVE_LIB_EVAL_GROUP_HISTOGRAMS_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lib/eval/value.h"
#include "lib/histogram/arithmetic.h"

namespace varve::eval {

// What a group met that the user should know.
struct GroupNotes {
  bool mixed = false;    // floats and histograms at one step
  bool ignored = false;  // histograms, by an aggregation of floats
  // The first metric whose histograms did not fit to those before.
  bool mixed_buckets = false;
  bool other_bounds = false;
  std::string mixed_buckets_name;
  std::string other_bounds_name;

  void Merge(const GroupNotes& other);
};

// Sums or means, step by step.
class GroupHistograms {
 public:
  GroupHistograms(bool mean, size_t steps)
      : mean_(mean),
        steps_(steps),
        bytes_(static_cast<int64_t>(sizeof(*this) + steps * sizeof(Step))) {}

  // `metric_name` is the series'.
  void Add(size_t step, const HistogramPtr& histogram,
           std::string_view metric_name);
  void Merge(GroupHistograms& other);

  bool Has(size_t step) const { return steps_[step].count > 0; }
  // Null where the histograms did not fit together.
  HistogramPtr Finish(size_t step);

  const GroupNotes& notes() const { return notes_; }
  // For the memory account.
  int64_t bytes() const { return bytes_; }

 private:
  struct Step {
    // The only histogram so far is shared; the sum of several is our own.
    HistogramPtr first;
    std::unique_ptr<histogram::FloatHistogram> sum;
    double count = 0;
    bool misfit = false;
  };

  void Combine(Step& into, const histogram::FloatHistogram& histogram,
               double count, std::string_view metric_name);
  void NoteMisfit(histogram::Mismatch mismatch, std::string_view metric_name);

  const bool mean_;
  std::vector<Step> steps_;
  int64_t bytes_ = 0;
  GroupNotes notes_;
};

}  // namespace varve::eval

#endif  // VARVE_LIB_EVAL_GROUP_HISTOGRAMS_H_
