// Functions of numbers, of time and of the query itself: start, end, step,
// range, min_of, max_of; MetricsQL's now, rand and its kin, timezone_offset,
// bitmap_and and its kin.
#include <array>
#include <cmath>
#include <cstdint>
#include <random>
#include <utility>

#include "absl/time/time.h"
#include "lib/base/clock.h"
#include "lib/base/status.h"
#include "lib/eval/call_parts.h"
#include "lib/eval/families.h"
#include "lib/eval/text.h"
#include "lib/eval/timing.h"

namespace varve::eval {
namespace {

// In seconds. An instant query starts and ends at its moment and has no step,
// except that MetricsQL gives it a default one.
absl::StatusOr<Value> QueryCall(Evaluation& ev, const promql::Call& call,
                                const StepRange& steps) {
  const EvalRequest& request = ev.request();
  const int64_t end_ms =
      request.step_ms == 0 ? request.start_ms : request.end_ms;
  int64_t ms = request.start_ms;
  if (call.function == "end") {
    ms = end_ms;
  } else if (call.function == "range") {
    ms = end_ms - request.start_ms;
  } else if (call.function == "step") {
    ms = request.dialect == promql::Dialect::kMetricsql ? QueryStepMs(request)
                                                        : request.step_ms;
  }
  return Value::Scalar(
      std::vector<double>(steps.count, static_cast<double>(ms) / 1000));
}

// min_of and max_of: NaN wins over a number.
absl::StatusOr<Value> ExtremeCall(Evaluation& ev, const promql::Call& call,
                                  const StepRange& steps) {
  ASSIGN_OR_RETURN(std::vector<double> values,
                   ev.EvalScalar(*call.args[0], steps));
  ASSIGN_OR_RETURN(const std::vector<double> others,
                   ev.EvalScalar(*call.args[1], steps));
  for (size_t i = 0; i < steps.count; ++i) {
    const double other = others[i];
    const bool other_wins =
        call.function == "min_of" ? other < values[i] : other > values[i];
    if (other_wins || std::isnan(other)) values[i] = other;
  }
  return Value::Scalar(std::move(values));
}

absl::StatusOr<Value> NowCall(Evaluation&, const promql::Call&,
                              const StepRange& steps) {
  const double now_s = static_cast<double>(base::SystemClock().NowMs()) / 1000;
  return Value::Scalar(std::vector<double>(steps.count, now_s));
}

// The numbers differ from Go's for the same seed.
absl::StatusOr<Value> RandCall(Evaluation& ev, const promql::Call& call,
                               const StepRange& steps) {
  std::mt19937_64 random;
  if (call.args.empty()) {
    random.seed(std::random_device()());
  } else {
    ASSIGN_OR_RETURN(const std::vector<double> seed,
                     ev.EvalScalar(*call.args[0], steps));
    random.seed(static_cast<uint64_t>(std::fabs(seed[0])));
  }
  std::uniform_real_distribution<double> uniform;
  std::normal_distribution<double> normal;
  std::exponential_distribution<double> exponential;
  std::vector<double> values(steps.count);
  for (double& value : values) {
    value = call.function == "rand"          ? uniform(random)
            : call.function == "rand_normal" ? normal(random)
                                             : exponential(random);
  }
  return Value::Scalar(std::move(values));
}

// Seconds east of UTC.
absl::StatusOr<Value> TimezoneOffsetCall(Evaluation& ev,
                                         const promql::Call& call,
                                         const StepRange& steps) {
  ASSIGN_OR_RETURN(const std::string name, TextArgument(ev, call, 0));
  absl::TimeZone zone = absl::LocalTimeZone();
  if (name != "Local" && !absl::LoadTimeZone(name, &zone)) {
    return base::InvalidArgument("unknown time zone ", Quoted(name));
  }
  std::vector<double> values(steps.count);
  for (size_t i = 0; i < steps.count; ++i) {
    values[i] = zone.At(absl::FromUnixMillis(steps.At(i))).offset;
  }
  return Value::Scalar(std::move(values));
}

constexpr double kTwoTo63 = 0x1p63;

// Negative numbers as in two's complement; beyond 64 bits the nearest.
uint64_t BitsOf(double value) {
  if (value < -kTwoTo63) return static_cast<uint64_t>(INT64_MIN);
  if (value < 0) return static_cast<uint64_t>(static_cast<int64_t>(value));
  if (value >= 2 * kTwoTo63) return UINT64_MAX;
  return static_cast<uint64_t>(value);
}

absl::StatusOr<Value> BitmapCall(Evaluation& ev, const promql::Call& call,
                                 const StepRange& steps) {
  ASSIGN_OR_RETURN(const std::vector<double> masks,
                   ev.EvalScalar(*call.args[1], steps));
  ASSIGN_OR_RETURN(Value value, EvalVector(ev, *call.args[0], steps));
  for (EvalSeries& series : value.series) {
    for (size_t i = 0; i < steps.count; ++i) {
      double& v = series.values[i];
      if (std::isnan(v) || std::isnan(masks[i])) {
        v = Absent();
        continue;
      }
      const uint64_t bits = BitsOf(v);
      const uint64_t mask = BitsOf(masks[i]);
      v = static_cast<double>(call.function == "bitmap_and"  ? bits & mask
                              : call.function == "bitmap_or" ? bits | mask
                                                             : bits ^ mask);
    }
  }
  return AfterMetricsql(ev, std::move(value));
}

constexpr std::array<std::pair<std::string_view, CallFamily>, 14> kCalls = {{
    {"bitmap_and", BitmapCall},
    {"bitmap_or", BitmapCall},
    {"bitmap_xor", BitmapCall},
    {"end", QueryCall},
    {"max_of", ExtremeCall},
    {"min_of", ExtremeCall},
    {"now", NowCall},
    {"rand", RandCall},
    {"rand_exponential", RandCall},
    {"rand_normal", RandCall},
    {"range", QueryCall},
    {"start", QueryCall},
    {"step", QueryCall},
    {"timezone_offset", TimezoneOffsetCall},
}};

}  // namespace

CallFamily FindGeneratedCall(std::string_view name) {
  for (const auto& [known, family] : kCalls) {
    if (known == name) return family;
  }
  return nullptr;
}

}  // namespace varve::eval
