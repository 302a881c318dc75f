// Numbers, label sets and names as Prometheus writes them.
//
// Threads: free functions without state.
// Source:  Go's strconv.FormatFloat, labels.Labels.String (3.5).
#ifndef VARVE_LIB_EVAL_TEXT_H_
#define VARVE_LIB_EVAL_TEXT_H_

#include <string>
#include <string_view>

#include "lib/model/label.h"

namespace varve::eval {

// Shortest digits that read back as `value`, never with an exponent.
std::string FixedNumber(double value);
// The same with an exponent below 1e-4 and from 1e6 on (Go's %g).
std::string GeneralNumber(double value);

// A string in double quotes, escaped.
std::string Quoted(std::string_view text);

// {__name__="up", job="x"}.
std::string LabelsText(const model::LabelSet& labels);

bool IsValidUtf8(std::string_view text);
// Not empty and valid UTF-8.
bool IsLabelName(std::string_view text);

}  // namespace varve::eval

#endif  // VARVE_LIB_EVAL_TEXT_H_
