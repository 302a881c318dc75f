#include "lib/eval/evaluation.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "lib/base/clock.h"
#include "lib/base/status.h"
#include "lib/eval/families.h"
#include "lib/eval/invariance.h"
#include "lib/eval/timing.h"
#include "lib/histogram/arithmetic.h"
#include "lib/promql/functions.h"
#include "lib/promql/printer.h"

namespace varve::eval {
namespace {

// Beyond this the partial groups of the lanes cost more than they gain.
constexpr int kLanesMax = 64;

size_t LanesOf(const EvalRequest& request) {
  if (request.pool == nullptr) return 1;
  return static_cast<size_t>(
      std::clamp(request.limits.threads_max, 1, kLanesMax));
}

// Distinct notes that are kept, and how many of them Prometheus shows.
constexpr size_t kNotesMax = 100;
constexpr size_t kNotesShownMax = 10;

// " (2:5)": line and column, from 1.
std::string PlaceText(std::string_view query, promql::Position position) {
  if (query.empty() || position.begin > query.size()) return "";
  const std::string_view before = query.substr(0, position.begin);
  const auto lines = std::count(before.begin(), before.end(), '\n');
  const size_t line_break = before.rfind('\n');
  const size_t column = line_break == std::string_view::npos
                            ? before.size() + 1
                            : before.size() - line_break;
  return base::StrCat(" (", lines + 1, ":", column, ")");
}

void Negate(HistogramColumn& column) {
  HistogramPtr last;
  HistogramPtr last_negated;
  for (HistogramPtr& h : column) {
    if (h == nullptr) continue;
    if (h != last) {
      auto negated = std::make_shared<histogram::FloatHistogram>(*h);
      histogram::Scale(*negated, -1);
      last = h;
      last_negated = std::move(negated);
    }
    h = last_negated;
  }
}

void Broadcast(Value& value, size_t count) {
  if (value.type == promql::ValueType::kScalar) {
    const double first = value.scalar[0];
    value.scalar.assign(count, first);
  }
  for (EvalSeries& series : value.series) {
    const double first = series.values[0];
    series.values.assign(count, first);
    if (!series.histograms.empty()) {
      const HistogramPtr shared = series.histograms[0];
      series.histograms.assign(count, shared);
    }
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

Evaluation::Evaluation(const EvalRequest& request, size_t steps)
    : request_(request),
      lanes_(LanesOf(request)),
      trace_(request.trace),
      memory_(request.limits.memory_bytes_max, request.limits.memory_pool) {
  if (request.count_samples) counter_.emplace(steps);
}

absl::StatusOr<Value> Evaluation::Eval(const promql::Expr& wrapped,
                                       const StepRange& steps) {
  const promql::Expr& expr = Unwrap(wrapped);
  if (expr.type == promql::ValueType::kMatrix) {
    return base::Internal("a range vector was evaluated as an instant one");
  }
  RETURN_IF_ERROR(CheckAlive());
  if (steps.count == 1 || !IsStepInvariant(expr)) {
    return EvalTraced(expr, steps);
  }
  StepRange first = steps;
  first.count = 1;
  return EvalOnce(expr, first, steps.count);
}

absl::StatusOr<Value> Evaluation::EvalOnce(const promql::Expr& expr,
                                           const StepRange& first,
                                           size_t count) {
  const int64_t held_before = counter_ ? counter_->held() : 0;
  SampleCounter::Part part(counter(), 1);
  ASSIGN_OR_RETURN(Value value, EvalTraced(expr, first));
  const int64_t samples = part.End();
  Broadcast(value, count);
  RETURN_IF_ERROR(Charge(value.charge, value.series));
  if (counter_) {
    counter_->AddAtEach(samples);
    counter_->SetHeld(held_before + SamplesIn(value));
  }
  return value;
}

absl::StatusOr<Value> Evaluation::EvalTraced(const promql::Expr& expr,
                                             const StepRange& steps) {
  if (trace_ == nullptr || expr.kind == promql::ExprKind::kNumber ||
      expr.kind == promql::ExprKind::kString) {
    return EvalNode(expr, steps);
  }
  telemetry::TraceSpan span(
      trace_, base::StrCat("eval ", promql::ExprText(expr), " at ", steps.count,
                           " steps"));
  telemetry::Trace* const outer = std::exchange(trace_, span.get());
  absl::StatusOr<Value> value = EvalNode(expr, steps);
  trace_ = outer;
  span.Note(value.ok() ? base::StrCat(value->series.size(), " series")
                       : std::string(base::Message(value.status())));
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
  const bool outer = std::exchange(keep_names_, KeepsNames(expr));
  const int64_t held_before = counter_ ? counter_->held() : 0;
  auto value = EvalKind(expr, steps);
  if (counter_ && value.ok()) counter_->EndNode(expr, held_before, *value);
  keep_names_ = outer;
  return value;
}

// At other moments; of a pinned one the value is the same at all steps.
absl::StatusOr<Value> Evaluation::EvalShift(const promql::ShiftExpr& shift,
                                            const StepRange& steps) {
  ASSIGN_OR_RETURN(const rollup::Windows windows,
                   WindowsOf(*this, shift.time, 0, steps));
  StepRange moved = steps;
  moved.start_ms = windows.first_end_ms;
  const bool pinned = windows.end_step_ms == 0 && steps.count > 1;
  if (!pinned) return Eval(*shift.expr, moved);
  moved.count = 1;
  return EvalOnce(Unwrap(*shift.expr), moved, steps.count);
}

bool Evaluation::KeepsNames(const promql::Expr& expr) const {
  if (expr.kind == promql::ExprKind::kBinary) {
    return static_cast<const promql::BinaryExpr&>(expr).keep_metric_names;
  }
  if (expr.kind != promql::ExprKind::kCall) return false;
  const auto& call = static_cast<const promql::Call&>(expr);
  if (call.keep_metric_names) return true;
  const promql::FunctionInfo* info = promql::FindFunction(call.function);
  return info != nullptr && info->keeps_name &&
         (info->metricsql || request_.dialect == promql::Dialect::kMetricsql);
}

absl::StatusOr<Value> Evaluation::EvalKind(const promql::Expr& expr,
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
        Negate(series.histograms);
      }
      if (!request_.delayed_name_removal) {
        RETURN_IF_ERROR(AfterChange(value.series));
      }
      return value;
    }
    case promql::ExprKind::kBinary:
      return EvalBinary(*this, static_cast<const promql::BinaryExpr&>(expr),
                        steps);
    case promql::ExprKind::kAggregate: {
      const auto& aggregate = static_cast<const promql::AggregateExpr&>(expr);
      ASSIGN_OR_RETURN(Value value, EvalAggregate(*this, aggregate, steps));
      LimitGroups(aggregate, value);
      return value;
    }
    case promql::ExprKind::kCall:
      return EvalCall(*this, static_cast<const promql::Call&>(expr), steps);
    case promql::ExprKind::kShift:
      return EvalShift(static_cast<const promql::ShiftExpr&>(expr), steps);
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
  if (keep_names_) return;
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

absl::Status Evaluation::AfterChange(std::vector<EvalSeries>& series) const {
  return request_.dialect == promql::Dialect::kMetricsql
             ? MergeSameLabels(series)
             : RequireUnlikeLabels(series);
}

absl::Status Evaluation::Charge(MemoryCharge& charge,
                                const std::vector<EvalSeries>& series) {
  if (series.empty()) return absl::OkStatus();
  int64_t bytes = 0;
  for (const EvalSeries& s : series) bytes += HistogramBytes(s.histograms);
  RETURN_IF_ERROR(charge.Add(memory_, bytes));
  return Charge(charge, series.size(), series[0].values.size());
}

void NoteList::Add(std::string text, promql::Position position) {
  for (Entry& entry : entries) {
    if (entry.text != text) continue;
    entry.position = position;
    return;
  }
  if (entries.size() < kNotesMax) {
    entries.push_back({std::move(text), position});
  } else {
    ++omitted;
  }
}

std::vector<std::string> NoteList::Shown(std::string_view kind,
                                         std::string_view query) const {
  std::vector<std::string> shown;
  const size_t count = std::min(entries.size(), kNotesShownMax);
  for (size_t i = 0; i < count; ++i) {
    shown.push_back(entries[i].text + PlaceText(query, entries[i].position));
  }
  if (const size_t rest = entries.size() - count + omitted; rest > 0) {
    shown.push_back(base::StrCat(rest, " more ", kind, " annotations omitted"));
  }
  return shown;
}

void Evaluation::Warn(std::string_view text, promql::Position position) {
  base::MutexLock lock(mutex_);
  warnings_.Add(base::StrCat("PromQL warning: ", text), position);
}

void Evaluation::Info(std::string_view text, promql::Position position) {
  base::MutexLock lock(mutex_);
  infos_.Add(base::StrCat("PromQL info: ", text), position);
}

std::vector<std::string> Evaluation::warnings() const {
  base::MutexLock lock(mutex_);
  return warnings_.Shown("warning", request_.text);
}

std::vector<std::string> Evaluation::infos() const {
  base::MutexLock lock(mutex_);
  return infos_.Shown("info", request_.text);
}

EvalStats Evaluation::stats() const {
  EvalStats stats;
  stats.series_fetched = series_.load();
  stats.samples_scanned = samples_.load();
  stats.memory_bytes_peak = memory_.peak();
  if (counter_) {
    stats.samples_at_steps = counter_->at_steps();
    stats.samples_held_max = counter_->held_max();
  }
  return stats;
}

}  // namespace varve::eval
