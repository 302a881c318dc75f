// MetricsQL's functions of bucket series, with le or vmrange.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <limits>
#include <optional>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/numbers.h"
#include "lib/base/status.h"
#include "lib/eval/call_parts.h"
#include "lib/eval/families.h"
#include "lib/eval/vmrange.h"

namespace varve::eval {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();

struct BucketSeries {
  double bound = 0;
  EvalSeries series;  // with its label le
};

// One histogram's buckets in order of their bounds.
struct Buckets {
  model::LabelSet labels;  // without le
  bool drop_name = false;
  std::vector<BucketSeries> buckets;
};

// Buckets with le; those with vmrange are made into such first.
std::vector<Buckets> CollectBuckets(std::vector<EvalSeries> series) {
  VmrangeToLe(series);
  std::vector<Buckets> groups;
  absl::flat_hash_map<model::LabelSet, size_t> index;
  for (EvalSeries& s : series) {
    double bound = 0;
    if (!absl::SimpleAtod(base::ToAbsl(s.labels.Get(kLeLabel)), &bound)) {
      continue;
    }
    model::LabelSet labels = s.labels;
    labels.Remove(kLeLabel);
    const auto [it, is_new] = index.try_emplace(labels, groups.size());
    if (is_new) groups.push_back({std::move(labels), s.drop_name, {}});
    groups[it->second].buckets.push_back({bound, std::move(s)});
  }
  for (Buckets& group : groups) {
    std::stable_sort(group.buckets.begin(), group.buckets.end(),
                     [](const BucketSeries& a, const BucketSeries& b) {
                       return a.bound < b.bound;
                     });
  }
  return groups;
}

// The bounds of one step and the counts up to them, which never fall. Empty
// if no bucket has a count.
struct Counts {
  std::vector<double> bounds;
  std::vector<double> counts;
};
void CountsAt(const Buckets& group, size_t step, Counts& out) {
  out.bounds.clear();
  out.counts.clear();
  for (const BucketSeries& bucket : group.buckets) {
    const double count = bucket.series.values[step];
    if (std::isnan(count)) continue;
    if (!out.bounds.empty() && out.bounds.back() == bucket.bound) {
      out.counts.back() += count;  // one bound, written with other digits
      continue;
    }
    out.bounds.push_back(bucket.bound);
    out.counts.push_back(count);
  }
  for (size_t i = 1; i < out.counts.size(); ++i) {
    out.counts[i] = std::max(out.counts[i], out.counts[i - 1]);
  }
}

// A value and the bounds of the bucket it was interpolated in.
struct Estimate {
  double value = Absent();
  double lower = Absent();
  double upper = Absent();
};

// The share of the values up to `le`.
Estimate ShareUpTo(double le, const Counts& at) {
  if (std::isnan(le)) return {};
  if (le < 0) return {0, 0, 0};
  if (le == kInf) return {1, 1, 1};
  const double total = at.counts.back();
  if (total == 0) return {};
  double bound_before = 0;
  double count_before = 0;
  for (size_t i = 0; i < at.bounds.size(); ++i) {
    if (le >= at.bounds[i]) {
      bound_before = at.bounds[i];
      count_before = at.counts[i];
      continue;
    }
    const double lower = count_before / total;
    if (at.bounds[i] == kInf) return {lower, lower, 1};
    if (bound_before == le) return {lower, lower, lower};
    const double upper = at.counts[i] / total;
    const double within = (le - bound_before) / (at.bounds[i] - bound_before);
    return {lower + (upper - lower) * within, lower, upper};
  }
  return {1, 1, 1};
}

// The series of a histogram, made of estimates by `estimate(counts, step)`.
// With `bounds_label` two more have the estimates' bounds.
template <typename EstimateAt>
absl::StatusOr<Value> MapBuckets(Evaluation& ev, const promql::Expr& arg,
                                 const std::string& bounds_label,
                                 const StepRange& steps, EstimateAt estimate) {
  ASSIGN_OR_RETURN(Value input, EvalVector(ev, arg, steps));
  Value value;
  Counts counts;
  for (const Buckets& group : CollectBuckets(std::move(input.series))) {
    std::array<EvalSeries, 3> out;
    for (EvalSeries& series : out) {
      series.labels = group.labels;
      series.drop_name = group.drop_name;
      series.values.assign(steps.count, Absent());
    }
    for (size_t step = 0; step < steps.count; ++step) {
      CountsAt(group, step, counts);
      if (counts.counts.empty()) continue;
      const Estimate at = estimate(counts, step);
      out[0].values[step] = at.value;
      out[1].values[step] = at.lower;
      out[2].values[step] = at.upper;
    }
    value.series.push_back(std::move(out[0]));
    if (bounds_label.empty()) continue;
    SetLabel(out[1], bounds_label, "lower");
    SetLabel(out[2], bounds_label, "upper");
    value.series.push_back(std::move(out[1]));
    value.series.push_back(std::move(out[2]));
  }
  RETURN_IF_ERROR(ev.Charge(value.charge, value.series));
  SortByLabels(value.series);
  return AfterMetricsql(ev, std::move(value));
}

absl::StatusOr<Value> ShareCall(Evaluation& ev, const promql::Call& call,
                                const StepRange& steps) {
  ASSIGN_OR_RETURN(const std::vector<double> le,
                   ev.EvalScalar(*call.args[0], steps));
  std::string bounds_label;
  if (call.args.size() > 2) {
    ASSIGN_OR_RETURN(bounds_label, TextArgument(ev, call, 2));
  }
  return MapBuckets(ev, *call.args[1], bounds_label, steps,
                    [&le](const Counts& counts, size_t step) {
                      return ShareUpTo(le[step], counts);
                    });
}

// Mean or variance, each value taken for the middle of its bucket; those
// beyond the last bound are left out.
double MomentOf(bool variance, const Counts& at) {
  double bound_before = 0;
  double count_before = 0;
  double sum = 0;
  double squares = 0;
  for (size_t i = 0; i < at.bounds.size(); ++i) {
    if (std::isinf(at.bounds[i])) continue;
    const double middle = (at.bounds[i] + bound_before) / 2;
    const double count = at.counts[i] - count_before;
    sum += middle * count;
    squares += middle * middle * count;
    bound_before = at.bounds[i];
    count_before = at.counts[i];
  }
  if (count_before == 0) return Absent();
  const double mean = sum / count_before;
  if (!variance) return mean;
  return std::max(0.0, squares / count_before - mean * mean);
}

// histogram_avg, histogram_stddev and histogram_stdvar of bucket series; what
// has no buckets is native histograms.
absl::StatusOr<Value> MomentCall(Evaluation& ev, const promql::Call& call,
                                 const StepRange& steps) {
  ASSIGN_OR_RETURN(
      Value value,
      MapBuckets(ev, *call.args[0], "", steps,
                 [&call](const Counts& counts, size_t) -> Estimate {
                   const double moment =
                       MomentOf(call.function != "histogram_avg", counts);
                   const bool root = call.function == "histogram_stddev";
                   return {root ? std::sqrt(moment) : moment};
                 }));
  if (!value.series.empty()) return value;
  return FindHistogramCall(call.function)(ev, call, steps);
}

absl::StatusOr<Value> PrometheusBucketsCall(Evaluation& ev,
                                            const promql::Call& call,
                                            const StepRange& steps) {
  ASSIGN_OR_RETURN(Value value, EvalVector(ev, *call.args[0], steps));
  VmrangeToLe(value.series);
  std::erase_if(value.series, [](const EvalSeries& series) {
    return !series.labels.Has(kLeLabel);
  });
  RETURN_IF_ERROR(ev.Charge(value.charge, value.series));
  return AfterRelabel(std::move(value));
}

// How many values each bucket has of its own, over all steps.
std::vector<double> HitsOf(const Buckets& group, size_t steps) {
  std::vector<double> hits(group.buckets.size(), 0);
  for (size_t step = 0; step < steps; ++step) {
    double before = 0;
    for (size_t i = 0; i < hits.size(); ++i) {
      const double count = group.buckets[i].series.values[step];
      if (std::isnan(count)) continue;
      hits[i] += count - before;
      before = count;
    }
  }
  return hits;
}

// Joins the neighbours with the fewest values until `limit` buckets are left;
// the first and the last stay, for they tell minimum and maximum.
void LimitBuckets(Buckets& group, size_t limit, size_t steps) {
  std::vector<double> hits = HitsOf(group, steps);
  while (group.buckets.size() > limit) {
    size_t least = 1;
    for (size_t i = 2; i + 2 < hits.size(); ++i) {
      if (hits[i] + hits[i + 1] < hits[least] + hits[least + 1]) least = i;
    }
    hits[least + 1] += hits[least];
    const auto at = static_cast<std::ptrdiff_t>(least);
    hits.erase(hits.begin() + at);
    group.buckets.erase(group.buckets.begin() + at);
  }
}

absl::StatusOr<Value> BucketsLimitCall(Evaluation& ev, const promql::Call& call,
                                       const StepRange& steps) {
  ASSIGN_OR_RETURN(const std::vector<double> limits,
                   ev.EvalScalar(*call.args[0], steps));
  ASSIGN_OR_RETURN(Value input, EvalVector(ev, *call.args[1], steps));
  Value value;
  if (!(limits[0] >= 1)) return value;
  const auto limit = static_cast<size_t>(std::clamp(limits[0], 3.0, 1e9));
  for (Buckets& group : CollectBuckets(std::move(input.series))) {
    LimitBuckets(group, limit, steps.count);
    for (BucketSeries& bucket : group.buckets) {
      value.series.push_back(std::move(bucket.series));
    }
  }
  RETURN_IF_ERROR(ev.Charge(value.charge, value.series));
  return AfterRelabel(std::move(value));
}

}  // namespace

CallFamily FindBucketMomentCall(std::string_view name) {
  const bool known = name == "histogram_avg" || name == "histogram_stddev" ||
                     name == "histogram_stdvar";
  return known ? MomentCall : nullptr;
}

CallFamily FindBucketCall(std::string_view name) {
  if (name == "histogram_share") return ShareCall;
  if (name == "prometheus_buckets") return PrometheusBucketsCall;
  if (name == "buckets_limit") return BucketsLimitCall;
  return nullptr;
}

}  // namespace varve::eval
