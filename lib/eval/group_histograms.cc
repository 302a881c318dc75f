#include "lib/eval/group_histograms.h"

#include <utility>

#include "lib/histogram/resolution.h"

namespace varve::eval {

using histogram::FloatHistogram;

void GroupNotes::Merge(const GroupNotes& other) {
  mixed = mixed || other.mixed;
  ignored = ignored || other.ignored;
  if (!mixed_buckets && other.mixed_buckets) {
    mixed_buckets = true;
    mixed_buckets_name = other.mixed_buckets_name;
  }
  if (!other_bounds && other.other_bounds) {
    other_bounds = true;
    other_bounds_name = other.other_bounds_name;
  }
}

void GroupHistograms::Add(size_t step, const HistogramPtr& histogram,
                          std::string_view metric_name) {
  Step& into = steps_[step];
  if (into.count == 0) {
    into.first = histogram;
    into.count = 1;
    return;
  }
  Combine(into, *histogram, 1, metric_name);
}

void GroupHistograms::Combine(Step& into, const FloatHistogram& histogram,
                              double count, std::string_view metric_name) {
  if (into.misfit) return;
  if (into.sum == nullptr) {
    into.sum = std::make_unique<FloatHistogram>(*into.first);
    into.first = nullptr;
    bytes_ += static_cast<int64_t>(histogram::MemoryBytes(*into.sum));
  }
  const double all = into.count + count;
  histogram::Combination result;
  if (!mean_) {
    result = histogram::Add(*into.sum, histogram);
  } else if (count == 1) {
    result = histogram::AddToMean(*into.sum, histogram, all);
  } else {
    FloatHistogram part = histogram;
    histogram::Scale(*into.sum, into.count / all);
    histogram::Scale(part, count / all);
    result = histogram::Add(*into.sum, part);
  }
  into.count = all;
  if (result.ok()) return;
  into.misfit = true;
  NoteMisfit(result.mismatch, metric_name);
}

void GroupHistograms::NoteMisfit(histogram::Mismatch mismatch,
                                 std::string_view metric_name) {
  GroupNotes misfit;
  if (mismatch == histogram::Mismatch::kBounds) {
    misfit.other_bounds = true;
    misfit.other_bounds_name = std::string(metric_name);
  } else {
    misfit.mixed_buckets = true;
    misfit.mixed_buckets_name = std::string(metric_name);
  }
  notes_.Merge(misfit);
}

void GroupHistograms::Merge(GroupHistograms& other) {
  notes_.Merge(other.notes_);
  for (size_t i = 0; i < steps_.size(); ++i) {
    Step& from = other.steps_[i];
    Step& into = steps_[i];
    if (from.count == 0) continue;
    if (into.count == 0) {
      into = std::move(from);
    } else if (from.misfit) {
      into.misfit = true;
    } else {
      Combine(into, from.sum == nullptr ? *from.first : *from.sum, from.count,
              "");
    }
  }
}

HistogramPtr GroupHistograms::Finish(size_t step) {
  Step& from = steps_[step];
  if (from.count == 0 || from.misfit) return nullptr;
  auto sum = from.sum == nullptr ? std::make_unique<FloatHistogram>(*from.first)
                                 : std::move(from.sum);
  histogram::Compact(*sum);
  return sum;
}

}  // namespace varve::eval
