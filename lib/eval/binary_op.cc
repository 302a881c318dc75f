#include "lib/eval/binary_op.h"

namespace varve::eval {
namespace {

using promql::BinaryOp;

template <typename Op>
void Each(std::span<const double> lhs, std::span<const double> rhs,
          std::span<double> out, Op op) {
  for (size_t i = 0; i < out.size(); ++i) {
    out[i] =
        IsAbsent(lhs[i]) || IsAbsent(rhs[i]) ? Absent() : op(lhs[i], rhs[i]);
  }
}

}  // namespace

bool Compare(BinaryOp op, double lhs, double rhs) {
  switch (op) {
    case BinaryOp::kEqual:
      return lhs == rhs;
    case BinaryOp::kNotEqual:
      return lhs != rhs;
    case BinaryOp::kLess:
      return lhs < rhs;
    case BinaryOp::kLessEqual:
      return lhs <= rhs;
    case BinaryOp::kGreater:
      return lhs > rhs;
    default:
      return lhs >= rhs;
  }
}

double Arithmetic(BinaryOp op, double lhs, double rhs) {
  switch (op) {
    case BinaryOp::kAdd:
      return lhs + rhs;
    case BinaryOp::kSub:
      return lhs - rhs;
    case BinaryOp::kMul:
      return lhs * rhs;
    case BinaryOp::kDiv:
      return lhs / rhs;
    case BinaryOp::kMod:
      return std::fmod(lhs, rhs);
    case BinaryOp::kPow:
      return std::pow(lhs, rhs);
    default:
      return std::atan2(lhs, rhs);
  }
}

void ApplyColumns(BinaryOp op, bool return_bool, std::span<const double> lhs,
                  std::span<const double> rhs, std::span<const double> kept,
                  std::span<double> out) {
  switch (op) {  // the common ones get loops of their own
    case BinaryOp::kAdd:
      return Each(lhs, rhs, out, [](double a, double b) { return a + b; });
    case BinaryOp::kSub:
      return Each(lhs, rhs, out, [](double a, double b) { return a - b; });
    case BinaryOp::kMul:
      return Each(lhs, rhs, out, [](double a, double b) { return a * b; });
    case BinaryOp::kDiv:
      return Each(lhs, rhs, out, [](double a, double b) { return a / b; });
    default:
      break;
  }
  if (!promql::IsComparison(op)) {
    return Each(lhs, rhs, out,
                [op](double a, double b) { return Arithmetic(op, a, b); });
  }
  for (size_t i = 0; i < out.size(); ++i) {
    if (IsAbsent(lhs[i]) || IsAbsent(rhs[i])) {
      out[i] = Absent();
      continue;
    }
    const bool holds = Compare(op, lhs[i], rhs[i]);
    if (return_bool) {
      out[i] = holds ? 1 : 0;
    } else {
      out[i] = holds ? kept[i] : Absent();
    }
  }
}

}  // namespace varve::eval
