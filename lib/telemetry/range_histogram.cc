// Source:  VictoriaMetrics histograms: bucket i holds the values in
//          (10^(i/18 - 9), 10^((i+1)/18 - 9)], below and above are one each.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

#include "lib/base/strings.h"
#include "lib/telemetry/metrics.h"
#include "lib/telemetry/metrics_text.h"

namespace varve::telemetry {
namespace {

using base::StrCat;

constexpr int kPerDecade = 18;
constexpr int kExponentMin = -9;
constexpr int kExponentMax = 18;
constexpr size_t kRanges =
    static_cast<size_t>(kExponentMax - kExponentMin) * kPerDecade;

std::string BorderText(size_t index) {
  const double exponent =
      kExponentMin + static_cast<double>(index) / kPerDecade;
  char buffer[32];
  std::snprintf(buffer, sizeof(buffer), "%.3e", std::pow(10, exponent));
  return buffer;
}

// The vmrange of counts[bucket].
std::string RangeText(size_t bucket) {
  if (bucket == 0) return StrCat("0...", BorderText(0));
  if (bucket > kRanges) return StrCat(BorderText(kRanges), "...+Inf");
  return StrCat(BorderText(bucket - 1), "...", BorderText(bucket));
}

size_t BucketOf(double value) {
  const double position = (std::log10(value) - kExponentMin) * kPerDecade;
  if (position > static_cast<double>(kRanges)) return kRanges + 1;
  // A value on the border belongs to the range that ends there.
  return position > 0 ? static_cast<size_t>(std::ceil(position)) : 0;
}

}  // namespace

struct RangeHistogram::Buckets {
  // The first is for values up to 1e-9, the last for those above 1e18.
  std::array<std::atomic<int64_t>, kRanges + 2> counts{};
  std::atomic<double> sum{0};
};

RangeHistogram::RangeHistogram() : buckets_(std::make_unique<Buckets>()) {}
RangeHistogram::~RangeHistogram() = default;

void RangeHistogram::Observe(double value) {
  // Durations and sizes only: there is no bucket for anything else.
  if (std::isnan(value) || value < 0) return;
  buckets_->counts[BucketOf(value)].fetch_add(1, std::memory_order_relaxed);
  buckets_->sum.fetch_add(value, std::memory_order_relaxed);
}

std::string RangeHistogram::Text(const std::string& name,
                                 const MetricLabels& labels) const {
  std::string out;
  int64_t total = 0;
  for (size_t bucket = 0; bucket < buckets_->counts.size(); ++bucket) {
    const int64_t count =
        buckets_->counts[bucket].load(std::memory_order_relaxed);
    if (count == 0) continue;
    total += count;
    const std::string range = StrCat("vmrange=\"", RangeText(bucket), "\"");
    AppendLine(out, StrCat(name, "_bucket"), LabelText(labels, range),
               NumberText(count));
  }
  AppendLine(out, StrCat(name, "_sum"), LabelText(labels),
             NumberText(buckets_->sum.load(std::memory_order_relaxed)));
  AppendLine(out, StrCat(name, "_count"), LabelText(labels),
             NumberText(total));
  return out;
}

}  // namespace varve::telemetry
