// The process' own metrics and the text of /metrics.
//
//   Counter& rows = metrics.AddCounter("vm_rows_inserted_total",
//                                      {{"type", "promremotewrite"}});
//   rows.Add(n);
//
// Names and labels are an API of dashboards and alerts: printed exactly, with
// labels in the order given, there with 0 from registration on, without
// timestamps. HELP and TYPE lines only with -metrics.exposeMetadata. Process
// metrics (process_*, vm_app_version, vm_available_memory_bytes, flag{} …)
// come by themselves.
//
// Lifetime: handles live as long as the Metrics; nothing is unregistered.
// Threads:  all of it from any thread; Add is one relaxed atomic operation.
#ifndef VARVE_LIB_TELEMETRY_METRICS_H_
#define VARVE_LIB_TELEMETRY_METRICS_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace varve::base {
class Clock;
class FlagSet;
}

namespace varve::telemetry {

using MetricLabels = std::vector<std::pair<std::string, std::string>>;

class Counter {
 public:
  void Add(int64_t n) { value_.fetch_add(n, std::memory_order_relaxed); }
  void Increment() { Add(1); }
  int64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<int64_t> value_{0};
};

class Gauge {
 public:
  void Set(double value) { value_.store(value, std::memory_order_relaxed); }
  void Add(double delta) { value_.fetch_add(delta, std::memory_order_relaxed); }
  double value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<double> value_{0};
};

// Buckets "8.799e-01...1.000e+00" of the label vmrange, 18 per decade from
// 1e-9 to 1e18, printed when not empty, with _sum and _count.
class RangeHistogram {
 public:
  RangeHistogram();
  ~RangeHistogram();
  void Observe(double value);
  // The lines of a metric `name` with `labels`.
  std::string Text(const std::string& name,
                   const MetricLabels& labels = {}) const;

 private:
  struct Buckets;
  std::unique_ptr<Buckets> buckets_;
};

// Quantiles 0.5, 0.9, 0.97, 0.99 and 1 over the last five minutes, with _sum
// and _count.
class QuantileSummary {
 public:
  QuantileSummary();
  // `clock` outlives this.
  explicit QuantileSummary(const base::Clock& clock);
  ~QuantileSummary();
  void Observe(double value);
  // The lines of a metric `name` with `labels`.
  std::string Text(const std::string& name,
                   const MetricLabels& labels = {}) const;

 private:
  struct Window;
  std::unique_ptr<Window> window_;
};

class Metrics {
 public:
  // `component` begins the version label: "vmstorage".
  Metrics(std::string component, const base::FlagSet* flags);
  ~Metrics();

  // The same name and labels again give the same object.
  Counter& AddCounter(const std::string& name, const MetricLabels& labels = {});
  Gauge& AddGauge(const std::string& name, const MetricLabels& labels = {});
  RangeHistogram& AddHistogram(const std::string& name,
                               const MetricLabels& labels = {});
  QuantileSummary& AddSummary(const std::string& name,
                              const MetricLabels& labels = {});
  // Asked at each scrape; `read` may be called from any thread until the
  // owner of what it reads calls RemoveCallbacks(owner), which waits for
  // scrapes under way. `read` must not call RemoveCallbacks.
  void AddCallback(const void* owner, const std::string& name,
                   const MetricLabels& labels, std::function<double()> read);
  void RemoveCallbacks(const void* owner);

  std::string Text() const;

 private:
  struct Families;
  std::unique_ptr<Families> families_;
};

}  // namespace varve::telemetry

#endif  // VARVE_LIB_TELEMETRY_METRICS_H_
