#include "lib/eval/column_stream.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <utility>

#include "lib/base/status.h"
#include "lib/eval/notes.h"
#include "lib/rollup/counter_name.h"
#include "lib/rollup/previous.h"
#include "lib/rollup/step_blocks.h"

namespace varve::eval {
namespace {

// Waking a thread costs some microseconds, a series about as much.
constexpr size_t kSeriesPerLaneMin = 16;

// What one lane needs again for every series.
struct Lane {
  std::vector<double> column;
  HistogramColumn histograms;  // of the series that have any
  std::string checked_name;    // of the last series asked whether it counts
  std::vector<bool> told;      // steps whose quantile was warned of
  LaneSamples counted;         // where samples are counted
};

// Lanes together, at the end of a stream.
void AddCounted(Evaluation& ev, rollup::Function function,
                std::span<Lane> lanes) {
  if (ev.counter() == nullptr) return;
  for (Lane& lane : lanes.subspan(1)) lanes[0].counted.Add(lane.counted);
  ev.counter()->Add(lanes[0].counted, function);
}

// Splits a batch over lanes.
template <typename RunOne>
absl::Status InLanes(Evaluation& ev, std::vector<SeriesData>& batch,
                     RunOne run_one) {
  const auto run_range = [&](size_t lane, size_t begin, size_t end) {
    for (size_t i = begin; i < end; ++i) {
      RETURN_IF_ERROR(run_one(lane, batch[i]));
    }
    return absl::OkStatus();
  };
  const size_t wanted = batch.size() / kSeriesPerLaneMin;
  const size_t used = std::clamp<size_t>(wanted, 1, ev.lanes());
  if (used == 1) return run_range(0, 0, batch.size());
  std::vector<absl::Status> statuses(used);
  ev.request().pool->ParallelFor(used, used, [&](size_t lane) {
    const base::CpuShare cpu(ev.request().cpu);
    statuses[lane] = run_range(lane, batch.size() * lane / used,
                               batch.size() * (lane + 1) / used);
  });
  for (const absl::Status& status : statuses) RETURN_IF_ERROR(status);
  return absl::OkStatus();
}

class SeriesWorker {
 public:
  SeriesWorker(Evaluation& ev, const RollupPlan& plan, ColumnSink& sink)
      : ev_(ev),
        plan_(plan),
        sink_(sink),
        counts_(rollup::WantsCounter(plan.function)),
        bad_quantiles_(HasBadQuantiles(plan)),
        from_step_before_(rollup::ReadsFromStepBefore(plan.function)),
        lanes_(ev.lanes()) {
    for (Lane& lane : lanes_) {
      lane.column.resize(plan.windows.count);
      if (ev.counter() == nullptr) continue;
      lane.counted.at_steps.resize(plan.windows.count);
    }
  }

  absl::Status Run(std::vector<SeriesData>& batch) {
    return InLanes(ev_, batch, [this](size_t lane, SeriesData& series) {
      return RunOne(lane, series);
    });
  }
  void Finish() { AddCounted(ev_, plan_.function, lanes_); }

 private:
  absl::Status RunOne(size_t lane_index, SeriesData& series) {
    Lane& lane = lanes_[lane_index];
    rollup::DropGaps(plan_.function, series.samples);
    if (!series.histograms.empty()) return RunMixed(lane_index, series);
    RETURN_IF_ERROR(rollup::ComputeInBlocks(
        plan_.function, FloatsOf(series), plan_.windows, plan_.arguments,
        lane.column, [this] { return ev_.CheckAlive(); }));
    Count(lane, series, {lane.column, {}});
    if (AllAbsent(lane.column)) return absl::OkStatus();
    if (bad_quantiles_) WarnOfBadQuantiles(lane);
    if (plan_.starts) ToStarts(series.starts, lane.column);
    if (counts_) CheckCounterName(lane, series.labels);
    return sink_.Add(lane_index, series.labels, {lane.column, {}});
  }

  // Those that the function may read.
  rollup::Series FloatsOf(const SeriesData& series) const {
    const rollup::Series floats{series.samples.timestamps_ms,
                                series.samples.values};
    if (!from_step_before_) return floats;
    return rollup::FromStepBefore(floats, plan_.windows);
  }

  absl::Status RunMixed(size_t lane_index, SeriesData& series) {
    Lane& lane = lanes_[lane_index];
    lane.histograms.assign(plan_.windows.count, nullptr);
    rollup::Notes notes;
    RETURN_IF_ERROR(rollup::ComputeInBlocks(
        plan_.function,
        {FloatsOf(series),
         {series.histograms.timestamps_ms, series.histograms.histograms}},
        plan_.windows, plan_.arguments, {lane.column, lane.histograms}, notes,
        [this] { return ev_.CheckAlive(); }));
    Count(lane, series, {lane.column, lane.histograms});
    TellRollupNotes(ev_, notes, series.labels, plan_.position);
    if (plan_.starts) ToStarts(series.starts, lane.column);
    const bool has_floats = !AllAbsent(lane.column);
    const bool has_histograms = !AllNull(lane.histograms);
    if (!has_floats && !has_histograms) return absl::OkStatus();
    if (bad_quantiles_) WarnOfBadQuantiles(lane);
    if (counts_ && has_floats) CheckCounterName(lane, series.labels);
    ColumnView column{lane.column, {}};
    if (has_histograms) column.histograms = lane.histograms;
    return sink_.Add(lane_index, series.labels, column);
  }

  void Count(Lane& lane, const SeriesData& series,
             const ColumnView& column) const {
    if (lane.counted.at_steps.empty()) return;
    CountSeries(plan_.function, plan_.windows, series, column, lane.counted);
  }

  static bool HasBadQuantiles(const RollupPlan& plan) {
    if (plan.function != rollup::Function::kQuantile) return false;
    return !std::all_of(plan.arguments.first.begin(),
                        plan.arguments.first.end(),
                        [](double phi) { return phi >= 0 && phi <= 1; });
  }

  void WarnOfBadQuantiles(Lane& lane) {
    WarnOfQuantiles(ev_, plan_.arguments.first, lane.column, plan_.position,
                    lane.told);
  }

  static void ToStarts(const model::StartRuns& starts,
                       std::vector<double>& column) {
    for (double& value : column) {
      if (IsAbsent(value)) continue;
      const int64_t at_ms = std::llround(value * 1000);
      value = static_cast<double>(model::StartAt(starts, at_ms)) / 1000;
    }
  }

  void CheckCounterName(Lane& lane, const model::LabelSet& labels) {
    const std::string_view name = labels.Get(model::kMetricName);
    if (name == lane.checked_name) return;
    lane.checked_name = std::string(name);
    if (name.empty() || rollup::LooksLikeCounter(name)) return;
    TellNotCounter(ev_, name, plan_.position);
  }

  Evaluation& ev_;
  const RollupPlan& plan_;
  ColumnSink& sink_;
  const bool counts_;
  const bool bad_quantiles_;
  const bool from_step_before_;
  std::vector<Lane> lanes_;
};

int64_t SamplesOf(const std::vector<SeriesData>& batch) {
  int64_t samples = 0;
  for (const SeriesData& series : batch) {
    samples +=
        static_cast<int64_t>(series.samples.size() + series.histograms.size());
  }
  return samples;
}

// Calls `use` for each batch until the stream ends.
template <typename Use>
absl::Status ForEachBatch(Evaluation& ev, SeriesStream& stream, Use use) {
  std::vector<SeriesData> batch;
  while (true) {
    RETURN_IF_ERROR(ev.CheckAlive());
    RETURN_IF_ERROR(stream.Next(batch));
    if (batch.empty()) return absl::OkStatus();
    RETURN_IF_ERROR(
        ev.CountFetched(static_cast<int64_t>(batch.size()), SamplesOf(batch)));
    RETURN_IF_ERROR(use(batch));
  }
}

template <typename Use>
absl::Status ForEachBatch(Evaluation& ev, const RollupPlan& plan, Use use) {
  ASSIGN_OR_RETURN(const std::unique_ptr<SeriesStream> stream,
                   ev.request().source->Select(SelectOf(ev, plan)));
  return ForEachBatch(ev, *stream, std::move(use));
}

// What lies in (begin_ms, end_ms], without staleness markers.
SeriesData CutSamples(SeriesData& series, int64_t begin_ms, int64_t end_ms) {
  SeriesData kept;
  for (size_t i = 0; i < series.samples.size(); ++i) {
    const int64_t ts = series.samples.timestamps_ms[i];
    if (ts <= begin_ms || ts > end_ms) continue;
    kept.samples.push_back(ts, series.samples.values[i]);
  }
  rollup::DropStale(kept.samples);
  HistogramSamples& histograms = series.histograms;
  for (size_t i = 0; i < histograms.size(); ++i) {
    const int64_t ts = histograms.timestamps_ms[i];
    if (ts <= begin_ms || ts > end_ms) continue;
    kept.histograms.push_back(ts, std::move(histograms.histograms[i]));
  }
  return kept;
}

void CountRaw(Evaluation& ev, const SeriesData& series) {
  if (ev.counter() == nullptr) return;
  auto samples = static_cast<int64_t>(series.samples.size());
  for (const HistogramPtr& histogram : series.histograms.histograms) {
    samples += SamplesIn(*histogram);
  }
  ev.counter()->AddAt(0, samples);
  ev.counter()->Hold(samples);
}

}  // namespace

CollectSink::CollectSink(Evaluation& ev) : ev_(ev), lanes_(ev.lanes()) {}

absl::Status CollectSink::Add(size_t lane, model::LabelSet& labels,
                              const ColumnView& column) {
  MemoryCharge& charge = lanes_[lane].charge;
  if (!column.histograms.empty()) {
    RETURN_IF_ERROR(
        charge.Add(ev_.memory(), HistogramBytes(column.histograms)));
  }
  lanes_[lane].series.push_back(
      {std::move(labels), false,
       std::vector<double>(column.values.begin(), column.values.end()),
       TakeHistograms(column.histograms)});
  return ev_.Charge(charge, 1, column.values.size());
}

absl::StatusOr<Value> CollectSink::Finish() {
  Value value;
  for (Value& lane : lanes_) {
    std::move(lane.series.begin(), lane.series.end(),
              std::back_inserter(value.series));
  }
  RETURN_IF_ERROR(ev_.Charge(value.charge, value.series));
  SortByLabels(value.series);
  return value;
}

SelectRequest SelectOf(const Evaluation& ev, const RollupPlan& plan) {
  const rollup::Windows& windows = plan.windows;
  SelectRequest request;
  request.trace = ev.trace();
  request.matcher_groups = plan.selector->MatcherGroups();
  request.starts = plan.starts;
  request.range.start_ms = windows.first_end_ms - windows.range_ms -
                           rollup::BeforeMs(plan.function, windows) + 1;
  request.range.end_ms =
      windows.End(windows.count - 1) + rollup::AfterMs(plan.function, windows);
  return request;
}

absl::Status StreamColumns(Evaluation& ev, const RollupPlan& plan,
                           ColumnSink& sink) {
  ASSIGN_OR_RETURN(const std::unique_ptr<SeriesStream> stream,
                   ev.request().source->Select(SelectOf(ev, plan)));
  return StreamColumns(ev, plan, *stream, sink);
}

absl::Status StreamColumns(Evaluation& ev, const RollupPlan& plan,
                           SeriesStream& stream, ColumnSink& sink) {
  SeriesWorker worker(ev, plan, sink);
  RETURN_IF_ERROR(
      ForEachBatch(ev, stream, [&worker](std::vector<SeriesData>& batch) {
        return worker.Run(batch);
      }));
  worker.Finish();
  return absl::OkStatus();
}

absl::Status StreamSeries(Evaluation& ev, const RollupPlan& plan,
                          const UseSeries& use) {
  std::vector<Lane> lanes(ev.lanes());
  const bool counts = ev.counter() != nullptr;
  for (Lane& lane : lanes) {
    if (counts) lane.counted.at_steps.resize(plan.windows.count);
  }
  RETURN_IF_ERROR(ForEachBatch(ev, plan, [&](std::vector<SeriesData>& batch) {
    return InLanes(ev, batch, [&](size_t lane, SeriesData& series) {
      rollup::DropGaps(plan.function, series.samples);
      if (counts) {
        CountSeries(plan.function, plan.windows, series, {},
                    lanes[lane].counted);
      }
      return use(lane, series);
    });
  }));
  AddCounted(ev, plan.function, lanes);
  return absl::OkStatus();
}

absl::StatusOr<Value> CollectColumns(Evaluation& ev, const RollupPlan& plan) {
  CollectSink sink(ev);
  RETURN_IF_ERROR(StreamColumns(ev, plan, sink));
  return sink.Finish();
}

absl::StatusOr<std::vector<SeriesData>> CollectSamples(Evaluation& ev,
                                                       const RollupPlan& plan) {
  const int64_t end_ms =
      plan.windows.first_end_ms + rollup::AfterMs(plan.function, plan.windows);
  const int64_t begin_ms = plan.windows.first_end_ms - plan.windows.range_ms -
                           rollup::BeforeMs(plan.function, plan.windows);
  std::vector<SeriesData> all;
  RETURN_IF_ERROR(ForEachBatch(ev, plan, [&](std::vector<SeriesData>& batch) {
    for (SeriesData& series : batch) {
      SeriesData kept = CutSamples(series, begin_ms, end_ms);
      if (kept.samples.empty() && kept.histograms.empty()) continue;
      kept.labels = std::move(series.labels);
      CountRaw(ev, kept);
      all.push_back(std::move(kept));
    }
    return absl::OkStatus();
  }));
  std::sort(all.begin(), all.end(),
            [](const SeriesData& a, const SeriesData& b) {
              return a.labels < b.labels;
            });
  return all;
}

}  // namespace varve::eval
