// Native histograms as JSON, as /api/v1/export gives them and /api/v1/import
// takes them: every bit comes back.
//
//   {"schema":3,"count":7,"sum":2.5,"zero_threshold":0.001,"zero_count":1,
//    "positive_spans":[[-2,2],[1,1]],"positive_buckets":[3,0,3],
//    "negative_spans":[],"negative_buckets":[]}
//
// Buckets are absolute counts. "float_counts":true, "custom_bounds":[…] and
// "reset":"yes" | "no" | "gauge" stand where they are not the default. Floats
// that JSON has no number for are strings: "Infinity", "-Infinity", and NaNs
// by their bits: "NaN:7ff0000000000002".
//
// Errors:  a text of what is wrong; nothing was appended.
// Threads: free functions without state.
#ifndef VARVE_LIB_PROTOCOL_HISTOGRAM_JSON_H_
#define VARVE_LIB_PROTOCOL_HISTOGRAM_JSON_H_

#include <string>
#include <string_view>

#include "lib/model/histogram.h"
#include "lib/protocol/sample_batch.h"

namespace varve::protocol {

void AppendHistogramJson(std::string& out, const model::Histogram& histogram);

// The member "histograms":[[timestamp_ms,{…}],…] of a line's object, if there
// is one, as rows behind the batch's last ones. "" or what is wrong.
std::string ReadHistogramsMember(std::string_view line, SampleBatch& batch);

}  // namespace varve::protocol

#endif  // VARVE_LIB_PROTOCOL_HISTOGRAM_JSON_H_
