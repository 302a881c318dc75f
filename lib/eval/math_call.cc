// Functions of one number, clamp and round.
#include <array>
#include <cmath>
#include <limits>
#include <numbers>
#include <utility>

#include "lib/base/status.h"
#include "lib/eval/families.h"

namespace varve::eval {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();

using Unary = double (*)(double);

constexpr std::array<std::pair<std::string_view, Unary>, 23> kUnary = {{
    {"abs", [](double v) { return std::fabs(v); }},
    {"ceil", [](double v) { return std::ceil(v); }},
    {"floor", [](double v) { return std::floor(v); }},
    {"exp", [](double v) { return std::exp(v); }},
    {"sqrt", [](double v) { return std::sqrt(v); }},
    {"ln", [](double v) { return std::log(v); }},
    {"log2", [](double v) { return std::log2(v); }},
    {"log10", [](double v) { return std::log10(v); }},
    {"sin", [](double v) { return std::sin(v); }},
    {"cos", [](double v) { return std::cos(v); }},
    {"tan", [](double v) { return std::tan(v); }},
    {"asin", [](double v) { return std::asin(v); }},
    {"acos", [](double v) { return std::acos(v); }},
    {"atan", [](double v) { return std::atan(v); }},
    {"sinh", [](double v) { return std::sinh(v); }},
    {"cosh", [](double v) { return std::cosh(v); }},
    {"tanh", [](double v) { return std::tanh(v); }},
    {"asinh", [](double v) { return std::asinh(v); }},
    {"acosh", [](double v) { return std::acosh(v); }},
    {"atanh", [](double v) { return std::atanh(v); }},
    {"rad", [](double v) { return v * std::numbers::pi / 180; }},
    {"deg", [](double v) { return v * 180 / std::numbers::pi; }},
    {"sgn", [](double v) { return v < 0   ? -1.0
                                  : v > 0 ? 1.0
                                          : v; }},
}};

Unary FindUnary(std::string_view name) {
  for (const auto& [known, function] : kUnary) {
    if (known == name) return function;
  }
  return nullptr;
}

// Applies `op(value, step)` to each float and drops the names; histograms are
// left out.
template <typename Op>
absl::StatusOr<Value> Map(Evaluation& ev, const promql::Expr& arg,
                          const StepRange& steps, Op op) {
  ASSIGN_OR_RETURN(Value value, ev.Eval(arg, steps));
  for (EvalSeries& series : value.series) {
    series.DropHistograms();
    for (size_t i = 0; i < series.values.size(); ++i) {
      if (!IsAbsent(series.values[i])) {
        series.values[i] = op(series.values[i], i);
      }
    }
    ev.DropName(series);
  }
  RemoveEmpty(value.series);
  RETURN_IF_ERROR(ev.AfterDrop(value.series));
  return value;
}

absl::StatusOr<Value> UnaryCall(Evaluation& ev, const promql::Call& call,
                                const StepRange& steps) {
  const Unary function = FindUnary(call.function);
  return Map(ev, *call.args[0], steps,
             [function](double v, size_t) { return function(v); });
}

absl::StatusOr<Value> RoundCall(Evaluation& ev, const promql::Call& call,
                                const StepRange& steps) {
  std::vector<double> nearest(steps.count, 1);
  if (call.args.size() > 1) {
    ASSIGN_OR_RETURN(nearest, ev.EvalScalar(*call.args[1], steps));
  }
  return Map(ev, *call.args[0], steps, [&nearest](double v, size_t step) {
    // The inverse loses fewer digits than dividing by the step.
    const double inverse = 1.0 / nearest[step];
    return std::floor(v * inverse + 0.5) / inverse;
  });
}

// The infinity that bounds wins over NaN, and NaN over numbers: as Go, in which
// Prometheus is written, has Min and Max.
double Lesser(double a, double b) {
  if (a == -kInf || b == -kInf) return -kInf;
  if (std::isnan(a) || std::isnan(b)) return model::NormalNan();
  if (a == b) return std::signbit(a) ? a : b;  // -0 before 0
  return a < b ? a : b;
}

double Greater(double a, double b) {
  if (a == kInf || b == kInf) return kInf;
  if (std::isnan(a) || std::isnan(b)) return model::NormalNan();
  if (a == b) return std::signbit(a) ? b : a;
  return a > b ? a : b;
}

double Clamp(double value, double low, double high) {
  return Greater(low, Lesser(high, value));
}

absl::StatusOr<Value> ClampCall(Evaluation& ev, const promql::Call& call,
                                const StepRange& steps) {
  std::vector<double> low(steps.count, -kInf);
  std::vector<double> high(steps.count, kInf);
  if (call.function != "clamp_max") {
    ASSIGN_OR_RETURN(low, ev.EvalScalar(*call.args[1], steps));
  }
  if (call.function != "clamp_min") {
    ASSIGN_OR_RETURN(high, ev.EvalScalar(*call.args.back(), steps));
  }
  return Map(ev, *call.args[0], steps, [&](double v, size_t step) {
    if (high[step] < low[step]) return Absent();
    return Clamp(v, low[step], high[step]);
  });
}

}  // namespace

CallFamily FindMathCall(std::string_view name) {
  if (FindUnary(name) != nullptr) return UnaryCall;
  if (name == "round") return RoundCall;
  if (name == "clamp" || name == "clamp_min" || name == "clamp_max") {
    return ClampCall;
  }
  return nullptr;
}

}  // namespace varve::eval
