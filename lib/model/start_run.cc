#include "lib/model/start_run.h"

#include <algorithm>
#include <tuple>

namespace varve::model {
namespace {

// The usual case costs nothing: each run behind the one before, starts differ.
bool IsJoined(const StartRuns& runs) {
  for (size_t i = 1; i < runs.size(); ++i) {
    if (runs[i].first_ms <= runs[i - 1].last_ms ||
        runs[i].start_ms == runs[i - 1].start_ms) {
      return false;
    }
  }
  return true;
}

// Of runs that begin together the one that holds comes last.
bool HoldsLess(const StartRun& a, const StartRun& b) {
  return std::tuple(a.first_ms, b.last_ms, a.start_ms) <
         std::tuple(b.first_ms, a.last_ms, b.start_ms);
}

// Gives out, up to `until_ms`, what the runs under way say from `at_ms` on:
// the last of them holds until it ends.
void GiveOut(StartRuns& under_way, int64_t& at_ms, int64_t until_ms,
             StartRuns& out) {
  while (!under_way.empty() && at_ms < until_ms) {
    const StartRun& top = under_way.back();
    if (top.last_ms < at_ms) {
      under_way.pop_back();
      continue;
    }
    const int64_t last_ms = std::min(top.last_ms, until_ms - 1);
    if (!out.empty() && out.back().start_ms == top.start_ms) {
      out.back().last_ms = last_ms;
    } else {
      out.push_back({at_ms, last_ms, top.start_ms});
    }
    at_ms = last_ms + 1;
  }
}

}  // namespace

void AddStart(StartRuns& runs, size_t from, int64_t at_ms, int64_t start_ms) {
  if (start_ms == 0) return;
  if (runs.size() > from && runs.back().start_ms == start_ms &&
      runs.back().first_ms <= at_ms) {
    runs.back().last_ms = std::max(runs.back().last_ms, at_ms);
    return;
  }
  runs.push_back({at_ms, at_ms, start_ms});
}

void JoinRuns(StartRuns& runs) {
  if (IsJoined(runs)) return;
  std::sort(runs.begin(), runs.end(), HoldsLess);
  StartRuns out;
  StartRuns under_way;
  int64_t at_ms = runs.front().first_ms;
  for (const StartRun& run : runs) {
    GiveOut(under_way, at_ms, run.first_ms, out);
    at_ms = run.first_ms;
    under_way.push_back(run);
  }
  GiveOut(under_way, at_ms, INT64_MAX, out);
  runs = std::move(out);
}

void KeepRange(const TimeRange& range, size_t from, StartRuns& runs) {
  size_t to = from;
  for (size_t i = from; i < runs.size(); ++i) {
    StartRun run = runs[i];
    run.first_ms = std::max(run.first_ms, range.start_ms);
    run.last_ms = std::min(run.last_ms, range.end_ms);
    if (run.first_ms <= run.last_ms) runs[to++] = run;
  }
  runs.resize(to);
}

void RemoveRange(const TimeRange& range, size_t from, StartRuns& runs) {
  StartRuns kept;
  for (size_t i = from; i < runs.size(); ++i) {
    const StartRun& run = runs[i];
    if (run.last_ms < range.start_ms || run.first_ms > range.end_ms) {
      kept.push_back(run);
      continue;
    }
    if (run.first_ms < range.start_ms) {
      kept.push_back({run.first_ms, range.start_ms - 1, run.start_ms});
    }
    if (run.last_ms > range.end_ms) {
      kept.push_back({range.end_ms + 1, run.last_ms, run.start_ms});
    }
  }
  runs.resize(from);
  runs.insert(runs.end(), kept.begin(), kept.end());
}

int64_t StartAt(const StartRuns& runs, int64_t at_ms) {
  const auto after = std::upper_bound(
      runs.begin(), runs.end(), at_ms,
      [](int64_t at, const StartRun& run) { return at < run.first_ms; });
  if (after == runs.begin()) return 0;
  const StartRun& run = *(after - 1);
  return at_ms <= run.last_ms ? run.start_ms : 0;
}

}  // namespace varve::model
