// What a binary operator does with two numbers, and with histograms.
//
// Threads: free functions without state.
// Source:  prometheus/prometheus promql/engine.go, vectorElemBinop (3.5).
#ifndef VARVE_LIB_EVAL_BINARY_OP_H_
#define VARVE_LIB_EVAL_BINARY_OP_H_

#include <cmath>
#include <span>

#include "lib/eval/value.h"
#include "lib/promql/ast.h"

namespace varve::eval {

// REQUIRES: not a set operator.
bool Compare(promql::BinaryOp op, double lhs, double rhs);
double Arithmetic(promql::BinaryOp op, double lhs, double rhs);

// `</` and `>/`: what they keep is still the metric.
inline bool IsTrim(promql::BinaryOp op) {
  return op == promql::BinaryOp::kTrimUpper ||
         op == promql::BinaryOp::kTrimLower;
}

// Results lose the name: arithmetic does, comparison only with bool.
inline bool DropsName(promql::BinaryOp op, bool return_bool) {
  return (!promql::IsComparison(op) && !IsTrim(op)) || return_bool;
}

// One column from two; absent where either is, and where a comparison without
// bool does not hold. `kept` is what a comparison that holds leaves (the left
// side; of scalar with vector the vector).
void ApplyColumns(promql::BinaryOp op, bool return_bool,
                  std::span<const double> lhs, std::span<const double> rhs,
                  std::span<const double> kept, std::span<double> out);

// One side: a series, or the numbers of a scalar.
struct Operand {
  std::span<const double> values;
  std::span<const HistogramPtr> histograms;  // or none

  bool IsHistogram(size_t step) const {
    return !histograms.empty() && histograms[step] != nullptr;
  }
  bool IsPresent(size_t step) const {
    return !IsAbsent(values[step]) || IsHistogram(step);
  }
};

// Why steps with samples on both sides have no result.
struct OperandNotes {
  // By whether the left and the right one are histograms.
  bool incompatible[2][2] = {};
  bool bucket_layouts = false;  // histograms whose buckets do not fit together
};

// As ApplyColumns, of floats and histograms. Only `values` and `histograms` of
// `out` are set.
void ApplyOperands(promql::BinaryOp op, bool return_bool, const Operand& lhs,
                   const Operand& rhs, std::span<const double> kept,
                   EvalSeries& out, OperandNotes& notes);

}  // namespace varve::eval

#endif  // VARVE_LIB_EVAL_BINARY_OP_H_
