// Point by point: arithmetic, differences, gaps.
#include <algorithm>
#include <cmath>
#include <utility>

#include "lib/base/status.h"
#include "lib/graphite/functions.h"

namespace varve::graphite {
namespace {

using Type = ParameterType;

// All values through `map`, and "name(series,arguments)".
template <typename Map>
absl::StatusOr<SeriesList> Each(Call& call, std::string_view arguments,
                                const Map& map) {
  ASSIGN_OR_RETURN(SeriesList series, call.Series("seriesList"));
  for (Series& one : series) {
    for (double& value : one.values) value = map(value);
    RETURN_IF_ERROR(Rename(
        call, one, base::StrCat(call.name(), "(", one.name, arguments, ")")));
  }
  return series;
}

double NoneUnlessFinite(double value) {
  return std::isfinite(value) ? value : kNone;
}

absl::StatusOr<SeriesList> Scale(Call& call) {
  ASSIGN_OR_RETURN(const double factor, call.Number("factor"));
  return Each(call, "," + NumberText(factor),
              [factor](double v) { return v * factor; });
}
absl::StatusOr<SeriesList> Offset(Call& call) {
  ASSIGN_OR_RETURN(const double factor, call.Number("factor"));
  return Each(call, "," + NumberText(factor),
              [factor](double v) { return v + factor; });
}
absl::StatusOr<SeriesList> Absolute(Call& call) {
  return Each(call, "", [](double v) { return std::abs(v); });
}
absl::StatusOr<SeriesList> Invert(Call& call) {
  return Each(call, "", [](double v) { return v == 0 ? kNone : 1 / v; });
}
absl::StatusOr<SeriesList> Power(Call& call) {
  ASSIGN_OR_RETURN(const double factor, call.Number("factor"));
  return Each(call, "," + NumberText(factor), [factor](double v) {
    return IsNone(v) ? kNone : NoneUnlessFinite(std::pow(v, factor));
  });
}
absl::StatusOr<SeriesList> SquareRoot(Call& call) {
  return Each(call, "", [](double v) { return v < 0 ? kNone : std::sqrt(v); });
}
absl::StatusOr<SeriesList> Logarithm(Call& call) {
  ASSIGN_OR_RETURN(const double base, call.NumberOr("base", 10));
  if (!(base > 0) || base == 1) return call.Bad("base", "expected above 0");
  return Each(call, ", " + NumberText(base), [base](double v) {
    return v > 0 ? std::log(v) / std::log(base) : kNone;
  });
}
absl::StatusOr<SeriesList> RemoveAboveValue(Call& call) {
  ASSIGN_OR_RETURN(const double n, call.Number("n"));
  return Each(call, "," + NumberText(n),
              [n](double v) { return v > n ? kNone : v; });
}
absl::StatusOr<SeriesList> RemoveBelowValue(Call& call) {
  ASSIGN_OR_RETURN(const double n, call.Number("n"));
  return Each(call, "," + NumberText(n),
              [n](double v) { return v < n ? kNone : v; });
}

absl::StatusOr<SeriesList> ScaleToSeconds(Call& call) {
  ASSIGN_OR_RETURN(const double seconds, call.Number("seconds"));
  ASSIGN_OR_RETURN(SeriesList series, call.Series("seriesList"));
  for (Series& one : series) {
    const double factor = seconds * 1000 / static_cast<double>(one.step_ms);
    for (double& value : one.values) value *= factor;
    RETURN_IF_ERROR(Rename(call, one,
                           base::StrCat("scaleToSeconds(", one.name, ",",
                                        NumberText(seconds), ")")));
  }
  return series;
}

// Each point becomes what `step` makes of the one before and itself.
template <typename Step>
absl::StatusOr<SeriesList> EachPair(Call& call, const Step& step) {
  ASSIGN_OR_RETURN(SeriesList series, call.Series("seriesList"));
  for (Series& one : series) {
    double before = kNone;
    for (double& value : one.values) {
      const double now = value;
      value = step(before, now, one.step_ms);
      before = now;
    }
    RETURN_IF_ERROR(
        Rename(call, one, base::StrCat(call.name(), "(", one.name, ")")));
  }
  return series;
}

absl::StatusOr<SeriesList> Derivative(Call& call) {
  return EachPair(call, [](double before, double now, int64_t) {
    return now - before;
  });
}

// How far a counter that wraps at `max` back to `min` has come; values beyond
// them are no readings.
struct Counter {
  double max = kNone;
  double min = kNone;

  static absl::StatusOr<Counter> Of(const Call& call) {
    Counter counter;
    ASSIGN_OR_RETURN(counter.max, call.NumberOr("maxValue", kNone));
    ASSIGN_OR_RETURN(counter.min, call.NumberOr("minValue", kNone));
    return counter;
  }
  double Reading(double value) const {
    return value > max || value < min ? kNone : value;
  }
  double Increase(double before, double now) const {
    before = Reading(before);
    now = Reading(now);
    if (IsNone(before) || IsNone(now)) return kNone;
    if (now >= before) return now - before;
    if (!IsNone(max)) {
      return max + 1 + now - before - (IsNone(min) ? 0 : min);
    }
    return IsNone(min) ? kNone : now - min;
  }
};

absl::StatusOr<SeriesList> NonNegativeDerivative(Call& call) {
  ASSIGN_OR_RETURN(const Counter counter, Counter::Of(call));
  return EachPair(call, [counter](double before, double now, int64_t) {
    return counter.Increase(before, now);
  });
}
absl::StatusOr<SeriesList> PerSecond(Call& call) {
  ASSIGN_OR_RETURN(const Counter counter, Counter::Of(call));
  return EachPair(call, [counter](double before, double now, int64_t step_ms) {
    return counter.Increase(before, now) * 1000 /
           static_cast<double>(step_ms);
  });
}

absl::StatusOr<SeriesList> Integral(Call& call) {
  ASSIGN_OR_RETURN(SeriesList series, call.Series("seriesList"));
  for (Series& one : series) {
    double sum = 0;
    for (double& value : one.values) {
      if (IsNone(value)) continue;
      sum += value;
      value = sum;
    }
    RETURN_IF_ERROR(
        Rename(call, one, base::StrCat("integral(", one.name, ")")));
  }
  return series;
}

// Gaps of at most `limit` points get the value before them.
void KeepLast(size_t limit, std::vector<double>& values) {
  size_t gap = 0;
  for (size_t i = 0; i <= values.size(); ++i) {
    if (i < values.size() && IsNone(values[i])) {
      ++gap;
      continue;
    }
    if (gap > 0 && gap <= limit && gap < i) {
      std::fill_n(values.begin() + static_cast<long>(i - gap), gap,
                  values[i - gap - 1]);
    }
    gap = 0;
  }
}

absl::StatusOr<SeriesList> KeepLastValue(Call& call) {
  ASSIGN_OR_RETURN(const size_t limit, call.CountOr("limit", 1'000'000));
  ASSIGN_OR_RETURN(SeriesList series, call.Series("seriesList"));
  for (Series& one : series) {
    KeepLast(limit, one.values);
    RETURN_IF_ERROR(
        Rename(call, one, base::StrCat("keepLastValue(", one.name, ")")));
  }
  return series;
}

// Of the point that stands for `at_ms`.
double ValueAt(const Series& series, int64_t at_ms) {
  if (at_ms < series.start_ms || at_ms >= series.end_ms()) return kNone;
  return series.values[static_cast<size_t>((at_ms - series.start_ms) /
                                           series.step_ms)];
}

// With a reference: only where one of its series has a value.
absl::StatusOr<SeriesList> TransformNull(Call& call) {
  ASSIGN_OR_RETURN(const double otherwise, call.NumberOr("default", 0));
  ASSIGN_OR_RETURN(SeriesList series, call.Series("seriesList"));
  const bool by_reference = call.Has("referenceSeries");
  Series reference;
  if (by_reference) {
    ASSIGN_OR_RETURN(SeriesList references, call.Series("referenceSeries"));
    RETURN_IF_ERROR(Align(call, references));
    ASSIGN_OR_RETURN(reference, Combine(call, references, Aggregation::kCount,
                                        "reference"));
  }
  for (Series& one : series) {
    for (size_t i = 0; i < one.values.size(); ++i) {
      if (!IsNone(one.values[i])) continue;
      const int64_t at_ms =
          one.start_ms + static_cast<int64_t>(i) * one.step_ms;
      if (by_reference && IsNone(ValueAt(reference, at_ms))) continue;
      one.values[i] = otherwise;
    }
    RETURN_IF_ERROR(Rename(
        call, one,
        base::StrCat("transformNull(", one.name, ",", NumberText(otherwise),
                     by_reference ? ",referenceSeries" : "", ")")));
  }
  return series;
}

absl::StatusOr<SeriesList> IsNonNull(Call& call) {
  return Each(call, "", [](double v) { return IsNone(v) ? 0.0 : 1.0; });
}

}  // namespace

const std::vector<FunctionInfo>& TransformFunctions() {
  const Parameter series = {"seriesList", Type::kSeries};
  const Parameter factor = {"factor", Type::kNumber};
  const Parameter max = {"maxValue", Type::kNumber, false};
  const Parameter min = {"minValue", Type::kNumber, false};
  const Parameter n = {"n", Type::kNumber};
  static const std::vector<FunctionInfo> functions = {
      {"absolute", "Transform", "Values without their sign.", {series},
       Absolute},
      {"derivative", "Transform", "From each value to the next.", {series},
       Derivative},
      {"integral", "Transform", "The sum of all values so far.", {series},
       Integral},
      {"invert", "Transform", "One divided by each value.", {series}, Invert},
      {"isNonNull", "Transform", "1 where there is a value, else 0.", {series},
       IsNonNull},
      {"keepLastValue", "Transform", "Gaps filled with the value before.",
       {series, {"limit", Type::kNumber, false}},
       KeepLastValue},
      {"log", "Transform", "The logarithm of each value.",
       {series, {"base", Type::kNumber, false}},
       Logarithm},
      {"logarithm", "Transform", "The logarithm of each value.",
       {series, {"base", Type::kNumber, false}},
       Logarithm},
      {"nonNegativeDerivative", "Transform",
       "From each value of a counter to the next.",
       {series, max, min},
       NonNegativeDerivative},
      {"offset", "Transform", "A constant added.", {series, factor}, Offset},
      {"perSecond", "Transform", "The rate of a counter per second.",
       {series, max, min},
       PerSecond},
      {"pow", "Transform", "Each value to a power.", {series, factor}, Power},
      {"removeAboveValue", "Filter Data", "Larger values are left out.",
       {series, n},
       RemoveAboveValue},
      {"removeBelowValue", "Filter Data", "Smaller values are left out.",
       {series, n},
       RemoveBelowValue},
      {"scale", "Transform", "Multiplied by a constant.", {series, factor},
       Scale},
      {"scaleToSeconds", "Transform", "As if a step were so many seconds.",
       {series, {"seconds", Type::kNumber}},
       ScaleToSeconds},
      {"squareRoot", "Transform", "The root of each value.", {series},
       SquareRoot},
      {"transformNull", "Transform", "Missing values replaced.",
       {series,
        {"default", Type::kNumber, false},
        {"referenceSeries", Type::kSeries, false}},
       TransformNull},
  };
  return functions;
}

}  // namespace varve::graphite
