// The state of one query while it is evaluated: request, limits, notes.
//
// Role:    made by Evaluate() for one query, used by the function families.
// Errors:  as evaluator.h says; limits name their flag.
// Threads: Eval and its kin from the query's own thread; the notes, counters
//          and the memory account from any thread.
#ifndef VARVE_LIB_EVAL_EVALUATION_H_
#define VARVE_LIB_EVAL_EVALUATION_H_

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "lib/base/mutex.h"
#include "lib/eval/evaluator.h"
#include "lib/eval/invariance.h"
#include "lib/eval/memory_charge.h"
#include "lib/eval/sample_counter.h"
#include "lib/eval/value.h"
#include "lib/promql/ast.h"

namespace varve::eval {

// Distinct texts, each with its last position.
struct NoteList {
  struct Entry {
    std::string text;
    promql::Position position;
  };
  std::vector<Entry> entries;
  size_t omitted = 0;  // of a query that has far too many

  void Add(std::string text, promql::Position position);
  std::vector<std::string> Shown(std::string_view kind,
                                 std::string_view query) const;
};

class Evaluation {
 public:
  // Over so many `steps`.
  Evaluation(const EvalRequest& request, size_t steps);
  Evaluation(const Evaluation&) = delete;
  Evaluation& operator=(const Evaluation&) = delete;

  const EvalRequest& request() const { return request_; }
  // The part that is evaluated now; null: nobody asked for a trace.
  telemetry::Trace* trace() const { return trace_; }
  MemoryAccount& memory() { return memory_; }
  // Null: nobody asked what is read at each step.
  SampleCounter* counter() { return counter_ ? &*counter_ : nullptr; }
  // How many series ranges are worked on at a time; at least 1.
  size_t lanes() const { return lanes_; }

  // A scalar, string or vector. Parts that are the same at every step are
  // evaluated once. REQUIRES: the type of `expr` is not kMatrix.
  absl::StatusOr<Value> Eval(const promql::Expr& expr, const StepRange& steps);
  // A scalar expression's value at each step.
  absl::StatusOr<std::vector<double>> EvalScalar(const promql::Expr& expr,
                                                 const StepRange& steps);
  // The value of `expr` does not depend on the moment of evaluation.
  bool IsStepInvariant(const promql::Expr& expr);

  // DeadlineExceeded or Cancelled once the query should end.
  absl::Status CheckAlive() const;
  absl::Status CountFetched(int64_t series, int64_t samples);
  // Bytes of `columns` columns over `steps`, charged to `charge`.
  absl::Status Charge(MemoryCharge& charge, size_t columns, size_t steps);
  // The same of these series, with their histograms.
  absl::Status Charge(MemoryCharge& charge,
                      const std::vector<EvalSeries>& series);

  // MetricsQL's keep_metric_names, or a function that keeps them anyway.
  bool KeepsNames(const promql::Expr& expr) const;
  bool keeps_names() const { return keep_names_; }
  // Removes the metadata labels, at once or (delayed) at the end, unless the
  // expression under way keeps them.
  void DropName(EvalSeries& series) const;
  // At the end of a function that dropped names: equal label sets are an
  // error or, where they never meet, one series.
  absl::Status AfterDrop(std::vector<EvalSeries>& series) const;
  // Where Prometheus changes the labels of all steps at once: equal label sets
  // are an error even where they never meet. In MetricsQL as AfterDrop's.
  absl::Status AfterChange(std::vector<EvalSeries>& series) const;

  // Notes for the user; repeated ones count once and are shown at their last
  // position in the query. `text` without prefix.
  void Warn(std::string_view text, promql::Position position);
  void Info(std::string_view text, promql::Position position);
  // As they are shown: some, then how many more there are.
  std::vector<std::string> warnings() const;
  std::vector<std::string> infos() const;
  EvalStats stats() const;

 private:
  absl::StatusOr<Value> EvalNode(const promql::Expr& expr,
                                 const StepRange& steps);
  absl::StatusOr<Value> EvalKind(const promql::Expr& expr,
                                 const StepRange& steps);
  absl::StatusOr<Value> EvalShift(const promql::ShiftExpr& shift,
                                  const StepRange& steps);
  // At one step, `first`; the value is that of all `count` steps.
  absl::StatusOr<Value> EvalOnce(const promql::Expr& expr,
                                 const StepRange& first, size_t count);
  absl::StatusOr<Value> EvalTraced(const promql::Expr& expr,
                                   const StepRange& steps);

  bool keep_names_ = false;  // of the node under way
  const EvalRequest& request_;
  const size_t lanes_;
  telemetry::Trace* trace_;
  MemoryAccount memory_;
  std::optional<SampleCounter> counter_;
  std::atomic<int64_t> series_{0};
  std::atomic<int64_t> samples_{0};
  InvarianceCache invariant_;

  mutable base::Mutex mutex_;
  NoteList warnings_ GUARDED_BY(mutex_);
  NoteList infos_ GUARDED_BY(mutex_);
};

// The expression inside any parentheses.
const promql::Expr& Unwrap(const promql::Expr& expr);

}  // namespace varve::eval

#endif  // VARVE_LIB_EVAL_EVALUATION_H_
