// What a binary operator does with two numbers.
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

// Results lose the name: arithmetic does, comparison only with bool.
inline bool DropsName(promql::BinaryOp op, bool return_bool) {
  return !promql::IsComparison(op) || return_bool;
}

// One column from two; absent where either is, and where a comparison without
// bool does not hold. `kept` is what a comparison that holds leaves (the left
// side; of scalar with vector the vector).
void ApplyColumns(promql::BinaryOp op, bool return_bool,
                  std::span<const double> lhs, std::span<const double> rhs,
                  std::span<const double> kept, std::span<double> out);

}  // namespace varve::eval

#endif  // VARVE_LIB_EVAL_BINARY_OP_H_
