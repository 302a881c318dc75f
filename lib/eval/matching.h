// Which series of two vectors belong together.
//
// Threads: immutable after construction.
// Source:  prometheus/prometheus promql/engine.go, signatureFunc and
//          resultMetric (3.5).
#ifndef VARVE_LIB_EVAL_MATCHING_H_
#define VARVE_LIB_EVAL_MATCHING_H_

#include <string>
#include <vector>

#include "lib/model/label.h"
#include "lib/promql/ast.h"

namespace varve::eval {

class Matching {
 public:
  explicit Matching(const promql::VectorMatching& matching);

  // Series match when these bytes are equal.
  std::string Signature(const model::LabelSet& labels) const;
  // The labels of the signature.
  model::LabelSet SignatureLabels(const model::LabelSet& labels) const;

  // The labels of the result of `many` with `one`; for one-to-one `many` is
  // the left side.
  model::LabelSet ResultLabels(const model::LabelSet& many,
                               const model::LabelSet& one,
                               bool drop_metadata) const;

 private:
  bool Keeps(const std::string& name) const;
  void Include(const model::LabelSet& one, model::LabelSet& labels) const;

  const promql::VectorMatching& matching_;
  std::vector<std::string> names_;  // sorted; kept or left out
};

}  // namespace varve::eval

#endif  // VARVE_LIB_EVAL_MATCHING_H_
