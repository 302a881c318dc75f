// Finds the family of a function.
#include "lib/base/status.h"
#include "lib/eval/families.h"

namespace varve::eval {

absl::StatusOr<Value> EvalCall(Evaluation& ev, const promql::Call& call,
                               const StepRange& steps) {
  if (ev.request().dialect == promql::Dialect::kMetricsql) {
    const CallFamily family = FindBucketMomentCall(call.function);
    if (family != nullptr) return family(ev, call, steps);
  }
  for (const auto find :
       {FindRollupCall, FindMathCall, FindConversionCall, FindLabelCall,
        FindHistogramCall, FindInfoCall, FindTimeCall, FindSortCall,
        FindAbsentCall, FindUnionCall, FindMultiRollupCall, FindColumnCall,
        FindLabelEditCall, FindSeriesPickCall, FindBucketCall,
        FindGeneratedCall}) {
    if (const CallFamily family = find(call.function); family != nullptr) {
      return family(ev, call, steps);
    }
  }
  return base::Unimplemented("the function ", call.function,
                             "() is not implemented");
}

}  // namespace varve::eval
