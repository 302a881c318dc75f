// How many samples a query reads at each of its steps, and the most that it
// would hold at once, by Prometheus' rules, whatever is really read and held.
//
// At a step a window function reads what lies in the window, an instant
// selector one sample of each series that has one, a function over a subquery
// the subquery's results in the window. A native histogram is as many samples
// as 16 bytes go into it. Parts that are evaluated once for all steps are read
// at each.
//
// Threads: a counter belongs to the query's own thread; lanes count by
//          themselves (LaneSamples) and are added at the end.
// Source:  prometheus/prometheus promql/engine.go (3.5), samplesStats and
//          currentSamples.
#ifndef VARVE_LIB_EVAL_SAMPLE_COUNTER_H_
#define VARVE_LIB_EVAL_SAMPLE_COUNTER_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "lib/eval/series_source.h"
#include "lib/eval/value.h"
#include "lib/promql/ast.h"
#include "lib/rollup/rollup.h"

namespace varve::eval {

// As many samples as a histogram is worth.
int64_t SamplesIn(const histogram::FloatHistogram& histogram);
// Of all steps and series.
int64_t SamplesIn(const Value& value);

// What one lane has counted.
struct LaneSamples {
  std::vector<int64_t> at_steps;
  int64_t results = 0;  // samples of all columns
  // Beside all results, at the most: the series with it is taken for the last.
  int64_t window_max = 0;
  std::vector<int64_t> window = {};  // of one series; reused

  void Add(const LaneSamples& other);
};

// Adds a series and what `function` made of it. REQUIRES: counted.at_steps has
// windows.count entries.
void CountSeries(rollup::Function function, const rollup::Windows& windows,
                 const SeriesData& series, const ColumnView& column,
                 LaneSamples& counted);

class SampleCounter {
 public:
  explicit SampleCounter(size_t steps) : at_steps_(steps) {}

  // At the steps of the part that is evaluated now.
  const std::vector<int64_t>& at_steps() const { return at_steps_; }
  void AddAtEach(int64_t samples);
  void AddAt(size_t step, int64_t samples) { at_steps_[step] += samples; }
  // A stream's: the results are held from now on.
  void Add(const LaneSamples& counted, rollup::Function function);

  int64_t held() const { return held_; }
  int64_t held_max() const { return held_max_; }
  void Hold(int64_t samples) { SetHeld(held_ + samples); }
  // At the end of a node, begun when `before` were held, that gives `value`.
  void EndNode(const promql::Expr& expr, int64_t before, const Value& value);
  void SetHeld(int64_t samples);

  // While it lives, a part with steps of its own is evaluated.
  class Part {
   public:
    // `counter` may be null: then nothing is counted.
    Part(SampleCounter* counter, size_t steps);
    ~Part() { End(); }
    Part(const Part&) = delete;
    Part& operator=(const Part&) = delete;

    // What the part has read, at all of its steps; the steps are those from
    // before again.
    int64_t End();

   private:
    SampleCounter* counter_;
    std::vector<int64_t> outer_;
  };

 private:
  void NoteHeld(int64_t samples);

  std::vector<int64_t> at_steps_;
  int64_t held_ = 0;
  int64_t held_max_ = 0;
};

}  // namespace varve::eval

#endif  // VARVE_LIB_EVAL_SAMPLE_COUNTER_H_
