// The window of QuantileSummary: random samples of the last 2.5 to 5 minutes.
//
// Two reservoirs overlap by half: values go into both, the older one answers,
// and every 2.5 minutes the younger one takes its place.
//
// Source:  Vitter, "Random Sampling with a Reservoir" (1985), algorithm R.
#include <algorithm>
#include <cmath>

#include "lib/base/clock.h"
#include "lib/base/mutex.h"
#include "lib/base/strings.h"
#include "lib/telemetry/metrics.h"
#include "lib/telemetry/metrics_text.h"

namespace varve::telemetry {
namespace {

using base::StrCat;

constexpr int64_t kHalfWindowMs = 150'000;
// The 0.99 quantile of 1000 values is off by about 0.3 % of the ranks.
constexpr size_t kReservoirValues = 1000;

struct Quantile {
  double value;
  std::string_view label;
};
constexpr Quantile kQuantiles[] = {{0.5, "quantile=\"0.5\""},
                                   {0.9, "quantile=\"0.9\""},
                                   {0.97, "quantile=\"0.97\""},
                                   {0.99, "quantile=\"0.99\""},
                                   {1, "quantile=\"1\""}};

// REQUIRES: external locking.
class Reservoir {
 public:
  void Add(double value, uint64_t random);
  void Clear();
  bool empty() const { return seen_ == 0; }
  // Values in order; the largest one seen is always the last.
  std::vector<double> Sorted() const;

 private:
  std::vector<double> values_;
  double largest_ = 0;
  uint64_t seen_ = 0;
};

void Reservoir::Add(double value, uint64_t random) {
  largest_ = seen_ == 0 ? value : std::max(largest_, value);
  ++seen_;
  if (values_.size() < kReservoirValues) {
    values_.push_back(value);
  } else if (const uint64_t at = random % seen_; at < values_.size()) {
    values_[at] = value;
  }
}

void Reservoir::Clear() {
  values_.clear();
  seen_ = 0;
}

std::vector<double> Reservoir::Sorted() const {
  std::vector<double> sorted = values_;
  std::sort(sorted.begin(), sorted.end());
  if (!sorted.empty()) sorted.back() = largest_;
  return sorted;
}

}  // namespace

struct QuantileSummary::Window {
  explicit Window(const base::Clock& clock) : clock(clock) {}

  const base::Clock& clock;
  base::Mutex mutex;
  Reservoir answering GUARDED_BY(mutex);
  Reservoir younger GUARDED_BY(mutex);
  int64_t turned_ms GUARDED_BY(mutex) = 0;
  double sum GUARDED_BY(mutex) = 0;
  int64_t count GUARDED_BY(mutex) = 0;
  uint64_t random GUARDED_BY(mutex) = 0x9e3779b97f4a7c15;

  void Turn() REQUIRES_LOCK(mutex);
};

QuantileSummary::QuantileSummary() : QuantileSummary(base::SystemClock()) {}
QuantileSummary::QuantileSummary(const base::Clock& clock)
    : window_(std::make_unique<Window>(clock)) {}
QuantileSummary::~QuantileSummary() = default;

void QuantileSummary::Observe(double value) {
  if (std::isnan(value)) return;
  Window& window = *window_;
  base::MutexLock lock(window.mutex);
  window.Turn();
  // xorshift64: which of many values is kept needs no better chance.
  window.random ^= window.random << 13;
  window.random ^= window.random >> 7;
  window.random ^= window.random << 17;
  window.answering.Add(value, window.random);
  window.younger.Add(value, window.random);
  window.sum += value;
  ++window.count;
}

void QuantileSummary::Window::Turn() {
  const int64_t now_ms = clock.SteadyMs();
  if (now_ms - turned_ms < kHalfWindowMs) return;
  const bool long_quiet = now_ms - turned_ms >= 2 * kHalfWindowMs;
  turned_ms = now_ms;
  std::swap(answering, younger);
  younger.Clear();
  if (long_quiet) answering.Clear();
}

std::string QuantileSummary::Text(const std::string& name,
                                  const MetricLabels& labels) const {
  std::vector<double> sorted;
  double sum;
  int64_t count;
  {
    base::MutexLock lock(window_->mutex);
    window_->Turn();
    sorted = window_->answering.Sorted();
    sum = window_->sum;
    count = window_->count;
  }
  std::string out;
  for (const Quantile& quantile : kQuantiles) {
    if (sorted.empty()) break;
    const double rank =
        std::ceil(quantile.value * static_cast<double>(sorted.size()));
    const size_t index = rank < 1 ? 0 : static_cast<size_t>(rank) - 1;
    AppendLine(out, name, LabelText(labels, quantile.label),
               NumberText(sorted[index]));
  }
  AppendLine(out, StrCat(name, "_sum"), LabelText(labels), NumberText(sum));
  AppendLine(out, StrCat(name, "_count"), LabelText(labels),
             NumberText(count));
  return out;
}

}  // namespace varve::telemetry
