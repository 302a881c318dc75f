// What a request took, and its trace, as text.
//
// Threads: free functions without state.
#ifndef VARVE_LIB_QUERY_COST_TEXT_H_
#define VARVE_LIB_QUERY_COST_TEXT_H_

#include <string>

#include "lib/cluster/read_meter.h"
#include "lib/eval/evaluator.h"
#include "lib/telemetry/trace.h"

namespace varve::query {

// ,"trace":{"duration_msec":1.234,"message":"…","children":[…]}; nothing for
// null.
void AppendTrace(std::string& out, const telemetry::Trace* trace);

// "series=1, samples=2, bytes=3, …" for the log.
std::string CostText(const eval::EvalStats& stats,
                     const cluster::ReadMeter& meter);

// ,"samplesRead":…,"bytesRead":…, …: members of the answer's stats.
void AppendCost(std::string& out, const eval::EvalStats& stats,
                const cluster::ReadMeter& meter);

}  // namespace varve::query

#endif  // VARVE_LIB_QUERY_COST_TEXT_H_
