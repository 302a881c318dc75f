// MetricsQL's window functions that give several series for each one:
// rollup and its kin, aggr_over_time, quantiles_over_time,
// histogram_over_time, count_values_over_time.
#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <functional>
#include <iterator>
#include <optional>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "lib/base/status.h"
#include "lib/eval/call_parts.h"
#include "lib/eval/families.h"
#include "lib/eval/stream_plan.h"
#include "lib/eval/subquery.h"
#include "lib/eval/text.h"
#include "lib/eval/timing.h"
#include "lib/eval/vmrange.h"
#include "lib/rollup/counter_resets.h"
#include "lib/rollup/previous.h"
#include "lib/rollup/quantile.h"
#include "lib/rollup/step_blocks.h"

namespace varve::eval {
namespace {

using rollup::Function;

// The series that come out of one, by the value of a label they get; each is
// charged to the query when it is begun.
class Parts {
 public:
  Parts(Evaluation& ev, MemoryCharge& charge, size_t steps)
      : ev_(ev), charge_(charge), steps_(steps) {}

  // The number of the part with this text, for Column().
  absl::StatusOr<size_t> Find(const std::string& text) {
    const auto [it, is_new] = index_.try_emplace(text, columns_.size());
    if (is_new) {
      RETURN_IF_ERROR(ev_.Charge(charge_, 1, steps_));
      columns_.emplace_back(text, std::vector<double>(steps_, Absent()));
    }
    return it->second;
  }
  // Valid until the next part is begun.
  std::vector<double>& Column(size_t part) { return columns_[part].second; }

  // A function's results as a part; an error when the query is over.
  absl::Status Compute(Function function, const rollup::Series& series,
                       const rollup::Windows& windows,
                       const rollup::Arguments& arguments, size_t part) {
    return rollup::ComputeInBlocks(function, series, windows, arguments,
                                   Column(part),
                                   [this] { return CheckAlive(); });
  }
  absl::Status CheckAlive() const { return ev_.CheckAlive(); }

  // Appends the series, labelled; `label` "": they get no label.
  void MoveTo(const EvalSeries& like, const std::string& label,
              std::vector<EvalSeries>& out) {
    for (auto& [text, column] : columns_) {
      EvalSeries series;
      series.labels = like.labels;
      series.drop_name = like.drop_name;
      if (!label.empty()) SetLabel(series, label, text);
      series.values = std::move(column);
      if (!series.IsEmpty()) out.push_back(std::move(series));
    }
  }

 private:
  Evaluation& ev_;
  MemoryCharge& charge_;
  const size_t steps_;
  absl::flat_hash_map<std::string, size_t> index_;
  std::vector<std::pair<std::string, std::vector<double>>> columns_;
};

// One series' samples and windows to parts.
using Split =
    std::function<absl::Status(const rollup::Series& series,
                               const rollup::Windows& windows, Parts& parts)>;

struct MultiRollup {
  std::string label;
  // A range that was not written reaches at least as far as samples are apart.
  bool fits_interval = false;
  // Decides what is no sample and how far before the windows is read.
  Function reads_like = Function::kTlast;
  // Of what was read so, only rollup::FromStepBefore is used.
  bool from_step_before = false;
  Split split;
};

absl::Status AddFunction(Function function, const std::string& text,
                         const rollup::Series& series,
                         const rollup::Windows& windows, Parts& parts) {
  ASSIGN_OR_RETURN(const size_t part, parts.Find(text));
  return parts.Compute(function, series, windows, {}, part);
}

struct NamedFunction {
  Function function;
  std::string text;
};

// What a rollup_* function's samples become before their minimum, maximum and
// mean are taken.
enum class Differences { kNone, kDelta, kSlope, kDistance };

// Each sample's difference to the next, the last one's to that before it; or
// the distance in time to the one before, the first one's to the next.
std::vector<double> DifferencesOf(Differences kind,
                                  const rollup::Series& series,
                                  bool of_counter) {
  std::vector<double> values(series.values.begin(), series.values.end());
  if (of_counter) rollup::RemoveResets(values);
  const size_t n = values.size();
  if (kind == Differences::kNone) return values;
  if (n < 2) {
    const double only = kind == Differences::kDistance ? Absent() : 0;
    return std::vector<double>(n, only);
  }
  std::vector<double> out(n);
  for (size_t i = 0; i + 1 < n; ++i) {
    const double seconds = static_cast<double>(series.timestamps_ms[i + 1] -
                                               series.timestamps_ms[i]) /
                           1000;
    const double delta = values[i + 1] - values[i];
    if (kind == Differences::kDistance) {
      out[i + 1] = seconds;
    } else {
      out[i] = kind == Differences::kDelta ? delta : delta / seconds;
    }
  }
  if (kind == Differences::kDistance) {
    out[0] = out[1];
  } else {
    out[n - 1] = out[n - 2];
  }
  return out;
}

struct RollupKind {
  std::string_view name;
  Differences differences;
  bool of_counter;
  bool fits_interval;
};
constexpr std::array<RollupKind, 6> kRollups = {{
    {"rollup", Differences::kNone, false, true},
    {"rollup_rate", Differences::kSlope, true, true},
    {"rollup_deriv", Differences::kSlope, false, true},
    {"rollup_increase", Differences::kDelta, true, false},
    {"rollup_delta", Differences::kDelta, false, false},
    {"rollup_scrape_interval", Differences::kDistance, false, true},
}};

// The part that an optional second argument asks for, or all.
absl::StatusOr<std::vector<NamedFunction>> ChooseParts(
    Evaluation& ev, const promql::Call& call,
    std::vector<NamedFunction> parts) {
  if (call.args.size() < 2) return parts;
  ASSIGN_OR_RETURN(const std::string wanted, TextArgument(ev, call, 1));
  for (const NamedFunction& part : parts) {
    if (part.text == wanted) return std::vector<NamedFunction>{part};
  }
  return base::InvalidArgument("unexpected second argument of ", call.function,
                               "(): ", Quoted(wanted));
}

absl::StatusOr<MultiRollup> MakeRollup(Evaluation& ev, const promql::Call& call,
                                       const RollupKind& kind) {
  ASSIGN_OR_RETURN(const std::vector<NamedFunction> parts,
                   ChooseParts(ev, call,
                               {{Function::kMin, "min"},
                                {Function::kMax, "max"},
                                {Function::kAvg, "avg"}}));
  MultiRollup made;
  if (parts.size() > 1) made.label = "rollup";
  made.fits_interval = kind.fits_interval;
  made.reads_like = Function::kLag;
  made.split = [kind, parts](const rollup::Series& series,
                             const rollup::Windows& windows, Parts& out) {
    const std::vector<double> values =
        DifferencesOf(kind.differences, series, kind.of_counter);
    for (const NamedFunction& part : parts) {
      RETURN_IF_ERROR(AddFunction(part.function, part.text,
                                  {series.timestamps_ms, values}, windows,
                                  out));
    }
    return absl::OkStatus();
  };
  return made;
}

MultiRollup MakeEach(std::vector<NamedFunction> functions) {
  MultiRollup made;
  made.label = "rollup";
  for (const NamedFunction& named : functions) {
    if (rollup::ReadsPrevious(named.function)) made.reads_like = Function::kLag;
  }
  made.split = [functions](const rollup::Series& series,
                           const rollup::Windows& windows, Parts& out) {
    for (const NamedFunction& named : functions) {
      RETURN_IF_ERROR(
          AddFunction(named.function, named.text, series, windows, out));
    }
    return absl::OkStatus();
  };
  return made;
}

// The strings of `"a"` or `("a", "b")`.
absl::StatusOr<std::vector<std::string>> TextList(Evaluation& ev,
                                                  const promql::Expr& arg) {
  const promql::Expr& expr = Unwrap(arg);
  if (expr.kind == promql::ExprKind::kCall) {
    return TextArguments(ev, static_cast<const promql::Call&>(expr), 0);
  }
  ASSIGN_OR_RETURN(Value text, ev.Eval(expr, StepRange{}));
  return std::vector<std::string>{std::move(text.text)};
}

// What aggr_over_time knows by name: window functions, and two by names of
// their own.
std::optional<Function> AggregateByName(std::string_view name) {
  if (name == "timestamp") return Function::kTlast;
  if (name == "iqr_over_time") return Function::kOutlierIqr;
  return rollup::FunctionByName(name);
}

absl::StatusOr<MultiRollup> MakeAggregates(Evaluation& ev,
                                           const promql::Call& call) {
  ASSIGN_OR_RETURN(const std::vector<std::string> names,
                   TextList(ev, *call.args[0]));
  const bool metricsql =
      ev.request().dialect == promql::Dialect::kMetricsql ||
      HasImplicitRange(*SplitArguments(call).range_vector);
  std::vector<NamedFunction> functions;
  for (const std::string& name : names) {
    const std::optional<Function> function = AggregateByName(name);
    if (!function || rollup::ArgumentCount(*function) > 0) {
      return base::InvalidArgument(
          Quoted(name),
          " cannot be used in aggr_over_time(): it is no window "
          "function of a range vector alone");
    }
    functions.push_back(
        {metricsql ? rollup::InMetricsql(*function) : *function, name});
  }
  MultiRollup made = MakeEach(std::move(functions));
  made.from_step_before = true;
  return made;
}

absl::StatusOr<MultiRollup> MakeQuantiles(Evaluation& ev,
                                          const promql::Call& call) {
  MultiRollup made;
  ASSIGN_OR_RETURN(made.label, TextArgument(ev, call, 0));
  std::vector<double> phis;
  for (size_t i = 1; i + 1 < call.args.size(); ++i) {
    ASSIGN_OR_RETURN(const std::vector<double> phi,
                     ev.EvalScalar(*call.args[i], StepRange{}));
    phis.push_back(phi[0]);
  }
  made.split = [phis](const rollup::Series& series,
                      const rollup::Windows& windows, Parts& parts) {
    for (double phi : phis) {
      ASSIGN_OR_RETURN(const size_t part, parts.Find(GeneralNumber(phi)));
      const std::vector<double> argument(windows.count, phi);
      RETURN_IF_ERROR(parts.Compute(Function::kQuantile, series, windows,
                                    {argument, {}}, part));
    }
    return absl::OkStatus();
  };
  return made;
}

// Calls `use(values, step)` with the values of each window, until the query
// of `parts` is over.
absl::Status ForEachWindow(
    const rollup::Series& series, const rollup::Windows& windows,
    const Parts& parts,
    const std::function<absl::Status(std::span<const double>, size_t)>& use) {
  const auto& ts = series.timestamps_ms;
  size_t lo = 0;
  size_t hi = 0;
  double used = 0;
  for (size_t step = 0; step < windows.count; ++step) {
    if (used > rollup::kBlockSamples) {
      RETURN_IF_ERROR(parts.CheckAlive());
      used = 0;
    }
    const int64_t end = windows.End(step);
    while (hi < ts.size() && ts[hi] <= end) ++hi;
    while (lo < hi && ts[lo] <= end - windows.range_ms) ++lo;
    used += static_cast<double>(hi - lo);
    RETURN_IF_ERROR(use(series.values.subspan(lo, hi - lo), step));
  }
  return absl::OkStatus();
}

// Counts values by `key_of(value)`; those without a key are not counted.
// `text_of(value)` is the label's value.
template <typename KeyOf, typename TextOf>
Split CountBy(KeyOf key_of, TextOf text_of) {
  return [=](const rollup::Series& series, const rollup::Windows& windows,
             Parts& parts) {
    absl::flat_hash_map<uint64_t, size_t> part_of;
    return ForEachWindow(
        series, windows, parts,
        [&](std::span<const double> values, size_t step) -> absl::Status {
          for (double value : values) {
            const std::optional<uint64_t> key = key_of(value);
            if (!key) continue;
            auto it = part_of.find(*key);
            if (it == part_of.end()) {
              ASSIGN_OR_RETURN(const size_t part, parts.Find(text_of(value)));
              it = part_of.emplace(*key, part).first;
            }
            double& count = parts.Column(it->second)[step];
            count = IsAbsent(count) ? 1 : count + 1;
          }
          return absl::OkStatus();
        });
  };
}

absl::StatusOr<MultiRollup> MakeCounts(Evaluation& ev,
                                       const promql::Call& call) {
  MultiRollup made;
  if (call.function == "histogram_over_time") {
    made.label = kVmrangeLabel;
    made.split = CountBy(
        [](double value) -> std::optional<uint64_t> {
          return VmrangeOf(value);
        },
        [](double value) { return VmrangeText(*VmrangeOf(value)); });
    return made;
  }
  ASSIGN_OR_RETURN(made.label, TextArgument(ev, call, 0));
  made.split = CountBy(
      [](double value) -> std::optional<uint64_t> {
        return std::bit_cast<uint64_t>(value);
      },
      GeneralNumber);
  return made;
}

absl::StatusOr<MultiRollup> MakeMultiRollup(Evaluation& ev,
                                            const promql::Call& call) {
  for (const RollupKind& kind : kRollups) {
    if (kind.name == call.function) return MakeRollup(ev, call, kind);
  }
  if (call.function == "rollup_candlestick") {
    ASSIGN_OR_RETURN(std::vector<NamedFunction> parts,
                     ChooseParts(ev, call,
                                 {{Function::kOpen, "open"},
                                  {Function::kClose, "close"},
                                  {Function::kLow, "low"},
                                  {Function::kHigh, "high"}}));
    MultiRollup made = MakeEach(std::move(parts));
    made.fits_interval = true;
    return made;
  }
  if (call.function == "aggr_over_time") return MakeAggregates(ev, call);
  if (call.function == "quantiles_over_time") return MakeQuantiles(ev, call);
  return MakeCounts(ev, call);
}

// A candle at a step is drawn of the time until the next step.
StepRange StepsOfCandles(const Evaluation& ev, StepRange steps) {
  steps.start_ms += steps.count > 1 ? steps.step_ms : QueryStepMs(ev.request());
  return steps;
}

// The results of one series, appended to `value`.
absl::Status Add(Evaluation& ev, const MultiRollup& made,
                 const EvalSeries& like, const rollup::Series& series,
                 const rollup::Windows& windows, Value& value) {
  rollup::Windows own = windows;
  if (windows.fits_interval && made.fits_interval) {
    own = rollup::FitToInterval(series.timestamps_ms, windows);
  }
  own.fits_interval = false;  // no part fits them by itself
  Parts parts(ev, value.charge, windows.count);
  RETURN_IF_ERROR(made.split(series, own, parts));
  parts.MoveTo(like, made.label, value.series);
  return absl::OkStatus();
}

absl::StatusOr<Value> RunOverSubquery(Evaluation& ev,
                                      const promql::SubqueryExpr& subquery,
                                      const MultiRollup& made,
                                      const StepRange& steps) {
  ASSIGN_OR_RETURN(SubqueryResult inner,
                   EvalSubquery(ev, subquery, made.reads_like, steps));
  Value value;
  SeriesData data;
  for (EvalSeries& series : inner.value.series) {
    RETURN_IF_ERROR(ev.CheckAlive());
    SamplesOf(inner, series, data);
    rollup::DropGaps(made.reads_like, data.samples);
    CountWindows(ev, made.reads_like, inner.windows, data, {});
    RETURN_IF_ERROR(
        Add(ev, made, series,
            {data.samples.timestamps_ms, data.samples.values}, inner.windows,
            value));
  }
  return value;
}

// Runs `made` over each series of a subquery or a range selector.
absl::StatusOr<Value> Run(Evaluation& ev, const promql::Expr& range_vector,
                          const MultiRollup& made, const StepRange& steps) {
  if (range_vector.kind == promql::ExprKind::kSubquery) {
    return RunOverSubquery(
        ev, static_cast<const promql::SubqueryExpr&>(range_vector), made,
        steps);
  }
  StreamPlan plan;
  RETURN_IF_ERROR(FillWindows(ev, range_vector, "functions of several results",
                              steps, plan));
  plan.rollup.function = made.reads_like;
  std::vector<Value> lanes(ev.lanes());
  RETURN_IF_ERROR(StreamSeries(
      ev, plan.rollup, [&](size_t lane, SeriesData& data) -> absl::Status {
        EvalSeries like;
        like.labels = std::move(data.labels);
        rollup::Series series{data.samples.timestamps_ms, data.samples.values};
        if (made.from_step_before) {
          series = rollup::FromStepBefore(series, plan.rollup.windows);
        }
        return Add(ev, made, like, series, plan.rollup.windows, lanes[lane]);
      }));
  Value value;
  for (Value& lane : lanes) {
    std::move(lane.series.begin(), lane.series.end(),
              std::back_inserter(value.series));
  }
  RETURN_IF_ERROR(ev.Charge(value.charge, value.series));
  return value;
}

absl::StatusOr<Value> MultiRollupCall(Evaluation& ev, const promql::Call& call,
                                      const StepRange& steps) {
  ASSIGN_OR_RETURN(const MultiRollup made, MakeMultiRollup(ev, call));
  const promql::Expr& range_vector = *SplitArguments(call).range_vector;
  const bool candles = call.function == "rollup_candlestick";
  ASSIGN_OR_RETURN(
      Value value,
      Run(ev, range_vector, made, candles ? StepsOfCandles(ev, steps) : steps));
  SortByLabels(value.series);
  return AfterMetricsql(ev, std::move(value));
}

}  // namespace

CallFamily FindMultiRollupCall(std::string_view name) {
  constexpr std::array<std::string_view, 5> kOthers = {
      "rollup_candlestick", "aggr_over_time", "quantiles_over_time",
      "histogram_over_time", "count_values_over_time"};
  const bool is_rollup =
      std::any_of(kRollups.begin(), kRollups.end(),
                  [name](const RollupKind& kind) { return kind.name == name; });
  const bool is_other =
      std::find(kOthers.begin(), kOthers.end(), name) != kOthers.end();
  return is_rollup || is_other ? MultiRollupCall : nullptr;
}

}  // namespace varve::eval
