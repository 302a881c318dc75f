// Names as Prometheus before version 3 demanded them, for
// -usePromCompatibleNaming: each other character becomes an underscore.
//
// Threads: free functions.
#ifndef VARVE_LIB_RELABEL_PROMETHEUS_NAMES_H_
#define VARVE_LIB_RELABEL_PROMETHEUS_NAMES_H_

#include "lib/relabel/replacement.h"

namespace varve::relabel {

// Letters, digits and underscores in names of labels; a metric's name, the
// value of __name__, may have colons as well. One underscore a character, not
// a byte.
void MakePrometheusNames(Labels& labels);

}  // namespace varve::relabel

#endif  // VARVE_LIB_RELABEL_PROMETHEUS_NAMES_H_
