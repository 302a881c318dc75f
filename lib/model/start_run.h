// Start timestamps: when what a sample counts began to be counted (the created
// timestamp of counters and histograms), as runs of one series' samples.
//
// A run says that the samples from `first_ms` to `last_ms` have the start
// `start_ms`. It changes seldom, so a day of samples is one run as a rule. A
// sample of unknown start between two of one run gets theirs: what has counted
// since then at both has at the time between, too.
//
// Units:   Unix milliseconds; a start of 0 is unknown and never in a run.
// Threads: values and free functions without state.
#ifndef VARVE_LIB_MODEL_START_RUN_H_
#define VARVE_LIB_MODEL_START_RUN_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "lib/model/time_range.h"

namespace varve::model {

struct StartRun {
  int64_t first_ms = 0;
  int64_t last_ms = 0;  // not before first_ms
  int64_t start_ms = 0;
  friend bool operator==(const StartRun&, const StartRun&) = default;
};
using StartRuns = std::vector<StartRun>;

// Adds the start of one sample: to the last run when it goes on, else as a run
// of its own. 0 adds nothing. Runs before `from` are of somebody else.
void AddStart(StartRuns& runs, size_t from, int64_t at_ms, int64_t start_ms);

// Ascending, without overlaps, neighbours of one start joined: what runs of
// several writes, segments or replicas, in any order, say together. Where they
// contradict, the run that begins last holds, of those the one that ends
// first, of those the larger start.
void JoinRuns(StartRuns& runs);

// Cuts the runs from `from` on to what lies inside `range`.
void KeepRange(const TimeRange& range, size_t from, StartRuns& runs);
// Takes `range` out of the runs from `from` on.
void RemoveRange(const TimeRange& range, size_t from, StartRuns& runs);

// The start of the sample at `at_ms`; 0: unknown. REQUIRES: JoinRuns was last.
int64_t StartAt(const StartRuns& runs, int64_t at_ms);

}  // namespace varve::model

#endif  // VARVE_LIB_MODEL_START_RUN_H_
