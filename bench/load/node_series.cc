#include "bench/load/node_series.h"

#include <algorithm>
#include <cmath>

#include "lib/base/byte_coding.h"
#include "lib/base/strings.h"

namespace varve::bench {
namespace {

using base::StrCat;

constexpr const char* kModes[] = {"idle", "iowait",  "irq",    "nice",
                                  "user", "softirq", "system", "steal"};
constexpr const char* kFamilies[] = {
    "node_network_receive_bytes_total", "node_disk_read_bytes_total",
    "node_filesystem_avail_bytes",      "node_memory_Active_bytes",
    "node_netstat_Tcp_InSegs",          "node_vmstat_pgfault",
    "node_hwmon_temp_celsius",          "node_schedstat_running_seconds_total",
    "node_softnet_processed_total",     "node_timex_offset_seconds"};

// splitmix64: the same bits on every machine.
uint64_t Mix(uint64_t x) {
  x += 0x9e3779b97f4a7c15;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return x ^ (x >> 31);
}

void AppendField(std::string& out, char tag, std::string_view bytes) {
  out.push_back(tag);
  base::PutLengthPrefixed(out, bytes);
}

}  // namespace

SeriesLabels LabelsOf(int64_t series) {
  const int64_t instance = series / kSeriesPerInstance;
  const int64_t n = series % kSeriesPerInstance;
  SeriesLabels labels = {
      {"cluster", StrCat("prod-", instance % 4)},
      {"datacenter", "fra1"},
      {"environment", "production"},
      {"instance", StrCat("node-", instance, ".fra1.example.com:9100")},
      {"job", "node-exporter"},
      {"namespace", "monitoring"},
      {"pod", StrCat("node-exporter-", Mix(instance) % 100'000)}};
  if (n < kCpuSeriesPerInstance) {
    labels.emplace_back("__name__", "cpu");
    labels.emplace_back("cpu", StrCat(n / 8));
    labels.emplace_back("mode", kModes[n % 8]);
  } else {
    const int64_t family = n % 109;
    labels.emplace_back("__name__",
                        StrCat(kFamilies[family % 10], "_", family));
    labels.emplace_back("device", StrCat("dev", n / 109));
    labels.emplace_back("type", family % 2 == 0 ? "physical" : "virtual");
  }
  std::sort(labels.begin(), labels.end());
  return labels;
}

std::string RawLabels(int64_t series) {
  std::string out;
  for (const auto& [name, value] : LabelsOf(series)) {
    std::string label;
    AppendField(label, '\x0a', name);
    AppendField(label, '\x12', value);
    AppendField(out, '\x0a', label);
  }
  return out;
}

double ValueAt(int64_t series, int64_t round) {
  const uint64_t kind = Mix(series) % 100;
  const int64_t n = series % kSeriesPerInstance;
  const uint64_t noise = Mix(series * 1'000'003 + round);
  if (n < kCpuSeriesPerInstance) {  // seconds with two decimals
    const auto base = static_cast<int64_t>(Mix(series) % 10'000'000);
    return static_cast<double>(base + round * (1 + n % 8 * 180) +
                               static_cast<int64_t>(noise % 100)) /
           100;
  }
  if (kind < 40) return static_cast<double>(Mix(series) % 1000);
  if (kind < 75) {  // integer counters
    const auto step = static_cast<int64_t>(1 + Mix(series) % 5000);
    return static_cast<double>(
        static_cast<int64_t>(Mix(series) % 1'000'000'000) + round * step +
        static_cast<int64_t>(noise % static_cast<uint64_t>(step)));
  }
  if (kind < 90) return static_cast<double>(noise % 100'000) / 1000;
  return static_cast<double>((Mix(series) % 64 + noise % 4) << 20);
}

int64_t JitterAt(int64_t series, int64_t round, int64_t jitter_ms) {
  if (jitter_ms <= 0) return 0;
  const uint64_t noise = Mix(series / kSeriesPerInstance * 7'919 + round);
  return static_cast<int64_t>(noise % static_cast<uint64_t>(jitter_ms));
}

}  // namespace varve::bench
