// What queries tell their users beside the result, in Prometheus' words.
//
// In:      `position` is where in the query the note belongs to.
// Threads: as Evaluation's notes: any.
// Source:  prometheus/prometheus util/annotations/annotations.go (3.5).
#ifndef VARVE_LIB_EVAL_NOTES_H_
#define VARVE_LIB_EVAL_NOTES_H_

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lib/eval/binary_op.h"
#include "lib/eval/evaluation.h"
#include "lib/model/label.h"
#include "lib/promql/ast.h"
#include "lib/rollup/rollup.h"

namespace varve::eval {

// Of window functions, for one series.
void TellRollupNotes(Evaluation& ev, const rollup::Notes& notes,
                     const model::LabelSet& labels, promql::Position position);

// rate and increase of a metric whose name is no counter's.
void TellNotCounter(Evaluation& ev, std::string_view metric_name,
                    promql::Position position);

void WarnOfQuantile(Evaluation& ev, double phi, promql::Position position);
// The same of quantile_over_time, at the steps where a series has a result.
// `told` has a bit per step, or none yet.
void WarnOfQuantiles(Evaluation& ev, std::span<const double> phis,
                     std::span<const double> results, promql::Position position,
                     std::vector<bool>& told);

// An aggregation met both floats and histograms in one group.
void WarnOfMixedAggregation(Evaluation& ev, promql::Position position);
void WarnOfMixedBuckets(Evaluation& ev, std::string_view metric_name,
                        promql::Position position);
void WarnOfIncompatibleBounds(Evaluation& ev, std::string_view metric_name,
                              promql::Position position);
// `aggregation` cannot use histograms.
void TellHistogramIgnored(Evaluation& ev, std::string_view aggregation,
                          promql::Position position);

// Of a binary operator.
void TellOperandNotes(Evaluation& ev, const OperandNotes& notes,
                      const promql::BinaryExpr& expr);

// What a function's notes about its argument point at. Parentheses belong to
// an argument that is evaluated once for all steps of a call that is not; a
// subquery's place is the query's begin.
promql::Position ArgumentPosition(Evaluation& ev, const promql::Call& call,
                                  size_t argument);

// " for metric name "x"", also where the name is gone.
std::string ForMetric(std::string_view metric_name);

}  // namespace varve::eval

#endif  // VARVE_LIB_EVAL_NOTES_H_
