#include "lib/eval/evaluation.h"

#include <algorithm>

#include "lib/base/clock.h"
#include "lib/base/status.h"
#include "lib/eval/families.h"
#include "lib/eval/invariance.h"

namespace varve::eval {
namespace {

// Beyond this the partial groups of the lanes cost more than they gain.
constexpr int kLanesMax = 64;

size_t LanesOf(const EvalRequest& request) {
  if (request.pool == nullptr) return 1;
  return static_cast<size_t>(
      std::clamp(request.limits.threads_max, 1, kLanesMax));
}

void AddOnce(std::vector<std::string>& notes, std::string text) {
  if (std::find(notes.begin(), notes.end(), text) == notes.end()) {
    notes.push_back(std::move(text));
  }
}

// Notes are for people: this many are read, more would only fill the answer.
constexpr size_t kNotesMax = 100;

void Broadcast(Value& value, size_t count) {
  if (value.type == promql::ValueType::kScalar) {
    value.scalar.assign(count, value.scalar[0]);
  }
  for (EvalSeries& series : value.series) {
    series.values.assign(count, series.values[0]);
  }
}

}  // namespace

const promql::Expr& Unwrap(const promql::Expr& expr) {
  const promql::Expr* at = &expr;
  while (at->kind == promql::ExprKind::kParen) {
    at = static_cast<const promql::ParenExpr*>(at)->expr.get();
  }
  return *at;
}

Evaluation::Evaluation(const EvalRequest& request)
    : request_(request),
      lanes_(LanesOf(request)),
      memory_(request.limits.memory_bytes_max) {}

absl::StatusOr<Value> Evaluation::Eval(const promql::Expr& wrapped,
                                       const StepRange& steps) {
  const promql::Expr& expr = Unwrap(wrapped);
  if (expr.type == promql::ValueType::kMatrix) {
    return base::Internal("a range vector was evaluated as an instant one");
  }
  RETURN_IF_ERROR(CheckAlive());
  if (steps.count == 1 || !IsStepInvariant(expr)) return EvalNode(expr, steps);
  StepRange first = steps;
  first.count = 1;
  ASSIGN_OR_RETURN(Value value, EvalNode(expr, first));
  Broadcast(value, steps.count);
  RETURN_IF_ERROR(Charge(value.charge, value.series.size(), steps.count));
  return value;
}

absl::StatusOr<std::vector<double>> Evaluation::EvalScalar(
    const promql::Expr& expr, const StepRange& steps) {
  ASSIGN_OR_RETURN(Value value, Eval(expr, steps));
  if (value.type != promql::ValueType::kScalar) {
    return base::Internal("a scalar argument is not one");
  }
  return std::move(value.scalar);
}

absl::StatusOr<Value> Evaluation::EvalNode(const promql::Expr& expr,
                                           const StepRange& steps) {
  switch (expr.kind) {
    case promql::ExprKind::kNumber:
      return Value::Scalar(std::vector<double>(
          steps.count, static_cast<const promql::NumberLiteral&>(expr).value));
    case promql::ExprKind::kString: {
      Value value;
      value.type = promql::ValueType::kString;
      value.text = static_cast<const promql::StringLiteral&>(expr).value;
      return value;
    }
    case promql::ExprKind::kVectorSelector:
      return EvalSelector(
          *this, static_cast<const promql::VectorSelector&>(expr), steps);
    case promql::ExprKind::kUnary: {
      const auto& unary = static_cast<const promql::UnaryExpr&>(expr);
      ASSIGN_OR_RETURN(Value value, Eval(*unary.expr, steps));
      if (!unary.negate) return value;
      for (double& v : value.scalar) v = -v;
      for (EvalSeries& series : value.series) {
        DropName(series);
        for (double& v : series.values) v = IsAbsent(v) ? v : -v;
      }
      RETURN_IF_ERROR(AfterDrop(value.series));
      return value;
    }
    case promql::ExprKind::kBinary:
      return EvalBinary(*this, static_cast<const promql::BinaryExpr&>(expr),
                        steps);
    case promql::ExprKind::kAggregate:
      return EvalAggregate(
          *this, static_cast<const promql::AggregateExpr&>(expr), steps);
    case promql::ExprKind::kCall:
      return EvalCall(*this, static_cast<const promql::Call&>(expr), steps);
    default:
      return base::Internal("an expression of unexpected kind");
  }
}

bool Evaluation::IsStepInvariant(const promql::Expr& expr) {
  return FindStepInvariance(expr, invariant_);
}

absl::Status Evaluation::CheckAlive() const {
  if (request_.cancelled != nullptr && request_.cancelled->load()) {
    return base::Cancelled("query was canceled");
  }
  if (request_.deadline_steady_ms != INT64_MAX &&
      base::SystemClock().SteadyMs() >= request_.deadline_steady_ms) {
    return base::DeadlineExceeded(
        "query timed out in expression evaluation; see "
        "-search.maxQueryDuration");
  }
  return absl::OkStatus();
}

absl::Status Evaluation::CountFetched(int64_t series, int64_t samples) {
  const Limits& limits = request_.limits;
  const int64_t all_series = series_.fetch_add(series) + series;
  const int64_t all_samples = samples_.fetch_add(samples) + samples;
  if (limits.series_max > 0 && all_series > limits.series_max) {
    return base::ResourceExhausted(
        "the query matches more than ", limits.series_max,
        " series; narrow it or raise -search.maxUniqueTimeseries");
  }
  if (limits.samples_max > 0 && all_samples > limits.samples_max) {
    return base::ResourceExhausted(
        "the query reads more than ", limits.samples_max,
        " samples; narrow it, shorten its time range or raise "
        "-search.maxSamplesPerQuery");
  }
  return absl::OkStatus();
}

absl::Status Evaluation::Charge(MemoryCharge& charge, size_t columns,
                                size_t steps) {
  const size_t bytes = columns * (steps * sizeof(double) + sizeof(EvalSeries));
  return charge.Add(memory_, static_cast<int64_t>(bytes));
}

void Evaluation::DropName(EvalSeries& series) const {
  if (request_.delayed_name_removal) {
    series.drop_name = true;
  } else {
    RemoveMetadata(series.labels);
  }
}

absl::Status Evaluation::AfterDrop(std::vector<EvalSeries>& series) const {
  if (request_.delayed_name_removal) return absl::OkStatus();
  return MergeSameLabels(series);
}

void Evaluation::Warn(std::string_view text) {
  base::MutexLock lock(mutex_);
  if (warnings_.size() >= kNotesMax) return;
  AddOnce(warnings_, base::StrCat("PromQL warning: ", text));
}

void Evaluation::Info(std::string_view text) {
  base::MutexLock lock(mutex_);
  if (infos_.size() >= kNotesMax) return;
  AddOnce(infos_, base::StrCat("PromQL info: ", text));
}

std::vector<std::string> Evaluation::warnings() const {
  base::MutexLock lock(mutex_);
  return warnings_;
}

std::vector<std::string> Evaluation::infos() const {
  base::MutexLock lock(mutex_);
  return infos_;
}

EvalStats Evaluation::stats() const {
  return {series_.load(), samples_.load(), memory_.peak()};
}

}  // namespace varve::eval
