// Runs scripts: each eval as it is, and an instant one as a range query too.
#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <utility>

#include "absl/strings/str_format.h"
#include "lib/base/status.h"
#include "lib/base/thread_pool.h"
#include "lib/eval/evaluator.h"
#include "lib/eval/vector_source.h"
#include "lib/promql/parser.h"
#include "tests/promql/promql_script.h"

namespace varve::promqltest {
namespace {

using promql::ExprKind;

// Prometheus' own runner allows as much.
constexpr double kTolerance = 1e-6;

bool AlmostEqual(double a, double b) {
  if (std::isnan(a) || std::isnan(b)) return std::isnan(a) && std::isnan(b);
  if (a == b) return true;
  if (std::isinf(a) || std::isinf(b)) return false;
  const double sum = std::fabs(a) + std::fabs(b);
  const double difference = std::fabs(a - b);
  constexpr double kNormalMin = std::numeric_limits<double>::min();
  if (a == 0 || b == 0 || sum < kNormalMin) {
    return difference < kTolerance * kNormalMin;
  }
  return difference / std::fmin(sum, std::numeric_limits<double>::max()) <
         kTolerance;
}

// Whether `expr` selects one of `series`.
bool SelectsAny(const promql::Expr& expr,
                const std::vector<model::LabelSet>& series) {
  switch (expr.kind) {
    case ExprKind::kVectorSelector: {
      const auto& selector = static_cast<const promql::VectorSelector&>(expr);
      std::vector<model::CompiledMatcher> matchers;
      for (const model::Matcher& matcher : selector.matchers) {
        auto compiled = model::CompiledMatcher::Make(matcher);
        if (!compiled.ok()) return false;
        matchers.push_back(*std::move(compiled));
      }
      return std::any_of(
          series.begin(), series.end(), [&](const model::LabelSet& labels) {
            return std::all_of(matchers.begin(), matchers.end(),
                               [&labels](const model::CompiledMatcher& m) {
                                 return m.Matches(labels.Get(m.matcher().name));
                               });
          });
    }
    case ExprKind::kMatrixSelector:
      return SelectsAny(
          *static_cast<const promql::MatrixSelector&>(expr).selector, series);
    case ExprKind::kSubquery:
      return SelectsAny(*static_cast<const promql::SubqueryExpr&>(expr).expr,
                        series);
    case ExprKind::kUnary:
      return SelectsAny(*static_cast<const promql::UnaryExpr&>(expr).expr,
                        series);
    case ExprKind::kParen:
      return SelectsAny(*static_cast<const promql::ParenExpr&>(expr).expr,
                        series);
    case ExprKind::kBinary: {
      const auto& binary = static_cast<const promql::BinaryExpr&>(expr);
      return SelectsAny(*binary.lhs, series) || SelectsAny(*binary.rhs, series);
    }
    case ExprKind::kAggregate: {
      const auto& aggregate = static_cast<const promql::AggregateExpr&>(expr);
      return SelectsAny(*aggregate.expr, series) ||
             (aggregate.param && SelectsAny(*aggregate.param, series));
    }
    case ExprKind::kCall: {
      const auto& call = static_cast<const promql::Call&>(expr);
      return std::any_of(call.args.begin(), call.args.end(),
                         [&series](const promql::ExprPtr& arg) {
                           return SelectsAny(*arg, series);
                         });
    }
    default:
      return false;
  }
}

std::string Number(const std::optional<double>& value) {
  return value ? absl::StrFormat("%.17g", *value) : "nothing";
}

class Runner {
 public:
  explicit Runner(const RunOptions& options)
      : options_(options), source_(7), pool_("promqltest", 3) {}

  std::vector<CaseResult> Run(const std::vector<ScriptCommand>& script) {
    std::vector<CaseResult> results;
    for (const ScriptCommand& command : script) {
      switch (command.kind) {
        case ScriptCommand::Kind::kClear:
          source_.Clear();
          histograms_.clear();
          break;
        case ScriptCommand::Kind::kLoad:
          for (const auto& series : command.series) source_.Add(series);
          histograms_.insert(histograms_.end(),
                             command.histogram_series.begin(),
                             command.histogram_series.end());
          break;
        case ScriptCommand::Kind::kEval:
          results.push_back(RunCase(command.eval));
      }
    }
    return results;
  }

 private:
  CaseResult RunCase(const ScriptCase& eval) {
    CaseResult result{eval.line, eval.command, eval.native, ""};
    auto expr = promql::ParseExpr(eval.expr);
    if (!expr.ok()) {
      if (!eval.fails) {
        result.problem = base::StrCat("parse: ", base::Message(expr.status()));
      }
      return result;
    }
    if (SelectsAny(**expr, histograms_)) result.native = true;
    if (result.native) return result;
    result.problem =
        Check(eval, **expr, eval.start_ms, eval.end_ms, eval.step_ms, 1);
    if (!result.problem.empty()) return result;
    result.problem =
        Check(eval, **expr, eval.start_ms, eval.end_ms, eval.step_ms, 3);
    if (!result.problem.empty()) {
      result.problem = "with threads: " + result.problem;
    } else if (eval.step_ms == 0 && !eval.fails && !eval.ordered) {
      result.problem = CheckAsRange(eval, **expr);
    }
    return result;
  }

  absl::StatusOr<eval::EvalResult> Evaluate(const promql::Expr& expr,
                                            int64_t start_ms, int64_t end_ms,
                                            int64_t step_ms, int threads) {
    eval::EvalRequest request;
    request.expr = &expr;
    request.start_ms = start_ms;
    request.end_ms = end_ms;
    request.step_ms = step_ms;
    request.source = &source_;
    request.delayed_name_removal = options_.delayed_name_removal;
    request.pool = threads > 1 ? &pool_ : nullptr;
    request.limits.threads_max = threads;
    return eval::Evaluate(request);
  }

  std::string Check(const ScriptCase& eval, const promql::Expr& expr,
                    int64_t start_ms, int64_t end_ms, int64_t step_ms,
                    int threads) {
    auto result = Evaluate(expr, start_ms, end_ms, step_ms, threads);
    if (eval.fails) return result.ok() ? "expected to fail, but did not" : "";
    if (!result.ok()) return result.status().ToString();
    if (eval.scalar) {
      if (result->series.size() != 1) return "expected a scalar";
      return Difference(*eval.scalar, result->series[0].values[0]);
    }
    if (result->type != (step_ms == 0 ? promql::ValueType::kVector
                                      : promql::ValueType::kMatrix)) {
      return "a result of the wrong type";
    }
    return Compare(eval, *result);
  }

  // The same moment, as the second or first step of a range query.
  std::string CheckAsRange(const ScriptCase& eval, const promql::Expr& expr) {
    constexpr int64_t kMinuteMs = 60'000;
    const int64_t start_ms =
        std::max(eval.start_ms - kMinuteMs, eval.start_ms % kMinuteMs);
    auto result =
        Evaluate(expr, start_ms, eval.start_ms + kMinuteMs, kMinuteMs, 1);
    if (!result.ok()) return "as range: " + result.status().ToString();
    const size_t step =
        static_cast<size_t>((eval.start_ms - start_ms) / kMinuteMs);
    for (eval::ResultSeries& series : result->series) {
      series.values = {series.values[step]};
    }
    std::erase_if(result->series, [](const eval::ResultSeries& series) {
      return model::IsStaleNan(series.values[0]);
    });
    const std::string problem =
        eval.scalar ? Difference(*eval.scalar, result->series[0].values[0])
                    : Compare(eval, *result);
    return problem.empty() ? "" : "as range: " + problem;
  }

  static std::string Difference(double expected, double actual) {
    if (AlmostEqual(expected, actual)) return "";
    return base::StrCat("expected ", Number(expected), ", got ",
                        Number(actual));
  }

  static std::string Compare(const ScriptCase& eval,
                             const eval::EvalResult& result) {
    for (size_t i = 0; i < result.series.size(); ++i) {
      const eval::ResultSeries& series = result.series[i];
      const auto expected =
          std::find_if(eval.expected.begin(), eval.expected.end(),
                       [&series](const ExpectedSeries& e) {
                         return e.labels == series.labels;
                       });
      if (expected == eval.expected.end()) {
        return "unexpected series " + series.labels.Text();
      }
      if (eval.ordered && eval.expected[i].labels != series.labels) {
        return base::StrCat("position ", i + 1, " has ", series.labels.Text());
      }
      const std::string problem = CompareValues(*expected, series);
      if (!problem.empty()) return series.labels.Text() + ": " + problem;
    }
    if (result.series.size() != eval.expected.size()) {
      return base::StrCat("expected ", eval.expected.size(), " series, got ",
                          result.series.size());
    }
    return "";
  }

  static std::string CompareValues(const ExpectedSeries& expected,
                                   const eval::ResultSeries& series) {
    const size_t steps = std::max(expected.values.size(), series.values.size());
    for (size_t i = 0; i < steps; ++i) {
      std::optional<double> want, got;
      if (i < expected.values.size()) want = expected.values[i];
      if (i < series.values.size() && !model::IsStaleNan(series.values[i])) {
        got = series.values[i];
      }
      if (want.has_value() == got.has_value() &&
          (!want || AlmostEqual(*want, *got))) {
        continue;
      }
      return base::StrCat("step ", i, ": expected ", Number(want), ", got ",
                          Number(got));
    }
    return "";
  }

  const RunOptions options_;
  eval::VectorSource source_;
  base::ThreadPool pool_;
  std::vector<model::LabelSet> histograms_;
};

}  // namespace

std::vector<CaseResult> RunScript(const std::vector<ScriptCommand>& script,
                                  const RunOptions& options) {
  return Runner(options).Run(script);
}

}  // namespace varve::promqltest
