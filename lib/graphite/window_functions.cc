// Over time: larger steps, moving windows, other times.
#include <algorithm>
#include <limits>
#include <utility>

#include "lib/base/status.h"
#include "lib/graphite/functions.h"
#include "lib/graphite/sliding_window.h"
#include "lib/graphite/time_text.h"

namespace varve::graphite {
namespace {

using Type = ParameterType;

absl::StatusOr<int64_t> PositiveInterval(const Call& call,
                                         std::string_view parameter) {
  ASSIGN_OR_RETURN(const std::string text, call.Text(parameter));
  const auto ms = ParseIntervalMs(text);
  if (!ms.ok() || *ms <= 0) {
    return call.Bad(parameter, "expected an interval such as '1min'");
  }
  return *ms;
}

int64_t FloorTo(int64_t ms, int64_t step_ms) {
  const int64_t over = ms % step_ms;
  return ms - (over < 0 ? over + step_ms : over);
}

// Buckets begin at multiples of the interval, or with the series.
absl::StatusOr<SeriesList> Summarize(Call& call) {
  ASSIGN_OR_RETURN(const std::string interval, call.Text("intervalString"));
  ASSIGN_OR_RETURN(const int64_t step_ms,
                   PositiveInterval(call, "intervalString"));
  ASSIGN_OR_RETURN(const std::string function, call.TextOr("func", "sum"));
  ASSIGN_OR_RETURN(const Aggregation how,
                   call.AggregationOr("func", Aggregation::kSum));
  ASSIGN_OR_RETURN(const bool from_start, call.BoolOr("alignToFrom", false));
  ASSIGN_OR_RETURN(SeriesList series, call.Series("seriesList"));
  for (Series& one : series) {
    RETURN_IF_ERROR(call.host().CheckAlive());
    Grid buckets{one.start_ms, one.end_ms(), step_ms};
    if (!from_start) buckets.start_ms = FloorTo(one.start_ms, step_ms);
    const int64_t whole_ms = buckets.end_ms - buckets.start_ms;
    buckets.end_ms = buckets.start_ms - FloorTo(-whole_ms, step_ms);
    if (buckets.points() > static_cast<size_t>(call.options().points_max)) {
      return call.Bad("intervalString",
                      "that is more points than "
                      "-search.graphiteMaxPointsPerSeries");
    }
    RETURN_IF_ERROR(call.host().Charge(
        static_cast<int64_t>(buckets.points() * sizeof(double))));
    one.values = Consolidate(one, buckets, how);
    one.start_ms = buckets.start_ms;
    one.step_ms = step_ms;
    RETURN_IF_ERROR(Rename(
        call, one,
        base::StrCat("summarize(", one.name, ",'", interval, "','", function,
                     from_start ? "',true)" : "')")));
  }
  return series;
}

// "5min" or a number of points.
struct Window {
  int64_t points = 0;       // 0: by the time
  int64_t interval_ms = 0;  // 0: by the points
  std::string text;         // as it stands in names

  static absl::StatusOr<Window> Of(const Call& call) {
    Window window;
    const Target* const size = call.Argument("windowSize");
    if (size != nullptr && size->kind == Target::Kind::kNumber) {
      ASSIGN_OR_RETURN(const size_t points, call.CountOr("windowSize", 0));
      if (points == 0) return call.Bad("windowSize", "expected above 0");
      window.points = static_cast<int64_t>(points);
      window.text = base::StrCat(points);
      return window;
    }
    ASSIGN_OR_RETURN(window.interval_ms, PositiveInterval(call, "windowSize"));
    ASSIGN_OR_RETURN(const std::string text, call.Text("windowSize"));
    window.text = base::StrCat("'", text, "'");
    return window;
  }
  int64_t Points(int64_t step_ms) const {
    return points > 0 ? points : std::max<int64_t>(1, interval_ms / step_ms);
  }
  // Of its points; the largest time there is when it is longer.
  int64_t LengthMs(int64_t step_ms) const {
    int64_t length_ms = 0;
    return __builtin_mul_overflow(Points(step_ms), step_ms, &length_ms)
               ? std::numeric_limits<int64_t>::max()
               : length_ms;
  }
};

// Each point becomes the aggregate of the window of points before it; the
// first `ahead` ones are left out.
absl::Status MoveWindow(Call& call, size_t window, size_t ahead,
                        SlidingWindow& moving, WorkMeter& work,
                        Series& series) {
  std::vector<double> made;
  const size_t points =
      series.values.size() > ahead ? series.values.size() - ahead : 0;
  RETURN_IF_ERROR(call.host().Charge(
      static_cast<int64_t>(points * sizeof(double))));
  made.reserve(points);
  moving.Reset(series.values);
  for (size_t i = 0; i < series.values.size(); ++i) {
    RETURN_IF_ERROR(work.Add(1));
    if (i >= ahead) made.push_back(moving.Value(series.x_files_factor));
    moving.Add();
    if (moving.size() > window) moving.Drop();
  }
  series.start_ms += static_cast<int64_t>(ahead) * series.step_ms;
  series.values = std::move(made);
  return absl::OkStatus();
}

absl::StatusOr<SeriesList> MoveAs(Call& call, Aggregation how) {
  ASSIGN_OR_RETURN(const Window window, Window::Of(call));
  ASSIGN_OR_RETURN(const double share,
                   call.NumberOr("xFilesFactor", kNone));
  const int64_t step_ms = call.grid().step_ms;
  const int64_t ahead = window.Points(step_ms);
  if (ahead > call.options().points_max) {
    return call.Bad("windowSize",
                    "that is more points than "
                    "-search.graphiteMaxPointsPerSeries");
  }
  const int64_t lead_ms = window.LengthMs(step_ms);
  ASSIGN_OR_RETURN(SeriesList series, call.Series("seriesList", lead_ms));
  // Points of larger steps than the grid's reach further back.
  int64_t longest_ms = lead_ms;
  for (const Series& one : series) {
    longest_ms = std::max(longest_ms, window.LengthMs(one.step_ms));
  }
  if (longest_ms > lead_ms) {
    series.clear();
    ASSIGN_OR_RETURN(series, call.Series("seriesList", longest_ms));
  }
  SlidingWindow moving(how);
  WorkMeter work(call.host());
  size_t held = 0;  // by the window, which all series use in turn
  for (Series& one : series) {
    RETURN_IF_ERROR(call.host().CheckAlive());
    if (!IsNone(share)) one.x_files_factor = share;
    // Series of other steps than the grid's have begun as early all the same.
    const int64_t before_ms = call.grid().start_ms - one.start_ms;
    const auto skipped = static_cast<size_t>(
        std::max<int64_t>(0, (before_ms + one.step_ms - 1) / one.step_ms));
    const auto points = static_cast<size_t>(window.Points(one.step_ms));
    const size_t holds = SlidingWindow::BytesOf(
        how, std::min(points, one.values.size()) + 1);
    if (holds > held) {
      RETURN_IF_ERROR(call.host().Charge(static_cast<int64_t>(holds - held)));
      held = holds;
    }
    RETURN_IF_ERROR(MoveWindow(call, points, skipped, moving, work, one));
    RETURN_IF_ERROR(Rename(call, one,
                           base::StrCat(call.name(), "(", one.name, ",",
                                        window.text, ")")));
  }
  return series;
}

absl::StatusOr<SeriesList> MovingAverage(Call& call) {
  return MoveAs(call, Aggregation::kAverage);
}
absl::StatusOr<SeriesList> MovingMax(Call& call) {
  return MoveAs(call, Aggregation::kMax);
}
absl::StatusOr<SeriesList> MovingMedian(Call& call) {
  return MoveAs(call, Aggregation::kMedian);
}
absl::StatusOr<SeriesList> MovingMin(Call& call) {
  return MoveAs(call, Aggregation::kMin);
}
absl::StatusOr<SeriesList> MovingSum(Call& call) {
  return MoveAs(call, Aggregation::kSum);
}
absl::StatusOr<SeriesList> MovingWindow(Call& call) {
  ASSIGN_OR_RETURN(const Aggregation how,
                   call.AggregationOr("func", Aggregation::kAverage));
  return MoveAs(call, how);
}

// An interval without a sign goes back.
absl::StatusOr<SeriesList> TimeShift(Call& call) {
  ASSIGN_OR_RETURN(const std::string text, call.Text("timeShift"));
  const bool has_sign = text.starts_with('-') || text.starts_with('+');
  const std::string with_sign = base::StrCat(has_sign ? "" : "-", text);
  const auto shift_ms = ParseIntervalMs(with_sign);
  if (!shift_ms.ok()) {
    return call.Bad("timeShift", "expected an interval such as '1d'");
  }
  ASSIGN_OR_RETURN(SeriesList series,
                   call.Series("seriesList", -*shift_ms, *shift_ms));
  for (Series& one : series) {
    one.start_ms -= *shift_ms;
    RETURN_IF_ERROR(Rename(
        call, one, base::StrCat("timeShift(", one.name, ",'", text, "')")));
  }
  return series;
}

// The same value at the beginning, the middle and the end.
absl::StatusOr<SeriesList> ConstantLine(Call& call) {
  ASSIGN_OR_RETURN(const double value, call.Number("value"));
  const Grid& grid = call.grid();
  Series line;
  RETURN_IF_ERROR(Rename(call, line, NumberText(value)));
  line.tags["name"] = line.name;
  line.start_ms = grid.start_ms;
  line.step_ms = std::max<int64_t>(1, (grid.end_ms - grid.start_ms) / 2);
  line.values.assign(3, value);
  SeriesList list;
  list.push_back(std::move(line));
  return list;
}

// How the steps of an answer are made larger for maxDataPoints.
absl::StatusOr<SeriesList> ConsolidateBy(Call& call) {
  ASSIGN_OR_RETURN(const std::string function,
                   call.Text("consolidationFunc"));
  ASSIGN_OR_RETURN(
      const Aggregation how,
      call.AggregationOr("consolidationFunc", Aggregation::kAverage));
  ASSIGN_OR_RETURN(SeriesList series, call.Series("seriesList"));
  for (Series& one : series) {
    one.consolidation = how;
    RETURN_IF_ERROR(Rename(call, one,
                           base::StrCat("consolidateBy(", one.name, ",'",
                                        function, "')")));
  }
  return series;
}

// The share of points that must be there for an aggregate to be.
absl::StatusOr<SeriesList> SetXFilesFactor(Call& call) {
  ASSIGN_OR_RETURN(const double share, call.Number("xFilesFactor"));
  ASSIGN_OR_RETURN(SeriesList series, call.Series("seriesList"));
  for (Series& one : series) one.x_files_factor = share;
  return series;
}

}  // namespace

const std::vector<FunctionInfo>& WindowFunctions() {
  const Parameter series = {"seriesList", Type::kSeries};
  const Parameter share = {"xFilesFactor", Type::kNumber, false};
  const std::vector<Parameter> moving = {
      series, {"windowSize", Type::kInterval}, share};
  static const std::vector<FunctionInfo> functions = {
      {"consolidateBy", "Special", "How points are joined for maxDataPoints.",
       {series, {"consolidationFunc", Type::kAggregation}},
       ConsolidateBy},
      {"constantLine", "Special", "A series of one value.",
       {{"value", Type::kNumber}},
       ConstantLine},
      {"movingAverage", "Calculate", "The average of the window before.",
       moving, MovingAverage},
      {"movingMax", "Calculate", "The largest of the window before.", moving,
       MovingMax},
      {"movingMedian", "Calculate", "The median of the window before.", moving,
       MovingMedian},
      {"movingMin", "Calculate", "The smallest of the window before.", moving,
       MovingMin},
      {"movingSum", "Calculate", "The sum of the window before.", moving,
       MovingSum},
      {"movingWindow", "Calculate", "The window before, aggregated.",
       {series,
        {"windowSize", Type::kInterval},
        {"func", Type::kAggregation, false},
        share},
       MovingWindow},
      {"setXFilesFactor", "Special", "The share of points aggregates need.",
       {series, {"xFilesFactor", Type::kNumber}},
       SetXFilesFactor},
      {"summarize", "Transform", "Points joined to larger steps.",
       {series,
        {"intervalString", Type::kInterval},
        {"func", Type::kAggregation, false},
        {"alignToFrom", Type::kBool, false}},
       Summarize},
      {"timeShift", "Transform", "The same series at another time.",
       {series,
        {"timeShift", Type::kInterval},
        {"resetEnd", Type::kBool, false},
        {"alignDST", Type::kBool, false}},
       TimeShift},
      {"xFilesFactor", "Special", "The share of points aggregates need.",
       {series, {"xFilesFactor", Type::kNumber}},
       SetXFilesFactor},
  };
  return functions;
}

}  // namespace varve::graphite
