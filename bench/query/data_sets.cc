#include "bench/query/data_sets.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>
#include <vector>

#include "lib/base/byte_coding.h"
#include "lib/base/strings.h"

namespace varve::bench {
namespace {

using base::StrCat;
using Labels = std::vector<std::pair<std::string, std::string>>;

constexpr std::array<const char*, 8> kModes = {
    "idle", "iowait", "irq", "nice", "user", "softirq", "system", "steal"};
constexpr std::array<const char*, 12> kBounds = {
    "0.005", "0.01", "0.025", "0.05", "0.1", "0.25",
    "0.5",   "1",    "2.5",   "5",    "10",  "+Inf"};
constexpr std::array<const char*, 10> kFields = {
    "user",    "system", "idle",    "nice",  "iowait",
    "irq",     "softirq", "steal",  "guest", "guest_nice"};

// splitmix64: the same bits on every machine.
uint64_t Mix(uint64_t x) {
  x += 0x9e3779b97f4a7c15;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return x ^ (x >> 31);
}

uint64_t Noise(int64_t series, int64_t sample) {
  return Mix(static_cast<uint64_t>(series * 1'000'003 + sample));
}

void AppendField(std::string& out, char tag, std::string_view bytes) {
  out.push_back(tag);
  base::PutLengthPrefixed(out, bytes);
}

std::string Encoded(Labels labels) {
  std::sort(labels.begin(), labels.end());
  std::string out;
  for (const auto& [name, value] : labels) {
    std::string label;
    AppendField(label, '\x0a', name);
    AppendField(label, '\x12', value);
    AppendField(out, '\x0a', label);
  }
  return out;
}

Labels TargetLabels(const char* job, int64_t target) {
  return {{"job", job},
          {"instance", StrCat("node-", target, ".fra1.example.com:9100")},
          {"cluster", StrCat("prod-", target % 4)},
          {"namespace", "monitoring"}};
}

void AddCpuLabels(int64_t n, Labels& labels) {
  labels.emplace_back("__name__", "cpu");
  labels.emplace_back("cpu", StrCat(n / 8));
  labels.emplace_back("mode", kModes[n % 8]);
}

// Seconds with two decimals.
double CpuSecondsAt(int64_t series, int64_t sample) {
  const auto start = static_cast<int64_t>(Mix(series) % 10'000'000);
  return static_cast<double>(
             start + sample * (100 + series % 8 * 180) +
             static_cast<int64_t>(Noise(series, sample) % 100)) /
         100;
}

double CounterAt(int64_t series, int64_t sample) {
  const uint64_t step = 1 + Mix(series) % 5000;
  return static_cast<double>(Mix(series) % 1'000'000'000 +
                             static_cast<uint64_t>(sample) * step +
                             Noise(series, sample) % step);
}

double MixedAt(int64_t series, int64_t sample) {
  const uint64_t kind = Mix(series) % 100;
  if (kind < 40) return static_cast<double>(Mix(series) % 1000);
  if (kind < 75) return CounterAt(series, sample);
  if (kind < 90) return static_cast<double>(Noise(series, sample) % 1000) / 10;
  return static_cast<double>((Mix(series) % 64 + Noise(series, sample) % 4)
                             << 20);
}

// wide: targets of 500 series, 64 of them cpu by mode; each of the others has
// a serial number of its own.
constexpr int64_t kWideTargets = 200, kWidePerTarget = 500, kWideCpu = 64;

std::string WideLabels(int64_t series) {
  const int64_t n = series % kWidePerTarget;
  Labels labels = TargetLabels("wide", series / kWidePerTarget);
  if (n < kWideCpu) {
    AddCpuLabels(n, labels);
  } else {
    labels.emplace_back("__name__", StrCat("node_metric_", n % 40));
    labels.emplace_back("device", StrCat("dev", n / 40));
    labels.emplace_back("serial", StrCat("sn-", 100'000 + series));
  }
  return Encoded(std::move(labels));
}

double WideValue(int64_t series, int64_t sample) {
  return series % kWidePerTarget < kWideCpu ? CpuSecondsAt(series, sample)
                                            : MixedAt(series, sample);
}

// hist: 768 cpu series of 12 targets, 2,400 buckets of 200 handlers, others.
constexpr int64_t kHistCpu = 768, kHistBuckets = 2400, kHistSeries = 6000;

std::string HistLabels(int64_t series) {
  if (series < kHistCpu) {
    Labels labels = TargetLabels("hist", series / 64);
    AddCpuLabels(series % 64, labels);
    return Encoded(std::move(labels));
  }
  const int64_t n = series - kHistCpu;
  if (n < kHistBuckets) {
    const int64_t handler = n / kBounds.size();
    Labels labels = TargetLabels("hist", handler / 10);
    labels.emplace_back("__name__", "http_request_duration_seconds_bucket");
    labels.emplace_back("handler", StrCat("/api/v", handler % 10));
    labels.emplace_back("le", kBounds[n % kBounds.size()]);
    return Encoded(std::move(labels));
  }
  Labels labels = TargetLabels("hist", n % 24);
  labels.emplace_back("__name__", StrCat("node_metric_", n / 24 % 40));
  labels.emplace_back("device", StrCat("dev", n / 960));
  return Encoded(std::move(labels));
}

double HistValue(int64_t series, int64_t sample) {
  if (series < kHistCpu) return CpuSecondsAt(series, sample);
  const int64_t n = series - kHistCpu;
  if (n >= kHistBuckets) return MixedAt(series, sample);
  // Cumulative: a bucket grows by its rank times its handler's requests.
  const int64_t handler = n / kBounds.size();
  const auto rank = static_cast<int64_t>(n % kBounds.size()) + 1;
  return static_cast<double>(
      rank * static_cast<int64_t>(CounterAt(handler, sample)));
}

// tsbs: the cpu-only data of the Time Series Benchmark Suite: 10 gauges of
// 0..100 a host that walk at random.
constexpr int64_t kHosts = 400;

std::string TsbsLabels(int64_t series) {
  const int64_t host = series / kFields.size();
  const char* const field = kFields[series % kFields.size()];
  return Encoded({{"__name__", StrCat("cpu_usage_", field)},
                  {"field", field},
                  {"job", "tsbs"},
                  {"hostname", StrCat("host_", host)},
                  {"region", StrCat("eu-west-", host % 3)},
                  {"datacenter", StrCat("eu-west-", host % 3, "a")},
                  {"rack", StrCat(host % 100)},
                  {"os", "Ubuntu16.10"},
                  {"arch", "x64"},
                  {"team", "SF"},
                  {"service", StrCat(host % 20)},
                  {"service_version", "1"},
                  {"service_environment", "production"}});
}

double TsbsValue(int64_t series, int64_t sample) {
  const double phase = static_cast<double>(Mix(series) % 628) / 100;
  const double slow =
      std::sin(phase + static_cast<double>(sample) / 180) * 40 + 50;
  return std::floor(slow + static_cast<double>(Noise(series, sample) % 10));
}

}  // namespace

std::optional<DataSet> DataSetByName(std::string_view name) {
  if (name == "wide") {
    return DataSet{"wide", kWideTargets * kWidePerTarget, 120, 15'000,
                   WideLabels, WideValue};
  }
  if (name == "hist") {
    return DataSet{"hist", kHistSeries, 5760, 15'000, HistLabels, HistValue};
  }
  if (name == "tsbs") {
    return DataSet{"tsbs", kHosts * static_cast<int64_t>(kFields.size()), 2880,
                   30'000, TsbsLabels, TsbsValue};
  }
  return std::nullopt;
}

}  // namespace varve::bench
