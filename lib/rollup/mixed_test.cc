#include <catch2/catch.hpp>
#include <cmath>
#include <memory>
#include <vector>

#include "lib/rollup/rollup.h"

namespace varve::rollup {
namespace {

using histogram::FloatHistogram;
using histogram::HistogramPtr;
using model::CounterReset;

// One bucket of schema 0, (0.5, 1].
HistogramPtr Of(double count, CounterReset reset = CounterReset::kUnknown) {
  FloatHistogram h;
  h.count = count;
  h.sum = count;
  h.positive_spans = {{0, 1}};
  h.positive = {count};
  h.reset = reset;
  return std::make_shared<const FloatHistogram>(h);
}

HistogramPtr Custom(double count, std::vector<double> bounds) {
  FloatHistogram h = *Of(count);
  h.schema = model::kSchemaCustom;
  h.custom_bounds = std::move(bounds);
  return std::make_shared<const FloatHistogram>(h);
}

// A series with a sample each 10 ms: floats where there is no histogram.
struct Input {
  std::vector<int64_t> float_ts, histogram_ts;
  std::vector<double> values;
  std::vector<HistogramPtr> histograms;
  int64_t next_ms = 0;

  Input& F(double value) {
    float_ts.push_back(next_ms);
    values.push_back(value);
    next_ms += 10;
    return *this;
  }
  Input& H(HistogramPtr h) {
    histogram_ts.push_back(next_ms);
    histograms.push_back(std::move(h));
    next_ms += 10;
    return *this;
  }
};

struct Output {
  std::vector<double> values;
  std::vector<HistogramPtr> histograms;
  Notes notes;

  bool IsEmpty(size_t step) const {
    return model::IsStaleNan(values[step]) && histograms[step] == nullptr;
  }
};

// Steps at 0, 10, 20 ... ms with windows of `range_ms`.
Output Run(Function function, const Input& input, int64_t range_ms) {
  const size_t count = static_cast<size_t>(input.next_ms / 10);
  Output out;
  out.values.resize(count);
  out.histograms.resize(count);
  ComputeMixed(
      function,
      {{input.float_ts, input.values}, {input.histogram_ts, input.histograms}},
      {0, 10, range_ms, count, 0, 10}, {}, {out.values, out.histograms},
      out.notes);
  return out;
}

TEST_CASE("a sample of either kind is picked, and shared", "[rollup]") {
  Input input;
  input.F(1).H(Of(5)).F(3);
  const Output last = Run(Function::kDefault, input, 100);
  CHECK(last.values[0] == 1);
  CHECK(last.histograms[1] == input.histograms[0]);
  CHECK(last.values[2] == 3);
  CHECK(last.histograms[2] == nullptr);
  const Output first = Run(Function::kFirst, input, 20);
  CHECK(first.values[1] == 1);
  CHECK(first.histograms[2] == input.histograms[0]);
  CHECK(Run(Function::kCount, input, 100).values[2] == 3);
  CHECK(Run(Function::kTsOfLast, input, 100).values[1] == 0.01);
  CHECK(last.notes.empty());
}

TEST_CASE("a staleness marker ends histograms as it ends floats", "[rollup]") {
  Input input;
  input.H(Of(5)).F(model::StaleNan()).H(Of(6));
  const Output out = Run(Function::kDefault, input, 100);
  CHECK(out.histograms[0] == input.histograms[0]);
  CHECK(out.IsEmpty(1));
  CHECK(out.histograms[2] == input.histograms[1]);
  CHECK(model::IsStaleNan(Run(Function::kTsOfDefault, input, 100).values[1]));
}

TEST_CASE("a window of both kinds has no rate and no sum", "[rollup]") {
  Input input;
  input.F(1).F(2).H(Of(5)).H(Of(6)).H(Of(8));
  for (Function function : {Function::kRate, Function::kIncrease,
                            Function::kDelta, Function::kSum, Function::kAvg}) {
    CAPTURE(static_cast<int>(function));
    const Output out = Run(function, input, 20);
    CHECK_FALSE(model::IsStaleNan(out.values[1]));
    CHECK(out.IsEmpty(2));
    CHECK(out.histograms[3] != nullptr);
    CHECK(out.notes.Has(Note::kMixedFloatsHistograms));
  }
  const Output irate = Run(Function::kIrate, input, 20);
  CHECK(irate.values[1] == 100);
  CHECK(irate.IsEmpty(2));
  CHECK(irate.histograms[3]->count == Approx(100));
}

TEST_CASE("functions of floats leave histograms out and say so", "[rollup]") {
  Input input;
  input.F(1).F(2).H(Of(5)).H(Of(6));
  const Output out = Run(Function::kMax, input, 20);
  CHECK(out.values[2] == 2);
  CHECK(out.IsEmpty(3));
  CHECK(out.notes.Has(Note::kHistogramsIgnored));
  Input only;
  only.H(Of(1)).H(Of(2));
  CHECK(Run(Function::kStddev, only, 20).notes.empty());
}

TEST_CASE("increases go over resets", "[rollup]") {
  Input input;
  input.H(Of(9)).H(Of(2)).H(Of(4)).H(Of(1)).H(Of(3));
  const Output out = Run(Function::kIncrease, input, 50);
  // 2 after 9, 2 more, 1 and 2, and as much for the 10 ms before the first.
  CHECK(out.histograms[4]->count == Approx(7 * 50 / 40.));
  CHECK(out.histograms[4]->reset == CounterReset::kGauge);
  CHECK(out.notes.empty());
  CHECK(Run(Function::kResets, input, 50).values[4] == 2);
  CHECK(Run(Function::kResets, input, 30).values[4] == 1);
  CHECK(Run(Function::kChanges, input, 30).values[4] == 2);
}

TEST_CASE("an increase of histograms is not cut where the count was zero",
          "[rollup]") {
  // As in Prometheus 3.5: only floats that begin at 0 begin there.
  Input histograms;
  histograms.H(Of(0)).H(Of(6));
  Input floats;
  floats.F(0).F(6);
  CHECK(Run(Function::kIncrease, floats, 100).values[1] == 6);
  const Output out = Run(Function::kIncrease, histograms, 100);
  REQUIRE(out.histograms[1] != nullptr);
  CHECK(out.histograms[1]->count == 9);  // and half a distance before
}

TEST_CASE("counters and gauges are told apart", "[rollup]") {
  Input counter;
  counter.H(Of(1)).H(Of(2));
  CHECK(Run(Function::kDelta, counter, 20).notes.Has(Note::kNotGauge));
  CHECK(Run(Function::kIdelta, counter, 20).notes.Has(Note::kNotGauge));
  CHECK(Run(Function::kRate, counter, 20).notes.empty());
  Input gauge;
  gauge.H(Of(1, CounterReset::kGauge)).H(Of(2, CounterReset::kGauge));
  CHECK(Run(Function::kDelta, gauge, 20).notes.empty());
  CHECK(Run(Function::kRate, gauge, 20).notes.Has(Note::kNotCounter));
  CHECK(Run(Function::kIrate, gauge, 20).notes.Has(Note::kNotCounter));
}

TEST_CASE("histograms that do not fit give a note and nothing", "[rollup]") {
  for (Function function : {Function::kRate, Function::kSum, Function::kAvg}) {
    CAPTURE(static_cast<int>(function));
    // The last is larger, or else the second would be a reset of the first.
    Input schemas;
    schemas.H(Of(1)).H(Custom(2, {1})).H(Of(3));
    const Output mixed = Run(function, schemas, 30);
    CHECK(mixed.IsEmpty(2));
    CHECK(mixed.notes.Has(Note::kMixedExponentialCustom));
  }
  Input bounds;
  bounds.H(Custom(1, {1})).H(Custom(2, {2}));
  const Output out = Run(Function::kSum, bounds, 30);
  CHECK(out.IsEmpty(1));
  CHECK(out.notes.Has(Note::kIncompatibleBounds));
}

}  // namespace
}  // namespace varve::rollup
