// Stored series as text: JSON lines, the exposition format, federation.
//
// Threads: free functions without state.
// Source:  prometheus.io/docs/instrumenting/exposition_formats.
#ifndef VARVE_LIB_QUERY_SERIES_TEXT_H_
#define VARVE_LIB_QUERY_SERIES_TEXT_H_

#include <span>
#include <string>

#include "lib/cluster/reader.h"

namespace varve::query {

// {"metric":{…},"values":[…],"timestamps":[…]} and a line break, in lines of
// at most `rows_max` samples (0: one line). NaNs are null, infinities
// "Infinity" and "-Infinity".
void AppendJsonLines(std::string& out, const cluster::MergedSeries& series,
                     int64_t rows_max);

// {"metric":{…},"values":[],"timestamps":[],"histograms":[[ms,{…}],…]}, the
// objects as lib/protocol/histogram_json.h has them.
void AppendHistogramLines(std::string& out,
                          const cluster::MergedSeries& series,
                          int64_t rows_max);

// name{a="b"} value timestamp_ms, a line per sample.
void AppendExposition(std::string& out, const cluster::MergedSeries& series);

// As AppendExposition for one sample. Names beyond [a-zA-Z0-9_:] are quoted
// with `allow_utf8`, else their other characters become underscores.
void AppendFederated(std::string& out, const model::LabelSet& labels,
                     int64_t timestamp_ms, double value, bool allow_utf8);

// Names beyond [a-zA-Z0-9_:] with underscores for their other characters.
model::LabelSet UnderscoredNames(const model::LabelSet& labels);

}  // namespace varve::query

#endif  // VARVE_LIB_QUERY_SERIES_TEXT_H_
