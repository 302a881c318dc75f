// Binary operators where a side has native histograms.
#include <algorithm>
#include <memory>
#include <utility>

#include "lib/eval/binary_op.h"
#include "lib/histogram/arithmetic.h"
#include "lib/histogram/resolution.h"
#include "lib/histogram/trim.h"

namespace varve::eval {
namespace {

using histogram::FloatHistogram;
using promql::BinaryOp;

// At one step: null and not `holds` where there is no result.
struct Outcome {
  HistogramPtr histogram;
  bool holds = false;  // of a comparison, whose histogram is the left one
  bool incompatible = false;
  bool bucket_layout = false;
};

// `change` works on a copy of `h`.
template <typename Change>
HistogramPtr Changed(const FloatHistogram& h, Change change) {
  auto copy = std::make_shared<FloatHistogram>(h);
  change(*copy);
  histogram::Compact(*copy);
  return copy;
}

Outcome WithNumber(BinaryOp op, const FloatHistogram& h, double number) {
  Outcome outcome;
  switch (op) {
    case BinaryOp::kMul:
      outcome.histogram = Changed(h, [number](FloatHistogram& copy) {
        histogram::Scale(copy, number);
      });
      break;
    case BinaryOp::kDiv:
      outcome.histogram = Changed(h, [number](FloatHistogram& copy) {
        histogram::Divide(copy, number);
      });
      break;
    case BinaryOp::kTrimUpper:
      outcome.histogram = Changed(h, [number](FloatHistogram& copy) {
        histogram::TrimAbove(copy, number);
      });
      break;
    case BinaryOp::kTrimLower:
      outcome.histogram = Changed(h, [number](FloatHistogram& copy) {
        histogram::TrimBelow(copy, number);
      });
      break;
    default:
      outcome.incompatible = true;
  }
  return outcome;
}

Outcome WithHistogram(BinaryOp op, const HistogramPtr& lhs,
                      const FloatHistogram& rhs) {
  Outcome outcome;
  switch (op) {
    case BinaryOp::kAdd:
    case BinaryOp::kSub:
      outcome.histogram = Changed(*lhs, [&](FloatHistogram& copy) {
        const histogram::Combination result = op == BinaryOp::kAdd
                                                  ? histogram::Add(copy, rhs)
                                                  : histogram::Sub(copy, rhs);
        outcome.bucket_layout = !result.ok();
        if (op == BinaryOp::kSub) copy.reset = model::CounterReset::kGauge;
      });
      if (outcome.bucket_layout) outcome.histogram = nullptr;
      break;
    case BinaryOp::kEqual:
    case BinaryOp::kNotEqual:
      outcome.holds =
          histogram::SameHistogram(*lhs, rhs) == (op == BinaryOp::kEqual);
      outcome.histogram = lhs;
      break;
    default:
      outcome.incompatible = true;
  }
  return outcome;
}

Outcome OutcomeAt(BinaryOp op, const Operand& lhs, const Operand& rhs,
                  size_t step) {
  if (lhs.IsHistogram(step) && rhs.IsHistogram(step)) {
    return WithHistogram(op, lhs.histograms[step], *rhs.histograms[step]);
  }
  if (lhs.IsHistogram(step)) {
    return WithNumber(op, *lhs.histograms[step], rhs.values[step]);
  }
  if (rhs.IsHistogram(step) && op == BinaryOp::kMul) {
    return WithNumber(op, *rhs.histograms[step], lhs.values[step]);
  }
  Outcome outcome;
  outcome.incompatible = true;
  return outcome;
}

}  // namespace

void ApplyOperands(BinaryOp op, bool return_bool, const Operand& lhs,
                   const Operand& rhs, std::span<const double> kept,
                   EvalSeries& out, OperandNotes& notes) {
  const size_t steps = lhs.values.size();
  out.values.resize(steps);
  if (IsTrim(op)) {
    std::fill(out.values.begin(), out.values.end(), Absent());
  } else {
    ApplyColumns(op, return_bool, lhs.values, rhs.values, kept, out.values);
    if (lhs.histograms.empty() && rhs.histograms.empty()) return;
  }
  for (size_t i = 0; i < steps; ++i) {
    if (!lhs.IsPresent(i) || !rhs.IsPresent(i)) continue;
    const bool floats = !lhs.IsHistogram(i) && !rhs.IsHistogram(i);
    if (floats && !IsTrim(op)) continue;
    Outcome outcome = OutcomeAt(op, lhs, rhs, i);
    if (outcome.incompatible) {
      notes.incompatible[lhs.IsHistogram(i)][rhs.IsHistogram(i)] = true;
    } else if (outcome.bucket_layout) {
      notes.bucket_layouts = true;
    } else if (!promql::IsComparison(op)) {
      out.SetHistogram(i, std::move(outcome.histogram));
    } else if (return_bool) {
      out.values[i] = outcome.holds ? 1 : 0;
    } else if (outcome.holds) {
      out.SetHistogram(i, std::move(outcome.histogram));
    }
  }
}

}  // namespace varve::eval
